"""Live: sources, targets, queue and log at a glance, and one line that says all about the selected row."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from v2xsync.ui.bars import Bar
from v2xsync.ui.ink import Picture, Piece
from v2xsync.ui.lines import LineList
from v2xsync.ui.page import Page
from v2xsync.ui.panes.detail import DetailBar
from v2xsync.ui.panes.log import LogPane
from v2xsync.ui.panes.queue import QueuePane
from v2xsync.ui.panes.sources import SourcesPane
from v2xsync.ui.panes.targets import TargetsPane
from v2xsync.ui.stories.row_story import row_story
from v2xsync.ui.views.view import View


class LiveView(View):
    """The first view."""

    queue_rows: ClassVar[int] = 200

    def compose(self) -> ComposeResult:
        """Put devices on the left, the queue beside them, on very wide screens the selected row, the log below."""
        with Horizontal(id="desk"):
            with Vertical(id="ends"):
                yield SourcesPane()
                yield TargetsPane()
            yield QueuePane()
            with Vertical(id="aside"):
                yield Bar(css_id="aside-title", classes="pane-title")
                yield Page(css_id="aside-page")
        yield DetailBar(css_id="detail")
        yield LogPane()

    @property
    def main(self) -> LineList[Any]:
        """The sources: always there, and `s` is useful at once."""
        return self.query_one(SourcesPane).lines

    def feed(self, picture: Picture) -> None:
        """Feed the four panes and the detail line."""
        self.query_one(SourcesPane).show(picture)
        self.query_one(TargetsPane).show(picture)
        self.query_one(QueuePane).show(picture)
        self.query_one(LogPane).show(picture)
        self.selection_moved()

    def selection_moved(self) -> None:
        """Say all about the selected row."""
        if self.picture is None:
            return
        row, ink = self.active.selected, self.picture.ink
        self.query_one(DetailBar).show_row(row, self.picture)
        if self.query_one("#aside").display:
            rule = Piece(ink.glyphs.rule, "faint")
            self.query_one("#aside-title", Bar).show((rule, Piece(" Selected ", "title")), (), rule)
            self.query_one("#aside-page", Page).tell(lambda width: row_story(row, ink, width), ink)
