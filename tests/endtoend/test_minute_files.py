"""Minute files of a writer that locks: how soon each is delivered, and what an absent target makes of thousands."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from v2xsync.ledger.sqlite import open_reader
from v2xsync.model.custody import Step

CONFIG = """
[station]
name = "roadside"
timezone = "UTC"
state = "{base}/state"

[store]
directory = "{base}/store"
min_free = 0

[devices.collector]
type = "local"
directory = "{base}/spool"
max_parallel = 1

[devices.office]
type = "local"
directory = "{base}/office"
max_parallel = 1

[routes.minutes]
from = ["collector"]
to = ["office"]
fetch = {{ on = "arrival" }}
stage = {stage}
ready = {{ settle = "{settle}" }}
remove = {{ after = "delivered" }}
"""
LONG_S = 120.0
LONGER_S = 900.0
DELIVERED_WITHIN_S = 2.0


class Roadside:
    """A station in a process of its own, the spool folder of a writer, and an office."""

    def __init__(self, base: Path, *, stage: bool, settle: str = "30s") -> None:
        self.base = base
        self.spool, self.office = base / "spool", base / "office" / "collector"
        for folder in (self.spool, base / "office"):
            folder.mkdir()
        config = base / "v2xsync.toml"
        config.write_text(CONFIG.format(base=base.as_posix(), stage=str(stage).lower(), settle=settle))
        self.log = (base / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "v2xsync", "--config", str(config), "--no-ui"],
            cwd=base,
            env={"HOME": str(base), "PATH": os.environ["PATH"]},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        until(lambda: "started" in self.said(), "it runs")

    def said(self) -> str:
        return (self.base / "log").read_text(encoding="utf-8")

    def begin(self, name: str) -> None:
        """The writer opens its next minute: the lock first, then the file."""
        (self.spool / f"{name}.lock").write_bytes(b"")
        (self.spool / name).write_bytes(b"x" * 100)

    def finish(self, name: str) -> None:
        """Last words, then the lock goes."""
        with (self.spool / name).open("ab") as file:
            file.write(name.encode())
        (self.spool / f"{name}.lock").unlink()

    def arrived(self) -> int:
        return dats(self.office)

    def rss_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def dats(folder: Path) -> int:
    return sum(1 for _ in folder.glob("*.dat")) if folder.is_dir() else 0


def until(holds: Callable[[], bool], what: str, long_s: float = LONG_S) -> float:
    """Look until something holds; returns how long that took."""
    began, pause = time.monotonic(), threading.Event()
    while not holds():
        assert time.monotonic() < began + long_s, what
        pause.wait(0.05)
    return time.monotonic() - began


@pytest.fixture(params=[True, False], ids=["staged", "in place"])
def roadside(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Roadside]:
    station = Roadside(tmp_path, stage=request.param)
    yield station
    station.end()


def seen_locked(roadside: Roadside, name: str) -> bool:
    """Whether the station has looked at the file while it was locked (it writes its view down now and then)."""
    reader = open_reader(roadside.base / "state")
    try:
        return f"{name}.lock" in reader.note("view")
    finally:
        reader.close()


def test_a_minute_file_is_delivered_soon_after_its_lock_is_gone(roadside: Roadside) -> None:
    slowest = 0.0
    for number in range(3):
        name = f"{26593136 + number}.dat"
        roadside.begin(name)
        until(lambda name=name: seen_locked(roadside, name), "the lock was seen")  # type: ignore[misc]
        roadside.finish(name)
        done = roadside.office / name
        slowest = max(slowest, until(done.exists, "it is delivered"))
        assert done.read_bytes() == b"x" * 100 + name.encode()
        until(lambda name=name: not (roadside.spool / name).exists(), "the original is gone")  # type: ignore[misc]
    print(f"slowest delivery after the lock went: {slowest:.2f} s")
    assert slowest < DELIVERED_WITHIN_S


def test_what_is_appended_after_the_pickup_is_a_new_version_and_never_a_torn_one(tmp_path: Path) -> None:
    roadside = Roadside(tmp_path, stage=True, settle="2s")
    try:
        roadside.begin("a.dat")
        until(lambda: seen_locked(roadside, "a.dat"), "the lock was seen")
        (tmp_path / "office").rename(tmp_path / "office-away")
        roadside.finish("a.dat")
        until((tmp_path / "store" / "collector" / "a.dat").exists, "the first version is stored")
        with (roadside.spool / "a.dat").open("ab") as file:
            file.write(b" and more")
        (tmp_path / "office-away").rename(tmp_path / "office")
        until(lambda: len(list(roadside.office.glob("a*.dat"))) == 2, "both versions are delivered")
    finally:
        roadside.end()
    first, second = sorted((path.read_bytes() for path in roadside.office.glob("a*.dat")), key=len)
    assert first == b"x" * 100 + b"a.dat"
    assert second == first + b" and more"


@pytest.mark.parametrize(
    ("count", "burst"), [(500, 50), pytest.param(10_000, 500, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_minute_files_that_come_while_the_target_is_down_are_all_delivered_once_in_order(
    tmp_path: Path, count: int, burst: int
) -> None:
    """`burst` files are written within one moment: their order among themselves is what a listing happens to meet."""
    roadside = Roadside(tmp_path, stage=True, settle="0s")
    try:
        roadside.begin("0000000.dat")
        roadside.finish("0000000.dat")
        until(lambda: roadside.arrived() == 1, "the first is delivered")
        (tmp_path / "office").rename(tmp_path / "office-away")
        names = [f"{number:07}.dat" for number in range(1, count + 1)]
        begun = roadside.rss_kib()
        stored = tmp_path / "store" / "collector"
        for start in range(0, count, burst):
            for name in names[start : start + burst]:
                roadside.begin(name)
                roadside.finish(name)
            wanted = min(start + burst, count) + 1
            until(lambda wanted=wanted: dats(stored) >= wanted, "stored", LONGER_S)  # type: ignore[misc]
        down = roadside.rss_kib()
        (tmp_path / "office-away").rename(tmp_path / "office")
        until(lambda: roadside.arrived() == count + 1, "all are delivered", LONGER_S)
        until(lambda: not dats(roadside.spool), "all originals are gone", LONGER_S)
        grown = max(down, roadside.rss_kib()) - begun
    finally:
        roadside.end()
    print(f"memory grew by {grown} KiB over {count} files")
    assert grown < 40_000
    reader = open_reader(tmp_path / "state")
    delivered = [line.path for line in reader.history(step=Step.DELIVERED)]
    reader.close()
    assert sorted(delivered) == ["0000000.dat", *names], "each once"
    bursts = [(int(name.removesuffix(".dat")) + burst - 1) // burst for name in delivered]
    assert bursts == sorted(bursts), "in order, as far as they were not written within one moment"
    assert {path.name: path.read_bytes() for path in roadside.office.glob("*.dat")} == {
        name: b"x" * 100 + name.encode() for name in ("0000000.dat", *names)
    }
