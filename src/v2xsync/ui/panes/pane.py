"""`Pane`: a list under its title; the title tells the filter and the order, and lights up with the focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from v2xsync.ui.bars import Bar, Ends
from v2xsync.ui.ink import BLANK, Ink, Line, Piece, cells_in, joined
from v2xsync.ui.lines import LineList
from v2xsync.ui.look import Look, R
from v2xsync.ui.words import number


class Pane(Vertical, Generic[R]):
    """A title, column headings where `headings` is set, and a `LineList` of `look`."""

    TITLE: ClassVar[str] = ""
    headings: ClassVar[bool] = False

    def __init__(self, look: Look[R], *, css_id: str, cursor: bool = True, follow: bool = False) -> None:
        super().__init__(id=css_id)
        self.lines: LineList[R] = LineList(look, css_id=f"{css_id}-lines", cursor=cursor, follow=follow)
        self.title_bar = Bar(classes="pane-title")
        self.heading_bar = Bar(classes="pane-heading")
        self._ink: Ink | None = None
        self._remark: Line = BLANK

    def compose(self) -> ComposeResult:
        """Stack title, headings and rows."""
        yield self.title_bar
        if self.headings:
            yield self.heading_bar
        yield self.lines

    def show_rows(self, rows: Sequence[R], ink: Ink, remark: Line = BLANK) -> None:
        """Show rows; `remark` stands beside the title (counts, states)."""
        self._ink, self._remark = ink, remark
        self.lines.show(rows, ink)
        self.draw_title()

    def heading(self, width: int, ink: Ink) -> Line:
        """Return the titles of the columns; panes with `headings` say theirs."""
        del width, ink
        return BLANK

    def draw_title(self) -> None:
        """Write the title line, and the headings."""
        if (ink := self._ink) is None:
            return
        tone = "title-on" if self.lines.has_focus else "title"
        rule = Piece(ink.glyphs.rule, "faint")
        name = (rule, Piece(f" {self.TITLE} ", tone))
        left = (*name, *self._remark, Piece(" ")) if self._remark else name
        remarks = joined((self._filter(), self._order(), self._news(ink)), ink.gap)
        right = (Piece(" "), *remarks, Piece(" "), rule) if remarks else BLANK
        room = cells_in(left) + cells_in(right)
        self.title_bar.make(lambda width: Ends(left if room < width or not right else name, right, rule))
        if self.headings:
            self.heading_bar.make(lambda width: Ends((Piece(" "), *self.heading(width - 2, ink))))

    def _filter(self) -> Line:
        lines = self.lines
        if not lines.needle:
            return BLANK
        found = f" {number(len(lines.rows))} of {number(lines.total)}"
        return (Piece(f"/{lines.needle}", "accent", "app.filter"), Piece(found, "quiet"))

    def _order(self) -> Line:
        if not self.lines.sort:
            return BLANK
        return (Piece(f"by {self.lines.look.sorts[self.lines.sort].name}", "accent", "app.sort"),)

    def _news(self, ink: Ink) -> Line:
        lines = self.lines
        below = len(lines.rows) - lines.top - lines.size.height
        if lines.following or not lines.follows or below <= 0:
            return BLANK
        sign = "v" if ink.glyphs.ascii else ink.glyphs.down_arrow
        return (Piece(f"{number(below)} more below {sign} End", "warn"),)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Light the title."""
        del event
        self.draw_title()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Dim the title."""
        del event
        self.draw_title()

    def on_line_list_moved(self) -> None:
        """The filter or the order may have changed, or new lines wait below."""
        self.draw_title()
