"""The list that everything is shown in: cursor, filter, order, window, repaint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tests.ui.cast import NOW, ZONE
from v2xsync.ui.glyphs import UNICODE
from v2xsync.ui.ink import Ink, Line, Piece
from v2xsync.ui.lines import LineList
from v2xsync.ui.look import Sort
from v2xsync.ui.themes import our_names
from v2xsync.ui.words import Moment

INK = Ink(Moment(NOW, ZONE), UNICODE)
Row = tuple[str, int]


class PairLook:
    """Rows of a name and a figure."""

    sorts: Sequence[Sort] = (Sort("given"), Sort("figure", lambda row: row[1]))

    def key(self, row):
        return row[0]

    def text(self, row):
        return row[0]

    def draw(self, row, width, ink):
        return (Piece(f"{row[0]} {row[1]}"[:width]),)

    def empty(self, ink):
        return (Piece("none"),)


class ListApp(App[None]):
    """One list in ten lines."""

    CSS_PATH = "../../src/v2xsync/ui/v2xsync.tcss"

    def __init__(self, *, follow: bool = False) -> None:
        super().__init__()
        self.lines: LineList[Row] = LineList(PairLook(), follow=follow)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return our_names(self.current_theme)

    def compose(self) -> ComposeResult:
        yield self.lines


def rows(count: int, start: int = 0) -> list[Row]:
    return [(f"row{number:04}", number) for number in range(start, start + count)]


@asynccontextmanager
async def shown(some: Sequence[Row], *, follow: bool = False) -> AsyncIterator[tuple[LineList[Row], Pilot[None]]]:
    app = ListApp(follow=follow)
    async with app.run_test(size=(30, 10)) as pilot:
        await pilot.pause()
        app.lines.show(some, INK)
        await pilot.pause()
        yield app.lines, pilot


def painted(lines: LineList[Any]) -> list[str]:
    """What stands on each line of the widget."""
    return [lines.render_line(y).text for y in range(lines.size.height)]


async def test_the_cursor_stays_on_its_row_at_the_same_height_when_rows_above_go():
    async with shown(rows(100)) as (lines, pilot):
        await pilot.press(*["down"] * 20)
        height = lines.cursor - lines.top
        lines.show(rows(95, 5), INK)
        assert lines.selected == ("row0020", 20)
        assert lines.cursor - lines.top == height


async def test_the_cursor_stays_on_its_row_while_the_order_changes():
    async with shown([("a", 3), ("b", 2), ("c", 1)]) as (lines, pilot):
        await pilot.press("down")
        assert lines.next_sort() == "figure"
        lines.show([("a", 0), ("b", 9), ("c", 1)], INK)
        assert [row[0] for row in lines.rows] == ["a", "c", "b"]
        assert lines.selected == ("b", 9)


async def test_when_the_selected_row_goes_the_next_one_is_selected():
    async with shown(rows(5)) as (lines, pilot):
        await pilot.press("down", "down")
        lines.show([row for row in rows(5) if row[1] != 2], INK)
        assert lines.selected == ("row0003", 3)
        lines.show([], INK)
        assert lines.selected is None
        lines.show(rows(3), INK)
        assert lines.selected is not None


async def test_before_a_person_moves_the_cursor_stays_at_the_head():
    async with shown(rows(5)) as (lines, pilot):
        lines.show(rows(5, 3), INK)
        assert lines.selected == ("row0003", 3)
        await pilot.press("G", "g")
        lines.show(rows(5, 4), INK)
        assert lines.selected == ("row0004", 4)


async def test_the_filter_stays_while_rows_move_and_all_its_words_count():
    async with shown(rows(30, 10)) as (lines, _):
        lines.search("ROW 002")
        assert len(lines.rows) == 10
        lines.show(rows(30, 10), INK)
        assert {row[0] for row in lines.rows} == {f"row{number:04}" for number in range(20, 30)}
        lines.search("")
        assert len(lines.rows) == 30


async def test_a_log_sticks_to_its_end_until_a_person_leaves_it_and_again_after_end():
    async with shown(rows(50), follow=True) as (lines, pilot):
        assert "row0049 49" in painted(lines)[-1]
        lines.show(rows(60), INK)
        assert "row0059 59" in painted(lines)[-1]
        await pilot.press("up", "up")
        lines.show(rows(70), INK)
        assert "row0059 59" in painted(lines)[-1]
        assert not lines.following
        await pilot.press("end")
        lines.show(rows(80), INK)
        assert "row0079 79" in painted(lines)[-1]


async def test_keys_move_by_rows_pages_and_to_the_ends():
    async with shown(rows(100)) as (lines, pilot):
        for key, cursor in (("j", 1), ("k", 0), ("pagedown", 9), ("G", 99), ("pageup", 90), ("home", 0), ("end", 99)):
            await pilot.press(key)
            assert lines.cursor == cursor, key
            assert lines.top <= lines.cursor < lines.top + 10


async def test_the_mouse_selects_scrolls_and_jumps():
    async with shown(rows(100)) as (lines, pilot):
        await pilot.click(lines, offset=(5, 4))
        assert lines.cursor == 4
        await pilot.click(lines, offset=(29, 9))
        assert lines.top == 90
        assert lines.cursor == 4


async def test_an_empty_list_says_so():
    async with shown([]) as (lines, _):
        assert "none" in "".join(painted(lines))


async def test_only_lines_that_read_differently_are_repainted(monkeypatch):
    async with shown(rows(100)) as (lines, _):
        refreshed: list[tuple[Region, ...]] = []
        monkeypatch.setattr(lines, "refresh", lambda *regions, **_: refreshed.append(regions))
        lines.show(rows(100), INK)
        assert refreshed == []
        changed = rows(100)
        changed[3] = ("row0003", -1)
        changed[50] = ("row0050", -1)
        lines.show(changed, INK)
        assert refreshed == [(Region(0, 3, 30, 1),)]


async def test_ten_thousand_rows_draw_only_what_is_seen(monkeypatch):
    async with shown([]) as (lines, _):
        drawn: list[Row] = []
        draw = lines.look.draw

        def noted(row: Row, width: int, ink: Ink) -> Line:
            drawn.append(row)
            return draw(row, width, ink)

        monkeypatch.setattr(lines.look, "draw", noted)
        lines.show(rows(10_000), INK)
        assert len(drawn) == 10


async def test_every_line_is_as_wide_as_the_list():
    async with shown([("Перекрёсток-交差点-" * 9, 1), ("b", 2)]) as (lines, _):
        assert {lines.render_line(y).cell_length for y in range(10)} == {30}


async def test_a_filter_that_hides_everything_is_named_and_an_empty_list_is_not_blamed_on_it():
    async with shown([]) as (lines, _):
        assert "none" in lines.render_line(1).text
        lines.show(rows(5), INK)
        lines.search("nothing like it")
        assert "the filter hides all" in lines.render_line(1).text
        lines.search("")
        assert "row0000" in lines.render_line(0).text


async def test_a_smaller_window_keeps_the_cursor_in_sight():
    async with shown(rows(100)) as (lines, pilot):
        await pilot.press("pagedown")
        await pilot.resize_terminal(30, 5)
        await pilot.pause()
        assert lines.top <= lines.cursor < lines.top + 5
