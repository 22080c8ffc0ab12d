"""Opening the ledger: whose files they are, who may open them, and what is refused in plain words."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.ledger.acts import ROUTE, SOURCE, find, new, store

from v2xsync.errors import LedgerError, StateInUse
from v2xsync.ledger import lock as locks
from v2xsync.ledger.lock import LOCK_NAME, StateLock
from v2xsync.ledger.sqlite import LEDGER_NAME, open_ledger, open_memory, open_reader

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="Unix permissions and links")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write_and_close(folder: Path, *paths: str) -> None:
    ledger = open_ledger(folder)
    find(ledger, *paths)
    ledger.close()


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path):
    write_and_close(tmp_path / "new" / "state", "a", "b")

    ledger = open_ledger(tmp_path / "new" / "state")

    assert set(ledger.known(SOURCE, ["a", "b", "c"])) == {"a", "b"}
    ledger.close()


def test_the_mark_of_the_station_stays(tmp_path):
    ledger = open_ledger(tmp_path)
    store(ledger, *find(ledger, "a", targets=["cyverse"]))
    before = ledger.claim_deliveries("cyverse", [ROUTE], 9e9, 1, ())[0].reference
    ledger.close()

    ledger = open_ledger(tmp_path)
    assert ledger.claim_deliveries("cyverse", [ROUTE], 9e9, 1, ())[0].reference == before
    ledger.close()


@unix_only
def test_the_files_belong_to_this_user_alone(tmp_path):
    folder = tmp_path / "state"
    before = os.umask(0)
    try:
        ledger = open_ledger(folder)
        find(ledger, "a")
    finally:
        os.umask(before)

    assert mode(folder) == 0o700
    files = sorted(folder.iterdir())
    assert {file.name for file in files} >= {LEDGER_NAME, f"{LEDGER_NAME}-wal", f"{LEDGER_NAME}-shm", LOCK_NAME}
    assert {mode(file) for file in files} == {0o600}
    ledger.close()


@unix_only
def test_an_empty_folder_is_closed_to_others_and_a_used_one_is_left_as_it_is(tmp_path):
    """A folder with other things in it may be anything, also somebody's home."""
    empty, used = tmp_path / "empty", tmp_path / "used"
    for folder in (empty, used):
        folder.mkdir()
        folder.chmod(0o755)
    (used / "other").touch()

    write_and_close(empty)
    write_and_close(used)

    assert (mode(empty), mode(used)) == (0o700, 0o755)
    assert mode(used / LEDGER_NAME) == 0o600


@unix_only
@pytest.mark.parametrize("name", [LEDGER_NAME, LOCK_NAME])
@pytest.mark.parametrize("there", [True, False])
def test_no_link_is_followed(tmp_path, name, there):
    victim = tmp_path / "victim"
    if there:
        victim.write_text("precious", encoding="ascii")
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / name).symlink_to(victim)

    with pytest.raises(LedgerError) as told:
        open_ledger(folder)

    assert name in str(told.value)
    assert victim.exists() is there
    assert not there or victim.read_text(encoding="ascii") == "precious"


