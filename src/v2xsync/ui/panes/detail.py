"""The detail line: all about the selected row, where a list's columns had to cut."""

from __future__ import annotations

from v2xsync.ledger.base import LogLine
from v2xsync.model.amounts import in_bytes
from v2xsync.model.views import DeviceView, EventView, QueueRow, TransferView
from v2xsync.ui import words
from v2xsync.ui.bars import Bar, Ends
from v2xsync.ui.cells import fit, width_of
from v2xsync.ui.ink import Line, Picture, Piece, cells_in, joined
from v2xsync.ui.panes.devices import REQUESTED, face_of
from v2xsync.ui.states import WORK

LEAST_PATH_CELLS = 24


class DetailBar(Bar):
    """One line under the lists."""

    def show_row(self, row: object, picture: Picture) -> None:
        """Say all that fits about `row`."""
        self.make(lambda width: Ends(detail_of(row, picture, width)))


def detail_of(row: object, picture: Picture, width: int) -> Line:
    """Return all about `row` that fits `width` cells."""
    if isinstance(row, DeviceView):
        return _device(row, picture)
    if isinstance(row, TransferView | QueueRow):
        return _work(row, picture, width)
    if isinstance(row, LogLine):
        return _hop(row, picture, width)
    if isinstance(row, EventView):
        return (Piece(f" {row.device or 'station'}  ", "strong"), Piece(row.text))
    return (Piece(" nothing selected", "faint"),)


def _work(row: TransferView | QueueRow, picture: Picture, width: int) -> Line:
    ink = picture.ink
    way = (Piece(f" {row.source} {ink.glyphs.to} {row.device}  ", "strong"),)
    if isinstance(row, TransferView):
        remark = f"{WORK[row.state].word} {words.sizes(row.position, row.size)}"
    else:
        remark = row.reason or f"{WORK[row.state].word}, {in_bytes(row.size)}"
    return _with_path(way, row.path, remark, width)


def _hop(row: LogLine, picture: Picture, width: int) -> Line:
    proof = f"proof {row.proof.word}" if row.proof else ""
    digest = f"sha256 {row.sha256[:12]}" if row.sha256 else ""
    remark = picture.ink.gap.join(filter(None, (row.detail or proof, digest, row.by and f"by {row.by}")))
    return _with_path((Piece(f" {row.source}  ", "strong"),), row.path, remark, width)


def _with_path(head: Line, path: str, remark: str, width: int) -> Line:
    """The path in what `head` and `remark` leave; the remark gives way first, then the path loses its middle."""
    room = width - cells_in(head) - 1
    remark = fit(remark, max(0, min(width_of(remark), room - LEAST_PATH_CELLS)))
    room -= width_of(remark) + 2 if remark else 0
    return (
        *head,
        Piece(fit(path, min(width_of(path), room), "middle")),
        Piece(f"  {remark}" if remark else "", "quiet"),
    )


def _device(row: DeviceView, picture: Picture) -> Line:
    ink = picture.ink
    face = face_of(row, ink)
    since = "" if row.since is None or face is REQUESTED else f" since {ink.moment.clock(row.since)}"
    contact = "" if row.last_contact is None or not row.trouble else f"last seen {ink.moment.clock(row.last_contact)}"
    figures = (
        ()
        if row.trouble
        else (
            Piece(f"{words.files(row.waiting)} waiting" if row.waiting else "nothing waits", "quiet"),
            Piece(f"{row.not_ready} not ready" if row.not_ready else "", "quiet"),
            Piece(f"{words.files(row.done)}, {in_bytes(row.done_bytes)} done" if row.done else "", "quiet"),
            Piece("" if row.next_run is None else ink.moment.coming(row.next_run), "quiet"),
        )
    )
    state = joined((Piece(f" {row.name}", "strong"), Piece(f"{face.word}{since}", face.tone)))
    return (*state, Piece("  "), *joined((Piece(row.trouble), Piece(contact, "quiet"), *figures), ink.gap))
