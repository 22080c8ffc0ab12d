"""Care for the ledger's file, from outside: is it sound, a copy of it while an engine runs, one that is damaged aside.

Nothing here writes into the ledger or takes its lock. Two things hurt a ledger: a damaged file, and rows that say more
than their receipts do; `check` looks for both.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from v2xsync.errors import LedgerError
from v2xsync.ledger.faults import DAMAGED, DAMAGED_REMEDY, plain_faults
from v2xsync.ledger.migrations import APPLICATION_ID
from v2xsync.ledger.sqlite import LEDGER_NAME
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState

EXAMPLES: Final = 5
"""So many item numbers are named for each finding."""

_BUSY_S: Final = 10.0
_PRIMARY: Final = 0xFF
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BESIDE: Final = ("", "-wal", "-shm")

_STATES: Final = {
    "queued": FetchState.QUEUED, "stored": FetchState.STORED, "last_fetch": max(FetchState),
    "deliver": DeliveryState.QUEUED, "delivered": DeliveryState.DELIVERED, "last_delivery": max(DeliveryState),
    "judge": RemovalState.QUEUED, "ordered": RemovalState.ORDERED, "removed": RemovalState.REMOVED,
    "last_removal": max(RemovalState),
}  # fmt: skip

_RULES: Final = (
    (
        "a step stands in a state that there is not",
        (
            "SELECT item_id FROM fetches WHERE state NOT BETWEEN 0 AND :last_fetch "
            "UNION SELECT item_id FROM deliveries WHERE state NOT BETWEEN 0 AND :last_delivery "
            "UNION SELECT id FROM items WHERE removal NOT BETWEEN 0 AND :last_removal"
        ),
    ),
    (
        "work that is queued without a time would never be done",
        (
            "SELECT item_id FROM fetches WHERE state = :queued AND next_at IS NULL "
            "UNION SELECT item_id FROM deliveries WHERE state = :deliver AND next_at IS NULL "
            "UNION SELECT id FROM items WHERE removal IN (:judge, :ordered) AND removal_next_at IS NULL"
        ),
    ),
    (
        "stored, without a receipt for that content",
        (
            "SELECT item_id FROM fetches AS f WHERE state = :stored AND NOT EXISTS (SELECT 1 FROM custody_log AS c "
            "WHERE c.item_id = f.item_id AND c.route = f.route AND c.step = 'stored' AND c.proof IS NOT NULL "
            "AND c.sha256 = f.sha256)"
        ),
    ),
    (
        "delivered, without a receipt of that target",
        (
            "SELECT item_id FROM deliveries AS d WHERE state = :delivered AND NOT EXISTS "
            "(SELECT 1 FROM custody_log AS c WHERE c.item_id = d.item_id AND c.route = d.route AND c.device = d.target "
            "AND c.proof IS NOT NULL AND c.step IN ('delivered', 'released'))"
        ),
    ),
    (
        "removed at its source, without any receipt of a copy",
        (
            "SELECT id FROM items AS i WHERE removal = :removed AND NOT EXISTS (SELECT 1 FROM custody_log AS c "
            "WHERE c.item_id = i.id AND c.proof IS NOT NULL)"
        ),
    ),
    (
        "delivered with other content than was stored",
        (
            "SELECT f.item_id FROM fetches AS f JOIN custody_log AS c ON c.item_id = f.item_id AND c.route = f.route "
            "WHERE f.state = :stored AND c.step = 'delivered' AND c.sha256 NOT IN ('', f.sha256)"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the ledger: in plain words, how often, and the first items of which it is true."""

    what: str
    count: int
    items: tuple[int, ...] = ()


def check(state_dir: Path) -> Sequence[Finding]:
    """What is wrong with the ledger; nothing where it is sound. Works beside a running engine. Raises LedgerError."""
    with _looking(state_dir / LEDGER_NAME) as connection:
        try:
            damage = _damage(connection)
            return damage or [*_findings(connection)]
        except sqlite3.DatabaseError as error:
            if _is_broken(error):
                return [Finding(f"{DAMAGED}: {error}", 1)]
            raise


