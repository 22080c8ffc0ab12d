"""Lines of listings, as many servers print them, become names, kinds, sizes and honest times; others make no sense."""

from __future__ import annotations

import datetime as dt
import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.devices.ftp_wire.lines import (
    DAY_NS,
    MINUTE_NS,
    Senseless,
    Told,
    read_facts,
    read_list,
    read_stamp,
    write_stamp,
)
from v2xsync.model.items import NS_PER_S, Entry, Fingerprint, Kind

UTC = ZoneInfo("UTC")
NOW_S = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp()


def moment(*parts: int, zone: str = "UTC") -> int:
    return int(dt.datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp()) * NS_PER_S  # type: ignore[arg-type,misc]


def read(line: str, now_s: float = NOW_S, zone: str = "UTC") -> Told | None:
    return read_list(line, now_s, ZoneInfo(zone))


# --- facts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("type=file;size=3;modify=20231114221320; a.csv", Told("a.csv", Kind.FILE, 3, 1_700_000_000 * NS_PER_S)),
        ("Modify=20231114221320;Size=3;Type=FILE;  a b ", Told(" a b ", Kind.FILE, 3, 1_700_000_000 * NS_PER_S)),
        ("type=dir;sizd=4096; d", Told("d", Kind.FOLDER)),
        ("type=OS.unix=symlink;size=4; l", Told("l", Kind.LINK, 4)),
        ("type=OS.unix=slink:/etc; l", Told("l", Kind.LINK)),
        ("type=OS.unix=chr-13/29; c", Told("c", Kind.OTHER)),
        ("type=file;size=-1;modify=20231399000000; a", Told("a", Kind.FILE)),
        ("type=file;size=99999999999999999999; a", Told("a", Kind.FILE)),
        ("type=file;size=\xb2; a", Told("a", Kind.FILE)),
        ("type=cdir; .", None),
        ("type=pdir; ..", None),
    ],
)
def test_facts(line: str, told: Told | None) -> None:
    assert read_facts(line) == told


@pytest.mark.parametrize("line", ["", "a.csv", "type=file;", "type=file; ", "size=3; a.csv", "lines.csv", " a.csv"])
def test_facts_that_make_no_sense(line: str) -> None:
    with pytest.raises(Senseless):
        read_facts(line)


@pytest.mark.parametrize(
    ("text", "mtime_ns", "step_ns"),
    [
        ("20231114221320", 1_700_000_000 * NS_PER_S, NS_PER_S),
        ("20231114221320.5", 1_700_000_000 * NS_PER_S + NS_PER_S // 2, NS_PER_S // 10),
        ("19700101000000", 0, NS_PER_S),
        ("20390918230640", 2_200_000_000 * NS_PER_S, NS_PER_S),
        ("2023111422132", None, NS_PER_S),
        ("20231314221320", None, NS_PER_S),
        ("File modification time", None, NS_PER_S),
        ("", None, NS_PER_S),
    ],
)
def test_stamps(text: str, mtime_ns: int | None, step_ns: int) -> None:
    assert read_stamp(text) == (mtime_ns, step_ns)


@given(st.integers(min_value=-62_135_596_800, max_value=253_402_300_799))
def test_a_stamp_that_is_written_is_read_as_the_same(seconds: int) -> None:
    assert read_stamp(write_stamp(seconds * NS_PER_S)) == (seconds * NS_PER_S, NS_PER_S)


# --- LIST -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "-rw-------    1 0        0               3 Nov 14  2023 a.csv",
            Told("a.csv", Kind.FILE, 3, moment(2023, 11, 14), DAY_NS),
        ),
        (
            "-rw-r--r--   1 collector 0               1 Feb 14 22:13  x ",
            Told(" x ", Kind.FILE, 1, moment(2026, 2, 14, 22, 13), MINUTE_NS),
        ),
        (
            "drwxr-xr-x+  4 Domain Users staff       4096 Feb  1 09:05 d",
            Told("d", Kind.FOLDER, 4096, moment(2026, 2, 1, 9, 5), MINUTE_NS),
        ),
        (
            "lrwxrwxrwx   1 ftp ftp          10 Feb  1 09:05 file-link -> real/a.csv",
            Told("file-link", Kind.LINK, 10, moment(2026, 2, 1, 9, 5), MINUTE_NS),
        ),
        (
            "brw-rw----   1 root disk    8,   1 Feb  1 09:05 sda1",
            Told("sda1", Kind.OTHER, 1, moment(2026, 2, 1, 9, 5), MINUTE_NS),
        ),
        (
            "-rw-r--r--   1 owner          12 Feb  1 09:05 no group",
            Told("no group", Kind.FILE, 12, moment(2026, 2, 1, 9, 5), MINUTE_NS),
        ),
        (
            "-rw-r--r-- 1 may april 12 1. Feb 09:05 day first",
            Told("day first", Kind.FILE, 12, moment(2026, 2, 1, 9, 5), MINUTE_NS),
        ),
        ("-rw-r--r-- 1 u g 12 2. M\xe4r 09:05 German", Told("German", Kind.FILE, 12, None, MINUTE_NS)),
        (
            "-rw-r--r-- 1 u g 12 2023-11-14 22:13 long-iso",
            Told("long-iso", Kind.FILE, 12, moment(2023, 11, 14, 22, 13), MINUTE_NS),
        ),
        (
            "-rw-r--r-- 1 u g 12 2023-11-14 22:13:20.123456789 +0530 full-iso",
            Told("full-iso", Kind.FILE, 12, moment(2023, 11, 14, 16, 43, 20), MINUTE_NS),
        ),
        ("-rw-r--r-- 1 u g 12 Feb 31  2023 never", Told("never", Kind.FILE, 12, None, DAY_NS)),
        (
            "11-14-23  10:13PM                    3 a.csv",
            Told("a.csv", Kind.FILE, 3, moment(2023, 11, 14, 22, 13), MINUTE_NS),
        ),
        (
            "11-14-2023  12:00AM               12,345 b.csv",
            Told("b.csv", Kind.FILE, 12_345, moment(2023, 11, 14), MINUTE_NS),
        ),
        (
            "02-06-24  03:19PM       <DIR>          a folder",
            Told("a folder", Kind.FOLDER, None, moment(2024, 2, 6, 15, 19), MINUTE_NS),
        ),
        (
            "02-06-99  15:19         <JUNCTION>     away [C:\\Elsewhere]",
            Told("away", Kind.LINK, None, moment(1999, 2, 6, 15, 19), MINUTE_NS),
        ),
        ("total 42", None),
        ("", None),
        ("drwxr-xr-x   4 u g 4096 Feb  1 09:05 .", None),
        ("drwxr-xr-x   4 u g 4096 Feb  1 09:05 ..", None),
    ],
)
def test_lines_of_unix_and_dos(line: str, told: Told | None) -> None:
    assert read(line) == told


