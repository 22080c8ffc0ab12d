"""Setbacks of any facet: what becomes of its row, and the line that the custody log gets.

The log tells a failure once, as long as its reason stays the same, and tells every hold. A facet that only waits (for a
device that is away, for another facet, for a grace time) did not fail: it keeps its reason and gets no line.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from v2xsync.ledger.base import Setback
from v2xsync.ledger.logbook import Line, line
from v2xsync.ledger.phrases import movable
from v2xsync.ledger.wiretext import to_column
from v2xsync.model.custody import Step

_STEPS = {
    "QUEUED": Step.FAILED,
    "HELD": Step.HELD,
    "UNKNOWN": Step.HELD,
    "SUPERSEDED": Step.SUPERSEDED,
    "GONE": Step.GONE,
}
"""What the log calls a setback to the state of that name; one to WAITING has no line."""


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet as it stands: of `item_id`, by `route` (empty: the removal), on its way to `device` (or from it)."""

    item_id: int
    route: str
    device: str
    state: int
    reason: str


@dataclass(slots=True)
class Outcome:
    """What is to be written: rows of (state, next_at, tries to add, reason, key...), lines of the log, and keys."""

    rows: list[tuple[object, ...]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    keys: list[tuple[Any, ...]] = field(default_factory=list)


def judge_setbacks(
    setbacks: Iterable[tuple[tuple[Any, ...], Setback]],
    facets: Mapping[tuple[Any, ...], Facet],
    moves: Mapping[Any, frozenset[Any]],
    to: enum.IntEnum,
    at: float,
) -> Outcome:
    """Sort out which of the setbacks (each with the key of its facet) move their facet to `to`."""
    outcome = Outcome()
    allowed = movable(moves, to)
    queued = type(to)["QUEUED"]
    for key, setback in setbacks:
        facet = facets.get(key)
        if facet is None or facet.state not in allowed:
            continue
        next_at = setback.next_at if to.name in ("QUEUED", "WAITING") else None
        if to is queued and next_at is None:
            next_at = at
        state = int(to if next_at is None else queued)
        outcome.rows.append((state, next_at, int(setback.counts), to_column(setback.reason), *key))
        outcome.keys.append(key)
        if _tells(facet, setback, to):
            outcome.lines.append(line(at, _STEPS[to.name], facet.item_id, facet.route, facet.device, setback.reason))
    return outcome


def _tells(facet: Facet, setback: Setback, to: enum.IntEnum) -> bool:
    """Whether the log gets a line."""
    new = facet.reason != setback.reason
    if to.name == "QUEUED":
        return setback.counts and new
    return to.name in _STEPS and (new or facet.state != to)
