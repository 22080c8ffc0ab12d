"""Queue: every waiting file, as far as the station hands them out."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult

from v2xsync.ui.ink import Picture
from v2xsync.ui.lines import LineList
from v2xsync.ui.panes.detail import DetailBar
from v2xsync.ui.panes.queue import QueuePane
from v2xsync.ui.views.view import View


class QueueView(View):
    """The queue in full width."""

    queue_rows: ClassVar[int] = 10_000

    def compose(self) -> ComposeResult:
        """One list and its detail line."""
        yield QueuePane(css_id="queue-all")
        yield DetailBar(css_id="queue-detail")

    @property
    def main(self) -> LineList[Any]:
        """The queue."""
        return self.query_one(QueuePane).lines

    def feed(self, picture: Picture) -> None:
        """Feed the list and the detail line."""
        self.query_one(QueuePane).show(picture)
        self.selection_moved()

    def selection_moved(self) -> None:
        """Say all about the selected file."""
        if self.picture is not None:
            self.query_one(DetailBar).show_row(self.main.selected, self.picture)
