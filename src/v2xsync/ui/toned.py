"""A widget that paints lines of toned pieces: the one place where tones become colours and names become cells."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from v2xsync.model.naming import printable
from v2xsync.ui.cells import plain, width_of
from v2xsync.ui.ink import Line
from v2xsync.ui.themes import Inks, inks_of

PLAIN = "plain"


class Toned(Widget):
    """Base of `Bar` and `LineList`; in an application of class `-ascii` nothing but ASCII is painted.

    Tones are looked up in one table for the whole application: component classes on every widget would cost a third of
    the time to the first picture.
    """

    ALLOW_SELECT = False
    _inks: tuple[str, Inks] = ("", {})

    def strip_of(self, line: Line, width: int, cursor: str = "") -> Strip:
        """Return `line` in exactly `width` cells; `cursor` is the tone that lies over all others, if any."""
        inks = self._inks_now()
        ground = self.rich_style
        segments = [self._segment(piece.text, _style(inks, ground, piece.tone, cursor)) for piece in line if piece.text]
        strip = Strip(segments, sum(width_of(segment.text) for segment in segments))
        return strip.adjust_cell_length(width, _style(inks, ground, PLAIN, cursor))

    def _inks_now(self) -> Inks:
        theme, inks = self._inks
        if theme != self.app.theme:
            inks = inks_of(self.app.theme_variables)
            self._inks = (self.app.theme, inks)
        return inks

    def _segment(self, text: str, style: Style) -> Segment:
        safe = printable(text)
        return Segment(plain(safe) if self.app.has_class("-ascii") else safe, style)


def _style(inks: Inks, ground: Style, tone: str, cursor: str) -> Style:
    if not cursor:
        return ground + inks[tone]
    over = inks[cursor]
    return ground + over if over.reverse else ground + inks[tone] + over
