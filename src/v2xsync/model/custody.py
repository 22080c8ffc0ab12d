"""Custody: an item's life as three facets, their legal moves, and the one rule on removal.

The facets are the *fetch*, one *delivery* per target, and the *removal*. Numbers are what the ledger stores.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from v2xsync.model.items import Digest, Proof
from v2xsync.model.rules import After, Route


class FetchState(enum.IntEnum):
    """Where the fetch of an item by a route stands."""

    QUEUED = 0
    STORED = 1
    HELD = 2
    SUPERSEDED = 3
    """The source holds another version now (the newer one is an item of its own), or nothing."""
    SKIPPED = 4
    """The route keeps no local copy (`stage = false`)."""


class DeliveryState(enum.IntEnum):
    """Where the delivery of an item to one target stands."""

    QUEUED = 0
    WAITING = 1
    """Not stored yet."""
    DELIVERED = 2
    HELD = 3
    UNKNOWN = 4
    """The answer was lost at a target that cannot be asked; a person decides."""
    SUPERSEDED = 5
    SENDING = 6
    """Written down before a send to a target that cannot be asked; found so after a crash it becomes UNKNOWN."""


class RemovalState(enum.IntEnum):
    """Where the removal of an item from its source stands."""

    QUEUED = 0
    """Something changed: to be judged (and, if allowed, removed) as soon as the source is reachable."""
    WAITING = 1
    """Judged: not allowed yet (or never); the reason is kept."""
    ORDERED = 2
    """Judged allowed and written down before the removal is asked for."""
    REMOVED = 3
    HELD = 4
    GONE = 5
    """Found missing without an order of ours."""


FETCH_MOVES: Mapping[FetchState, frozenset[FetchState]] = {
    FetchState.QUEUED: frozenset({FetchState.STORED, FetchState.HELD, FetchState.SUPERSEDED}),
    FetchState.HELD: frozenset({FetchState.QUEUED, FetchState.SUPERSEDED}),
    FetchState.STORED: frozenset(),
    FetchState.SUPERSEDED: frozenset({FetchState.QUEUED}),
    FetchState.SKIPPED: frozenset(),
}

DELIVERY_MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.WAITING: frozenset({DeliveryState.QUEUED, DeliveryState.SUPERSEDED}),
    DeliveryState.QUEUED: frozenset(
        {DeliveryState.DELIVERED, DeliveryState.HELD, DeliveryState.SENDING, DeliveryState.SUPERSEDED}
    ),
    DeliveryState.SENDING: frozenset(
        {
            DeliveryState.DELIVERED,
            DeliveryState.QUEUED,
            DeliveryState.HELD,
            DeliveryState.UNKNOWN,
            DeliveryState.SUPERSEDED,
        }
    ),
    DeliveryState.HELD: frozenset({DeliveryState.QUEUED, DeliveryState.DELIVERED}),
    DeliveryState.UNKNOWN: frozenset({DeliveryState.QUEUED, DeliveryState.DELIVERED}),
    DeliveryState.DELIVERED: frozenset(),
    DeliveryState.SUPERSEDED: frozenset({DeliveryState.WAITING}),
}

DOUBT_FETCH_MOVES: Mapping[FetchState, frozenset[FetchState]] = {
    FetchState.STORED: frozenset({FetchState.QUEUED}),
    FetchState.QUEUED: frozenset({FetchState.STORED}),
}
"""The way back, and only a doubt goes it: what was stored is fetched again; where it cannot be, the copy is as before.

A copy is doubted where a target refuses its content as corrupt, or where the store's own copy is damaged."""

DOUBT_DELIVERY_MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.QUEUED: frozenset({DeliveryState.WAITING}),
    DeliveryState.SENDING: frozenset({DeliveryState.WAITING}),
    DeliveryState.WAITING: frozenset({DeliveryState.HELD, DeliveryState.SUPERSEDED}),
}
"""The delivery that raised the doubt waits for the new copy; where there will be none, a person decides."""

REMOVAL_MOVES: Mapping[RemovalState, frozenset[RemovalState]] = {
    RemovalState.WAITING: frozenset({RemovalState.QUEUED, RemovalState.GONE}),
    RemovalState.QUEUED: frozenset({RemovalState.WAITING, RemovalState.ORDERED, RemovalState.HELD, RemovalState.GONE}),
    RemovalState.ORDERED: frozenset(
        {RemovalState.REMOVED, RemovalState.QUEUED, RemovalState.WAITING, RemovalState.HELD, RemovalState.GONE}
    ),
    RemovalState.HELD: frozenset({RemovalState.QUEUED}),
    RemovalState.REMOVED: frozenset(),
    RemovalState.GONE: frozenset({RemovalState.QUEUED}),
}


