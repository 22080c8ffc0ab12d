"""Opening the ledger: one SQLite file in the state folder.

The owner's connection writes ahead (WAL) and syncs at every commit; readers have connections of their own, so that they
see whole commits only and never wait. Folder and files belong to this user alone, and no link is followed to them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import stat
import tempfile
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event

from v2xsync.errors import LedgerError
from v2xsync.ledger.base import Ledger, LedgerReader
from v2xsync.ledger.commit import GroupCommit
from v2xsync.ledger.deciding import Deciding
from v2xsync.ledger.delivering import Delivering
from v2xsync.ledger.doubting import Doubting
from v2xsync.ledger.faults import DAMAGED, DAMAGED_REMEDY, plain_faults
from v2xsync.ledger.fetching import Fetching
from v2xsync.ledger.finding import Finding
from v2xsync.ledger.holding import Holding
from v2xsync.ledger.knowing import Knowing
from v2xsync.ledger.lock import StateLock, open_private
from v2xsync.ledger.migrations import STEPS, migrate, read_version, require_readable
from v2xsync.ledger.notebook import Notebook
from v2xsync.ledger.reading import Reading
from v2xsync.ledger.removing import Removing
from v2xsync.ledger.retaining import Retaining
from v2xsync.ledger.waiting import Waiting

LEDGER_NAME = "ledger.sqlite3"

_BUSY_S = 10.0
"""So long a statement waits where another program (a backup, say) holds the file."""

_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -8192",
    "PRAGMA temp_store = MEMORY",
)
_READER = ("PRAGMA query_only = ON",)
_FORGETFUL = (*_WRITER, "PRAGMA synchronous = OFF")


class SqlReader(Knowing, Reading, Holding, Waiting):
    """A ledger to look at."""

    def close(self) -> None:
        """Release the database."""
        self._readers.dispose()


class SqlLedger(
    Finding, Fetching, Delivering, Doubting, Removing, Retaining, Deciding, Notebook, Knowing, Reading, Holding, Waiting
):  # fmt: skip
    """The ledger of the process that owns the state folder."""

    def __init__(self, file: Path, pragmas: tuple[str, ...]) -> None:
        super().__init__(_reading_engine(file), GroupCommit(_writing_engine(file, pragmas)))
        self._afterwards = ExitStack()

    def after_closing(self, act: Callable[[], object]) -> None:
        """Have `act` done once the database is closed."""
        self._afterwards.callback(act)

    def close(self) -> None:
        """Release the database and the state folder, once the writes at work are done."""
        self._readers.dispose()
        self._commit.close()
        self._afterwards.close()


def open_ledger(state_dir: Path) -> Ledger:
    """Take the state folder and open its ledger, made where there is none and brought up to date.

    Raises StateInUse where another instance has the folder, LedgerError where the ledger cannot be used.
    """
    folder = _private_folder(state_dir)
    lock = StateLock(folder)
    with ExitStack() as on_failure, plain_faults():
        lock.take()
        on_failure.callback(lock.release)
        file = _private_file(folder / LEDGER_NAME)
        _bring_up_to_date(file, _WRITER, check=lock.left_behind)
        ledger = SqlLedger(file, _WRITER)
        on_failure.pop_all()
    ledger.after_closing(lock.release)
    return ledger


def open_memory() -> Ledger:
    """Open a ledger that is forgotten when it is closed: the same code on a private temporary folder, without fsync."""
    folder = Path(tempfile.mkdtemp(prefix="v2xsync-ledger-"))
    file = _private_file(folder / LEDGER_NAME)
    _bring_up_to_date(file, _FORGETFUL, check=False)
    ledger = SqlLedger(file, _FORGETFUL)
    ledger.after_closing(weakref.finalize(ledger, shutil.rmtree, folder, ignore_errors=True))
    return ledger


def open_reader(state_dir: Path) -> LedgerReader:
    """Open a ledger to look at: takes no lock, writes nothing, works beside a running engine and after a kill.

    Raises LedgerError where there is none yet, or this program cannot read it.
    """
    file = state_dir / LEDGER_NAME
    if not _is_file(file):
        raise _no_ledger(state_dir)
    readers = _reading_engine(file)
    with ExitStack() as on_failure, plain_faults():
        on_failure.callback(readers.dispose)
        with readers.connect() as connection:
            version = read_version(connection)
        require_readable(version)
        if version <= len(STEPS):
            raise _old_ledger(version) if version else _no_ledger(state_dir)
        on_failure.pop_all()
    return SqlReader(readers)


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError as error:
        raise LedgerError(
            f"the ledger {file} cannot be read: {error.strerror}", remedy="ask as the user that v2xsync runs as"
        ) from error


def _no_ledger(state_dir: Path) -> LedgerError:
    return LedgerError(f"no ledger here yet: {state_dir}", remedy="run v2xsync once with this config")


def _old_ledger(version: int) -> LedgerError:
    return LedgerError(
        f"the ledger was written by an older v2xsync (schema {version})",
        remedy="run v2xsync once: it brings it up to date",
    )


# --- files ------------------------------------------------------------------------------------------------------------


def _private_folder(folder: Path) -> Path:
    """The state folder, made where it is missing; one that we made, or found empty, is ours alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            folder.chmod(0o700)
    except OSError as error:
        raise LedgerError(
            f"the state folder {folder} cannot be used: {error.strerror}",
            remedy="give this user the folder, or choose another one",
        ) from error
    return folder


def _private_file(file: Path) -> Path:
    """The ledger's file, made where it is missing; raises LedgerError where something else has its name."""
    try:
        if not os.path.lexists(file):
            os.close(open_private(file))
        elif stat.S_ISREG(file.lstat().st_mode):
            file.chmod(0o600)
        else:
            raise LedgerError(f"{file} is a link or no file", remedy="put the ledger itself there")
    except OSError as error:
        raise LedgerError(
            f"the ledger {file} cannot be used: {error.strerror}", remedy="give this user the state folder"
        ) from error
    return file


def _bring_up_to_date(file: Path, pragmas: tuple[str, ...], *, check: bool) -> None:
    engine = _writing_engine(file, pragmas)
    with engine.connect() as connection:
        if check:
            _require_sound(connection)
        migrate(connection, file, secrets.token_hex(3))


def _require_sound(connection: Connection) -> None:
    finding = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    connection.rollback()
    if finding != "ok":
        raise LedgerError(f"{DAMAGED}: {finding}", remedy=DAMAGED_REMEDY)


# --- connections ------------------------------------------------------------------------------------------------------


def _writing_engine(file: Path, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine("sqlite://", creator=_connector(file, "rw", pragmas), poolclass=NullPool)
    event.listen(engine, "begin", _begin_writing)
    return engine


def _reading_engine(file: Path) -> Engine:
    engine = create_engine(
        "sqlite://", creator=_connector(file, "ro", _READER), poolclass=QueuePool, pool_size=4, max_overflow=-1,
        pool_use_lifo=True,
    )  # fmt: skip
    event.listen(engine, "begin", _begin_reading)
    return engine


def _connector(file: Path, mode: str, pragmas: tuple[str, ...]) -> Callable[[], sqlite3.Connection]:
    address = f"{file.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            for pragma in pragmas:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
