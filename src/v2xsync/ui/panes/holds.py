"""Rows of what waits for a person."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from v2xsync.ledger.base import Hold
from v2xsync.model.custody import Step
from v2xsync.ui.ink import Ink, Line, Picture, Piece
from v2xsync.ui.look import Sort
from v2xsync.ui.panes.pane import Pane
from v2xsync.ui.states import Face

HOPS = {Step.STORED: "fetch", Step.DELIVERED: "deliver", Step.REMOVED: "remove"}

STEP_CELLS = 10
AGE_CELLS = 8


class HoldLook:
    """One line per hold: since when, which hop, which file, between whom, why."""

    sorts: Sequence[Sort] = (
        Sort("oldest"),
        Sort("newest", lambda row: -row.since),
        Sort("file", lambda row: (row.source, row.path)),
        Sort("reason", lambda row: (row.reason, row.since)),
    )

    def key(self, row: Hold) -> Hashable:
        """One facet of one item."""
        return (row.item_id, row.step, row.route, row.device)

    def text(self, row: Hold) -> str:
        """File, both ends, reason."""
        return f"{row.path} {row.source} {row.device} {row.route} {row.reason}"

    def draw(self, row: Hold, width: int, ink: Ink) -> Line:
        """Draw the hold; the reason takes what is left."""
        room = width - STEP_CELLS - AGE_CELLS - 2
        name = room * 6 // 10
        return (
            ink.face(Face("held", HOPS.get(row.step, row.step.value), "bad"), STEP_CELLS),
            ink.cell(ink.moment.since(row.since), AGE_CELLS, "quiet"),
            ink.cell(row.path.rpartition("/")[2], name, cut="middle"),
            Piece("  "),
            ink.cell(row.reason, room - name, "quiet"),
        )

    def empty(self, ink: Ink) -> Line:
        """Said on a good day."""
        return (Piece(f"{ink.glyphs.done} ", "good"), Piece("nothing is on hold", "quiet"))


class HoldsPane(Pane[Hold]):
    """Everything that waits for a person."""

    TITLE = "Holds"

    def __init__(self, *, css_id: str) -> None:
        super().__init__(HoldLook(), css_id=css_id)
        self._rows: Sequence[Hold] = ()

    def keep(self, rows: Sequence[Hold]) -> None:
        """Take newly read holds, oldest first."""
        if rows != self._rows:
            self._rows = rows

    def show(self, picture: Picture) -> None:
        """Show the holds."""
        self.show_rows(self._rows, picture.ink, (Piece(str(len(self._rows)), "quiet"),) if self._rows else ())