def _damage(connection: sqlite3.Connection) -> Sequence[Finding]:
    if not _is_ours(connection):
        return [Finding("the file in the ledger's place is no ledger of ours", 1)]
    told = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
    return [Finding(f"{DAMAGED}: {text}", 1) for text in told if text != "ok"]


def _findings(connection: sqlite3.Connection) -> Iterator[Finding]:
    loose = connection.execute("SELECT count(*) FROM pragma_foreign_key_check").fetchone()[0]
    if loose:
        yield Finding("lines that speak of an item that there is not", loose)
    for what, query in _RULES:
        found = sorted({int(row[0]) for row in connection.execute(query, _STATES)})
        if found:
            yield Finding(what, len(found), tuple(found[:EXAMPLES]))


def _is_ours(connection: sqlite3.Connection) -> bool:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return bool(version) and connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def _is_broken(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _BROKEN


@contextlib.contextmanager
def _looking(file: Path) -> Iterator[sqlite3.Connection]:
    """The ledger, open for reading at one moment; raises LedgerError."""
    if not file.is_file():
        raise LedgerError(f"no ledger here: {file.parent}", remedy="run v2xsync once with this config")
    with plain_faults():
        address = f"{file.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_BUSY_S)) as connection:
            yield connection


# --- a copy -----------------------------------------------------------------------------------------------------------


def back_up(state_dir: Path, file: Path) -> int:
    """Copy the ledger as it stands at one moment into the new `file` (0600), also while an engine runs; its bytes.

    Raises LedgerError where `file` is there already, or cannot be written.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}.part")
    with _looking(state_dir / LEDGER_NAME) as connection:
        _refuse_taken(file)
        try:
            os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
            _copy(connection, partial)
            _give_name(partial, file)
            return file.stat().st_size
        except FileExistsError as error:
            raise _taken(file) from error
        except OSError as error:
            raise LedgerError(f"cannot write {file}: {error.strerror}", remedy="choose another place") from error
        finally:
            partial.unlink(missing_ok=True)


def _copy(connection: sqlite3.Connection, file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        if copy.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise LedgerError(f"the copy is damaged, as the ledger is: {DAMAGED}", remedy=DAMAGED_REMEDY)
    with file.open("r+b") as written:
        os.fsync(written.fileno())


def _give_name(partial: Path, file: Path) -> None:
    """By a link, which never overwrites; where there are no links, by a rename after one more look."""
    try:
        file.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:
        _refuse_taken(file)
        partial.rename(file)


def _refuse_taken(file: Path) -> None:
    if os.path.lexists(file):
        raise _taken(file)


def _taken(file: Path) -> LedgerError:
    return LedgerError(f"{file} is there already", remedy="name a new file: nothing is overwritten")


# --- a ledger that is damaged -----------------------------------------------------------------------------------------


def set_aside(file: Path) -> None:
    """Make room for a new ledger: a damaged one is kept under another name. Raises LedgerError where it is sound."""
    if os.path.lexists(file):
        with _looking(file) as connection:
            if _is_sound(connection):
                raise LedgerError(
                    f"a ledger stands here, and it is not damaged: {file}",
                    remedy="to make it anew all the same, move it away first",
                )
    name = next(name for name in _free_names(file) if not os.path.lexists(name))
    try:
        for ending in _BESIDE:
            beside = file.with_name(f"{file.name}{ending}")
            if os.path.lexists(beside):
                beside.rename(name.with_name(f"{name.name}{ending}"))
    except OSError as error:
        raise LedgerError(f"cannot move {file} aside: {error.strerror}", remedy="look at the state folder") from error


def _free_names(file: Path) -> Iterator[Path]:
    number = 1
    while True:
        yield file.with_name(f"{file.stem}-damaged-{number}{file.suffix}")
        number += 1


def _is_sound(connection: sqlite3.Connection) -> bool:
    try:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            return False
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError as error:
        if _is_broken(error):
            return False
        raise