@unix_only
def test_a_folder_reached_by_a_link_is_used(tmp_path):
    """Systemd makes such links for its state folders."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    write_and_close(tmp_path / "link", "a")

    assert (tmp_path / "real" / LEDGER_NAME).is_file()


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "state").touch()

    with pytest.raises(LedgerError, match="state") as told:
        open_ledger(tmp_path / "state")

    assert told.value.remedy


def test_names_with_signs_of_addresses_are_only_names(tmp_path):
    folder = tmp_path / "100% ?mode=memory&x=1#y 信号"

    write_and_close(folder, "a")

    assert (folder / LEDGER_NAME).is_file()
    reader = open_reader(folder)
    assert reader.backlog().items == 1
    reader.close()


class FakeWindows:
    """What `msvcrt` does, for one file: it refuses with EACCES, and reading what is locked would be refused too."""

    LK_NBLCK = 2
    locked = False

    @classmethod
    def locking(cls, fd: int, how: int, count: int) -> None:
        assert (how, count) == (cls.LK_NBLCK, 1)
        assert os.lseek(fd, 0, os.SEEK_CUR) > len("4194304\n")
        if cls.locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        cls.locked = True


class TestLock:
    """Two instances never share a state folder."""

    def test_a_second_opening_is_refused_and_names_the_first(self, tmp_path):
        ledger = open_ledger(tmp_path)

        with pytest.raises(StateInUse, match=f"process {os.getpid()}"):
            open_ledger(tmp_path)

        assert find(ledger, "a") == [1]
        ledger.close()
        write_and_close(tmp_path)

    def test_between_processes_and_after_a_kill(self, tmp_path):
        holding = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )
        try:
            assert holding.stdout is not None
            assert holding.stdout.readline() == "open\n"
            with pytest.raises(StateInUse, match=f"process {holding.pid}") as told:
                open_ledger(tmp_path)
            assert told.value.remedy
            reader = open_reader(tmp_path)
            assert reader.backlog().items == 1
            reader.close()
        finally:
            holding.kill()
            holding.communicate()

        ledger = open_ledger(tmp_path)
        assert ledger.backlog().items == 1
        ledger.close()

    def test_a_failed_opening_gives_the_folder_back(self, tmp_path):
        (tmp_path / LEDGER_NAME).write_bytes(b"this is no database at all, it is only text" * 100)
        with pytest.raises(LedgerError):
            open_ledger(tmp_path)
        (tmp_path / LEDGER_NAME).unlink()

        write_and_close(tmp_path)

    @pytest.mark.parametrize("modules", [{}, {"fcntl": None, "msvcrt": None}, {"fcntl": None, "msvcrt": FakeWindows}])
    def test_every_way_of_locking_locks(self, tmp_path, monkeypatch, modules):
        """The system's own, SQLite's where there is none, and how we would call Windows (a stand-in)."""
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        FakeWindows.locked = False
        first, second = StateLock(tmp_path), StateLock(tmp_path)

        first.take()
        with pytest.raises(StateInUse, match=str(os.getpid())):
            second.take()
        first.release()
        first.release()
        FakeWindows.locked = False
        second.take()
        assert not second.left_behind
        second.release()

    def test_a_file_system_without_locks_is_told(self, tmp_path, monkeypatch):
        def refuse(fd: int, path: Path) -> None:
            del fd, path
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(locks, "_take", refuse)

        with pytest.raises(LedgerError, match="cannot be locked") as told:
            open_ledger(tmp_path)

        assert "local disk" in told.value.remedy
        assert not isinstance(told.value, StateInUse)

    def test_a_lock_left_behind_is_noticed(self, tmp_path):
        (tmp_path / LOCK_NAME).write_text("4194304\n", encoding="ascii")
        lock = StateLock(tmp_path)

        lock.take()

        assert lock.left_behind
        lock.release()


HOLD = """
import sys
from pathlib import Path
from tests.unit.ledger.acts import find
from v2xsync.ledger.sqlite import open_ledger
ledger = open_ledger(Path(sys.argv[1]))
find(ledger, "a")
print("open", flush=True)
sys.stdin.read()
"""


class TestReader:
    """Looking at a ledger, also beside its owner."""

    def test_there_is_none_yet(self, tmp_path):
        for folder in (tmp_path, tmp_path / "missing"):
            with pytest.raises(LedgerError, match="no ledger here yet") as told:
                open_reader(folder)
            assert told.value.remedy
        assert list(tmp_path.iterdir()) == []

    def test_a_place_that_cannot_be_looked_at_is_told(self, tmp_path):
        with pytest.raises(LedgerError, match="cannot be read") as told:
            open_reader(tmp_path / ("n" * 300))

        assert told.value.remedy

    def test_it_is_just_being_made(self, tmp_path):
        (tmp_path / LEDGER_NAME).touch()

        with pytest.raises(LedgerError, match="no ledger here yet"):
            open_reader(tmp_path)

    def test_it_sees_what_the_owner_commits(self, tmp_path):
        ledger = open_ledger(tmp_path)
        reader = open_reader(tmp_path)
        assert reader.backlog().items == 0

        find(ledger, "a")

        assert reader.backlog().items == 1
        assert [line.path for line in reader.history()] == ["a"]
        assert set(reader.known(SOURCE, ["a"])) == {"a"}
        reader.close()
        ledger.close()

    def test_it_cannot_write(self, tmp_path):
        write_and_close(tmp_path, "a")
        before = (tmp_path / LEDGER_NAME).read_bytes()
        reader = open_reader(tmp_path)

        with pytest.raises(LedgerError), reader._reading() as connection:  # type: ignore[attr-defined]
            connection.exec_driver_sql("DELETE FROM notes")

        assert [line.path for line in reader.history()] == ["a"]
        reader.close()
        assert (tmp_path / LEDGER_NAME).read_bytes() == before

    def test_it_never_takes_the_lock(self, tmp_path):
        write_and_close(tmp_path)
        reader = open_reader(tmp_path)

        write_and_close(tmp_path, "a")

        assert reader.backlog().items == 1
        reader.close()


class TestRefusals:
    """Files that are no ledger, no longer one, or not yet ours to read."""

    def refused(self, folder: Path, match: str) -> None:
        for open_it in (open_ledger, open_reader):
            with pytest.raises(LedgerError, match=match) as told:
                open_it(folder)
            assert told.value.remedy

    def test_a_text_is_no_ledger(self, tmp_path):
        (tmp_path / LEDGER_NAME).write_text("no database at all\n" * 1000, encoding="ascii")

        self.refused(tmp_path, "not a ledger")

    def test_a_database_of_another_program_is_left_alone(self, tmp_path):
        with sqlite3.connect(tmp_path / LEDGER_NAME) as other:
            other.execute("CREATE TABLE precious (x)")
        other.close()

        self.refused(tmp_path, "another program")

        with sqlite3.connect(tmp_path / LEDGER_NAME) as other:
            assert other.execute("SELECT count(*) FROM precious").fetchone() == (0,)
        other.close()

    def test_a_newer_schema_is_refused(self, tmp_path):
        write_and_close(tmp_path, "a")
        with sqlite3.connect(tmp_path / LEDGER_NAME) as newer:
            newer.execute("PRAGMA user_version = 99")
        newer.close()

        self.refused(tmp_path, "newer v2xsync .schema 99")

    def test_a_damaged_file_is_told_after_a_crash(self, tmp_path):
        write_and_close(tmp_path, *(f"{n:05d}" for n in range(3000)))
        file = tmp_path / LEDGER_NAME
        content = bytearray(file.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 8192] = bytes(8192)
        file.write_bytes(content)
        (tmp_path / LOCK_NAME).write_text("4194304\n", encoding="ascii")

        with pytest.raises(LedgerError, match="damaged") as told:
            open_ledger(tmp_path)

        assert "backup" in told.value.remedy

    def test_damage_that_shows_while_it_works_is_told_too(self, tmp_path):
        write_and_close(tmp_path, *(f"{n:05d}" for n in range(3000)))
        file = tmp_path / LEDGER_NAME
        content = file.read_bytes()
        whole = len(content) // 3
        file.write_bytes(content[:whole] + b"\xa5" * (len(content) - whole))
        reader = open_reader(tmp_path)

        with pytest.raises(LedgerError, match="damaged"):
            list(reader.history())

        reader.close()


def test_a_ledger_in_memory_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ledger = open_memory()
    ledger.record_found([new("a")], 1.0)
    assert list(tmp_path.iterdir())

    ledger.close()

    assert list(tmp_path.iterdir()) == []


def test_a_forgotten_ledger_in_memory_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ledger = open_memory()

    ledger._readers.dispose()  # type: ignore[attr-defined]
    ledger._commit.close()  # type: ignore[attr-defined]
    del ledger

    assert list(tmp_path.iterdir()) == []
