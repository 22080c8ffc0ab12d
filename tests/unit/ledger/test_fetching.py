"""Queued fetches, stored copies, and fetches that did not get on."""

from __future__ import annotations

from collections.abc import Collection

from tests.unit.ledger.acts import (
    LATE,
    ROUTE,
    SHA,
    SOURCE,
    STORED_AT,
    dossier,
    find,
    new,
    plan,
    remove,
    steps,
    store,
    stored,
)

from v2xsync.ledger.base import Ledger, Setback
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.items import Digest, Fingerprint, Proof


def claimed(
    ledger: Ledger,
    now: float = LATE,
    limit: int = 9,
    skip: Collection[int] = (),
    routes: Collection[str] = (ROUTE,),
) -> list[int]:
    return [task.item_id for task in ledger.claim_fetches(SOURCE, routes, now, limit, skip)]


def test_a_claim_tells_all_that_a_fetch_needs(ledger):
    find(ledger, "x/a.csv")

    (task,) = ledger.claim_fetches(SOURCE, [ROUTE], LATE, 9, ())

    assert (task.item_id, task.source, task.path, task.route) == (1, SOURCE, "x/a.csv", ROUTE)
    assert (task.fingerprint, task.element) == (Fingerprint(10, 7 * 10**9), "spat")
    assert (task.found_at, task.tries, task.next_at) == (1000.0, 0, 1000.0)


def test_claims_are_due_in_order_and_leave_out_what_is_in_hand(ledger):
    find(ledger, "late", at=300.0)
    find(ledger, "early", "early too", at=200.0)

    assert claimed(ledger) == [2, 3, 1]
    assert claimed(ledger, now=250.0) == [2, 3]
    assert claimed(ledger, limit=1) == [2]
    assert claimed(ledger, limit=1, skip={2}) == [3]
    assert claimed(ledger, skip=[1, 2, 3]) == []
    assert claimed(ledger, now=float("inf")) == [2, 3, 1]


def test_claims_of_several_routes_are_merged_in_order(ledger):
    ledger.record_found([new("a", plan(route="one"))], 2.0)
    ledger.record_found([new("b", plan(route="two"))], 1.0)
    ledger.record_found([new("c", plan(route="one"))], 3.0)
    ledger.record_found([new("d", plan(route="three"))], 0.0)

    assert claimed(ledger, routes={"one", "two"}) == [2, 1, 3]
    assert claimed(ledger, routes={"one", "two"}, limit=2) == [2, 1]
    assert claimed(ledger, routes=()) == []


def test_claims_write_nothing(ledger):
    find(ledger, "a")
    before = ledger._commit.commits

    assert claimed(ledger) == claimed(ledger)
    assert ledger._commit.commits == before


def test_storing_ends_the_fetch_and_starts_deliveries_and_removal(ledger):
    (item_id,) = find(ledger, "a", targets=["cyverse"])

    store(ledger, item_id)

    item = dossier(ledger, item_id)
    (fetch,), (delivery,) = item.fetches, item.deliveries
    assert (fetch.state, fetch.store_path, fetch.sha256, fetch.next_at) == (
        FetchState.STORED,
        f"store/{item_id}.csv",
        SHA,
        None,
    )
    assert (delivery.state, delivery.next_at) == (DeliveryState.QUEUED, STORED_AT)
    assert (item.removal, item.removal_next_at, item.removal_reason) == (RemovalState.QUEUED, STORED_AT, "")
    assert claimed(ledger) == []


def test_the_receipt_of_a_fetch_keeps_everything(ledger):
    (item_id,) = find(ledger, "a")
    one = stored(item_id)
    told = Digest("md5", "00ff")
    ledger.record_stored([type(one)(item_id, ROUTE, "s/a", 10, SHA, Proof.SIZE, "ssh", told, "a note")], 5.0)

    line = dossier(ledger, item_id).log[-1]

    assert (line.step, line.at, line.route, line.device) == (Step.STORED, 5.0, ROUTE, "store")
    assert (line.proof, line.sha256, line.size, line.method) == (Proof.SIZE, SHA, 10, "ssh")
    assert (line.digest, line.place, line.detail) == (told, "s/a", "a note")


def test_a_fetch_is_stored_once(ledger):
    (item_id,) = find(ledger, "a")

    store(ledger, item_id, item_id)
    store(ledger, item_id, at=STORED_AT + 1)

    assert steps(ledger, item_id) == ["found", "stored"]


def test_a_superseded_fetch_is_left_alone(ledger):
    (old,) = find(ledger, "a", targets=["cyverse"])
    ledger.record_found([new("a", plan("cyverse"), size=11)], 2.0)

    store(ledger, old)

    item = dossier(ledger, old)
    assert item.fetches[0].state is FetchState.SUPERSEDED
    assert item.deliveries[0].state is DeliveryState.SUPERSEDED
    assert item.removal is RemovalState.GONE