@pytest.mark.parametrize(
    "line",
    [
        "ls: a: Permission denied",
        "-rw-r--r--",
        "-rw-r--r-- 1 u g 12 Feb  1 09:05 ",
        "-rw-r--r-- 1 u g size Feb  1 09:05 a",
        "lines.csv",
        "\x1b[2J",
        "99-99-99 nonsense",
        "\xff" * 100,
        "+i8388621.48594,m825718503,r,s280,\tdjb.html",
    ],
)
def test_lines_that_make_no_sense(line: str) -> None:
    with pytest.raises(Senseless):
        read(line)


@pytest.mark.parametrize(
    "line",
    ["-rw-r--r-- " + "1 " * 8_000, "-rw-r--r-- " + " " * 16_000, "11-14-23  10:13PM " + " " * 16_000, "-" * 16_000],
)
def test_no_line_takes_long(line: str) -> None:
    began = time.process_time()
    for _ in range(100):
        with pytest.raises(Senseless):
            read(line)
    assert time.process_time() - began < 2.0


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=80))
def test_whatever_a_server_prints_is_read_or_refused(line: str) -> None:
    for front in ("", "-rw-r--r-- 1 u g 12 ", "type=file;size=3; ", "11-14-23  10:13PM  "):
        for reading in (read, read_facts):
            try:
                told = reading(front + line)
            except Senseless:
                continue
            assert told is None or told.name


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "shown", "meant"),
    [
        ((2026, 3, 1), "Feb 14 22:13", (2026, 2, 14, 22, 13)),
        ((2026, 3, 1), "Nov 14 22:13", (2025, 11, 14, 22, 13)),
        ((2026, 1, 1, 0, 5), "Dec 31 23:59", (2025, 12, 31, 23, 59)),
        ((2025, 12, 31, 23, 50), "Jan  1 00:05", (2026, 1, 1, 0, 5)),
        ((2026, 3, 1), "Mar  1 20:00", (2026, 3, 1, 20)),
        ((2026, 3, 1), "Feb 29 10:00", (2024, 2, 29, 10)),
    ],
)
def test_a_time_without_a_year_is_the_last_such_time(now: tuple[int, ...], shown: str, meant: tuple[int, ...]) -> None:
    """A day ahead is allowed: clocks differ, and so do zones."""
    told = read(f"-rw-r--r-- 1 u g 12 {shown} a", moment(*now) / NS_PER_S)
    assert told is not None
    assert told.mtime_ns == moment(*meant)


def test_the_zone_of_a_listing_counts() -> None:
    told = read("-rw-r--r-- 1 u g 12 Feb 14 22:13 a", zone="America/Los_Angeles")
    assert told is not None
    assert told.mtime_ns == moment(2026, 2, 15, 6, 13)


def test_the_change_of_format_after_six_months_is_no_change_of_the_file() -> None:
    """Requirement R13: old files were new again when their time of day went away."""
    fresh = read("-rw-r--r-- 1 u g 12 Nov 14 22:13 a", moment(2026, 2, 1) / NS_PER_S)
    old = read("-rw-r--r-- 1 u g 12 Nov 14  2025 a", moment(2026, 6, 1) / NS_PER_S)
    assert fresh is not None
    assert old is not None
    one, other = (Entry("a", told.kind, 12, told.mtime_ns, told.step_ns).fingerprint for told in (fresh, old))
    assert one.matches(other)
    assert (one.weak, other.weak) == (True, True)


def test_a_time_of_a_listing_never_makes_a_strong_fingerprint() -> None:
    told = read("-rw-r--r-- 1 u g 12 2023-11-14 22:13:20.123456789 +0000 full-iso")
    assert told is not None
    assert Fingerprint(12, told.mtime_ns, told.step_ns).weak
