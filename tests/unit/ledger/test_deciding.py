"""What people decide."""

from __future__ import annotations

import pytest
from tests.unit.ledger.acts import LATE, ROUTE, SHA, SOURCE, delivery_ids, dossier, find, new, plan, steps, store

from v2xsync.ledger.base import Ledger, Setback
from v2xsync.ledger.deciding import VOUCHED
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.items import Proof


def due(ledger: Ledger, now: float) -> list[tuple[str, int]]:
    """Everything that may be claimed at `now`, as (kind, item id)."""
    return (
        [("fetch", task.item_id) for task in ledger.claim_fetches(SOURCE, [ROUTE], now, 9, ())]
        + [("deliver", task.item_id) for task in ledger.claim_deliveries("cyverse", [ROUTE], now, 9, ())]
        + [("remove", task.item_id) for task in ledger.claim_removals(SOURCE, now, 9, ())]
    )


@pytest.fixture
def waiting(ledger):
    """Item 1 waits for its fetch, item 2 for its delivery and its removal, all after trouble, until 9000."""
    first, second = find(ledger, "a", "b", targets=["cyverse"])
    store(ledger, second)
    ledger.fetch_setback([Setback(first, "cut off", 9000.0, ROUTE)], 10.0)
    ledger.delivery_setback([Setback(delivery_ids(ledger, second)["cyverse"], "quota", 9000.0)], 10.0)
    ledger.removal_setback([Setback(second, "denied", 9000.0)], 10.0, RemovalState.QUEUED)
    return first, second


class TestRetry:
    """`retry`: what waits after trouble is due at once."""

    def test_everything(self, ledger, waiting):
        first, second = waiting
        assert due(ledger, 5000.0) == []

        assert ledger.retry() == 3

        assert due(ledger, 0.0) == [("fetch", first), ("deliver", second), ("remove", second)]
        assert ledger.retry() == 0

    @pytest.mark.parametrize(
        ("asked", "kinds"),
        [
            ({"devices": [SOURCE]}, ["fetch", "remove"]),
            ({"devices": ["cyverse"]}, ["deliver"]),
            ({"devices": ["elsewhere"]}, []),
            ({"routes": [ROUTE]}, ["fetch", "deliver", "remove"]),
            ({"routes": ["other"]}, []),
            ({"routes": ["other"], "devices": ["cyverse"]}, ["deliver"]),
            ({"routes": [], "devices": [SOURCE]}, ["fetch", "remove"]),
            ({"routes": [], "devices": []}, []),
        ],
    )
    def test_of_routes_or_devices(self, ledger, waiting, asked, kinds):
        assert ledger.retry(**asked) == len(kinds)

        assert [kind for kind, _ in due(ledger, 0.0)] == kinds

    def test_holds_and_fresh_work_are_left_alone(self, ledger):
        held, fresh, stored = find(ledger, "a", "b", "c", targets=["cyverse"])
        store(ledger, stored)
        ledger.fetch_setback([Setback(held, "name too long", route=ROUTE)], 1.0, FetchState.HELD)

        assert ledger.retry() == 0
        assert dossier(ledger, held).fetches[0].state is FetchState.HELD
        assert dossier(ledger, fresh).fetches[0].next_at == 1000.0


def test_what_a_person_wants_first_goes_first(ledger):
    store(ledger, *find(ledger, "a", "b", targets=["cyverse"]))
    find(ledger, "c", "d", targets=["cyverse"])
    ledger.retry()

    ledger.bring_to_front(4)
    ledger.bring_to_front(2)

    assert due(ledger, LATE) == [
        ("fetch", 4),
        ("fetch", 3),
        ("deliver", 2),
        ("deliver", 1),
        ("remove", 2),
        ("remove", 1),
    ]


@pytest.fixture
def held(ledger):
    """An item with a held fetch, one with a held, an unknown and a good delivery, and one with a held removal."""
    fetch, delivery, removal = ledger.record_found(
        [new("f", plan("cyverse")), new("d", plan("cyverse", "px4", "office")), new("r")], 1.0
    )
    store(ledger, delivery, removal)
    ledger.fetch_setback([Setback(fetch, "no name", 1.0, ROUTE)], 5.0, FetchState.HELD)
    targets = delivery_ids(ledger, delivery)
    ledger.delivery_setback([Setback(targets["cyverse"], "refused")], 6.0, DeliveryState.HELD)
    ledger.mark_sending([targets["px4"]])
    ledger.recover_sending(7.0)
    ledger.removal_setback([Setback(removal, "cannot be proven")], 8.0, RemovalState.HELD)
    return fetch, delivery, removal


