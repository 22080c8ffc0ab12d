"""The report: what arrived, by local date, source and element, and who was silent for longer than its route expects.

Reads the custody log only. A file has arrived when it stands in the store; on a route that keeps no local copy, when a
target has it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from v2xsync.ledger.base import LedgerReader, LogLine
from v2xsync.model.custody import Step
from v2xsync.model.elements import element_of
from v2xsync.model.localtime import date_after, first_instant, wall_time
from v2xsync.model.rules import Route

REMEMBERED_S = 30 * 86_400.0
"""An element that was not seen for so long (or three times what is expected) is no longer one of its source."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What arrived of one element from one source on one local date. `size` in bytes, times since the epoch."""

    day: str
    source: str
    element: str
    count: int
    size: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing came for longer than expected: from a source as a whole (`element` empty), or of one element.

    `last` is None where nothing ever came.
    """

    route: str
    source: str
    element: str
    expect_s: float
    last: float | None


def bounds(first: dt.date, last: dt.date, zone: ZoneInfo) -> tuple[float, float]:
    """The moments at which `first` begins and `last` ends in `zone`, in seconds since the epoch."""
    return _begin(first, zone), _begin(date_after(last, zone), zone)


def _begin(date: dt.date, zone: ZoneInfo) -> float:
    return first_instant(dt.datetime.combine(date, dt.time()), zone)


def arrivals(
    reader: LedgerReader, routes: Sequence[Route], zone: ZoneInfo, start: float, end: float
) -> Sequence[Arrivals]:
    """What arrived from `start` up to `end`, by date, source and element; a file of several routes counts once."""
    found: dict[tuple[str, str, str], list[LogLine]] = {}
    seen: set[tuple[int, str]] = set()
    for line, element in _arrived(reader, {route.name: route for route in routes}, start):
        if line.at < end and (line.item_id, element) not in seen:
            seen.add((line.item_id, element))
            day = wall_time(line.at, zone).date().isoformat()
            found.setdefault((day, line.source, element), []).append(line)
    return [_summed(*key, lines) for key, lines in sorted(found.items())]


def _summed(day: str, source: str, element: str, lines: Sequence[LogLine]) -> Arrivals:
    times = [line.at for line in lines]
    return Arrivals(day, source, element, len(lines), sum(line.size or 0 for line in lines), min(times), max(times))


def _arrived(
    reader: LedgerReader, routes: Mapping[str, Route], start: float, *, source: str = ""
) -> Iterator[tuple[LogLine, str]]:
    """Lines that tell an arrival since `start`, each with the element that its route sees in the name."""
    only = next(iter(routes)) if len(routes) == 1 else ""
    for step in (Step.STORED, Step.DELIVERED):
        for line in reader.history(since=start, route=only, source=source, step=step):
            route = routes.get(line.route)
            if (route is None or route.stage) is (step is Step.STORED):
                yield line, _element(route, line.path)


def _element(route: Route | None, path: str) -> str:
    return element_of(path, route.elements) if route is not None and route.elements is not None else ""


def silences(reader: LedgerReader, routes: Sequence[Route], moment: float) -> Iterator[Silence]:
    """Sources and elements that, at `moment`, were silent for longer than their route's `expect`."""
    for route in routes:
        if route.expect_s is not None:
            for source in route.sources:
                yield from _silent(reader, route, source, route.expect_s, moment)


def _silent(reader: LedgerReader, route: Route, source: str, expect_s: float, moment: float) -> Iterator[Silence]:
    start = moment - max(REMEMBERED_S, 3 * expect_s)
    newest: dict[str, float] = {}
    for line, element in _arrived(reader, {route.name: route}, start, source=source):
        if line.at <= moment:
            newest[element] = max(line.at, newest.get(element, line.at))
    heard = max(newest.values(), default=None)
    if heard is None or moment - heard > expect_s:
        yield Silence(route.name, source, "", expect_s, heard or _ever(reader, route, source, moment))
        return
    yield from (
        Silence(route.name, source, element, expect_s, last)
        for element, last in sorted(newest.items())
        if moment - last > expect_s
    )


def _ever(reader: LedgerReader, route: Route, source: str, moment: float) -> float | None:
    step = Step.STORED if route.stage else Step.DELIVERED
    lines: Collection[LogLine] = tuple(reader.history(route=route.name, source=source, step=step, limit=1))
    return next((line.at for line in lines if line.at <= moment), None)
