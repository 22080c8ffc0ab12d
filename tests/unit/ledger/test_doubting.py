"""Doubts: what moves, what is void, and that it happens once."""

from __future__ import annotations

import pytest
from tests.unit.ledger.acts import (
    LATE,
    ROUTE,
    SOURCE,
    deliver,
    delivery_ids,
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

REFUSED = "the server refused the file (400)"


def doubted(ledger: Ledger, *targets: str) -> int:
    """An item that was stored, and that its form refused."""
    (item_id,) = find(ledger, "a.ulg", targets=("form", *targets))
    store(ledger, item_id)
    form = delivery_ids(ledger, item_id)["form"]
    ledger.mark_sending([form])
    assert ledger.doubt([Setback(form, REFUSED)], 3000.0) == {form}
    return item_id


def states(ledger: Ledger, item_id: int) -> tuple[FetchState, dict[str, DeliveryState]]:
    found = dossier(ledger, item_id)
    return found.fetches[0].state, {facet.target: facet.state for facet in found.deliveries}


def void(ledger: Ledger) -> bool:
    """Whether there is no receipt of the store's copy."""
    (task,) = ledger.claim_removals(SOURCE, LATE, 10, ())
    return not [receipt for receipt in task.receipts if receipt.step is Step.STORED]


def test_the_fetch_is_queued_again_and_only_that_delivery_waits(ledger: Ledger) -> None:
    item_id = doubted(ledger, "office")
    assert states(ledger, item_id) == (
        FetchState.QUEUED,
        {"form": DeliveryState.WAITING, "office": DeliveryState.QUEUED},
    )
    (task,) = ledger.claim_fetches(SOURCE, [ROUTE], LATE, 10, ())
    assert (task.item_id, task.sha256) == (item_id, "5a" * 32)
    (line,) = (line for line in dossier(ledger, item_id).log if line.step is Step.DOUBTED)
    assert (line.device, line.detail) == ("form", REFUSED)


def test_the_copys_receipt_is_void_until_the_new_one_has_its_own(ledger: Ledger) -> None:
    """Invariant 1."""
    item_id = doubted(ledger)
    assert void(ledger)
    store(ledger, item_id, at=3500.0)
    assert not void(ledger)
    assert states(ledger, item_id) == (FetchState.STORED, {"form": DeliveryState.QUEUED})


def test_it_happens_once_for_a_version_and_again_after_a_release(ledger: Ledger) -> None:
    item_id = doubted(ledger)
    store(ledger, item_id, at=3500.0)
    form = delivery_ids(ledger, item_id)["form"]
    assert ledger.doubt([Setback(form, REFUSED)], 4000.0) == frozenset()
    ledger.delivery_setback([Setback(form, REFUSED)], 4000.0, DeliveryState.HELD)
    ledger.release_again([item_id], 5000.0, "kim")
    assert ledger.doubt([Setback(form, REFUSED)], 6000.0) == {form}
    assert steps(ledger, item_id).count("doubted") == 2


def test_the_version_that_took_its_place_with_other_content_is_not_doubted_again(ledger: Ledger) -> None:
    item_id = doubted(ledger)
    ledger.end_doubts([Setback(item_id, "other content", route=ROUTE)], 3500.0, DeliveryState.SUPERSEDED)
    assert dossier(ledger, item_id).removal is RemovalState.GONE
    (second,) = find(ledger, "a.ulg", targets=("form",), at=4000.0)
    assert second != item_id
    store(ledger, second, at=4500.0)
    assert ledger.doubt([Setback(delivery_ids(ledger, second)["form"], REFUSED)], 5000.0) == frozenset()


def test_a_version_with_other_looks_may_be_doubted_for_itself(ledger: Ledger) -> None:
    doubted(ledger)
    (second,) = ledger.record_found([new("a.ulg", plan("form"), size=11)], 4000.0)
    store(ledger, second, at=4500.0)
    form = delivery_ids(ledger, second)["form"]
    assert ledger.doubt([Setback(form, REFUSED)], 5000.0) == {form}


def test_a_newer_version_leaves_a_doubted_copy_to_its_other_targets(ledger: Ledger) -> None:
    """It is stored, after all: what was stored is delivered, newer version or not."""
    item_id = doubted(ledger, "office")
    ledger.record_found([new("a.ulg", plan("form"), size=11)], 4000.0)
    fetch, deliveries = states(ledger, item_id)
    assert (fetch, deliveries["office"]) == (FetchState.QUEUED, DeliveryState.QUEUED)


@pytest.mark.parametrize("to", [DeliveryState.HELD, DeliveryState.SUPERSEDED])
def test_what_cannot_be_fetched_again_is_stored_as_before(ledger: Ledger, to: DeliveryState) -> None:
    item_id = doubted(ledger, "office")
    ledger.end_doubts([Setback(item_id, "it is gone", route=ROUTE)], 3500.0, to)
    assert states(ledger, item_id) == (FetchState.STORED, {"form": to, "office": DeliveryState.QUEUED})
    assert void(ledger) if to is DeliveryState.HELD else not ledger.claim_removals(SOURCE, LATE, 10, ())
    assert steps(ledger, item_id)[-1] in (to.name.lower(), "gone")


def test_ending_a_doubt_that_is_none_moves_nothing(ledger: Ledger) -> None:
    (item_id,) = find(ledger, "a.ulg", targets=("form",))
    ledger.end_doubts([Setback(item_id, "it is gone", route=ROUTE)], 3500.0, DeliveryState.HELD)
    assert states(ledger, item_id) == (FetchState.QUEUED, {"form": DeliveryState.WAITING})
    assert steps(ledger, item_id) == ["found"]


@pytest.mark.parametrize("over", ["removed", "gone", "ordered"])
def test_without_its_original_nothing_is_doubted(ledger: Ledger, over: str) -> None:
    (item_id,) = find(ledger, "a.ulg", targets=("form",))
    store(ledger, item_id)
    if over == "removed":
        remove(ledger, item_id)
    elif over == "ordered":
        ledger.order_removals([item_id], 2500.0)
    else:
        ledger.removal_setback([Setback(item_id, "missing")], 2500.0, RemovalState.GONE)
    form = delivery_ids(ledger, item_id)["form"]
    assert ledger.doubt([Setback(form, REFUSED)], 3000.0) == frozenset()
    assert states(ledger, item_id) == (FetchState.STORED, {"form": DeliveryState.QUEUED})


def test_a_delivery_that_is_over_raises_no_doubt(ledger: Ledger) -> None:
    (item_id,) = find(ledger, "a.ulg", targets=("form",))
    store(ledger, item_id)
    form = delivery_ids(ledger, item_id)["form"]
    deliver(ledger, form)
    assert ledger.doubt([Setback(form, REFUSED)], 4000.0) == frozenset()
    assert states(ledger, item_id) == (FetchState.STORED, {"form": DeliveryState.DELIVERED})


def test_a_second_target_joins_a_doubt_that_is_not_settled(ledger: Ledger) -> None:
    item_id = doubted(ledger, "office")
    office = delivery_ids(ledger, item_id)["office"]
    assert ledger.doubt([Setback(office, "its copy in the store was changed")], 3100.0) == {office}
    assert steps(ledger, item_id).count("doubted") == 1
    ledger.record_stored([stored(item_id)], 3500.0)
    assert set(states(ledger, item_id)[1].values()) == {DeliveryState.QUEUED}


def test_without_a_local_copy_it_is_sent_once_more(ledger: Ledger) -> None:
    (item_id,) = ledger.record_found([new("a.ulg", plan("form", stage=False))], 1000.0)
    form = delivery_ids(ledger, item_id)["form"]
    assert ledger.doubt([Setback(form, REFUSED)], 3000.0) == {form}
    assert states(ledger, item_id) == (FetchState.SKIPPED, {"form": DeliveryState.QUEUED})
    assert ledger.doubt([Setback(form, REFUSED)], 4000.0) == frozenset()
