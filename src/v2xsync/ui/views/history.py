"""History: the custody log, newest first, searchable with the filter."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from v2xsync.engine.facade import Facade
from v2xsync.ui.ink import Picture
from v2xsync.ui.lines import LineList
from v2xsync.ui.panes.detail import DetailBar
from v2xsync.ui.panes.history import HistoryPane
from v2xsync.ui.views.view import View

REREAD_S = 2.0
"""The ledger is asked at most this often, and only when something changed."""


class HistoryView(View):
    """What happened to every file."""

    def __init__(self, facade: Facade, *, css_id: str) -> None:
        super().__init__(facade, css_id=css_id)
        self._read: tuple[int, float] = (-1, 0.0)

    def compose(self) -> ComposeResult:
        """One list and its detail line."""
        yield HistoryPane(css_id="history-lines")
        yield DetailBar(css_id="history-detail")

    @property
    def main(self) -> LineList[Any]:
        """The log's lines."""
        return self.query_one(HistoryPane).lines

    def feed(self, picture: Picture) -> None:
        """Read the custody log again when something changed, and not too often."""
        pane = self.query_one(HistoryPane)
        now, (generation, at) = picture.ink.moment.now, self._read
        if picture.view.generation != generation and (picture.at_once or abs(now - at) >= REREAD_S):
            self._read = (picture.view.generation, now)
            pane.keep(tuple(reversed(self.facade.history())))
        pane.show(picture)
        self.selection_moved()

    def selection_moved(self) -> None:
        """Say all about the selected line."""
        if self.picture is not None:
            self.query_one(DetailBar).show_row(self.main.selected, self.picture)
