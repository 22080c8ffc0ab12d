"""What the ledger makes of listings: new items, new versions, new plans."""

from __future__ import annotations

from tests.unit.ledger.acts import ROUTE, SOURCE, dossier, find, new, plan, remove, steps, store

from v2xsync.ledger.base import NewItem, Setback
from v2xsync.ledger.finding import NEWER, NOT_STORED
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState
from v2xsync.model.items import Fingerprint


def test_a_new_item_is_queued_for_its_fetch_and_everything_else_waits(ledger):
    (item_id,) = find(ledger, "a.csv", targets=["cyverse", "office"])

    item = dossier(ledger, item_id)
    assert (item.source, item.path, item.fingerprint) == (SOURCE, "a.csv", Fingerprint(10, 7 * 10**9))
    assert [(f.route, f.element, f.state, f.next_at) for f in item.fetches] == [
        (ROUTE, "spat", FetchState.QUEUED, 1000.0)
    ]
    assert {(d.target, d.state, d.next_at) for d in item.deliveries} == {
        ("cyverse", DeliveryState.WAITING, None),
        ("office", DeliveryState.WAITING, None),
    }
    assert (item.removal, item.removal_reason, item.removal_next_at) == (RemovalState.WAITING, NOT_STORED, None)
    assert steps(ledger, item_id) == ["found"]


def test_ids_come_back_in_the_order_of_the_items(ledger):
    first = find(ledger, "a", "b", "c")
    again = find(ledger, "c", "d", "a")

    assert [dossier(ledger, item_id).path for item_id in first] == ["a", "b", "c"]
    assert again == [first[2], 4, first[0]]


def test_a_route_without_local_copy_is_delivered_at_once(ledger):
    (item_id,) = ledger.record_found([new("a", plan("px4", "office", stage=False))], 5.0)

    item = dossier(ledger, item_id)
    assert [f.state for f in item.fetches] == [FetchState.SKIPPED]
    assert [(d.state, d.next_at) for d in item.deliveries] == [(DeliveryState.QUEUED, 5.0)] * 2
    assert not ledger.claim_fetches(SOURCE, [ROUTE], 9.0, 9, ())


def test_an_item_without_a_plan_is_not_written(ledger):
    bare = NewItem(SOURCE, "a", Fingerprint(1), ())

    assert ledger.record_found([bare, new("b")], 1.0) == [0, 1]
    assert set(ledger.known(SOURCE, ["a", "b"])) == {"b"}


def test_known_tells_the_newest_version_and_every_route(ledger):
    ledger.record_found([new("a", plan(route="r1"), plan(route="r2")), new("b")], 1.0)
    ledger.record_found([new("a", plan(route="r3"), size=11)], 2.0)

    known = ledger.known(SOURCE, ["a", "b", "c"])

    assert set(known) == {"a", "b"}
    assert (known["a"].item_id, known["a"].fingerprint.size, known["a"].routes) == (3, 11, {"r3"})
    assert ledger.known("elsewhere", ["a"]) == {}
    ledger.record_found([new("a", plan(route="r1"), plan(route="r2"), size=11)], 3.0)
    assert ledger.known(SOURCE, ["a"])["a"].routes == {"r1", "r2", "r3"}


def test_the_same_version_seen_again_gets_only_the_plans_it_lacks(ledger):
    (item_id,) = find(ledger, "a", targets=["cyverse"])
    store(ledger, item_id)

    again = ledger.record_found([new("a", plan("cyverse"), plan("office", route="second"))], 3000.0)

    item = dossier(ledger, item_id)
    assert again == [item_id]
    assert {f.route: f.state for f in item.fetches} == {ROUTE: FetchState.STORED, "second": FetchState.QUEUED}
    assert [(d.route, d.target) for d in item.deliveries] == [(ROUTE, "cyverse"), ("second", "office")]
    assert steps(ledger, item_id) == ["found", "stored"]


def test_a_newer_version_supersedes_what_was_not_fetched(ledger):
    (old,) = find(ledger, "a", targets=["cyverse"])

    (young,) = ledger.record_found([new("a", plan("cyverse"), size=11)], 3000.0)

    item = dossier(ledger, old)
    assert young != old
    assert [f.state for f in item.fetches] == [FetchState.SUPERSEDED]
    assert [d.state for d in item.deliveries] == [DeliveryState.SUPERSEDED]
    assert (item.removal, item.removal_reason) == (RemovalState.GONE, NEWER)
    assert steps(ledger, old) == ["found", "superseded", "superseded", "gone"]
    assert [task.item_id for task in ledger.claim_fetches(SOURCE, [ROUTE], 9e9, 9, ())] == [young]


def test_a_stored_older_version_is_still_delivered_but_never_removed(ledger):
    (old,) = find(ledger, "a", targets=["cyverse"])
    store(ledger, old)

    ledger.record_found([new("a", plan("cyverse"), mtime_s=8)], 3000.0)

    item = dossier(ledger, old)
    assert [f.state for f in item.fetches] == [FetchState.STORED]
    assert [d.state for d in item.deliveries] == [DeliveryState.QUEUED]
    assert item.removal is RemovalState.GONE
    assert not ledger.claim_removals(SOURCE, 9e9, 9, ())


def test_a_newer_version_ends_what_was_to_be_read_in_place(ledger):
    (old,) = ledger.record_found([new("a", plan("px4", stage=False))], 1.0)

    ledger.record_found([new("a", plan("px4", stage=False), size=11)], 2.0)

    assert [d.state for d in dossier(ledger, old).deliveries] == [DeliveryState.SUPERSEDED]


def test_what_was_removed_and_shows_again_is_a_new_item(ledger):
    (old,) = find(ledger, "a")
    store(ledger, old)
    remove(ledger, old)

    (young,) = find(ledger, "a")

    assert young != old
    assert dossier(ledger, old).removal is RemovalState.REMOVED
    assert dossier(ledger, young).removal is RemovalState.WAITING


def test_what_was_gone_and_shows_again_is_a_new_item(ledger):
    (old,) = find(ledger, "a")
    ledger.fetch_setback([Setback(old, "not there any more", route=ROUTE)], 2.0, FetchState.SUPERSEDED)

    (young,) = find(ledger, "a")

    assert young != old
    assert ledger.known(SOURCE, ["a"])["a"].item_id == young


def test_two_versions_of_a_path_in_one_call_follow_each_other(ledger):
    old, young = ledger.record_found([new("a", size=1), new("a", size=2)], 1.0)

    assert dossier(ledger, old).removal is RemovalState.GONE
    assert [f.state for f in dossier(ledger, old).fetches] == [FetchState.SUPERSEDED]
    assert ledger.known(SOURCE, ["a"])["a"].item_id == young


def test_a_weak_fingerprint_is_the_same_version_while_the_size_is(ledger):
    def weak(size: int) -> NewItem:
        return NewItem(SOURCE, "log.bin", Fingerprint(size), (plan(),))

    (first,) = ledger.record_found([weak(5)], 1.0)

    assert ledger.record_found([weak(5)], 2.0) == [first]
    assert ledger.record_found([weak(6)], 2.0) != [first]


def test_many_paths_are_known_at_once(ledger):
    paths = [f"{n:05d}.csv" for n in range(12_000)]
    find(ledger, *paths)

    assert list(ledger.known(SOURCE, paths)) == paths


def test_the_same_path_of_two_sources_is_two_files(ledger):
    ids = ledger.record_found([new("a", source="one"), new("a", source="two")], 1.0)

    assert len(set(ids)) == 2
    assert ledger.known("one", ["a"])["a"].item_id == ids[0]
