"""What people read: the history, the dossier of a file, and names that are hard to write down."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from tests.unit.ledger.acts import ROUTE, SHA, SOURCE, deliver, delivery_ids, dossier, find, new, plan, remove, store

from v2xsync.ledger import reading
from v2xsync.ledger.base import LogLine, Setback, Stored
from v2xsync.model.custody import RemovalState, Step
from v2xsync.model.items import Proof

HOSTILE = [
    b"caf\xe9/\xff\xfe.csv".decode("utf-8", "surrogateescape"),
    "\x1b[2J\x1a00ff.csv",
    "a\x1a.csv",
    "new\nline\ttab.csv",
    "nul\0l.csv",
    "\ud800lone.csv",
    "信号.csv",
    "a" * 255,
]


@pytest.fixture
def busy(ledger):
    """Two items of one source all the way, one of another found only, and a warning about no item."""
    ids = find(ledger, "a", "b", targets=["cyverse"], at=10.0)
    store(ledger, *ids, at=20.0)
    for item_id in ids:
        deliver(ledger, *delivery_ids(ledger, item_id).values(), at=30.0)
    remove(ledger, *ids, at=40.0)
    ledger.record_found([new("c", plan(route="other"), source="elsewhere")], 50.0)
    ledger.log(Step.WARNING, item_id=0, at=60.0, route="", device="elsewhere", detail="its clock is off")
    return ids


def told(lines: Iterable[LogLine]) -> list[tuple[str, str]]:
    return [(line.step.value, line.path) for line in lines]


ALL = [
    ("found", "a"),
    ("found", "b"),
    ("stored", "a"),
    ("stored", "b"),
    ("delivered", "a"),
    ("delivered", "b"),
    ("removed", "a"),
    ("removed", "b"),
    ("found", "c"),
    ("warning", ""),
]


def test_history_tells_every_hop_oldest_first(ledger, busy):
    lines = list(ledger.history())

    assert told(lines) == ALL
    assert [line.seq for line in lines] == sorted(line.seq for line in lines)
    assert lines[-1].item_id == 0
    assert lines[-1].detail == "its clock is off"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"limit": 3}, ALL[-3:]),
        ({"limit": 99}, ALL),
        ({"since": 40.0}, ALL[-4:]),
        ({"since": 61.0}, []),
        ({"since": 20.0, "limit": 5}, ALL[-5:]),
        ({"since": 50.0, "limit": 5}, ALL[-2:]),
        ({"route": ROUTE}, ALL[:8]),
        ({"route": "other"}, ALL[8:9]),
        ({"source": SOURCE}, ALL[:8]),
        ({"source": "elsewhere"}, ALL[8:]),
        ({"step": Step.REMOVED}, ALL[6:8]),
        ({"step": Step.FOUND, "source": SOURCE, "limit": 1}, ALL[1:2]),
        ({"step": Step.HELD}, []),
        ({"step": Step.HELD, "limit": 5}, []),
    ],
)
def test_history_can_be_narrowed(ledger, busy, asked, expected):
    assert told(ledger.history(**asked)) == expected


def test_an_empty_ledger_has_no_history(ledger):
    assert list(ledger.history()) == []
    assert list(ledger.history(limit=5)) == []
    assert list(ledger.history(since=1.0)) == []


def test_long_answers_come_in_pages(ledger, monkeypatch):
    monkeypatch.setattr(reading, "_PAGE", 10)
    paths = [f"{n:03d}{HOSTILE[0]}" for n in range(45)]
    find(ledger, *paths)
    lines = ledger.history()

    assert [line.path for line in itertools.islice(lines, 3)] == paths[:3]
    assert [line.path for line in lines] == paths[3:]
    assert [path for _, path in ledger.items_of(SOURCE, [ROUTE])] == paths


def test_history_while_others_write(ledger, monkeypatch):
    """What is written after the question was asked is not part of the answer."""
    monkeypatch.setattr(reading, "_PAGE", 2)
    find(ledger, "a", "b", "c")
    lines = ledger.history()
    next(lines)

    find(ledger, "d")

    assert [line.path for line in lines] == ["b", "c"]


@pytest.mark.parametrize("path", HOSTILE)
def test_every_name_comes_back_as_it_was(ledger, path):
    (item_id,) = ledger.record_found([new(path, plan("cyverse", element=path))], 1.0)
    ledger.fetch_setback([Setback(item_id, f"cannot read {path}", 2.0, ROUTE)], 2.0)
    ledger.record_stored([Stored(item_id, ROUTE, f"s/{path}", 1, SHA, Proof.HASH, "ssh", note=path)], 3.0)

    assert ledger.known(SOURCE, [path])[path].item_id == item_id
    assert ledger.record_found([new(path)], 4.0) == [item_id]
    item = dossier(ledger, item_id)
    assert (item.path, item.fetches[0].store_path, item.fetches[0].element) == (path, f"s/{path}", path)
    assert [line.detail for line in item.log] == ["", f"cannot read {path}", path]
    assert {line.path for line in ledger.history()} == {path}
    assert ledger.stored_sha256(f"s/{path}") == SHA
    assert [found.item_id for found in ledger.dossiers(path)] == [item_id]
    (task,) = ledger.claim_deliveries("cyverse", [ROUTE], 9.0, 9, ())
    assert (task.path, task.store_path, task.element) == (path, f"s/{path}", path)
    ledger.delivery_setback([Setback(task.delivery_id, path, 9.0)], 9.0)
    ledger.removal_setback([Setback(item_id, path, 9.0)], 9.0, RemovalState.QUEUED)
    assert {line.reason for line in ledger.queue(9)} == {path}
    ledger.removal_setback([Setback(item_id, path)], 9.0, RemovalState.GONE)
    assert dossier(ledger, item_id).removal_reason == path


def test_a_hostile_folder_is_emptied_like_any_other(ledger):
    folder = b"\xff".decode("utf-8", "surrogateescape")
    (item_id,) = find(ledger, f"{folder}/a")
    store(ledger, item_id)
    remove(ledger, item_id)

    assert ledger.removed_below(SOURCE, [folder]) == {folder}


def test_the_dossier_has_every_facet(ledger, busy):
    item = dossier(ledger, busy[0])

    assert (item.item_id, item.source, item.path, item.found_at) == (busy[0], SOURCE, "a", 10.0)
    assert [fetch.route for fetch in item.fetches] == [ROUTE]
    assert [(d.target, d.target_path) for d in item.deliveries] == [("cyverse", "target/1.csv")]
    assert [line.step.value for line in item.log] == ["found", "stored", "delivered", "removed"]
    assert ledger.dossier(99) is None


def test_a_file_is_found_by_each_of_its_names(ledger):
    first, second = find(ledger, "x/y/a.csv", "z/a.csv", targets=["cyverse"])
    store(ledger, first)
    deliver(ledger, *delivery_ids(ledger, first).values())

    def ids(path: str) -> list[int]:
        return [item.item_id for item in ledger.dossiers(path)]

    assert ids("x/y/a.csv") == [first]
    assert ids("y/a.csv") == [first]
    assert ids("a.csv") == [second, first]
    assert ids(str(second)) == [second]
    assert ids(f"store/{first}.csv") == [first]
    assert ids("target/1.csv") == [first]
    assert ids("1.csv") == [first]
    for other in (".csv", "y", "csv", "%", "a_csv", "9" * 30, ""):
        assert ids(other) == []


def test_a_name_that_fits_many_brings_the_newest(ledger, monkeypatch):
    monkeypatch.setattr(reading, "DOSSIERS", 2)
    find(ledger, "1/a", "2/a", "3/a")

    assert [item.path for item in ledger.dossiers("a")] == ["3/a", "2/a"]


def test_items_of_a_source_are_those_that_still_stand_there(ledger, busy):
    find(ledger, "d", "e")
    ledger.removal_setback([Setback(5, "gone")], 1.0, RemovalState.GONE)

    assert list(ledger.items_of(SOURCE, [ROUTE])) == [(4, "d")]
    assert list(ledger.items_of(SOURCE, ["other"])) == []
    assert list(ledger.items_of("elsewhere", ["other", ROUTE])) == [(3, "c")]
