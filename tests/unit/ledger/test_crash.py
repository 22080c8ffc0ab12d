"""kill -9 in mid-write: what was acknowledged is there, and of everything else all or nothing."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.unit.ledger.acts import SOURCE

from v2xsync.ledger.sqlite import LEDGER_NAME, open_ledger, open_reader
from v2xsync.model.custody import Step

BATCH = 7

WORK = """
import sys, threading
from pathlib import Path
from tests.unit.ledger.acts import find, remove, store
from v2xsync.ledger.sqlite import open_ledger

ledger = open_ledger(Path(sys.argv[1]))
batch = int(sys.argv[2])
telling = threading.Lock()

def work(name):
    for turn in range(10**6):
        ids = find(ledger, *(f"{sys.argv[3]}-{name}/{turn}/{n}" for n in range(batch)), targets=["cyverse"])
        tell("found", name, turn)
        store(ledger, *ids)
        tell("stored", name, turn)
        remove(ledger, *ids)
        tell("removed", name, turn)

def tell(step, name, turn):
    with telling:
        print(step, f"{sys.argv[3]}-{name}/{turn}", flush=True)

for name in range(3):
    threading.Thread(target=work, args=[name]).start()
"""


def run_until_killed(folder: Path, life: int, lines: int) -> list[tuple[str, str]]:
    """Let a process write from three threads, and kill it right after its so-many-th word; what it acknowledged."""
    worker = subprocess.Popen(
        [sys.executable, "-c", WORK, str(folder), str(BATCH), str(life)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert worker.stdout is not None
        heard = [worker.stdout.readline() for _ in range(lines)]
    finally:
        worker.kill()
        rest, _ = worker.communicate()
    whole = [line for line in (*heard, *rest.splitlines(keepends=True)) if line.endswith("\n")]
    return [(step, batch) for step, batch in (line.split() for line in whole)]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path, seed):
    """Invariant 2, and a restart needs no repair."""
    chance = random.Random(seed)
    told: list[tuple[str, str]] = []

    for life in range(3):
        told += run_until_killed(tmp_path, life, chance.randrange(1, 60))
        reader = open_reader(tmp_path)
        lines = list(reader.history())
        reader.close()
        batches = Counter((line.step.value, line.path.rpartition("/")[0]) for line in lines)
        assert set(batches.values()) == {BATCH}
        assert set(told) <= set(batches)

    ledger = open_ledger(tmp_path)
    expected = {line.item_id for line in ledger.history(step=Step.STORED)} - {
        line.item_id for line in ledger.history(step=Step.REMOVED)
    }
    assert {task.item_id for task in ledger.claim_removals(SOURCE, 9e9, 10**6, ())} == expected
    ledger.close()
    check = sqlite3.connect(tmp_path / LEDGER_NAME)
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check.close()