def test_holds_are_listed_oldest_first_with_their_reasons(ledger, held):
    fetch, delivery, removal = held

    holds = ledger.holds()

    assert [(h.item_id, h.step, h.route, h.device, h.since, h.may_accept) for h in holds] == [
        (fetch, Step.STORED, ROUTE, "store", 5.0, False),
        (delivery, Step.DELIVERED, ROUTE, "cyverse", 6.0, True),
        (delivery, Step.DELIVERED, ROUTE, "px4", 7.0, True),
        (removal, Step.REMOVED, "", SOURCE, 8.0, False),
    ]
    assert [(h.source, h.path, h.reason) for h in holds[:2]] == [(SOURCE, "f", "no name"), (SOURCE, "d", "refused")]
    assert ledger.backlog().holds == 4


def test_doing_it_again_queues_every_held_facet_afresh(ledger, held):
    assert ledger.release_again(held, 90.0, "kim") == 4

    assert ledger.holds() == []
    for item_id in held:
        item = dossier(ledger, item_id)
        assert not sum(fetch.tries for fetch in item.fetches) + sum(one.tries for one in item.deliveries)
        assert {(line.at, line.by) for line in item.log if line.step is Step.RELEASED} == {(90.0, "kim")}
    assert dossier(ledger, held[0]).fetches[0].state is FetchState.QUEUED
    assert [d.state for d in dossier(ledger, held[1]).deliveries] == [DeliveryState.QUEUED] * 3
    assert dossier(ledger, held[2]).removal is RemovalState.QUEUED
    assert ledger.release_again(held, 91.0, "kim") == 0


def test_only_the_items_asked_for_are_released(ledger, held):
    assert ledger.release_again([held[2]], 90.0, "kim") == 1
    assert len(ledger.holds()) == 3


@pytest.mark.parametrize(
    ("devices", "left"),
    [
        (["px4"], ["store", "cyverse", SOURCE]),
        (["px4", "cyverse"], ["store", SOURCE]),
        (["store"], ["cyverse", "px4", SOURCE]),
        ([SOURCE], ["cyverse", "px4"]),
        (["elsewhere"], ["store", "cyverse", "px4", SOURCE]),
    ],
)
def test_only_what_is_held_at_the_devices_asked_for_is_done_again(ledger, held, devices, left):
    assert ledger.release_again(held, 90.0, "kim", devices) == 4 - len(left)

    assert [hold.device for hold in ledger.holds()] == left
    released = [line for item in held for line in dossier(ledger, item).log if line.step is Step.RELEASED]
    assert len(released) == 4 - len(left)


def test_who_vouches_at_one_target_vouches_for_no_other(ledger, held):
    _, delivery, _ = held

    assert ledger.release_accept(held, 90.0, "kim", ["px4"]) == 1

    facets = {facet.target: facet.state for facet in dossier(ledger, delivery).deliveries}
    assert facets["px4"] is DeliveryState.DELIVERED
    assert facets["cyverse"] is DeliveryState.HELD
    assert ledger.release_accept(held, 91.0, "kim", [SOURCE, "store"]) == 0


def test_taking_it_as_done_gives_a_receipt_with_a_name(ledger, held):
    _, delivery, _ = held

    assert ledger.release_accept(held, 90.0, "kim") == 2

    facets = {facet.target: facet for facet in dossier(ledger, delivery).deliveries}
    assert {target: facet.state for target, facet in facets.items()} == {
        "cyverse": DeliveryState.DELIVERED,
        "px4": DeliveryState.DELIVERED,
        "office": DeliveryState.QUEUED,
    }
    assert facets["px4"].proof is Proof.ACK
    assert [hold.item_id for hold in ledger.holds()] == [held[0], held[2]]
    (task,) = [task for task in ledger.claim_removals(SOURCE, LATE, 9, ()) if task.item_id == delivery]
    vouched = [receipt for receipt in task.receipts if receipt.by]
    assert [(r.step, r.device, r.proof, r.sha256, r.at, r.method, r.by) for r in vouched] == [
        (Step.DELIVERED, "cyverse", Proof.ACK, SHA, 90.0, VOUCHED, "kim"),
        (Step.DELIVERED, "px4", Proof.ACK, SHA, 90.0, VOUCHED, "kim"),
    ]
    assert steps(ledger, delivery)[-2:] == ["released", "released"]


def test_taking_the_last_one_as_done_has_the_store_copy_judged(ledger):
    (item_id,) = find(ledger, "a", targets=["px4"])
    store(ledger, item_id)
    ledger.mark_sending(list(delivery_ids(ledger, item_id).values()))
    ledger.recover_sending(5.0)

    ledger.release_accept([item_id], 90.0, "kim")

    assert [task.item_id for task in ledger.claim_expiries([ROUTE], 90.0, 9)] == [item_id]
