"""The legal moves of the facets, and the one rule on removal."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.model.custody import (
    DELIVERY_MOVES,
    DOUBT_DELIVERY_MOVES,
    DOUBT_FETCH_MOVES,
    FETCH_MOVES,
    REMOVAL_MOVES,
    DeliveryState,
    FetchState,
    Receipt,
    RemovalState,
    Step,
    best_receipt,
    delivered_everywhere,
    legal_sources,
    may_remove,
    without_copy,
)
from v2xsync.model.items import Proof
from v2xsync.model.rules import After, RemoveRule, Route

SHA = "ab" * 32
NOW = 1_700_000_000.0

# --- moves ------------------------------------------------------------------------------------------------------------

TABLES: list[tuple[Mapping[enum.IntEnum, frozenset[enum.IntEnum]], type[enum.IntEnum], set[enum.IntEnum]]] = [
    (FETCH_MOVES, FetchState, {FetchState.STORED, FetchState.SKIPPED}),  # type: ignore[list-item]
    (DELIVERY_MOVES, DeliveryState, {DeliveryState.DELIVERED}),  # type: ignore[list-item]
    (REMOVAL_MOVES, RemovalState, {RemovalState.REMOVED}),  # type: ignore[list-item]
]


def reachable(moves: Mapping[enum.IntEnum, frozenset[enum.IntEnum]], start: enum.IntEnum) -> set[enum.IntEnum]:
    seen, fresh = {start}, {start}
    while fresh:
        fresh = {to for state in fresh for to in moves[state]} - seen
        seen |= fresh
    return seen


@pytest.mark.parametrize(("moves", "states", "ends"), TABLES)
def test_every_state_has_its_moves_and_none_to_itself(moves, states, ends) -> None:
    assert set(moves) == set(states)
    assert all(state not in moves[state] for state in states)


@pytest.mark.parametrize(("moves", "states", "ends"), TABLES)
def test_nothing_is_forgotten(moves, states, ends) -> None:
    """Invariant 11: only a good end is final, and from every other state a good end can still be reached."""
    assert {state for state in states if not moves[state]} == ends
    for state in states:
        assert reachable(moves, state) & ends


def test_a_removal_is_ordered_before_it_is_done() -> None:
    """Invariants 1 and 2: REMOVED comes from ORDERED alone, and ORDERED from being judged."""
    assert legal_sources(REMOVAL_MOVES, RemovalState.REMOVED) == (RemovalState.ORDERED,)
    assert legal_sources(REMOVAL_MOVES, RemovalState.ORDERED) == (RemovalState.QUEUED,)


def test_only_a_doubt_goes_back_from_stored_and_a_delivered_copy_is_never_doubted() -> None:
    assert FETCH_MOVES[FetchState.STORED] == frozenset()
    assert {FetchState.STORED: {FetchState.QUEUED}, FetchState.QUEUED: {FetchState.STORED}} == DOUBT_FETCH_MOVES
    over = {DeliveryState.DELIVERED, DeliveryState.UNKNOWN, DeliveryState.SUPERSEDED}
    assert not over & set(DOUBT_DELIVERY_MOVES)


def test_a_doubt_voids_the_receipts_of_that_routes_copy_and_no_other() -> None:
    store, other, target = (
        Receipt(Step.STORED, "r", "store", Proof.HASH, "aa", 1.0),
        Receipt(Step.STORED, "s", "store", Proof.HASH, "aa", 1.0),
        Receipt(Step.DELIVERED, "r", "office", Proof.HASH, "aa", 1.0),
    )
    assert without_copy([store, other, target], "r") == [other, target]


def test_an_unknown_delivery_is_never_superseded_or_dropped() -> None:
    """Invariant 7: a lost answer ends by a proof or by a person's word."""
    assert DELIVERY_MOVES[DeliveryState.UNKNOWN] == {DeliveryState.QUEUED, DeliveryState.DELIVERED}


@pytest.mark.parametrize(("moves", "states", "ends"), TABLES)
def test_legal_sources_reads_the_table_backwards(moves, states, ends) -> None:
    for to in states:
        assert set(legal_sources(moves, to)) == {int(state) for state in states if to in moves[state]}


# --- receipts ---------------------------------------------------------------------------------------------------------

