"""Versions of the schema: making it, and bringing an older one up to date.

The version stands in the file's `user_version` (0: an empty file) and `application_id` tells that the file is ours.
`STEPS[n - 1]` brings version n to n + 1; it runs inside the one transaction that also writes the new version, after a
backup of the file was made.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection

from v2xsync.errors import LedgerError
from v2xsync.ledger.lock import open_private
from v2xsync.ledger.notebook import MARK_KEY, set_note
from v2xsync.ledger.tables import metadata

APPLICATION_ID = 0x76327873
"""`v2xs` in ASCII."""

Step = Callable[[Connection], None]

STEPS: Sequence[Step] = ()


def read_version(connection: Connection) -> int:
    """The schema's version, 0 for an empty file; raises LedgerError where the file is somebody else's."""
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    owner = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if owner != APPLICATION_ID and (version or owner or tables):
        raise LedgerError(
            "the file in the ledger's place is a database of another program",
            remedy="move it away, or choose another state folder",
        )
    return version


def require_readable(version: int, steps: Sequence[Step] = STEPS) -> None:
    """Refuse a schema that this program does not know; raises LedgerError."""
    newest = len(steps) + 1
    if version > newest:
        raise LedgerError(
            f"the ledger was written by a newer v2xsync (schema {version}, this one knows {newest})",
            remedy="install that version again, or go back to the backup that it made beside the ledger",
        )


def migrate(connection: Connection, file: Path, mark: str, steps: Sequence[Step] = STEPS) -> None:
    """Make the schema (with the station's `mark`), or bring it up to date; raises LedgerError for a newer one."""
    version = read_version(connection)
    connection.rollback()
    require_readable(version, steps)
    newest = len(steps) + 1
    if version == newest:
        return
    if version:
        back_up(connection, file.with_name(f"{file.stem}-before-schema-{newest}{file.suffix}"))
    with connection.begin():
        if version:
            for step in steps[version - 1 :]:
                step(connection)
        else:
            metadata.create_all(connection)
            set_note(connection, MARK_KEY, mark)
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {newest}")


def back_up(connection: Connection, file: Path) -> None:
    """Copy the whole database into `file`, replacing what an interrupted attempt left there."""
    file.unlink(missing_ok=True)
    os.close(open_private(file))
    driver = connection.connection.driver_connection
    with contextlib.closing(sqlite3.connect(file)) as target:
        driver.backup(target)  # type: ignore[union-attr]
