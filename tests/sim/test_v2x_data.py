"""The invented V2X data has the shape of the real one."""

from __future__ import annotations

import csv
import datetime as dt
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from v2xsync.sim.intersection import ELEMENTS, Intersection
from v2xsync.sim.v2x_rows import COLUMNS, Junction

JUNCTION = Junction("srm-street", 38236, 45.51, -122.68)
START = dt.datetime(2021, 2, 24, 0, 43, 30, tzinfo=ZoneInfo("America/Los_Angeles"))
HEADER_COLUMNS = {"spat": 73, "remoteBsm": 20, "srm": 21, "ssm": 51, "msgCounts": 10}


def collector(tmp_path: Path, seed: int = 3) -> Intersection:
    return Intersection(tmp_path / "v2x-data", JUNCTION, random.Random(seed))


def rows_of(folder: Path, element: str) -> list[list[str]]:
    (file,) = folder.glob(f"*_{element}Log_*.csv")
    with file.open(encoding="ascii", newline="") as lines:
        return list(csv.reader(lines))


def test_headers_have_the_column_counts_of_the_real_collector():
    assert {element: len(names) for element, names in COLUMNS.items()} == HEADER_COLUMNS
    assert all(len(set(names)) == len(names) for names in COLUMNS.values())


def test_live_folder_and_files_carry_host_element_and_local_stamp(tmp_path):
    live = collector(tmp_path).open_live(START)

    assert live.name == "srm-street_02242021_004330"
    assert live.parent == tmp_path / "v2x-data"
    assert sorted(file.name for file in live.iterdir()) == sorted(
        f"srm-street_{element}Log_02242021_004330.csv" for element in ELEMENTS
    )


@pytest.mark.parametrize("element", ["spat", "remoteBsm", "srm", "msgCounts"])
def test_every_row_is_as_wide_as_its_header(tmp_path, element):
    intersection = collector(tmp_path)
    live = intersection.open_live(START)
    intersection.advance(START + dt.timedelta(minutes=3))

    header, *rows = rows_of(live, element)
    assert rows
    assert {len(row) for row in rows} == {len(header)}


def test_ssm_rows_are_ragged_eleven_and_eight_for_each_request(tmp_path):
    intersection = collector(tmp_path)
    live = intersection.open_live(START)
    intersection.advance(START + dt.timedelta(minutes=5))

    _header, *rows = rows_of(live, "ssm")
    requests = [int(row[9]) for row in rows]
    assert len(set(requests)) > 1
    assert [len(row) for row in rows] == [11 + 8 * count for count in requests]


def test_spat_comes_ten_times_a_second_and_starts_where_the_last_call_ended(tmp_path):
    intersection = collector(tmp_path)
    live = intersection.open_live(START)
    for tenths in (7, 10, 10, 35):
        intersection.advance(START + dt.timedelta(seconds=tenths / 10))

    _header, *rows = rows_of(live, "spat")
    assert [round(float(row[3]) - START.timestamp(), 1) for row in rows] == [n / 10 for n in range(1, 36)]


def test_roll_over_moves_the_whole_folder_and_opens_a_header_only_one(tmp_path):
    intersection = collector(tmp_path)
    first = intersection.open_live(START)
    intersection.advance(START + dt.timedelta(seconds=20))
    archived = intersection.roll_over(START + dt.timedelta(seconds=20))

    assert archived == intersection.archive / first.name
    assert len(rows_of(archived, "spat")) == 201
    assert intersection.live is not None
    assert [len(rows_of(intersection.live, element)) for element in ELEMENTS] == [1] * 5


def test_prefill_leaves_finished_folders_whose_files_are_as_old_as_their_last_row(tmp_path):
    intersection = collector(tmp_path)
    intersection.prefill(folders=3, length=dt.timedelta(minutes=1), until=START)

    folders = sorted(intersection.archive.iterdir())
    assert len(folders) == 3
    assert intersection.live is None
    assert {file.stat().st_mtime for file in folders[-1].iterdir()} == {START.timestamp()}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        intersection = collector(tmp_path / name, seed)
        live = intersection.open_live(START)
        intersection.advance(START + dt.timedelta(seconds=30))
        contents.append([file.read_bytes() for file in sorted(live.iterdir())])

    assert contents[0] == contents[1] != contents[2]


def test_closing_without_a_live_folder_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="no live folder"):
        collector(tmp_path).close()
