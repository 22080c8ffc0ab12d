"""The database's own errors, in plain words with a remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from v2xsync.errors import LedgerError

_PRIMARY_CODE = 0xFF
"""SQLite's extended codes hold the plain one in their lowest byte."""

DAMAGED = "the ledger's file is damaged"
DAMAGED_REMEDY = (
    "v2xsync ledger rebuild keeps the damaged file and makes the ledger anew from the store's manifests; "
    "a backup, which does not know what came after it, is the second choice"
)

_MEANINGS = {
    sqlite3.SQLITE_FULL: ("the disk of the state folder is full", "free some space; nothing was half written"),
    sqlite3.SQLITE_IOERR: ("the disk of the state folder cannot be read or written", "look at the disk and its cable"),
    sqlite3.SQLITE_CORRUPT: (DAMAGED, DAMAGED_REMEDY),
    sqlite3.SQLITE_NOTADB: ("the ledger's file is not a ledger, or its head is damaged", DAMAGED_REMEDY),
    sqlite3.SQLITE_BUSY: ("another program holds the ledger's file", "end the program that has it open"),
    sqlite3.SQLITE_LOCKED: ("another program holds the ledger's file", "end the program that has it open"),
    sqlite3.SQLITE_READONLY: ("the ledger's file may not be written", "give this user the state folder"),
    sqlite3.SQLITE_CANTOPEN: ("the ledger's file cannot be opened", "give this user the state folder"),
    sqlite3.SQLITE_PERM: ("the ledger's file may not be opened", "give this user the state folder"),
}


def plain(error: SQLAlchemyError | sqlite3.Error) -> LedgerError:
    """What happened, for a person; raise it `from` the error."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return LedgerError(f"the ledger cannot be used: {cause}")
    what, remedy = _MEANINGS.get(code & _PRIMARY_CODE, (f"the ledger cannot be used: {cause}", ""))
    return LedgerError(what, remedy=remedy)


@contextmanager
def plain_faults() -> Iterator[None]:
    """Let the database's errors out as LedgerError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise plain(error) from error