TARGETS = ("cyverse", "office", "disk")
ROUTE_NAMES = ("all", "some", "more")

receipts_ = st.builds(
    Receipt,
    step=st.sampled_from([Step.STORED, Step.DELIVERED]),
    route=st.sampled_from(ROUTE_NAMES),
    device=st.sampled_from(("store", *TARGETS)),
    proof=st.sampled_from(Proof),
    sha256=st.just(SHA),
    at=st.floats(NOW - 1000, NOW),
)
remove_rules = st.builds(
    RemoveRule,
    after=st.sampled_from(After),
    proof=st.sampled_from(Proof),
    proofs=st.dictionaries(st.sampled_from(TARGETS), st.sampled_from(Proof)),
    grace_s=st.sampled_from([0.0, 500.0]),
)
routes_ = st.lists(
    st.builds(
        Route,
        name=st.sampled_from(ROUTE_NAMES),
        sources=st.just(("clay-11th",)),
        targets=st.lists(st.sampled_from(TARGETS), unique=True).map(tuple),
        remove=remove_rules,
    ),
    max_size=3,
    unique_by=lambda route: route.name,
)


def demanded(route: Route) -> list[tuple[Step, str, Proof]] | None:
    """What a route asks for, written down a second time and simply; None: nothing would do."""
    if route.remove.after is After.NEVER:
        return None
    if route.remove.after is After.STORED:
        return [(Step.STORED, "store", route.remove.proof)]
    return [(Step.DELIVERED, t, route.remove.proofs.get(t, route.remove.proof)) for t in route.targets] or None


def proven(route: Route, receipts: Sequence[Receipt]) -> bool:
    demands = demanded(route)
    return demands is not None and all(
        any(r.step is step and r.device == device and r.route == route.name and r.proof >= least for r in receipts)
        for step, device, least in demands
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Route], list[Receipt]]:
    """Routes with receipts at random, or with nearly all that they demand, or with all of it."""
    routes = draw(routes_)
    noise = draw(st.lists(receipts_, max_size=5))
    enough = [
        Receipt(step, route.name, device, draw(st.sampled_from([p for p in Proof if p >= least])), SHA, NOW - 9)
        for route in routes
        for step, device, least in demanded(route) or ()
    ]
    one_missing: bool = draw(st.booleans())
    if enough and one_missing:
        del enough[draw(st.integers(0, len(enough) - 1))]
    return routes, draw(st.permutations([*enough, *noise]))


@given(cases())
def test_removal_only_by_the_receipts_that_every_route_demands(case: tuple[list[Route], list[Receipt]]) -> None:
    """Invariant 1: removal by receipt. Whatever the routes and receipts are, the rule agrees with its plain reading."""
    routes, receipts = case
    without_grace = [replace(route, remove=replace(route.remove, grace_s=0.0)) for route in routes]
    expected = bool(routes) and all(proven(route, receipts) for route in routes)
    assert may_remove(without_grace, receipts, NOW).allowed == expected


@given(cases(), st.floats(NOW - 2000, NOW + 2000))
def test_removal_never_comes_before_the_grace_time(case: tuple[list[Route], list[Receipt]], now: float) -> None:
    """Invariant 1: an allowed removal shows receipts, all older than each route's grace; a refused one tells why."""
    routes, receipts = case
    verdict = may_remove(routes, receipts, now)
    assert verdict.reason
    if verdict.allowed:
        shown = {route.name: [r.at for r in verdict.receipts if r.route == route.name] for route in routes}
        assert all(shown[route.name] for route in routes)
        assert all(now >= max(shown[route.name]) + route.remove.grace_s for route in routes)
    elif verdict.not_before is not None:
        assert now < verdict.not_before
        assert may_remove(routes, receipts, verdict.not_before).allowed


@given(cases(), receipts_)
def test_one_more_receipt_never_forbids(case: tuple[list[Route], list[Receipt]], more: Receipt) -> None:
    """Invariant 1: evidence adds up, grace aside."""
    routes, receipts = case
    late = NOW + 10_000
    before = may_remove(routes, receipts, late).allowed
    assert may_remove(routes, [*receipts, more], late).allowed >= before