def test_a_second_receipt_has_the_removal_judged_again(ledger):
    (item_id,) = ledger.record_found([new("a", plan(route="one"), plan(route="two"))], 1.0)
    store(ledger, item_id, route="one")
    ledger.removal_setback([Setback(item_id, "route two wants it")], 5.0)

    store(ledger, item_id, route="two", at=6.0)

    assert dossier(ledger, item_id).removal_next_at == 6.0


def test_storing_never_wakes_a_removal_that_is_over(ledger):
    (item_id,) = ledger.record_found([new("a", plan(route="one"), plan(route="two"))], 1.0)
    store(ledger, item_id, route="one")
    remove(ledger, item_id)

    store(ledger, item_id, route="two", at=6000.0)

    assert dossier(ledger, item_id).removal is RemovalState.REMOVED


def test_a_failure_waits_counts_and_is_logged_while_its_reason_is_new(ledger):
    (item_id,) = find(ledger, "a")

    for at, reason in ((10.0, "cut off"), (20.0, "cut off"), (30.0, "too short"), (40.0, "cut off")):
        ledger.fetch_setback([Setback(item_id, reason, at + 60, ROUTE)], at)

    (fetch,) = dossier(ledger, item_id).fetches
    assert (fetch.state, fetch.tries, fetch.reason, fetch.next_at) == (FetchState.QUEUED, 4, "cut off", 100.0)
    failures = [line.detail for line in dossier(ledger, item_id).log if line.step is Step.FAILED]
    assert failures == ["cut off", "too short", "cut off"]
    assert claimed(ledger, now=99.0) == []
    assert claimed(ledger, now=100.0) == [item_id]


def test_a_device_that_is_away_costs_no_try_and_no_line(ledger):
    (item_id,) = find(ledger, "a")

    ledger.fetch_setback([Setback(item_id, "away", 60.0, ROUTE, counts=False)], 10.0)

    assert dossier(ledger, item_id).fetches[0].tries == 0
    assert steps(ledger, item_id) == ["found"]


def test_queued_again_without_a_time_means_at_once(ledger):
    """Nothing is ever forgotten: a queued fetch always has a time."""
    (item_id,) = find(ledger, "a")

    ledger.fetch_setback([Setback(item_id, "why", route=ROUTE)], 7777.0)

    assert claimed(ledger, now=7777.0) == [item_id]


def test_a_held_fetch_is_not_claimed_and_late_reports_do_not_move_it(ledger):
    (item_id,) = find(ledger, "a")
    ledger.fetch_setback([Setback(item_id, "no such name in the store", route=ROUTE)], 5.0, FetchState.HELD)

    ledger.fetch_setback([Setback(item_id, "cut off", 6.0, ROUTE)], 6.0)

    (fetch,) = dossier(ledger, item_id).fetches
    assert (fetch.state, fetch.reason, fetch.next_at) == (FetchState.HELD, "no such name in the store", None)
    assert claimed(ledger) == []
    assert steps(ledger, item_id) == ["found", "held"]


def test_superseding_a_fetch_takes_its_deliveries_and_its_removal_along(ledger):
    (item_id,) = find(ledger, "a", targets=["cyverse"])

    ledger.fetch_setback([Setback(item_id, "it changed", route=ROUTE)], 5.0, FetchState.SUPERSEDED)

    item = dossier(ledger, item_id)
    assert item.fetches[0].state is FetchState.SUPERSEDED
    assert item.deliveries[0].state is DeliveryState.SUPERSEDED
    assert (item.removal, item.removal_reason) == (RemovalState.GONE, "it changed")


def test_a_stored_fetch_cannot_be_superseded_and_keeps_its_deliveries(ledger):
    (item_id,) = find(ledger, "a", targets=["cyverse"])
    store(ledger, item_id)

    ledger.fetch_setback([Setback(item_id, "it changed", route=ROUTE)], 5.0, FetchState.SUPERSEDED)

    item = dossier(ledger, item_id)
    assert item.fetches[0].state is FetchState.STORED
    assert item.deliveries[0].state is DeliveryState.QUEUED
    assert item.removal is RemovalState.QUEUED


def test_setbacks_of_unknown_facets_are_nothing(ledger):
    ledger.fetch_setback([Setback(99, "what", 1.0, ROUTE)], 1.0)
    ledger.fetch_setback([], 1.0)
    store(ledger, 99)
    ledger.record_stored([], 1.0)

    assert list(ledger.history()) == []
