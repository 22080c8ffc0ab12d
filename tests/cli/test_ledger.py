"""``v2xsync ledger``: check, backup, rebuild."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG, SPAT, Run

from v2xsync.ledger.sqlite import LEDGER_NAME, open_ledger

NEVER = CONFIG.replace('after = "delivered"', 'after = "never"')


def damage(site: Path, statement: str) -> None:
    """Change a row behind the ledger's back."""
    connection = sqlite3.connect(site / "state" / LEDGER_NAME)
    with connection:
        connection.execute(statement)
    connection.close()


def lose(site: Path) -> None:
    for file in (site / "state").glob(f"{LEDGER_NAME}*"):
        file.unlink()


# --- check


def test_a_sound_ledger_is_said_to_be_sound_also_beside_its_owner(run: Run, site: Path) -> None:
    run("--once")
    assert run("ledger", "check", "--json").document["sound"] is True
    ledger = open_ledger(site / "state")
    try:
        answer = run("ledger", "check")
    finally:
        ledger.close()
    assert answer.code == 0
    assert answer.out.startswith("ok: ")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE fetches SET state = 9", "a state that there is not"),
        ("UPDATE fetches SET state = 0, next_at = NULL", "queued without a time"),
        ("UPDATE fetches SET sha256 = 'ab'", "stored, without a receipt for that content"),
        ("UPDATE deliveries SET target = 'elsewhere'", "delivered, without a receipt of that target"),
        ("INSERT INTO items VALUES (99, 's', 'p', 1, 1, 1, 1, 1.0, 3, NULL, 0, '')", "without any receipt of a copy"),
        (
            "INSERT INTO custody_log (at, step, item_id, route, sha256) VALUES (1, 'delivered', 1, 'all', 'a')",
            "other content than was stored",
        ),
        ("INSERT INTO custody_log (at, step, item_id) VALUES (1, 'found', 77)", "an item that there is not"),
    ],
)
def test_a_row_that_says_more_than_its_receipts_is_found(statement: str, what: str, run: Run, site: Path) -> None:
    run("--once")
    damage(site, statement)
    answer = run("ledger", "check")
    assert answer.code == 1
    assert what in answer.out


def test_a_damaged_file_is_told_and_no_ledger_is_no_finding(run: Run, site: Path) -> None:
    assert run("ledger", "check").code == 1
    assert "no ledger here" in run("ledger", "check").err
    run("--once")
    file = site / "state" / LEDGER_NAME
    content = bytearray(file.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    file.write_bytes(bytes(content))
    answer = run("ledger", "check")
    assert answer.code == 1
    assert "damaged" in answer.out
    file.write_bytes(b"rubbish" * 1000)
    assert "damaged" in run("ledger", "check").out


# --- backup


def test_a_backup_is_a_whole_ledger_made_while_an_engine_runs(run: Run, site: Path) -> None:
    run("--once")
    ledger = open_ledger(site / "state")
    try:
        answer = run("ledger", "backup", "copy.sqlite3", "--json")
    finally:
        ledger.close()
    assert answer.code == 0, answer
    copy = site / "copy.sqlite3"
    assert answer.document == {
        "schema": "v2xsync/1", "command": "ledger", "file": str(copy), "size": copy.stat().st_size,
    }  # fmt: skip
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in site.glob("*copy*")] == ["copy.sqlite3"]
    (site / "other").mkdir()
    copy.rename(site / "other" / LEDGER_NAME)
    restored = open_ledger(site / "other")
    assert [line.step.value for line in restored.history() if line.path == SPAT][-1] == "removed"
    restored.close()


def test_a_backup_overwrites_nothing(run: Run, site: Path) -> None:
    run("--once")
    (site / "copy.sqlite3").write_text("mine")
    answer = run("ledger", "backup", "copy.sqlite3")
    assert answer.code == 1
    assert "there already" in answer.err
    assert (site / "copy.sqlite3").read_text() == "mine"
    (site / "link").symlink_to(site / "nowhere")
    assert run("ledger", "backup", "link").code == 1
    assert not (site / "nowhere").exists()


def test_a_backup_needs_a_place_and_a_ledger(run: Run, site: Path) -> None:
    assert run("ledger", "backup", "copy.sqlite3").code == 1
    run("--once")
    assert run("ledger", "backup").code == 2
    assert run("ledger", "check", "copy.sqlite3").code == 2
    assert run("ledger", "backup", "no/such/folder/copy").code == 1
    assert list(site.glob("*.part")) == []


# --- rebuild


def test_a_lost_ledger_is_rebuilt_and_nothing_is_done_twice(run: Run, site: Path) -> None:
    (site / "v2xsync.toml").write_text(NEVER, encoding="utf-8")
    run("--once")
    lose(site)
    answer = run("ledger", "rebuild", "--json")
    assert answer.code == 0, answer
    assert answer.document["rebuilt"] == {
        "items": 2, "stored": 2, "delivered": 2, "unknown": 0, "removed": 0, "missing": [],
    }  # fmt: skip
    assert run("ledger", "check").code == 0
    assert run("verify").code == 0
    steps = len(run("history", "--json").document["lines"])
    assert run("--once").code == 0
    assert len(run("history", "--json").document["lines"]) == steps
    assert "proven by hash" in run("why", SPAT).out


def test_a_copy_that_is_missing_is_told(run: Run, site: Path) -> None:
    run("--once")
    copy = site / "store" / "clay" / "spat" / "clay_spatLog_01022026_030405.csv"
    copy.unlink()
    lose(site)
    answer = run("ledger", "rebuild")
    assert answer.code == 1
    assert "missing or damaged in the store: clay/spat/clay_spatLog_01022026_030405.csv" in answer.out


def test_a_rebuild_refuses_a_sound_ledger_and_a_running_engine(run: Run, site: Path) -> None:
    run("--once")
    answer = run("ledger", "rebuild")
    assert answer.code == 1
    assert "move it away first" in answer.err
    ledger = open_ledger(site / "state")
    try:
        assert run("ledger", "rebuild").code == 4
    finally:
        ledger.close()


def test_a_rebuild_without_manifests_makes_nothing(run: Run, site: Path) -> None:
    answer = run("ledger", "rebuild")
    assert answer.code == 1
    assert "no manifests" in answer.err
    assert not (site / "state").exists()
