"""Retention: when a store copy is judged, and who stands at a place."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from tests.unit.ledger.acts import ROUTE, SHA, deliver, delivery_ids, dossier, find, new, plan, steps, store

from v2xsync.ledger.base import Ledger, Setback, Stored
from v2xsync.model.custody import DeliveryState, Step
from v2xsync.model.items import Proof


@pytest.fixture
def item(ledger):
    """A stored item on its way to two targets."""
    (item_id,) = find(ledger, "a", targets=["cyverse", "office"])
    store(ledger, item_id, at=20.0)
    return item_id


def due(ledger: Ledger, now: float = 9e9, limit: int = 9, routes: Collection[str] = (ROUTE,)) -> list[tuple[int, str]]:
    return [(task.item_id, task.route) for task in ledger.claim_expiries(routes, now, limit)]


def test_a_copy_is_judged_after_its_last_delivery_and_not_before(ledger, item):
    first, last = delivery_ids(ledger, item).values()
    assert due(ledger) == []

    deliver(ledger, first, at=30.0)
    assert due(ledger) == []

    deliver(ledger, last, at=40.0)
    assert due(ledger, now=39.0) == []
    (task,) = ledger.claim_expiries([ROUTE], 40.0, 9)
    assert (task.item_id, task.route, task.store_path, task.sha256, task.stored_at) == (
        item,
        ROUTE,
        f"store/{item}.csv",
        SHA,
        20.0,
    )
    assert [(receipt.step, receipt.device) for receipt in task.receipts] == [
        (Step.STORED, "store"),
        (Step.DELIVERED, "cyverse"),
        (Step.DELIVERED, "office"),
    ]


def test_both_deliveries_in_one_call_are_enough(ledger, item):
    deliver(ledger, *delivery_ids(ledger, item).values())

    assert due(ledger) == [(item, ROUTE)]


def test_a_copy_of_a_route_without_targets_is_never_judged(ledger):
    store(ledger, *find(ledger, "a"))
    ledger.requeue_removals()

    assert due(ledger) == []


def test_a_superseded_delivery_is_not_open(ledger, item):
    first, last = delivery_ids(ledger, item).values()
    ledger.delivery_setback([Setback(first, "no such target any more")], 1.0, DeliveryState.SUPERSEDED)

    deliver(ledger, last)

    assert due(ledger) == [(item, ROUTE)]


def test_expiries_come_by_time_over_all_routes(ledger):
    for at, route in ((30.0, "one"), (10.0, "two"), (20.0, "one")):
        (item_id,) = ledger.record_found([new(f"{at}", plan("office", route=route))], 1.0)
        store(ledger, item_id, route=route)
        deliver(ledger, *delivery_ids(ledger, item_id).values(), at=at)

    assert due(ledger, routes=["one", "two"]) == [(2, "two"), (3, "one"), (1, "one")]
    assert due(ledger, routes=["one", "two"], limit=2) == [(2, "two"), (3, "one")]
    assert due(ledger, routes=["three"]) == []


def test_a_copy_is_judged_again_at_its_time_or_when_something_changes(ledger, item):
    deliver(ledger, *delivery_ids(ledger, item).values())

    ledger.postpone_expiry([Setback(item, "kept for 30 days", 5000.0, ROUTE)])
    assert due(ledger, now=4999.0) == []
    assert due(ledger, now=5000.0) == [(item, ROUTE)]

    ledger.postpone_expiry([Setback(item, "kept forever", None, ROUTE)])
    assert due(ledger) == []
    ledger.requeue_removals()
    assert due(ledger, now=0.0) == [(item, ROUTE)]


def test_after_a_change_of_the_config_undelivered_copies_are_judged_too(ledger, item):
    """The target that is missing may have left the config."""
    ledger.requeue_removals()

    assert due(ledger) == [(item, ROUTE)]


def test_an_expired_copy_is_told_and_never_judged_again(ledger, item):
    deliver(ledger, *delivery_ids(ledger, item).values())

    ledger.record_expired(item, ROUTE, 50.0)
    ledger.record_expired(item, ROUTE, 60.0)
    ledger.requeue_removals()

    assert due(ledger) == []
    assert dossier(ledger, item).fetches[0].expired_at == 50.0
    assert steps(ledger, item)[-1:] == ["expired"]
    line = dossier(ledger, item).log[-1]
    assert (line.at, line.device, line.place) == (50.0, "store", f"store/{item}.csv")
    assert steps(ledger, item).count("expired") == 1


def test_what_is_not_stored_cannot_expire(ledger):
    (item_id,) = find(ledger, "a")

    ledger.record_expired(item_id, ROUTE, 50.0)

    assert steps(ledger, item_id) == ["found"]


def test_everybody_at_a_place_in_the_store_is_known(ledger):
    first, second = find(ledger, "a", "b")
    ledger.record_stored([Stored(i, ROUTE, "same", 10, SHA, Proof.HASH, "ssh") for i in (first, second)], 2.0)

    assert ledger.users_of("same") == [(first, ROUTE), (second, ROUTE)]
    assert ledger.stored_sha256("same") == SHA
    ledger.record_expired(first, ROUTE, 3.0)
    assert ledger.users_of("same") == [(second, ROUTE)]
    ledger.record_expired(second, ROUTE, 3.0)
    assert ledger.users_of("same") == []
    assert ledger.stored_sha256("same") == ""


def test_a_delivery_that_comes_during_a_judgement_is_never_forgotten(ledger, item):
    ledger.requeue_removals()
    (task,) = ledger.claim_expiries([ROUTE], 40.0, 9)
    late = Setback(item, "not delivered yet: office", None, ROUTE, seen_at=task.next_at)
    deliver(ledger, *delivery_ids(ledger, item).values(), at=40.0)

    ledger.postpone_expiry([late])
    assert due(ledger, now=40.0) == [(item, ROUTE)]

    (task,) = ledger.claim_expiries([ROUTE], 40.0, 9)
    ledger.postpone_expiry([Setback(item, "kept forever", None, ROUTE, seen_at=task.next_at)])
    assert due(ledger) == []
