"""How a device looks as one row, as a source or as a target."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from v2xsync.model.views import DeviceState, DeviceView
from v2xsync.ui import words
from v2xsync.ui.cells import width_of
from v2xsync.ui.ink import Ink, Line, Piece
from v2xsync.ui.look import Sort
from v2xsync.ui.states import DEVICE, Face

REQUESTED = Face("requested", "requested", "accent")

FIGURE_CELLS = 13
WIDE_FIGURE_CELLS = 18
WIDE_CELLS = 32
"""From this width on a rate has its state beside it."""

GRAVITY = (
    DeviceState.REFUSED,
    DeviceState.FULL,
    DeviceState.AWAY,
    DeviceState.ARMED,
    DeviceState.BUSY,
    DeviceState.UP,
    DeviceState.SAFE,
    DeviceState.PAUSED,
    DeviceState.UNKNOWN,
    DeviceState.ABSENT,
)


class DeviceLook:
    """Rows of the Sources and Targets panes."""

    sorts: Sequence[Sort] = (
        Sort("config"),
        Sort("name", lambda row: row.name),
        Sort("state", lambda row: GRAVITY.index(row.state)),
        Sort("waiting", lambda row: -row.waiting_bytes),
    )

    def __init__(self, nothing: str) -> None:
        self._nothing = nothing

    def key(self, row: DeviceView) -> Hashable:
        """Names are unique."""
        return row.name

    def text(self, row: DeviceView) -> str:
        """Name, type and state."""
        return f"{row.name} {row.type} {row.state.value}"

    def draw(self, row: DeviceView, width: int, ink: Ink) -> Line:
        """Sign, name, and on the right the state with the figure that matters most now."""
        face = face_of(row, ink)
        figure = _short(row, face, remark(row, ink), width)
        name = ink.cell(row.name, width - 3 - len(figure), cut="middle")
        return (ink.sign(face), name, Piece(f" {figure}", face.tone))

    def empty(self, ink: Ink) -> Line:
        """Said where the config has none."""
        del ink
        return (Piece(self._nothing, "quiet"),)


def face_of(row: DeviceView, ink: Ink) -> Face:
    """Return the device's state, or that something was asked of it a moment ago."""
    return REQUESTED if row.name in ink.marks else DEVICE[row.state]


def remark(row: DeviceView, ink: Ink) -> str:
    """Return the one figure beside the state: a rate, a backlog, a time."""
    if row.state is DeviceState.SAFE:
        return ""
    if row.state in {DeviceState.AWAY, DeviceState.ARMED, DeviceState.REFUSED, DeviceState.FULL}:
        return "" if row.since is None else ink.moment.since(row.since)
    if row.state is DeviceState.BUSY and (rate := words.rate(row.rate)):
        return rate
    if row.waiting:
        return words.files(row.waiting)
    if row.state in {DeviceState.UP, DeviceState.UNKNOWN} and row.next_run is not None:
        return ink.moment.coming(row.next_run)
    return ""


def _short(row: DeviceView, face: Face, figure: str, width: int) -> str:
    """State and figure, as far as the name leaves room: a rate or a backlog speaks for itself, trouble is named."""
    if face is REQUESTED or not figure:
        return face.word
    alone = figure if row.state in {DeviceState.UP, DeviceState.BUSY} else face.word
    if width < WIDE_CELLS and row.state is DeviceState.BUSY and words.rate(row.rate):
        return alone
    most = min(WIDE_FIGURE_CELLS if width >= WIDE_CELLS else FIGURE_CELLS, width - 3 - width_of(row.name))
    return next((text for text in (f"{face.word} {figure}", alone) if len(text) <= most), alone[:FIGURE_CELLS])
