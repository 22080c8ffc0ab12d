"""The collector that writes a file each minute: a lock stands as long as somebody writes."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

from v2xsync.sim.minute_files import MinuteWriter

START = dt.datetime(2020, 7, 24, 10, 36, tzinfo=dt.UTC)


def names(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir())


def test_a_file_is_named_by_its_minute_and_locked_until_the_minute_is_over(tmp_path):
    writer = MinuteWriter(tmp_path, random.Random(1))
    writer.advance(START)
    assert names(tmp_path) == ["26593116.dat", "26593116.dat.lock"]
    writer.advance(START + dt.timedelta(seconds=59))
    lines = (tmp_path / "26593116.dat").read_text(encoding="ascii").splitlines()
    assert len(lines) == 1 + 59 * 4
    writer.advance(START + dt.timedelta(seconds=60))
    assert names(tmp_path) == ["26593116.dat", "26593117.dat", "26593117.dat.lock"]
    assert len((tmp_path / "26593116.dat").read_text(encoding="ascii").splitlines()) == 1 + 60 * 4


def test_what_was_there_at_the_start_is_finished_and_older(tmp_path):
    writer = MinuteWriter(tmp_path, random.Random(1))
    writer.prefill(2, START)
    assert names(tmp_path) == ["26593114.dat", "26593115.dat"]
    assert (tmp_path / "26593115.dat").stat().st_mtime == START.timestamp()
    writer.advance(START)
    assert names(tmp_path)[2:] == ["26593116.dat", "26593116.dat.lock"]


def test_short_minutes_have_names_of_their_own(tmp_path):
    writer = MinuteWriter(tmp_path, random.Random(1), period=dt.timedelta(seconds=10))
    for second in range(0, 60, 5):
        writer.advance(START + dt.timedelta(seconds=second))
    writer.close()
    assert len(names(tmp_path)) == 6
    assert not list(tmp_path.glob("*.lock"))
