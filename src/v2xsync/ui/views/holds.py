"""Holds: what waits for a person, what to do about it, and the newest errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult

from v2xsync.engine.facade import Facade
from v2xsync.ledger.base import Hold
from v2xsync.ui.ink import Ink, Line, Picture, Piece
from v2xsync.ui.lines import LineList
from v2xsync.ui.page import Page
from v2xsync.ui.panes.errors import ErrorsPane
from v2xsync.ui.panes.holds import HoldsPane
from v2xsync.ui.stories.hold_story import hold_story
from v2xsync.ui.views.view import View

REREAD_S = 1.0
"""The ledger is asked at most this often, and only when something changed."""


class HoldsView(View):
    """Seeing the errors here takes their badge away."""

    labels: ClassVar[Mapping[str, str]] = {"retry": "Release"}

    def __init__(self, facade: Facade, *, css_id: str) -> None:
        super().__init__(facade, css_id=css_id)
        self._read: tuple[int, float] = (-1, 0.0)

    def compose(self) -> ComposeResult:
        """Holds, the selected one's story, errors."""
        yield HoldsPane(css_id="hold-rows")
        yield Page(css_id="hold-story")
        yield ErrorsPane(css_id="errors")

    @property
    def main(self) -> LineList[Any]:
        """The holds."""
        return self.query_one(HoldsPane).lines

    def feed(self, picture: Picture) -> None:
        """Read the holds again when something changed; acknowledge errors that are on screen now."""
        holds = self.query_one(HoldsPane)
        now, (generation, at) = picture.ink.moment.now, self._read
        if picture.view.generation != generation and (picture.at_once or abs(now - at) >= REREAD_S):
            self._read = (picture.view.generation, now)
            holds.keep(tuple(self.facade.holds()))
        if picture.view.errors_unseen and not picture.read_only:
            self.facade.acknowledge_errors()
        holds.show(picture)
        self.query_one(ErrorsPane).show(picture)
        self.selection_moved()

    def selection_moved(self) -> None:
        """Tell of the selected hold."""
        if self.picture is None:
            return
        row, ink = self.main.selected, self.picture.ink
        story = (lambda width: hold_story(row, ink, width)) if isinstance(row, Hold) else (lambda _: _calm(ink))
        self.query_one(Page).tell(story, ink)


def _calm(ink: Ink) -> tuple[Line, ...]:
    return ((Piece(f"{ink.glyphs.done} ", "good"), Piece("No file waits for a person.", "quiet")),)
