"""The table of every device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from v2xsync.model.amounts import in_bytes
from v2xsync.model.views import DeviceView
from v2xsync.ui import words
from v2xsync.ui.cells import right
from v2xsync.ui.ink import Ink, Line, Picture, Piece
from v2xsync.ui.panes.devices import DeviceLook, face_of
from v2xsync.ui.panes.pane import Pane
from v2xsync.ui.panes.tally import tally

NAME_CELLS = 15
STATE_CELLS = 17
"""Enough for `safe to remove`."""

TROUBLE_FROM = 140
TROUBLE_CELLS = 30
"""What the other columns leave at that width."""


class Column(NamedTuple):
    """A column of figures: its title, its cells, and from which width of the table on it is there."""

    title: str
    cells: int
    least: int


COLUMNS = (
    Column("since", 8, 0),
    Column("files", 8, 0),
    Column("backlog", 9, 0),
    Column("rate", 10, 67),
    Column("next", 10, 77),
    Column("free", 8, 85),
    Column("clock", 9, 94),
    Column("done", 9, 103),
)


class FleetLook(DeviceLook):
    """One row per device with as many columns of figures as fit, and its trouble on wide screens."""

    def draw(self, row: DeviceView, width: int, ink: Ink) -> Line:
        """Draw the device."""
        face = face_of(row, ink)
        values = figures(row, ink)
        cells = [Piece(right(values[column.title], column.cells), "quiet") for column in self._columns(width)]
        trouble = ink.cell(f"  {row.trouble}", width - TROUBLE_FROM + TROUBLE_CELLS, face.tone)
        return (
            ink.face(face, STATE_CELLS),
            ink.cell(row.name, self._name_cells(width), cut="middle"),
            *cells,
            *((trouble,) if width >= TROUBLE_FROM else ()),
        )

    def heading(self, width: int, ink: Ink) -> Line:
        """Titles over the columns of `draw`."""
        return (
            ink.cell("state", STATE_CELLS, "quiet"),
            ink.cell("device", self._name_cells(width), "quiet"),
            *(Piece(right(column.title, column.cells), "quiet") for column in self._columns(width)),
            *((ink.cell("  trouble", width - TROUBLE_FROM + TROUBLE_CELLS, "quiet"),) if width >= TROUBLE_FROM else ()),
        )

    @staticmethod
    def _columns(width: int) -> tuple[Column, ...]:
        return tuple(column for column in COLUMNS if width >= column.least)

    def _name_cells(self, width: int) -> int:
        if width >= TROUBLE_FROM:
            return NAME_CELLS + 6
        return max(NAME_CELLS, width - STATE_CELLS - sum(column.cells for column in self._columns(width)))


def figures(row: DeviceView, ink: Ink) -> dict[str, str]:
    """Return a device's figures by the titles of `COLUMNS`; what nobody knows is empty."""
    return {
        "since": "" if row.since is None else ink.moment.since(row.since),
        "files": words.number(row.waiting) if row.waiting else "",
        "backlog": in_bytes(row.waiting_bytes) if row.waiting_bytes else "",
        "rate": words.rate(row.rate),
        "next": "" if row.next_run is None else ink.moment.when(row.next_run),
        "free": "" if row.free_bytes is None else in_bytes(row.free_bytes),
        "clock": "" if row.clock_offset_s is None else words.offset(row.clock_offset_s),
        "done": words.number(row.done) if row.done else "",
    }


class FleetPane(Pane[DeviceView]):
    """Every device, sources and targets alike."""

    TITLE = "Devices"
    headings = True

    def __init__(self, *, css_id: str) -> None:
        self._look = FleetLook("no device in the config")
        super().__init__(self._look, css_id=css_id)

    def show(self, picture: Picture) -> None:
        """Show the devices."""
        rows: Sequence[DeviceView] = picture.view.devices
        self.show_rows(rows, picture.ink, tally(rows))

    def heading(self, width: int, ink: Ink) -> Line:
        """Titles of the columns."""
        return self._look.heading(width, ink)
