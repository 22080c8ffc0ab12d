"""Versions of the schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.unit.ledger.acts import find

from v2xsync.errors import LedgerError
from v2xsync.ledger import migrations
from v2xsync.ledger.migrations import APPLICATION_ID, STEPS, Step
from v2xsync.ledger.sqlite import LEDGER_NAME, open_ledger, open_reader


def pragma(file: Path, name: str) -> int:
    connection = sqlite3.connect(file)
    try:
        return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
    finally:
        connection.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A state folder with a ledger of today's schema and one item."""
    ledger = open_ledger(tmp_path)
    find(ledger, "a")
    ledger.close()
    return tmp_path


def add_colour(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE items ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'")


def stumble(connection: Connection) -> None:
    add_colour(connection)
    raise LedgerError("the step went wrong")


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program as it will be with one more step."""
    use_steps(monkeypatch, [*STEPS, add_colour])


def use_steps(monkeypatch: pytest.MonkeyPatch, steps: Sequence[Step]) -> None:
    monkeypatch.setattr(migrations, "STEPS", steps)
    for function in (migrations.migrate, migrations.require_readable):
        monkeypatch.setattr(function, "__defaults__", (steps,))
    monkeypatch.setattr("v2xsync.ledger.sqlite.STEPS", steps)


def test_a_new_file_gets_the_whole_schema_at_once(tmp_path):
    (tmp_path / LEDGER_NAME).touch()

    open_ledger(tmp_path).close()

    assert pragma(tmp_path / LEDGER_NAME, "user_version") == len(STEPS) + 1
    assert pragma(tmp_path / LEDGER_NAME, "application_id") == APPLICATION_ID
    assert not list(tmp_path.glob("*before*"))


def test_opening_today_s_schema_changes_nothing(old):
    before = (old / LEDGER_NAME).read_bytes()

    open_ledger(old).close()

    assert (old / LEDGER_NAME).read_bytes() == before


def test_an_older_schema_is_backed_up_and_brought_up_to_date(old, tomorrow):
    ledger = open_ledger(old)
    assert ledger.backlog().items == 1
    ledger.close()

    newest = len(STEPS) + 2
    assert pragma(old / LEDGER_NAME, "user_version") == newest
    (backup,) = old.glob("*before*")
    assert backup.name == f"ledger-before-schema-{newest}.sqlite3"
    assert backup.stat().st_mode & 0o077 == 0
    assert pragma(backup, "user_version") == newest - 1
    (old / LEDGER_NAME).unlink()
    backup.rename(old / LEDGER_NAME)
    again = open_ledger(old)
    assert again.backlog().items == 1
    again.close()


def test_a_step_that_fails_leaves_the_old_schema(old, monkeypatch):
    use_steps(monkeypatch, [*STEPS, stumble])
    for _ in range(2):
        with pytest.raises(LedgerError, match="went wrong"):
            open_ledger(old)
    monkeypatch.undo()

    ledger = open_ledger(old)
    assert ledger.backlog().items == 1
    ledger.close()


def test_a_reader_of_tomorrow_asks_for_a_run_first(old, tomorrow):
    with pytest.raises(LedgerError, match="older v2xsync") as told:
        open_reader(old)

    assert told.value.remedy
    assert pragma(old / LEDGER_NAME, "user_version") == len(STEPS) + 1


def test_today_s_program_refuses_tomorrow_s_ledger(old, monkeypatch):
    use_steps(monkeypatch, [*STEPS, add_colour])
    open_ledger(old).close()
    monkeypatch.undo()

    with pytest.raises(LedgerError, match="newer v2xsync") as told:
        open_ledger(old)

    assert "backup" in told.value.remedy
