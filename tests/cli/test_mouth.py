"""Speaking without waiting: lines in order, a progress line below them, and nobody held up by who does not listen."""

from __future__ import annotations

import io
import os
import time
from dataclasses import replace

import pytest
from tests.ui import scenes

from v2xsync.cli.mouth import MOST_LINES, Mouth
from v2xsync.cli.progress import ProgressLine, Summary, drawn, summary
from v2xsync.model.views import StationView


def test_lines_come_out_in_order_and_all_of_them_at_the_end() -> None:
    stream = io.StringIO()
    mouth = Mouth(stream)
    for number in range(500):
        mouth.say(str(number))
    mouth.close()
    assert stream.getvalue().splitlines() == [str(number) for number in range(500)]


def test_the_progress_line_stands_below_the_lines_and_is_gone_at_the_end() -> None:
    stream = io.StringIO()
    mouth = Mouth(stream)
    mouth.show("half")
    mouth.say("a line")
    mouth.close()
    assert stream.getvalue().replace("\r\x1b[2K", "<").endswith("a line\n") or stream.getvalue().endswith("\r\x1b[2K")
    assert "a line\n" in stream.getvalue()


def test_a_reader_that_stands_still_holds_nobody_up_and_is_told_what_it_missed() -> None:
    """A pipe that nobody reads: what it does not take is dropped with a count, the oldest first."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading, "rb") as pipe:
        mouth = Mouth(stream)
        before = time.process_time()
        for number in range(3 * MOST_LINES):
            mouth.say(f"{number:0100}")
        assert time.process_time() - before < 5.0
        seen = b""
        while f"{3 * MOST_LINES - 1:0100}\n".encode() not in seen:
            seen += os.read(pipe.fileno(), 65_536)
        assert b"lines were left out" in seen
        mouth.close()


def test_a_reader_that_goes_away_is_borne_in_silence() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        mouth = Mouth(stream)
        os.close(reading)
        for number in range(100):
            mouth.say(str(number))
        mouth.close()


# --- what is said -----------------------------------------------------------------------------------------------------


class Ticks:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_in_which_something_happened_has_one_summary() -> None:
    ticks, station, said = Ticks(), scenes.busy(), list[str]()
    telling = Summary(ticks, said.append)
    for second in range(181):
        ticks.now = float(second)
        telling.look(lambda: station.view(0))
    (line,) = said
    assert "in motion at" in line
    assert "on hold" in line
    station.change(holds=0)
    ticks.now = 240.0
    telling.look(lambda: station.view(0))
    assert len(said) == 2


@pytest.mark.parametrize("cells", [20, 40, 80, 200])
@pytest.mark.parametrize("scene", [scenes.busy, scenes.resting, scenes.empty, scenes.wide_names])
def test_the_progress_line_is_one_line_and_fits(scene, cells: int) -> None:
    import re

    from rich.cells import cell_len

    line = re.sub(r"\x1b\[[0-9;]*m", "", drawn(scene().view(0), cells))
    assert "\n" not in line
    assert cell_len(line) < cells


def test_the_progress_line_tells_share_rate_and_time_left() -> None:
    line = drawn(scenes.busy().view(0), 120)
    for words in ("58%", "2408/3896 files", "MB/s", "11 min left"):
        assert words in line


def test_the_summary_names_who_is_in_trouble() -> None:
    view: StationView = scenes.busy().view(0)
    assert "in trouble: market-4th" in summary(view)
    assert "in trouble" not in summary(replace(view, devices=()))


def test_the_line_is_drawn_twice_a_second() -> None:
    ticks, stream, looks = Ticks(), io.StringIO(), 0

    def view() -> StationView:
        nonlocal looks
        looks += 1
        return scenes.busy().view(0)

    mouth = Mouth(stream)
    telling = ProgressLine(mouth, stream, ticks)
    for tick in range(40):
        ticks.now = tick / 8
        telling.look(view)
    mouth.close()
    assert looks == 10