_State = TypeVar("_State", FetchState, DeliveryState, RemovalState)


def legal_sources(moves: Mapping[_State, frozenset[_State]], to: _State) -> tuple[int, ...]:
    """The states from which `to` may be reached: what the ledger demands of a row before it moves it."""
    return tuple(int(state) for state, reachable in moves.items() if to in reachable)


class Step(enum.Enum):
    """Which hop a receipt or a line of the custody log speaks of."""

    FOUND = "found"
    STORED = "stored"
    DELIVERED = "delivered"
    REMOVED = "removed"
    EXPIRED = "expired"
    """The store's own copy was removed by the retention rule."""
    HELD = "held"
    RELEASED = "released"
    FAILED = "failed"
    DOUBTED = "doubted"
    """The copy in the store is not trusted any more, and fetched again."""
    SUPERSEDED = "superseded"
    GONE = "gone"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record of a proof: `step` STORED or DELIVERED of one route, by `device` (the store is ``"store"``)."""

    step: Step
    route: str
    device: str
    proof: Proof
    sha256: str
    at: float
    method: str = ""
    digest: Digest | None = None
    by: str = ""
    """The user who vouched, for receipts made by `release --accept`."""
    place: str = ""
    """Path in the store or at the target where the copy stood when it was proven."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a rule: allowed or not, with the reason in plain words and, where time alone decides, when."""

    allowed: bool
    reason: str
    not_before: float | None = None
    receipts: tuple[Receipt, ...] = ()


def best_receipt(receipts: Iterable[Receipt], *, step: Step, route: str, device: str) -> Receipt | None:
    """The strongest receipt of that hop, the oldest among equals."""
    fitting = [r for r in receipts if r.step is step and r.route == route and r.device == device]
    return min(fitting, key=lambda r: (-r.proof, r.at)) if fitting else None


def without_copy(receipts: Iterable[Receipt], route: str) -> list[Receipt]:
    """What is left of the receipts once `route` doubts its copy in the store."""
    return [receipt for receipt in receipts if receipt.step is not Step.STORED or receipt.route != route]


def may_remove(routes: Sequence[Route], receipts: Sequence[Receipt], now: float) -> Verdict:
    """Judge whether the original of an item may go (invariant 1).

    `routes` are *all* routes of the config in force that select the item's path from its source; every one of them must
    allow it, and what they show must be one content. `receipts` are those of exactly this item. `now` is in seconds
    since the epoch.
    """
    if not routes:
        return Verdict(allowed=False, reason="no route selects this file")
    shown: list[Receipt] = []
    not_before = 0.0
    for route in routes:
        verdict = _route_allows(route, receipts)
        if not verdict.allowed:
            return verdict
        shown.extend(verdict.receipts)
        newest = max(receipt.at for receipt in verdict.receipts)
        not_before = max(not_before, newest + route.remove.grace_s)
    if len({receipt.sha256 for receipt in shown if receipt.sha256}) > 1:
        return Verdict(allowed=False, reason="the proven copies differ from each other in content")
    if now < not_before:
        return Verdict(allowed=False, reason="the grace time has not passed", not_before=not_before)
    return Verdict(allowed=True, reason="every route's proof is there", receipts=tuple(shown))


def _route_allows(route: Route, receipts: Sequence[Receipt]) -> Verdict:
    rule = route.remove
    if rule.after is After.NEVER:
        return Verdict(allowed=False, reason=f"route {route.name} never removes")
    if rule.after is After.STORED:
        return _demand(route, receipts, ((Step.STORED, "store", rule.proof),))
    return delivered_everywhere(route, receipts)


def delivered_everywhere(route: Route, receipts: Sequence[Receipt]) -> Verdict:
    """Whether every target of `route` gave the proof that it demands; zero targets never count as delivered."""
    if not route.targets:
        return Verdict(allowed=False, reason=f"route {route.name} has no target")
    demands = tuple((Step.DELIVERED, target, route.remove.proof_for(target)) for target in route.targets)
    return _demand(route, receipts, demands)


def _demand(route: Route, receipts: Sequence[Receipt], demands: Iterable[tuple[Step, str, Proof]]) -> Verdict:
    shown: list[Receipt] = []
    for step, device, least in demands:
        receipt = best_receipt(receipts, step=step, route=route.name, device=device)
        if receipt is None:
            return Verdict(allowed=False, reason=f"not {step.value} yet: {device} (route {route.name})")
        if receipt.proof < least:
            return Verdict(
                allowed=False,
                reason=f"{device} proved {receipt.proof.word}, route {route.name} demands {least.word}",
            )
        shown.append(receipt)
    return Verdict(allowed=True, reason="proven", receipts=tuple(shown))
