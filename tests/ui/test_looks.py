"""Rows of every kind, drawn at every width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from tests.ui import cast, scenes
from v2xsync.model.views import DeviceState, UnreadyView
from v2xsync.ui.glyphs import ASCII, UNICODE
from v2xsync.ui.ink import Ink, Line, Picture, cells_in
from v2xsync.ui.look import arranged
from v2xsync.ui.panes.detail import detail_of
from v2xsync.ui.panes.devices import DeviceLook
from v2xsync.ui.panes.fleet import FleetLook
from v2xsync.ui.panes.history import HistoryLook
from v2xsync.ui.panes.holds import HoldLook
from v2xsync.ui.panes.log import LogLook
from v2xsync.ui.panes.queue import QueueLook, label
from v2xsync.ui.stories.device_story import device_story
from v2xsync.ui.words import Moment

INK = Ink(Moment(cast.NOW, cast.ZONE), UNICODE)
LEAST: dict[type, int] = {QueueLook: 32, FleetLook: 56, HistoryLook: 56}
"""What a terminal of 60 columns gives these lists."""

WIDTHS = (20, 26, 38, 50, 58, 78, 100, 118, 139, 158, 220)


def text_of(line: Line) -> str:
    """The text of a drawn line, whose cells add up."""
    text = "".join(piece.text for piece in line)
    assert cell_len(text) == cells_in(line)
    return text


def rows() -> Iterator[tuple[Any, Any]]:
    """(look, row) for every row of every scene."""
    wide, busy = scenes.wide_names(), scenes.busy()
    for station in (wide, busy, scenes.failing(), scenes.resting()):
        view = station.view()
        for device in view.devices:
            yield DeviceLook(""), device
            yield FleetLook(""), device
        for work in (*view.transfers, *view.queue):
            yield QueueLook(), work
        for event in station.events:
            yield LogLook(), event
    for line in busy.lines:
        yield HistoryLook(), line
    for hold in busy.held:
        yield HoldLook(), hold


@pytest.mark.parametrize("width", WIDTHS)
def test_no_row_is_wider_than_its_list(width):
    for look, row in rows():
        if width >= LEAST.get(type(look), 0):
            assert cells_in(look.draw(row, width, INK)) <= width, (type(look).__name__, row)


@pytest.mark.parametrize("width", range(56, 220, 3))
def test_columns_stand_under_their_headings(width):
    device, line = cast.SOURCES[0], scenes.busy().lines[10]
    fleet, history = FleetLook(""), HistoryLook()
    assert cells_in(fleet.heading(width, INK)) == cells_in(fleet.draw(device, width, INK))
    assert cells_in(history.heading(width, INK)) == cells_in(history.draw(line, width, INK))


def test_every_row_is_found_by_its_own_words():
    for look, row in rows():
        assert look.text(row)
        assert all(sort.name for sort in look.sorts)


def test_every_sort_orders_every_kind_of_row():
    station = scenes.wide_names()
    view = station.view()
    kinds: list[tuple[Any, Any]] = [(QueueLook(), (*view.transfers, *view.queue)), (DeviceLook(""), view.devices)]
    for look, some in kinds:
        for number in range(len(look.sorts)):
            assert set(arranged(look, some, "", number)) == set(some)


def test_a_rate_speaks_for_itself_and_trouble_keeps_its_word():
    view = scenes.busy().view()
    drawn = {device.name: text_of(DeviceLook("").draw(device, 26, INK)) for device in view.devices}
    assert "2.1 MB/s" in drawn["clay-11th"]
    assert "away 2 h" in drawn["market-4th"]
    assert "refused" in drawn["powell-39th"]
    assert "absent" in drawn["pixracer"]
    assert "full 40 min" in drawn["backup"]


def test_a_vehicle_that_flies_says_so_and_since_when():
    vehicle = cast.source("pixracer", DeviceState.ARMED, type="mavftp", waiting=3, since=cast.NOW - 120)
    assert "armed 2 min" in text_of(DeviceLook("").draw(vehicle, 26, INK))


@pytest.mark.parametrize("width", [20, 26, 38])
def test_safe_to_remove_is_written_out(width):
    """It is what a person waits for before a drive is pulled out."""
    drive = cast.source("flir", DeviceState.SAFE, type="disk", waiting=3)
    assert text_of(DeviceLook("").draw(drive, width, INK)).endswith(" safe to remove")
    assert "safe to remove" in text_of(FleetLook("").draw(drive, 158, INK))


def test_a_device_page_names_what_is_not_ready_and_why():
    unready = tuple(
        UnreadyView(path=f"{n}.dat", size=1, reason=f"locked by {n}.dat.lock (3 h old)", since=cast.NOW)
        for n in range(12)
    )
    drive = cast.source("spool", type="local", unready=unready, not_ready=14)
    picture = Picture(view=scenes.busy().view(), ink=INK)
    page = "\n".join(text_of(line) for line in device_story(drive, picture, 78))
    assert "0.dat: locked by 0.dat.lock (3 h old)" in page
    assert "and 4 more" in page


@pytest.mark.parametrize("width", [26, 24, 30])
def test_a_short_label_keeps_source_element_and_time(width):
    row = replace(cast.QUEUE[0], source="market-11th", path="a/market-11th_remoteBsmLog_11202026_124435.csv")
    told = label(row, width)
    assert cell_len(told) <= width
    assert told.startswith("ma")
    assert "_remoteBsm…" in told
    assert told.endswith("124435.csv")


def test_a_label_that_fits_or_is_no_v2x_name_is_left_alone():
    for path in ("market_a_b.csv", "x" * 60 + ".ulg", "market_" + "e" * 60 + "_124435.csv"):
        row = replace(cast.QUEUE[0], source="market", path=path)
        assert label(row, 26) == path


def test_a_waiting_file_says_when_it_goes_on():
    queue = {row.item_id: text_of(QueueLook().draw(row, 50, INK)) for row in cast.QUEUE}
    assert "retry 2 at 00:43" in queue[1007]
    assert "waiting until 03:00" in queue[1021]
    assert "queued" in queue[1008]


def test_a_person_sees_at_once_that_something_was_asked():
    marked = Ink(INK.moment, UNICODE, frozenset({"clay-11th", 1008}))
    assert "requested" in text_of(DeviceLook("").draw(cast.SOURCES[0], 26, marked))
    assert "requested" in text_of(QueueLook().draw(cast.QUEUE[1], 50, marked))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_detail_line_never_overflows_and_keeps_the_ends_of_a_path(width):
    for station in (scenes.busy(), scenes.wide_names()):
        view = station.view()
        picture = Picture(view=view, ink=Ink(INK.moment, ASCII))
        some: list[Any] = [*view.transfers, *view.queue, *station.lines]
        for row in some:
            line = detail_of(row, picture, width)
            assert cells_in(line) <= width
            assert row.path[-4:] in text_of(line)


def test_nothing_selected_is_said():
    assert "nothing selected" in text_of(detail_of(None, Picture(view=cast.station(), ink=INK), 80))
