"""Log: the station's events in full height, with levels, follow and search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult

from v2xsync.ui.ink import Picture
from v2xsync.ui.lines import LineList
from v2xsync.ui.panes.log import LogPane
from v2xsync.ui.views.view import View


class LogView(View):
    """`o` changes the level, `/` searches, End follows."""

    labels: ClassVar[Mapping[str, str]] = {"sort": "Level", "open": "Story"}

    def compose(self) -> ComposeResult:
        """One list."""
        yield LogPane(css_id="log-all")

    @property
    def main(self) -> LineList[Any]:
        """The events."""
        return self.query_one(LogPane).lines

    def feed(self, picture: Picture) -> None:
        """Feed the list."""
        self.query_one(LogPane).show(picture)

    def sort(self) -> str:
        """Take the next level, which the title shows."""
        pane = self.query_one(LogPane)
        pane.next_level()
        if self.picture is not None:
            pane.show(self.picture)
        return ""
