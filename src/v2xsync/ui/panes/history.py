"""Rows of the custody log."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from v2xsync.ledger.base import LogLine
from v2xsync.model.amounts import in_bytes
from v2xsync.ui import words
from v2xsync.ui.cells import right
from v2xsync.ui.ink import Ink, Line, Picture, Piece
from v2xsync.ui.look import Sort
from v2xsync.ui.panes.pane import Pane
from v2xsync.ui.states import STEP

TIME_CELLS = 12
STEP_CELLS = 13
ENDS_CELLS = 14
PROOF_CELLS = 6
WIDE_CELLS = 100


class HistoryLook:
    """One line per hop: when, what, which file, where, how well proven."""

    sorts: Sequence[Sort] = (
        Sort("newest"),
        Sort("oldest", lambda row: row.seq),
        Sort("file", lambda row: (row.source, row.path, row.seq)),
        Sort("step", lambda row: (row.step.value, -row.seq)),
    )

    def key(self, row: LogLine) -> Hashable:
        """Lines are numbered."""
        return row.seq

    def text(self, row: LogLine) -> str:
        """Everything a person may search for."""
        return f"{row.path} {row.source} {row.route} {row.device} {row.step.value} {row.detail} {row.by} {row.sha256}"

    def draw(self, row: LogLine, width: int, ink: Ink) -> Line:
        """Draw the hop; wide screens add size and digest."""
        proof = row.proof.word if row.proof else ""
        name = row.path if width >= WIDE_CELLS else row.path.rpartition("/")[2]
        return (
            ink.cell(ink.moment.stamp(row.at), TIME_CELLS, "quiet"),
            ink.face(STEP[row.step], STEP_CELLS),
            ink.cell(name, self._room(width), cut="middle"),
            Piece("  "),
            ink.cell(row.device or row.source, ENDS_CELLS, "quiet", cut="middle"),
            ink.cell(f" {proof}", PROOF_CELLS, "good" if proof == "hash" else "quiet"),
            *(_more(row, ink) if width >= WIDE_CELLS else ()),
        )

    def heading(self, width: int, ink: Ink) -> Line:
        """Titles over the columns of `draw`."""
        more = (Piece(right("size", 9), "quiet"), Piece("  sha256      ", "quiet")) if width >= WIDE_CELLS else ()
        titles = (("time", TIME_CELLS), ("step", STEP_CELLS), ("file", self._room(width) + 2), ("where", ENDS_CELLS))
        return (*(ink.cell(title, cells, "quiet") for title, cells in titles), Piece(" proof", "quiet"), *more)

    def empty(self, ink: Ink) -> Line:
        """Said on the first day."""
        del ink
        return (Piece("nothing in the custody log yet", "quiet"),)

    @staticmethod
    def _room(width: int) -> int:
        extra = 23 if width >= WIDE_CELLS else 0
        return width - TIME_CELLS - STEP_CELLS - ENDS_CELLS - PROOF_CELLS - 2 - extra


def _more(row: LogLine, ink: Ink) -> Line:
    size = "" if row.size is None else in_bytes(row.size)
    return (Piece(right(size, 9), "quiet"), ink.cell(f"  {row.sha256[:12]}", 14, "quiet"))


class HistoryPane(Pane[LogLine]):
    """The custody log, newest first."""

    TITLE = "History"
    headings = True

    def __init__(self, *, css_id: str) -> None:
        self._look = HistoryLook()
        super().__init__(self._look, css_id=css_id)
        self._rows: Sequence[LogLine] = ()

    def keep(self, rows: Sequence[LogLine]) -> None:
        """Take newly read lines, newest first."""
        if rows != self._rows:
            self._rows = rows

    def show(self, picture: Picture) -> None:
        """Show the lines."""
        count = (Piece(words.number(len(self._rows)), "quiet"),) if self._rows else ()
        self.show_rows(self._rows, picture.ink, count)

    def heading(self, width: int, ink: Ink) -> Line:
        """Titles of the columns."""
        return self._look.heading(width, ink)