@given(cases(), st.integers(0, 3))
def test_never_wins(case: tuple[list[Route], list[Receipt]], place: int) -> None:
    """Invariant 1: one route that never removes keeps the file, whatever the others say."""
    routes, receipts = case
    keeper = Route(name="archive", sources=("clay-11th",), targets=("office",), remove=RemoveRule(after=After.NEVER))
    proofs = [
        Receipt(step, "archive", device, Proof.HASH, SHA, NOW - 9)
        for step, device in ((Step.STORED, "store"), (Step.DELIVERED, "office"))
    ]
    routes.insert(place, keeper)
    assert not may_remove(routes, [*receipts, *proofs], NOW + 10_000).allowed


@given(st.lists(receipts_, max_size=20), remove_rules)
def test_zero_targets_never_count_as_delivered(receipts: list[Receipt], rule: RemoveRule) -> None:
    """Invariant 1: an empty list of targets proves nothing, neither for removal nor for the store's retention."""
    route = Route(name="all", sources=("a",), targets=(), remove=replace(rule, after=After.DELIVERED))
    assert not may_remove([route], receipts, NOW + 10_000).allowed
    assert not delivered_everywhere(route, receipts).allowed


def test_no_route_no_removal() -> None:
    """Invariant 1: a file that no route selects (any more) stays."""
    receipt = Receipt(Step.DELIVERED, "all", "office", Proof.HASH, SHA, NOW)
    assert not may_remove([], [receipt], NOW).allowed


def delivered(target: str, proof: Proof, at: float = NOW, *, route: str = "all", sha256: str = SHA) -> Receipt:
    return Receipt(Step.DELIVERED, route, target, proof, sha256, at)


TO_TWO = Route(
    name="all",
    sources=("clay-11th",),
    targets=("cyverse", "px4-logs"),
    remove=RemoveRule(after=After.DELIVERED, proofs={"px4-logs": Proof.ACK}),
)


def test_an_acknowledgement_removes_only_where_the_route_writes_ack() -> None:
    """Invariant 4: `ack` satisfies the target it was written out for, and no other."""
    asked_again, told = delivered("cyverse", Proof.HASH), delivered("px4-logs", Proof.ACK)
    assert may_remove([TO_TWO], [asked_again, told], NOW).allowed
    verdict = may_remove([TO_TWO], [delivered("cyverse", Proof.ACK), told], NOW)
    assert not verdict.allowed
    assert verdict.reason == "cyverse proved ack, route all demands hash"


def test_a_missing_target_is_named() -> None:
    verdict = may_remove([TO_TWO], [delivered("cyverse", Proof.HASH)], NOW)
    assert not verdict.allowed
    assert verdict.reason == "not delivered yet: px4-logs (route all)"


def test_a_persons_word_counts_as_ack_only() -> None:
    """Invariant 1: a receipt made by `release --accept` satisfies only rules that write `ack`."""
    vouched = replace(delivered("cyverse", Proof.ACK), by="maria")
    assert not may_remove([TO_TWO], [vouched, delivered("px4-logs", Proof.ACK)], NOW).allowed


def test_receipts_of_another_route_do_not_count() -> None:
    """Invariant 1: each route wants its own receipts, for the same target too."""
    elsewhere = [delivered(target, Proof.HASH, route="some") for target in TO_TWO.targets]
    assert not may_remove([TO_TWO], elsewhere, NOW).allowed


def test_copies_that_differ_remove_nothing() -> None:
    """Invariant 1: proofs of two different contents are no proof of this item."""
    receipts = [delivered("cyverse", Proof.HASH), delivered("px4-logs", Proof.ACK, sha256="cd" * 32)]
    verdict = may_remove([TO_TWO], receipts, NOW)
    assert not verdict.allowed
    assert "differ" in verdict.reason


def test_the_strongest_receipt_counts_and_the_oldest_among_equals() -> None:
    weak, late, early = (
        delivered("cyverse", Proof.SIZE, NOW - 9),
        delivered("cyverse", Proof.HASH, NOW),
        delivered("cyverse", Proof.HASH, NOW - 5),
    )
    assert best_receipt([weak, late, early], step=Step.DELIVERED, route="all", device="cyverse") is early
    assert best_receipt([weak], step=Step.STORED, route="all", device="cyverse") is None
