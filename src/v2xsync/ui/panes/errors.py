"""The newest errors, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from v2xsync.model.views import EventView, Level
from v2xsync.ui.ink import Ink, Line, Picture, Piece
from v2xsync.ui.panes.log import LogLook
from v2xsync.ui.panes.pane import Pane


class ErrorLook(LogLook):
    """Events, where the lack of any is good news."""

    def empty(self, ink: Ink) -> Line:
        """Said on a good day."""
        return (Piece(f"{ink.glyphs.done} ", "good"), Piece("no errors", "quiet"))


class ErrorsPane(Pane[EventView]):
    """Errors since this window opened, as far as they are remembered."""

    TITLE = "Errors"

    def __init__(self, *, css_id: str) -> None:
        super().__init__(ErrorLook(), css_id=css_id)
        self._seen: Sequence[EventView] = ()
        self._rows: Sequence[EventView] = ()

    def show(self, picture: Picture) -> None:
        """Show the errors of the picture."""
        if picture.events is not self._seen:
            self._seen = picture.events
            self._rows = tuple(event for event in reversed(picture.events) if event.level >= Level.ERROR)
        self.show_rows(self._rows, picture.ink)
