"""Queued deliveries, receipts of targets, and sends whose outcome is unknown."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from tests.unit.ledger.acts import (
    DELIVERED_AT,
    LATE,
    ROUTE,
    SHA,
    SOURCE,
    deliver,
    delivered,
    delivery_ids,
    dossier,
    find,
    new,
    plan,
    remove,
    steps,
    store,
)

from v2xsync.ledger.base import Delivered, Ledger, Setback
from v2xsync.ledger.delivering import STOPPED_WHILE_SENDING
from v2xsync.ledger.notebook import MARK_KEY
from v2xsync.ledger.sqlite import open_memory
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.items import Digest, Fingerprint, Proof


@pytest.fixture
def item(ledger):
    """A stored item on its way to two targets."""
    (item_id,) = find(ledger, "x/a.csv", targets=["cyverse", "office"])
    store(ledger, item_id)
    return item_id


def claimed(
    ledger: Ledger,
    target: str = "cyverse",
    now: float = LATE,
    limit: int = 9,
    skip: Collection[int] = (),
    routes: Collection[str] = (ROUTE,),
) -> list[int]:
    return [task.item_id for task in ledger.claim_deliveries(target, routes, now, limit, skip)]


def states(ledger: Ledger, item_id: int) -> dict[str, DeliveryState]:
    return {facet.target: facet.state for facet in dossier(ledger, item_id).deliveries}


def test_a_claim_tells_all_that_a_delivery_needs(ledger, item):
    (task,) = ledger.claim_deliveries("cyverse", [ROUTE], LATE, 9, ())

    assert (task.item_id, task.route, task.target) == (item, ROUTE, "cyverse")
    assert (task.source, task.path, task.fingerprint) == (SOURCE, "x/a.csv", Fingerprint(10, 7 * 10**9))
    assert (task.element, task.found_at, task.stage) == ("spat", 1000.0, True)
    assert (task.store_path, task.sha256, task.size) == (f"store/{item}.csv", SHA, 10)
    assert (task.tries, task.next_at) == (0, 2000.0)
    mark, _, number = task.reference.partition("-")
    assert len(mark) == 6
    assert int(number) == task.delivery_id


def test_a_streamed_delivery_has_no_place_in_the_store(ledger):
    ledger.record_found([new("a", plan("px4", stage=False))], 1.0)

    (task,) = ledger.claim_deliveries("px4", [ROUTE], LATE, 9, ())

    assert (task.stage, task.store_path, task.sha256, task.size) == (False, "", "", 10)


def test_nothing_is_delivered_before_it_is_stored(ledger):
    find(ledger, "a", targets=["cyverse"])

    assert claimed(ledger) == []


def test_claims_are_due_in_order_and_leave_out_what_is_in_hand(ledger):
    for at, path in ((30.0, "late"), (20.0, "early")):
        store(ledger, *find(ledger, path, targets=["cyverse"]), at=at)
    (first,) = delivery_ids(ledger, 2).values()

    assert claimed(ledger) == [2, 1]
    assert claimed(ledger, now=25.0) == [2]
    assert claimed(ledger, limit=1, skip={first}) == [1]
    assert claimed(ledger, target="office") == []


def test_claims_of_several_routes_are_merged_in_order(ledger):
    for at, route in ((2.0, "one"), (1.0, "two"), (3.0, "one")):
        (item_id,) = ledger.record_found([new(f"{at}", plan("cyverse", route=route))], 0.0)
        store(ledger, item_id, route=route, at=at)

    assert claimed(ledger, routes=["one", "two"]) == [2, 1, 3]
    assert claimed(ledger, routes=["one", "two"], limit=2) == [2, 1]


def test_a_delivery_ends_with_a_receipt_that_keeps_everything(ledger, item):
    target = delivery_ids(ledger, item)["cyverse"]
    digest = Digest("sha256", SHA)
    done = Delivered(target, "t/a.csv", 10, SHA, Proof.HASH, "checksum", digest, "https://x/1", "renamed")

    ledger.record_delivered([done], DELIVERED_AT)

    facet = dossier(ledger, item).deliveries[0]
    assert (facet.state, facet.target_path, facet.proof, facet.reference, facet.next_at) == (
        DeliveryState.DELIVERED,
        "t/a.csv",
        Proof.HASH,
        "https://x/1",
        None,
    )
    line = dossier(ledger, item).log[-1]
    assert (line.step, line.route, line.device, line.at) == (Step.DELIVERED, ROUTE, "cyverse", DELIVERED_AT)
    assert (line.proof, line.sha256, line.size, line.method) == (Proof.HASH, SHA, 10, "checksum")
    assert (line.digest, line.place, line.reference, line.detail) == (digest, "t/a.csv", "https://x/1", "renamed")


def test_targets_are_independent(ledger, item):
    deliver(ledger, delivery_ids(ledger, item)["office"])

    assert states(ledger, item) == {"cyverse": DeliveryState.QUEUED, "office": DeliveryState.DELIVERED}
    assert claimed(ledger) == [item]


def test_a_delivery_has_the_removal_judged_again(ledger, item):
    ledger.removal_setback([Setback(item, "not delivered yet")], 2500.0)
    assert dossier(ledger, item).removal is RemovalState.WAITING

    deliver(ledger, *delivery_ids(ledger, item).values())

    assert (dossier(ledger, item).removal, dossier(ledger, item).removal_next_at) == (
        RemovalState.QUEUED,
        DELIVERED_AT,
    )


def test_a_delivery_never_brings_back_a_removed_original(ledger, item):
    remove(ledger, item)

    deliver(ledger, *delivery_ids(ledger, item).values())

    assert dossier(ledger, item).removal is RemovalState.REMOVED


def test_a_delivery_ends_once(ledger, item):
    target = delivery_ids(ledger, item)["cyverse"]

    deliver(ledger, target, target)
    deliver(ledger, target)
    ledger.delivery_setback([Setback(target, "late news", 1.0)], 2.0)

    assert steps(ledger, item) == ["found", "stored", "delivered"]
    assert states(ledger, item)["cyverse"] is DeliveryState.DELIVERED


def test_what_is_not_stored_cannot_be_delivered(ledger):
    (item_id,) = find(ledger, "a", targets=["cyverse"])

    deliver(ledger, *delivery_ids(ledger, item_id).values())

    assert states(ledger, item_id) == {"cyverse": DeliveryState.WAITING}


def test_a_failure_waits_and_is_logged_while_its_reason_is_new(ledger, item):
    target = delivery_ids(ledger, item)["cyverse"]

    for at in (10.0, 20.0):
        ledger.delivery_setback([Setback(target, "quota", at + 60)], at)

    facet = dossier(ledger, item).deliveries[0]
    assert (facet.state, facet.tries, facet.reason, facet.next_at) == (DeliveryState.QUEUED, 2, "quota", 80.0)
    assert steps(ledger, item) == ["found", "stored", "failed"]


def test_a_send_that_was_cut_off_by_a_stop_is_unknown(ledger, item):
    """Invariant 7: unknown is a state."""
    targets = delivery_ids(ledger, item)
    ledger.mark_sending([targets["cyverse"]])
    assert states(ledger, item)["cyverse"] is DeliveryState.SENDING
    assert claimed(ledger) == []

    assert ledger.recover_sending(50.0) == 1
    assert ledger.recover_sending(60.0) == 0

    facet = dossier(ledger, item).deliveries[0]
    assert (facet.state, facet.reason) == (DeliveryState.UNKNOWN, STOPPED_WHILE_SENDING)
    assert states(ledger, item)["office"] is DeliveryState.QUEUED
    assert [line.detail for line in dossier(ledger, item).log if line.step is Step.HELD] == [STOPPED_WHILE_SENDING]


def test_a_send_may_end_in_every_way(ledger):
    outcomes = {
        DeliveryState.QUEUED: "cut off before the commit",
        DeliveryState.HELD: "refused",
        DeliveryState.UNKNOWN: "the answer was lost",
        DeliveryState.SUPERSEDED: "the original changed",
    }
    for to, reason in outcomes.items():
        (item_id,) = ledger.record_found([new(reason, plan("px4", stage=False))], 1.0)
        (target,) = delivery_ids(ledger, item_id).values()
        ledger.mark_sending([target])

        ledger.delivery_setback([Setback(target, reason)], 2.0, to)

        assert states(ledger, item_id) == {"px4": to}


def test_unknown_is_only_what_was_being_sent(ledger, item):
    target = delivery_ids(ledger, item)["cyverse"]

    ledger.delivery_setback([Setback(target, "the answer was lost")], 2.0, DeliveryState.UNKNOWN)

    assert states(ledger, item)["cyverse"] is DeliveryState.QUEUED


def test_what_waits_for_its_fetch_is_not_queued_by_a_late_report(ledger):
    (item_id,) = find(ledger, "a", targets=["cyverse"])

    ledger.delivery_setback([Setback(delivery_ids(ledger, item_id)["cyverse"], "late", 1.0)], 1.0)

    assert states(ledger, item_id) == {"cyverse": DeliveryState.WAITING}


class TestEnsuringDeliveries:
    """A target that the config got later."""

    def test_stored_items_are_queued_for_it(self, ledger, item):
        assert ledger.ensure_deliveries(ROUTE, ["cyverse", "new"], 70.0) == 1
        assert ledger.ensure_deliveries(ROUTE, ["cyverse", "new"], 80.0) == 0

        assert states(ledger, item)["new"] is DeliveryState.QUEUED
        (task,) = ledger.claim_deliveries("new", [ROUTE], 70.0, 9, ())
        assert task.store_path == f"store/{item}.csv"

    def test_items_still_to_be_fetched_wait_for_it(self, ledger):
        (item_id,) = find(ledger, "a")

        assert ledger.ensure_deliveries(ROUTE, ["new"], 70.0) == 1

        assert states(ledger, item_id) == {"new": DeliveryState.WAITING}
        store(ledger, item_id)
        assert claimed(ledger, "new") == [item_id]

    def test_items_read_in_place_are_queued_while_they_are_there(self, ledger):
        there, gone = ledger.record_found([new(path, plan("px4", stage=False)) for path in "ab"], 1.0)
        ledger.removal_setback([Setback(gone, "not there")], 2.0, RemovalState.GONE)

        assert ledger.ensure_deliveries(ROUTE, ["new"], 70.0) == 1

        assert claimed(ledger, "new") == [there]

    def test_copies_that_left_the_store_cannot_be_delivered(self, ledger, item):
        ledger.record_expired(item, ROUTE, 60.0)

        assert ledger.ensure_deliveries(ROUTE, ["new"], 70.0) == 0

    def test_superseded_items_and_other_routes_are_left_alone(self, ledger):
        (item_id,) = find(ledger, "a")
        ledger.fetch_setback([Setback(item_id, "changed", route=ROUTE)], 2.0, FetchState.SUPERSEDED)
        ledger.record_found([new("b", plan(route="other"))], 1.0)

        assert ledger.ensure_deliveries(ROUTE, ["new"], 70.0) == 0
        assert ledger.ensure_deliveries(ROUTE, [], 70.0) == 0


def test_the_mark_of_a_station_is_its_own(ledger, item):
    other = open_memory()
    try:
        store(other, *find(other, "a", targets=["cyverse"]))
        (ours,) = ledger.claim_deliveries("cyverse", [ROUTE], LATE, 9, ())
        (theirs,) = other.claim_deliveries("cyverse", [ROUTE], LATE, 9, ())
    finally:
        other.close()

    assert ours.delivery_id == theirs.delivery_id
    assert ours.reference != theirs.reference


def test_no_deliveries_are_no_work(ledger):
    ledger.record_delivered([], 1.0)
    ledger.mark_sending([])
    ledger.delivery_setback([], 1.0)
    ledger.record_delivered([delivered(99)], 1.0)

    assert list(ledger.history()) == []


def test_only_a_delivery_of_ours_that_is_over_needs_its_partial_no_more(ledger):
    """Whatever waits, is held or in hand goes on with its partial; of another station's nothing is known."""
    done, waits, held, old = find(ledger, "a", "b", "c", "d", targets=["cyverse"])
    store(ledger, done, held)
    ids = {item: delivery_ids(ledger, item)["cyverse"] for item in (done, waits, held, old)}
    deliver(ledger, ids[done])
    ledger.delivery_setback([Setback(ids[old], "changed")], 5.0, DeliveryState.SUPERSEDED)
    ledger.delivery_setback([Setback(ids[held], "refused")], 5.0, DeliveryState.HELD)
    mark = ledger.note(MARK_KEY)

    assert {item for item, number in ids.items() if ledger.is_over(f"{mark}-{number}")} == {done, old}
    for strange in (f"zzzzzz-{ids[done]}", f"{mark}-999", f"{mark}-", mark, "", f"{mark}-{'9' * 40}", "\udcff-1"):
        assert not ledger.is_over(strange)
