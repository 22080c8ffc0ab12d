"""A widget that paints lines of toned pieces: the one place where tones become colours and names become cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
    _inks: tuple[Mapping[str, str], Inks] = ({}, {})

    def strip_of(self, line: Line, width: int, cursor: str = "") -> Strip:
        """Return `line` in exactly `width` cells; `cursor` is the tone that lies over all others, if any."""
        inks = self._inks_now()
        ground = self.rich_style
        runs = _runs((self._safe(piece.text), _style(inks, ground, piece.tone, cursor)) for piece in line)
        strip = Strip([Segment(text, style) for text, style in runs], sum(width_of(text) for text, _ in runs))
        return strip.adjust_cell_length(width, _style(inks, ground, PLAIN, cursor))

    def _inks_now(self) -> Inks:
        variables, inks = self._inks
        if variables is not self.app.theme_variables:
            variables = self.app.theme_variables
            inks = inks_of(variables)
            self._inks = (variables, inks)
        return inks

    def _safe(self, text: str) -> str:
        safe = printable(text)
        return plain(safe) if self.app.has_class("-ascii") else safe


def _style(inks: Inks, ground: Style, tone: str, cursor: str) -> Style:
    if not cursor:
        return ground + inks[tone]
    over = inks[cursor]
    return ground + over if over.reverse else ground + inks[tone] + over


def _runs(pieces: Iterable[tuple[str, Style]]) -> list[tuple[str, Style]]:
    """Join what looks the same, spaces to what is before them: every change of style costs some forty bytes."""
    runs: list[tuple[str, Style]] = []
    for text, style in pieces:
        if not text:
            continue
        if runs and (runs[-1][1] == style or (text.isspace() and runs[-1][1].bgcolor == style.bgcolor)):
            runs[-1] = (runs[-1][0] + text, runs[-1][1])
        else:
            runs.append((text, style))
    return runs
