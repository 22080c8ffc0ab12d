"""The queue and the backlog."""

from __future__ import annotations

from tests.unit.ledger.acts import ROUTE, SOURCE, deliver, delivery_ids, find, new, plan, remove, store

from v2xsync.ledger.base import Backlog, QueueLine, Setback
from v2xsync.model.custody import Step


def test_the_queue_is_by_time_over_all_kinds_of_work(ledger):
    ledger.record_found([new("c", plan("cyverse"), size=3)], 30.0)
    (streamed,) = ledger.record_found([new("s", plan("px4", route="stream", stage=False), source="drone")], 5.0)
    (item_id,) = ledger.record_found([new("a", plan("cyverse", "office"), size=10)], 10.0)
    store(ledger, item_id, at=20.0)
    targets = delivery_ids(ledger, item_id)
    ledger.delivery_setback([Setback(targets["office"], "quota", 25.0)], 21.0)

    queue = ledger.queue(10)

    assert [(line.step, line.route, line.device, line.path, line.next_at) for line in queue] == [
        (Step.DELIVERED, "stream", "px4", "s", 5.0),
        (Step.DELIVERED, ROUTE, "cyverse", "a", 20.0),
        (Step.REMOVED, "", SOURCE, "a", 20.0),
        (Step.DELIVERED, ROUTE, "office", "a", 25.0),
        (Step.STORED, ROUTE, "store", "c", 30.0),
    ]
    assert queue[3] == QueueLine(item_id, Step.DELIVERED, ROUTE, SOURCE, "office", "a", 10, 1, 25.0, "quota")
    assert queue[0].source == "drone"
    assert queue[0].item_id == streamed
    assert ledger.queue(2) == queue[:2]
    assert ledger.queue(0) == queue


def test_lanes_of_many_devices_and_routes_all_show(ledger):
    plans = [(source, route) for source in ("a", "b", "c") for route in ("x", "y")]
    for at, (source, route) in enumerate(plans):
        ledger.record_found([new(f"{at}", plan("t", route=route), source=source)], float(at))
    for item_id, (_, route) in enumerate(plans, 1):
        store(ledger, item_id, route=route)
        find(ledger, f"more {item_id}")

    lanes = {(line.step, line.source, line.device, line.route) for line in ledger.queue(100)}

    assert {(Step.DELIVERED, source, "t", route) for source, route in plans} < lanes
    assert {(Step.REMOVED, source, source, "") for source, _ in plans} < lanes
    assert (Step.STORED, SOURCE, "store", ROUTE) in lanes


def test_an_item_in_two_routes_waits_twice(ledger):
    ledger.record_found([new("a", plan(route="one"), plan(route="two"))], 1.0)

    assert [(line.route, line.step) for line in ledger.queue(9)] == [("one", Step.STORED), ("two", Step.STORED)]
    assert [line.route for line in ledger.queue(1)] == ["one"]


def test_the_backlog_counts_files_and_bytes_by_device(ledger):
    ledger.record_found([new(path, plan("cyverse", "office"), size=10) for path in "abc"], 1.0)
    ledger.record_found([new("d", source="drone", size=7)], 1.0)
    store(ledger, 1, 2)
    deliver(ledger, delivery_ids(ledger, 1)["office"])
    ledger.order_removals([1], 5.0)

    assert ledger.backlog() == Backlog(
        fetch={SOURCE: (1, 10), "drone": (1, 7)},
        deliver={"cyverse": (2, 20), "office": (1, 10)},
        remove={SOURCE: 2},
        holds=0,
        items=4,
    )


def test_an_empty_ledger_waits_for_nothing(ledger):
    assert ledger.backlog() == Backlog()
    assert ledger.queue(9) == []
    assert ledger.holds() == []


def test_what_is_done_does_not_wait(ledger):
    store(ledger, *find(ledger, "a"))
    remove(ledger, 1)

    assert ledger.queue(9) == []
    assert ledger.backlog() == Backlog(items=1)
