"""Group commit: many threads, few commits, and nobody pays for another's failure."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from tests.conftest import MISSING
from tests.unit.ledger.acts import dossier, new

from v2xsync.errors import LedgerError
from v2xsync.ledger.base import Ledger
from v2xsync.ledger.commit import GroupCommit
from v2xsync.ledger.sqlite import SqlLedger, open_ledger

PATIENCE_S = 30.0


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[SqlLedger]:
    """A ledger on a real file, with real syncs."""
    ledger = open_ledger(tmp_path)
    assert isinstance(ledger, SqlLedger)
    yield ledger
    ledger.close()


def note(key: str) -> Callable[[Connection], str]:
    """A mutation that writes a note and returns its key."""

    def write(connection: Connection) -> str:
        connection.execute(text("INSERT INTO notes (key, text) VALUES (:key, 'x')"), {"key": key})
        return key

    return write


def stumble(key: str) -> Callable[[Connection], str]:
    """A mutation that writes a note and then stumbles."""

    def write(connection: Connection) -> str:
        note(key)(connection)
        raise ZeroDivisionError(key)

    return write


def until(condition: Callable[[], bool]) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)


def in_one_group(commit: GroupCommit, *mutations: Callable[[Connection], str]) -> Sequence[Future[str]]:
    """Run the mutations, each in a thread of its own, in one group: the writer is kept busy until all wait."""
    busy = threading.Event()

    def hold(connection: Connection) -> None:
        del connection
        busy.set()
        until(lambda: len(commit._waiting) == len(mutations))

    with ThreadPoolExecutor(len(mutations) + 1) as pool:
        holding = pool.submit(commit.run, hold)
        assert busy.wait(PATIENCE_S)
        futures = [pool.submit(commit.run, mutation) for mutation in mutations]
        holding.result(PATIENCE_S)
    return futures


def notes_of(ledger: Ledger, *keys: str) -> list[str]:
    return [key for key in keys if ledger.note(key)]


def test_callers_who_wait_together_are_committed_together(opened):
    before = opened._commit.commits
    keys = [f"{n}" for n in range(20)]

    futures = in_one_group(opened._commit, *map(note, keys))

    assert [future.result() for future in futures] == keys
    assert notes_of(opened, *keys) == keys
    assert opened._commit.commits == before + 2


def test_a_mutation_that_stumbles_fails_its_caller_alone(opened):
    good, bad, clash = in_one_group(opened._commit, note("good"), stumble("bad"), note("ledger.mark"))

    assert good.result() == "good"
    with pytest.raises(ZeroDivisionError, match="bad"):
        bad.result()
    with pytest.raises(LedgerError, match="UNIQUE"):
        clash.result()
    assert notes_of(opened, "good", "bad") == ["good"]


def test_a_stumble_alone_leaves_nothing_behind(opened):
    with pytest.raises(ZeroDivisionError):
        opened._write(stumble("bad"))

    assert notes_of(opened, "bad") == []
    assert opened._write(note("good")) == "good"


def test_many_threads_each_see_what_they_wrote(opened):
    """And they share their commits: with a sync for each there are far fewer than calls."""
    threads, calls = 16, 12
    before = opened._commit.commits
    together = threading.Barrier(threads)

    def work(name: int) -> None:
        together.wait(PATIENCE_S)
        for turn in range(calls):
            paths = [f"{name}/{turn}/{n}" for n in range(3)]
            ids = opened.record_found([new(path) for path in paths], 1.0)
            assert [dossier(opened, item_id).path for item_id in ids] == paths
            assert set(opened.known("clay-11th", paths)) == set(paths)

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work, name) for name in range(threads)]:
            future.result(PATIENCE_S)

    assert opened.backlog().items == threads * calls * 3
    assert opened._commit.commits - before < threads * calls / 2


def test_an_interrupted_leader_takes_nobody_down(opened):
    """A signal in the leader's thread: its group is told, nothing of it is kept, and the next one goes on."""

    def interrupt(connection: Connection) -> str:
        note("interrupted")(connection)
        raise KeyboardInterrupt

    futures = in_one_group(opened._commit, note("first"), interrupt, note("last"))

    errors = [future.exception() for future in futures]
    assert sum(isinstance(error, KeyboardInterrupt) for error in errors) >= 1
    assert all(isinstance(error, KeyboardInterrupt | LedgerError) for error in errors)
    assert notes_of(opened, "first", "interrupted", "last") == []
    assert opened._write(note("after")) == "after"


def test_a_closed_ledger_says_so(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.close()
    ledger.close()

    with pytest.raises(LedgerError, match="closed"):
        ledger.write_note("a", "b")


class TestFullDisk:
    """A commit that fails fails for everybody in its group, and nothing is half done."""

    def test_every_caller_of_the_group_is_told(self, opened, file_size_limit):
        opened._write(note("before"))

        with file_size_limit(0):
            futures = in_one_group(opened._commit, note("one"), note("two"))

        for future in futures:
            with pytest.raises(LedgerError, match="disk of the state folder"):
                future.result()
        assert notes_of(opened, "before", "one", "two") == ["before"]
        assert opened._write(note("after")) == "after"

    def test_a_database_that_cannot_grow_keeps_what_it_had(self, opened):
        ids = opened.record_found([new(f"{n}") for n in range(100)], 1.0)
        self.allow_pages(opened, 1)

        with pytest.raises(LedgerError, match="disk of the state folder is full") as told:
            opened.record_found([new(f"more/{n}") for n in range(5000)], 2.0)

        assert told.value.remedy
        assert opened.backlog().items == len(ids)
        self.allow_pages(opened, 1_000_000)
        assert len(opened.record_found([new(f"more/{n}") for n in range(5000)], 2.0)) == 5000

    def allow_pages(self, ledger: SqlLedger, count: int) -> None:
        ledger._write(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {count}"))


@pytest.mark.real("mount")
def test_a_file_system_that_is_full_is_told_and_goes_on_when_there_is_room(tmp_path):
    """A real one, of one megabyte; only root may mount it."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"{MISSING}mount, allowed to this user: {mounted.stderr.strip()}")
    try:
        ledger = open_ledger(tmp_path)
        ballast = tmp_path / "ballast"
        ids = list(ledger.record_found([new("first")], 1.0))
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(2**20))
        with pytest.raises(LedgerError, match="disk of the state folder is full"):
            ids += ledger.record_found([new(f"{n:05d}") for n in range(500)], 2.0)

        assert ledger.backlog().items == len(ids)
        ballast.unlink()
        ids += ledger.record_found([new("second")], 3.0)
        assert ledger.backlog().items == len(ids) == 2
        ledger.close()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
