"""`Bar`: one line of toned pieces with a left and a right end; header, tabs, titles and hints are all Bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from textual import events
from textual.strip import Strip

from v2xsync.ui.cells import fit
from v2xsync.ui.ink import BLANK, Line, Piece, cells_in
from v2xsync.ui.toned import Toned


class Ends(NamedTuple):
    """What a bar says at its left and right end, and what is repeated between them."""

    left: Line
    right: Line = BLANK
    fill: Piece = Piece(" ")


Maker = Callable[[int], Ends]
"""Says what stands on a bar of so many cells."""


class Bar(Toned):
    """A line that repaints only when its text changes; pieces with an action can be clicked."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

    def __init__(self, *, css_id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=css_id, classes=classes)
        self._maker: Maker = lambda _: Ends(BLANK)
        self.line: Line = BLANK
        """What stands on the line now."""

    def show(self, left: Line, right: Line = BLANK, fill: Piece | None = None) -> None:
        """Show the same pieces at every width."""
        ends = Ends(left, right, fill or Piece(" "))
        self.make(lambda _: ends)

    def make(self, maker: Maker) -> None:
        """Show what `maker` says for the present width, and say it anew when the width changes."""
        self._maker = maker
        line = _laid_out(maker(self.size.width), self.size.width) if self.size.width else BLANK
        if line != self.line:
            self.line = line
            self.refresh()

    def on_resize(self) -> None:
        """Lay the line out for the new width."""
        self.make(self._maker)

    def render_line(self, y: int) -> Strip:
        """Paint the line (Textual's line API)."""
        return self.strip_of(self.line if y == 0 else BLANK, self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Do what the piece under the mouse stands for."""
        if (piece := self._piece_at(event.x)) and piece.action:
            event.stop()
            self.app.call_later(self.app.run_action, piece.action)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Let the tooltip tell of the piece under the mouse."""
        piece = self._piece_at(event.x)
        hint = piece.hint if piece else None
        if hint != self.tooltip:
            self.tooltip = hint or None

    def _piece_at(self, x: int) -> Piece | None:
        start = 0
        for piece in self.line:
            start += cells_in((piece,))
            if x < start:
                return piece
        return None


def _laid_out(ends: Ends, width: int) -> Line:
    """Both ends on one line: the right one stays whole, the left one is cut."""
    right_cells = cells_in(ends.right)
    left = _clipped(ends.left, max(0, width - right_cells - 1) if ends.right else width)
    room = width - cells_in(left) - right_cells
    return (*left, Piece(ends.fill.text * max(0, room), ends.fill.tone), *ends.right)


def _clipped(line: Line, width: int) -> Line:
    """The pieces of `line` that fit `width` cells, the last of them cut."""
    kept: list[Piece] = []
    for piece in line:
        cells = cells_in((piece,))
        if cells > width:
            if width > 0:
                kept.append(piece._replace(text=fit(piece.text, width)))
            break
        kept.append(piece)
        width -= cells
    return tuple(kept)
