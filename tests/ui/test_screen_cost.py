"""What the screen costs the real program in a pseudo-terminal, measured by `bench/screen`, with generous room."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "screen"
NOISE = 4.0
"""A busy machine stretches times and processor shares so much; what counts bytes is the same everywhere."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc"),
]


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, Any]]:
    """What the bench measured, by name; its exit code only says whether all of it was in budget."""
    command = [sys.executable, str(BENCH), "--json", "--seconds", "6", "--rounds", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_bytes_and_memory_keep_their_budgets(figures):
    over = {name: it["value"] for name, it in figures.items() if it["unit"] in {"KiB/s", "MiB"} and not it["kept"]}
    assert over == {}


def test_no_terminal_slows_the_work(figures):
    over = {name: it["value"] for name, it in figures.items() if it["unit"] == "%" and not it["kept"]}
    assert over == {}


def test_a_slow_terminal_is_told_that_it_is_slow(figures):
    assert figures["terminal takes 4 KiB/s: slow link not said"]["value"] == 0


def test_times_and_processor_shares_stay_near_their_budgets(figures):
    timed = {name: it for name, it in figures.items() if it["unit"] in {"s", "% of a core"}}
    assert len(timed) > 5
    assert {name: it["value"] for name, it in timed.items() if it["value"] > NOISE * it["budget"]} == {}
