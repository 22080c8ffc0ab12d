"""The real program under a clock of our choosing (libfaketime): a daily run at a time that the local clock skips."""

from __future__ import annotations

import calendar
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.stations import wait_for
from tests.real import program

pytestmark = [pytest.mark.slow, pytest.mark.real("faketime")]

CONFIG = """
[station]
timezone = "America/Los_Angeles"
state = "state"
[store]
directory = "store"
min_free = 0
[devices.box]
type = "local"
directory = "box"
[routes.all]
from = ["box"]
to = []
ready = { settle = "0s" }
fetch = { daily = "02:30" }
"""
SKIPPED_TO = calendar.timegm((2026, 3, 8, 10, 0, 0))
"""2026-03-08 02:30 does not exist in Los Angeles: after 01:59 comes 03:00, which is 10:00 UTC."""


def environment(begins: str) -> dict[str, str]:
    """What lets a process see a clock that says `begins` (UTC) when it starts, and runs on from there."""
    folder = program("faketime").parents[1] / "lib"
    library = next(folder.glob("*/faketime/libfaketime.so.1"))
    still = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    return {**os.environ, "LD_PRELOAD": str(library), "FAKETIME": f"@{begins}", "TZ": "UTC", **still}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "v2xsync.toml").write_text(CONFIG)
    (tmp_path / "box").mkdir()
    return tmp_path


def plant(site: Path, name: str) -> None:
    """Put an old file into the box."""
    file = site / "box" / name
    file.write_text(name)
    os.utime(file, (SKIPPED_TO - 86_400, SKIPPED_TO - 86_400))


def fetched(site: Path) -> Mapping[str, float]:
    """When each file was fetched, in seconds since the epoch, as the custody log of the real program tells it."""
    command = [sys.executable, "-m", "v2xsync", "history", "--json"]
    told = subprocess.run(command, cwd=site, capture_output=True, text=True, timeout=60, check=True).stdout
    return {line["path"]: line["at"] for line in json.loads(told)["lines"] if line["step"] == "stored"}


@contextmanager
def station(site: Path, begins: str) -> Iterator[Callable[[str], None]]:
    """A station that starts at `begins`; gives what waits until it has printed some words."""
    out = site / "out"
    with out.open("wb") as taken:
        running = subprocess.Popen(
            [sys.executable, "-m", "v2xsync", "--no-ui"],
            cwd=site, env=environment(begins), stdin=subprocess.DEVNULL, stdout=taken, stderr=taken,
        )  # fmt: skip
    try:
        yield lambda words: wait_for(lambda: words in out.read_text(), words)
    finally:
        running.terminate()
        running.wait(30)


def test_a_daily_run_at_a_time_that_does_not_exist_runs_once_at_the_next_minute(site: Path) -> None:
    plant(site, "a.csv")
    with station(site, "2026-03-08 09:59:52") as wait:
        wait("a.csv")  # the run of the day before, which was missed
        plant(site, "b.csv")
        wait("b.csv")
    assert 0 <= fetched(site)["b.csv"] - SKIPPED_TO < 15
    plant(site, "c.csv")
    with station(site, "2026-03-08 12:00:00") as wait:
        wait("started")
    assert "c.csv" not in fetched(site), "the date had its run"
    with station(site, "2026-03-09 09:29:55") as wait:
        wait("c.csv")
    assert 0 <= fetched(site)["c.csv"] - (SKIPPED_TO + 23.5 * 3600) < 15
