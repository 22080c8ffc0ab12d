"""Removals: claims with receipts, orders, and what is over for good."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from tests.unit.ledger.acts import (
    LATE,
    ORDERED_AT,
    REMOVED_AT,
    ROUTE,
    SHA,
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

from v2xsync.ledger.base import Ledger, Setback, Stored
from v2xsync.model.custody import DeliveryState, RemovalState, Step
from v2xsync.model.items import Digest, Fingerprint, Proof


def claimed(ledger: Ledger, now: float = LATE, limit: int = 9, skip: Collection[int] = ()) -> list[int]:
    return [task.item_id for task in ledger.claim_removals(SOURCE, now, limit, skip)]


@pytest.fixture
def item(ledger):
    """A stored item whose removal is to be judged."""
    (item_id,) = find(ledger, "x/a.csv")
    store(ledger, item_id)
    return item_id


def test_nothing_is_judged_before_something_is_proven(ledger):
    find(ledger, "a")

    assert claimed(ledger) == []


def test_a_claim_tells_the_version_and_every_receipt(ledger):
    (item_id,) = find(ledger, "x/a.csv", targets=["cyverse"])
    told = Digest("crc32", "0badcafe")
    ledger.record_stored([Stored(item_id, ROUTE, "s/a", 10, SHA, Proof.HASH, "ssh", told)], 2.0)
    deliver(ledger, *delivery_ids(ledger, item_id).values(), at=3.0)

    (task,) = ledger.claim_removals(SOURCE, LATE, 9, ())

    assert (task.item_id, task.source, task.path) == (item_id, SOURCE, "x/a.csv")
    assert (task.fingerprint, task.sha256, task.digest) == (Fingerprint(10, 7 * 10**9), SHA, told)
    assert (task.state, task.tries, task.next_at) == (RemovalState.QUEUED, 0, pytest.approx(2.0))
    first, second = task.receipts
    assert (first.step, first.route, first.device, first.proof) == (Step.STORED, ROUTE, "store", Proof.HASH)
    assert (first.sha256, first.at, first.method, first.digest, first.place) == (SHA, 2.0, "ssh", told, "s/a")
    assert (second.step, second.device, second.at, second.digest) == (Step.DELIVERED, "cyverse", 3.0, None)


def test_receipts_are_those_of_the_item_alone(ledger):
    store(ledger, *find(ledger, "a", "b"))

    assert [len(task.receipts) for task in ledger.claim_removals(SOURCE, LATE, 9, ())] == [1, 1]


def test_the_newest_fetch_says_what_the_content_was(ledger):
    plans = (plan(route="one"), plan(route="two"), plan("px4", route="three", stage=False))
    (item_id,) = ledger.record_found([new("a", *plans)], 1.0)
    deliver(ledger, *delivery_ids(ledger, item_id).values(), at=9.0)
    ledger.record_stored([stored(item_id, route="one", sha256="01" * 32)], 2.0)
    ledger.record_stored([stored(item_id, route="two", sha256="02" * 32)], 3.0)

    assert ledger.claim_removals(SOURCE, LATE, 9, ())[0].sha256 == "02" * 32


def test_claims_are_due_in_order_and_leave_out_what_is_in_hand(ledger):
    for at, path in ((30.0, "late"), (20.0, "early"), (20.0, "early too")):
        store(ledger, *find(ledger, path), at=at)

    assert claimed(ledger) == [2, 3, 1]
    assert claimed(ledger, now=25.0) == [2, 3]
    assert claimed(ledger, limit=1, skip={2}) == [3]


def test_an_order_is_claimed_again_after_a_crash(ledger, item):
    """Invariant 2: the order is written before the removal is asked for."""
    ledger.order_removals([item], ORDERED_AT)

    (task,) = ledger.claim_removals(SOURCE, ORDERED_AT, 9, ())

    assert (task.item_id, task.state) == (item, RemovalState.ORDERED)


def test_a_removal_that_was_ordered_is_over_and_told(ledger, item):
    ledger.order_removals([item], ORDERED_AT)
    ledger.record_removed([item], REMOVED_AT, "was gone already")

    assert dossier(ledger, item).removal is RemovalState.REMOVED
    line = dossier(ledger, item).log[-1]
    assert (line.step, line.at, line.device, line.detail) == (Step.REMOVED, REMOVED_AT, SOURCE, "was gone already")
    assert claimed(ledger) == []


def test_what_was_not_ordered_cannot_have_been_removed(ledger, item):
    (waiting,) = find(ledger, "b")

    ledger.record_removed([item, waiting], REMOVED_AT)

    assert dossier(ledger, item).removal is RemovalState.QUEUED
    assert dossier(ledger, waiting).removal is RemovalState.WAITING
    assert "removed" not in steps(ledger, item)


def test_removed_never_moves(ledger, item):
    remove(ledger, item)
    before = dossier(ledger, item)

    for to in RemovalState:
        if to not in (RemovalState.REMOVED, RemovalState.ORDERED):
            ledger.removal_setback([Setback(item, "late news", 1.0)], 9.0, to)
    ledger.order_removals([item], 9.0)
    ledger.record_removed([item], 9.0)
    ledger.requeue_removals()
    ledger.release_again([item], 9.0, "kim")
    ledger.bring_to_front(item)
    ledger.retry()
    ledger.record_found([new("x/a.csv", size=99)], 9.0)

    assert dossier(ledger, item) == before


def test_a_judgement_waits_with_its_reason_and_without_a_line(ledger, item):
    ledger.removal_setback([Setback(item, "not delivered yet: cyverse", counts=False)], 5.0)

    waiting = dossier(ledger, item)
    assert (waiting.removal, waiting.removal_reason, waiting.removal_next_at) == (
        RemovalState.WAITING,
        "not delivered yet: cyverse",
        None,
    )
    assert steps(ledger, item) == ["found", "stored"]
    assert claimed(ledger) == []


def test_what_waits_for_a_time_is_queued_for_that_time(ledger, item):
    """A grace time: nothing else would ever wake it."""
    ledger.removal_setback([Setback(item, "the grace time has not passed", 7000.0, counts=False)], 5.0)

    assert claimed(ledger, now=6999.0) == []
    assert claimed(ledger, now=7000.0) == [item]
    assert dossier(ledger, item).removal_reason == "the grace time has not passed"
    assert steps(ledger, item) == ["found", "stored"]


def test_a_failed_removal_is_tried_again_and_told_once(ledger, item):
    for at in (10.0, 20.0):
        ledger.order_removals([item], at)
        ledger.removal_setback([Setback(item, "permission denied", at + 60)], at, RemovalState.QUEUED)

    (task,) = ledger.claim_removals(SOURCE, 80.0, 9, ())
    assert (task.tries, task.state) == (2, RemovalState.QUEUED)
    assert steps(ledger, item) == ["found", "stored", "failed"]


def test_a_removal_on_hold_stays_until_a_person_comes(ledger, item):
    ledger.removal_setback([Setback(item, "content cannot be proven")], 5.0, RemovalState.HELD)

    ledger.requeue_removals()
    store(ledger, item)

    assert claimed(ledger) == []
    assert dossier(ledger, item).removal is RemovalState.HELD
    assert steps(ledger, item) == ["found", "stored", "held"]


def test_gone_is_told_and_stays(ledger, item):
    ledger.removal_setback([Setback(item, "not there any more", counts=False)], 5.0, RemovalState.GONE)
    ledger.removal_setback([Setback(item, "late news", 1.0)], 6.0, RemovalState.QUEUED)

    assert dossier(ledger, item).removal is RemovalState.GONE
    assert [(line.step, line.detail) for line in dossier(ledger, item).log][-1] == (Step.GONE, "not there any more")


def test_after_a_change_of_the_config_everything_that_waits_is_judged_again(ledger, item):
    ledger.removal_setback([Setback(item, "the route never removes")], 5.0)

    ledger.requeue_removals()

    assert claimed(ledger, now=0.0) == [item]


class TestEmptiedFolders:
    """`removed_below`: folders that were emptied by us, and by nobody else."""

    @pytest.fixture
    def tree(self, ledger):
        paths = ["a/1", "a/b/2", "a/b/c/3", "ab/4", "d/5", "a0/6"]
        return dict(zip(paths, find(ledger, *paths), strict=True))

    def emptied(self, ledger: Ledger, *folders: str) -> set[str]:
        return set(ledger.removed_below(SOURCE, folders))

    def take(self, ledger: Ledger, *item_ids: int) -> None:
        store(ledger, *item_ids)
        remove(ledger, *item_ids)

    def test_a_folder_counts_when_nothing_is_expected_at_any_depth(self, ledger, tree):
        self.take(ledger, tree["a/b/2"], tree["a/b/c/3"])
        folders = ("a", "a/b", "a/b/c", "ab", "d", "x", "")

        assert self.emptied(ledger, *folders) == {"a/b", "a/b/c"}

        self.take(ledger, tree["a/1"])
        assert self.emptied(ledger, *folders) == {"a", "a/b", "a/b/c"}

    def test_what_went_by_itself_is_not_our_doing(self, ledger, tree):
        ledger.removal_setback([Setback(tree["d/5"], "gone")], 1.0, RemovalState.GONE)

        assert self.emptied(ledger, "d") == set()

    def test_what_went_by_itself_is_not_expected_either(self, ledger, tree):
        self.take(ledger, tree["a/b/2"])
        ledger.removal_setback([Setback(tree["a/b/c/3"], "gone")], 1.0, RemovalState.GONE)

        assert self.emptied(ledger, "a/b", "a/b/c") == {"a/b"}

    def test_neighbours_by_name_and_other_sources_do_not_count(self, ledger, tree):
        self.take(ledger, tree["a/1"], tree["a/b/2"], tree["a/b/c/3"])
        ledger.record_found([new("a/other", source="elsewhere")], 1.0)

        assert self.emptied(ledger, "a", "ab", "a0") == {"a"}

    def test_a_file_that_came_back_is_expected(self, ledger, tree):
        self.take(ledger, tree["d/5"])
        find(ledger, "d/5")

        assert self.emptied(ledger, "d") == set()


def test_no_removals_are_no_work(ledger):
    ledger.order_removals([], 1.0)
    ledger.record_removed([], 1.0)
    ledger.removal_setback([], 1.0)

    assert ledger.removed_below(SOURCE, []) == set()


class TestNewsDuringAJudgement:
    """A receipt that comes between a claim and its setback is never forgotten."""

    @pytest.fixture
    def judged(self, ledger):
        """A removal that was claimed before its second target had the file."""
        (item_id,) = find(ledger, "a", targets=["cyverse", "office"])
        store(ledger, item_id)
        first, second = delivery_ids(ledger, item_id).values()
        deliver(ledger, first, at=3000.0)
        (task,) = ledger.claim_removals(SOURCE, LATE, 9, ())
        return task, second

    def test_the_judgement_is_void(self, ledger, judged):
        task, second = judged
        deliver(ledger, second, at=3000.0)

        ledger.removal_setback([Setback(task.item_id, "not delivered yet: office", seen_at=task.next_at)], 3000.0)

        (again,) = ledger.claim_removals(SOURCE, 3000.0, 9, ())
        assert len(again.receipts) == 3

    def test_without_news_it_stands(self, ledger, judged):
        task, _ = judged

        ledger.removal_setback([Setback(task.item_id, "not delivered yet: office", seen_at=task.next_at)], 3000.0)

        assert dossier(ledger, task.item_id).removal is RemovalState.WAITING

    def test_news_in_the_same_moment_is_news_too(self, ledger, judged):
        task, second = judged
        seen = [task.next_at]
        for _ in range(3):
            ledger.release_again([task.item_id], 3000.0, "kim")
            ledger.delivery_setback([Setback(second, "refused")], 3000.0, DeliveryState.HELD)
            ledger.release_accept([task.item_id], 3000.0, "kim")
            ledger.record_found([new("a", plan("px4", route=f"r{len(seen)}", stage=False))], 3000.0)
            deliver(ledger, max(one.delivery_id for one in dossier(ledger, task.item_id).deliveries), at=3000.0)
            seen.append(ledger.claim_removals(SOURCE, 3000.0, 9, ())[0].next_at)

        assert len(set(seen)) == len(seen)
