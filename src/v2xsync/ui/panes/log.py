"""The log: the station's newest events, sticking to the end until a person scrolls up."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from v2xsync.model.views import EventView, Level
from v2xsync.ui.ink import Ink, Line, Picture, Piece, joined
from v2xsync.ui.look import Sort
from v2xsync.ui.panes.pane import Pane
from v2xsync.ui.states import LEVEL


class LogLook:
    """One line per event: time, sign, and for trouble its word."""

    sorts: Sequence[Sort] = (Sort("time"),)

    def key(self, row: EventView) -> Hashable:
        """Sequence numbers are unique."""
        return row.seq

    def text(self, row: EventView) -> str:
        """Level, device and text."""
        return f"{row.level.name} {row.device} {row.text}"

    def draw(self, row: EventView, width: int, ink: Ink) -> Line:
        """Draw the event; the device is named unless its text does so already."""
        face = LEVEL[row.level]
        loud = row.level >= Level.WARNING
        head = f"{ink.moment.clock_s(row.at)} "
        word = f"{face.word} " if loud else ""
        text = f"{row.device}: {row.text}" if row.device and row.device not in row.text else row.text
        room = width - len(head) - 2 - len(word)
        return (
            Piece(head, "quiet"),
            ink.sign(face) if loud or row.level is Level.DEBUG else Piece(f"{face.glyph(ink.glyphs)} ", "faint"),
            Piece(word, face.tone),
            ink.cell(text, room, "quiet" if row.level is Level.DEBUG else "plain"),
        )

    def empty(self, ink: Ink) -> Line:
        """Said before the first event."""
        del ink
        return (Piece("nothing has happened yet", "quiet"),)


class LogPane(Pane[EventView]):
    """The events of the picture that are at least as grave as `least`."""

    TITLE = "Log"

    def __init__(self, *, css_id: str = "log") -> None:
        super().__init__(LogLook(), css_id=css_id, follow=True)
        self.least = Level.DEBUG
        self._shown: tuple[Sequence[EventView], Level] = ((), Level.DEBUG)
        self._rows: Sequence[EventView] = ()

    def show(self, picture: Picture) -> None:
        """Show the newest events."""
        if picture.events is not self._shown[0] or self.least is not self._shown[1]:
            self._shown = (picture.events, self.least)
            self._rows = tuple(event for event in picture.events if event.level >= self.least)
        self.show_rows(self._rows, picture.ink, self._remark_of(picture))

    def next_level(self) -> None:
        """Show only graver events, and after the gravest all again."""
        order = list(Level)
        self.least = order[(order.index(self.least) + 1) % len(order)]

    def _remark_of(self, picture: Picture) -> Line:
        least = Piece("" if self.least is Level.DEBUG else f"{LEVEL[self.least].word} and worse", "accent")
        missed = Piece(f"{picture.missed} not shown" if picture.missed else "", "warn")
        return joined((least, missed), picture.ink.gap)
