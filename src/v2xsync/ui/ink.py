"""What drawing needs besides the row itself, and the drawn result: pieces of text in named tones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from v2xsync.model.views import EventView, StationView
from v2xsync.ui.cells import Cut, fit, width_of
from v2xsync.ui.glyphs import Glyphs
from v2xsync.ui.states import Face
from v2xsync.ui.words import Moment


class Piece(NamedTuple):
    """A run of text in a tone of `themes.TONES`; `action` is what a click does, `hint` what hovering over it tells."""

    text: str
    tone: str = "plain"
    action: str = ""
    hint: str = ""


Line = tuple[Piece, ...]
"""One drawn line; equal lines need no repaint."""

BLANK: Line = ()


def cells_in(line: Iterable[Piece]) -> int:
    """Return the cells that `line` takes."""
    return sum(width_of(piece.text) for piece in line)


def joined(parts: Iterable[Line | Piece], gap: str = "  ") -> Line:
    """Return the parts that are not empty with `gap` between them."""
    line: list[Piece] = []
    for part in parts:
        pieces = (part,) if isinstance(part, Piece) else part
        if not any(piece.text for piece in pieces):
            continue
        if line:
            line.append(Piece(gap))
        line.extend(pieces)
    return tuple(line)


@dataclass(frozen=True, slots=True)
class Ink:
    """Now and here, the signs to use, and the names (devices, item ids) a person asked something of a moment ago."""

    moment: Moment
    glyphs: Glyphs
    marks: frozenset[str | int] = frozenset()

    def cell(self, text: str, width: int, tone: str = "plain", cut: Cut = "end") -> Piece:
        """Return `text` in exactly `width` cells."""
        return Piece(fit(text, width, cut), tone)

    def face(self, face: Face, width: int) -> Piece:
        """Return a state's sign and word in exactly `width` cells."""
        return self.cell(f"{face.glyph(self.glyphs)} {face.word}", width, face.tone)

    def sign(self, face: Face) -> Piece:
        """Return a state's sign alone, with a space."""
        return Piece(f"{face.glyph(self.glyphs)} ", face.tone)

    def bar(self, fraction: float, width: int) -> Line:
        """Return a progress bar of `width` cells."""
        done, rest = self.glyphs.bar(fraction, width)
        return (Piece(done, "bar"), Piece(rest, "track"))

    @property
    def gap(self) -> str:
        """What stands between remarks on one line."""
        return f" {self.glyphs.dot} "


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One pull: the station's view, how to draw it, and what the screen itself knows."""

    view: StationView
    ink: Ink
    events: Sequence[EventView] = ()
    """The newest events, oldest first."""
    missed: int = 0
    """Events that the ring dropped before we came to read them."""
    curve: tuple[float, ...] = ()
    """Throughput, one value per second, oldest first; empty: not drawn."""
    slow: bool = False
    """The terminal cannot keep up; pictures come less often."""
    read_only: bool = False
    attached: bool = False
    """The station runs in another process."""
    at_once: bool = False
    """A person asked something or looks elsewhere now: nothing may lag behind."""
