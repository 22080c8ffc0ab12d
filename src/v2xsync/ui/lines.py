"""`LineList`: any number of rows, of which only the visible ones are drawn and only the changed ones repainted.

It paints by Textual's line API and keeps its own window (`top`) instead of a scrolling container, because changing a
container's virtual size lays out and repaints the whole screen, and a queue changes its length at every pull.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, Generic, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from v2xsync.ui.ink import BLANK, Ink, Line, Piece, cells_in
from v2xsync.ui.look import Look, R, arranged
from v2xsync.ui.toned import Toned

WHEEL_LINES = 3


class Painted(NamedTuple):
    """What stands on one line of the terminal: equal means that nothing needs to be sent."""

    line: Line
    cursor: str = ""
    """Tone of the cursor on this line; empty: the cursor is elsewhere."""


class LineList(Toned, Generic[R], can_focus=True):
    """Rows drawn by a `Look`; the cursor stays on its row while rows come, go and change places.

    With `follow` the list sticks to its end (a log) until the person moves away from it. Without `cursor` it is a page
    of text that scrolls.
    """

    DEFAULT_CSS = "LineList { height: 1fr; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next row", id="list.down", show=False),
        Binding("up,k", "move(-1)", "Previous row", id="list.up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", id="list.page_down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", id="list.page_up", show=False),
        Binding("home,g", "first", "First row", id="list.first", show=False),
        Binding("end,G", "last", "Last row", id="list.last", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row, or the rows' order or filter changed."""

    class Opened(Message):
        """A row was double-clicked."""

    def __init__(self, look: Look[R], *, css_id: str | None = None, cursor: bool = True, follow: bool = False) -> None:
        super().__init__(id=css_id)
        self.look = look
        self.needle = ""
        self.sort = 0
        self.rows: Sequence[R] = ()
        """The rows that pass the filter, in order."""
        self.cursor = 0
        self.top = 0
        self.following = follow
        self.follows = follow
        self._with_cursor = cursor
        self._given: Sequence[R] = ()
        self._ink: Ink | None = None
        self._anchor: Hashable | None = None
        self._painted: dict[int, Painted] = {}

    # -- rows

    @property
    def selected(self) -> R | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self._with_cursor and 0 <= self.cursor < len(self.rows) else None

    @property
    def total(self) -> int:
        """How many rows there are before the filter."""
        return len(self._given)

    def show(self, rows: Sequence[R], ink: Ink) -> None:
        """Take new rows; repaint the visible lines that read differently now."""
        self._ink = ink
        if rows is not self._given:
            self._given = rows
            self._arrange()
        self._repaint_changed()

    def search(self, needle: str) -> None:
        """Keep only rows that hold every word of `needle`; empty shows all."""
        self.needle = needle
        self._rearrange()

    def next_sort(self) -> str:
        """Take the next order; returns its name."""
        self.sort = (self.sort + 1) % len(self.look.sorts)
        self._rearrange()
        return self.look.sorts[self.sort].name

    def _rearrange(self) -> None:
        self._arrange()
        self._repaint_changed()
        self.post_message(self.Moved())

    def _arrange(self) -> None:
        before = len(self.rows)
        self.rows = arranged(self.look, self._given, self.needle, self.sort)
        self._settle()
        if len(self.rows) != before and self.styles.is_auto_height:
            self.refresh(layout=True)

    def _settle(self) -> None:
        """Put the cursor back on its row, at the same height on screen; on the nearest one if the row is gone."""
        last = max(0, len(self.rows) - 1)
        if self.following:
            self.cursor = last
            self.top = last
        elif self._anchor is not None:
            found = self._index_of(self._anchor)
            target = min(self.cursor, last) if found is None else found
            self.top += target - self.cursor
            self.cursor = target
            self._anchor = self.look.key(self.rows[target]) if self.rows else self._anchor
        else:
            self.cursor = min(self.cursor, last)
        self._clamp()

    def _index_of(self, key: Hashable) -> int | None:
        key_of = self.look.key
        if self.cursor < len(self.rows) and key_of(self.rows[self.cursor]) == key:
            return self.cursor
        return next((index for index, row in enumerate(self.rows) if key_of(row) == key), None)

    # -- moving

    def action_move(self, by: int) -> None:
        """Move the cursor (or the page) by so many rows."""
        if self._with_cursor:
            self._go(self.cursor + by)
        else:
            self._scroll(by)

    def action_page(self, by: int) -> None:
        """Move by pages."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """Go to the first row, and stay at the head from then on."""
        self.action_move(-len(self.rows))
        self._anchor = None

    def action_last(self) -> None:
        """Go to the last row."""
        self.action_move(len(self.rows))

    def _go(self, index: int) -> None:
        if not self.rows:
            return
        self.cursor = max(0, min(len(self.rows) - 1, index))
        self._anchor = self.look.key(self.rows[self.cursor])
        self.following = self.follows and self.cursor == len(self.rows) - 1
        height = max(1, self.size.height)
        self.top = max(self.cursor - height + 1, min(self.top, self.cursor))
        self._clamp()
        self._repaint_changed()
        self.post_message(self.Moved())

    def _scroll(self, by: int) -> None:
        self.top += by
        self._clamp()
        self.following = self.follows and self.top + self.size.height >= len(self.rows)
        self._repaint_changed()

    def _clamp(self) -> None:
        self.top = max(0, min(self.top, len(self.rows) - max(1, self.size.height)))

    # -- the mouse

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row, or (double) open it; on the right edge, jump there."""
        if event.x >= self.size.width - 1 and len(self.rows) > self.size.height:
            self._scroll(int(event.y / max(1, self.size.height - 1) * len(self.rows)) - self.top)
        elif self._with_cursor and self.top + event.y < len(self.rows):
            self._go(self.top + event.y)
            if event.chain > 1:
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll without moving the cursor."""
        event.stop()
        self._scroll(WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll without moving the cursor."""
        event.stop()
        self._scroll(-WHEEL_LINES)

    # -- painting

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """With ``height: auto``: one line per row."""
        return max(1, len(self.rows))

    def on_resize(self) -> None:
        """Keep the cursor in the window of the new size."""
        if self.following:
            self.top = len(self.rows)
        elif self.cursor >= self.top + self.size.height:
            self.top = self.cursor - self.size.height + 1
        self._clamp()
        self._painted.clear()
        self.refresh()

    def watch_has_focus(self, has_focus: bool) -> None:  # noqa: FBT001 - as Textual calls it
        """Draw the cursor brighter or dimmer."""
        super().watch_has_focus(has_focus)
        self._repaint_changed()

    def render_line(self, y: int) -> Strip:
        """Paint one line (Textual's line API)."""
        painted = self._painted.get(y)
        if painted is None:
            painted = self._painted[y] = self._draw(y)
        return self.strip_of(painted.line, self.size.width, painted.cursor)

    def _repaint_changed(self) -> None:
        width = self.size.width
        for y in range(self.size.height):
            painted = self._draw(y)
            if painted != self._painted.get(y):
                self._painted[y] = painted
                self.refresh(Region(0, y, width, 1))

    def _draw(self, y: int) -> Painted:
        if self._ink is None:
            return Painted(BLANK)
        index = self.top + y
        if index < len(self.rows):
            return self._draw_row(index, y, self._ink)
        empty = not self.rows and y == min(1, self.size.height - 1)
        return Painted((Piece("  "), *self._nothing(self._ink)) if empty else BLANK)

    def _nothing(self, ink: Ink) -> Line:
        """What stands where no row does: there is none, or the filter hides them all."""
        return (Piece("the filter hides all rows", "quiet"),) if self._given else self.look.empty(ink)

    def _draw_row(self, index: int, y: int, ink: Ink) -> Painted:
        room = self.size.width - 2
        line = self.look.draw(self.rows[index], room, ink)
        thumb = (Piece(" " * max(0, room - cells_in(line))), self._thumb(y, ink))
        if not self._with_cursor or index != self.cursor:
            return Painted((Piece(" "), *line, *thumb))
        mark = Piece(ink.glyphs.cursor if self.has_focus else " ", "accent")
        return Painted((mark, *line, *thumb), "cursor" if self.has_focus else "cursor-idle")

    def _thumb(self, y: int, ink: Ink) -> Piece:
        """The scroll mark on the right edge, where there is more than fits."""
        count, height = len(self.rows), self.size.height
        if count <= height:
            return Piece(" ")
        first = self.top * height // count
        last = max(first, ((self.top + height) * height - 1) // count)
        return Piece(ink.glyphs.thumb if first <= y <= last else " ", "faint")
