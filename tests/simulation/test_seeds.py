"""Thousands of worlds: in none of them is a byte lost, doubled where it must not be, or forgotten.

A seed that fails is played again by ``python -m tests.simulation SEED``, and kept in `KEPT` once its cause is mended.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.oracle import CustodyBroken
from tests.simulation.world import play

BATCH = 50
DEFAULT = 2_000
SLOW = 50_000
KEPT = {
    8: "two routes of one source fetched the same file into one partial at once",
    107: "a copy that retention had let go kept an original for ever, although another route's copy stood",
    130: "a source that bears one session was never free for a stream",
    235: "a stream kept a source that bears one session from its own lane",
    1534: "who vouched for a file at one target vouched for it at every target where it was on hold",
}
"""Seeds that showed a fault of ours, with what it was."""

_MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for one world, in memory where there is such a place: what a disk takes to sync is not in question."""
    place = Path(tempfile.mkdtemp(prefix="v2xsync-world-", dir=_MEMORY if _MEMORY.is_dir() else tmp_path))
    yield place
    shutil.rmtree(place, ignore_errors=True)


def batches(first: int, last: int) -> list[range]:
    return [range(start, start + BATCH) for start in range(first, last, BATCH)]


def play_all(seeds: range, folder: Path) -> None:
    for seed in seeds:
        home = folder / str(seed)
        home.mkdir()
        try:
            play(seed, home)
        except CustodyBroken as broken:
            pytest.fail(f"seed {seed}: {broken} (again: python -m tests.simulation {seed})")
        shutil.rmtree(home)


@pytest.mark.parametrize("seeds", batches(0, DEFAULT), ids=lambda seeds: f"from {seeds.start}")
def test_nothing_is_lost_in_any_world(seeds: range, folder: Path) -> None:
    play_all(seeds, folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", batches(DEFAULT, SLOW), ids=lambda seeds: f"from {seeds.start}")
def test_nothing_is_lost_in_many_more_worlds(seeds: range, folder: Path) -> None:
    play_all(seeds, folder)


@pytest.mark.parametrize("seed", KEPT)
def test_what_went_wrong_once_stays_mended(seed: int, folder: Path) -> None:
    play(seed, folder)


def test_a_seed_is_the_same_world_every_time(folder: Path) -> None:
    lives = []
    for number in ("first", "second"):
        home = folder / number
        home.mkdir()
        world = play(4, home)
        lives.append((world.deaths, world.oracle.removed, sorted(world.archive.contents)))
    assert lives[0] == lives[1]
    assert lives[0][1], "this world removes something, or it would show nothing"
