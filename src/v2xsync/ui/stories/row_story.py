"""The story of the selected row, for wide screens: what the picture itself tells, without asking the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from v2xsync.model.amounts import in_bytes
from v2xsync.model.views import DeviceView, EventView, QueueRow, TransferView
from v2xsync.ui import words
from v2xsync.ui.ink import Ink, Line, Piece
from v2xsync.ui.panes.queue import face_of
from v2xsync.ui.states import LEVEL
from v2xsync.ui.stories.device_story import device_brief
from v2xsync.ui.stories.telling import fact, paragraph


def row_story(row: object, ink: Ink, width: int) -> Iterator[Line]:
    """Yield what is known about a device, a file in motion, a waiting file or an event."""
    if isinstance(row, DeviceView):
        yield from device_brief(row, ink, width)
    elif isinstance(row, TransferView | QueueRow):
        yield from _work(row, ink, width)
    elif isinstance(row, EventView):
        face = LEVEL[row.level]
        yield (Piece(f"{ink.moment.full(row.at)}  ", "quiet"), ink.sign(face), Piece(face.word, face.tone))
        yield from paragraph(row.device, width, "strong")
        yield from paragraph(row.text, width)


def _work(row: TransferView | QueueRow, ink: Ink, width: int) -> Iterator[Line]:
    folder, _, name = row.path.rpartition("/")
    face = face_of(row, ink)
    yield from paragraph(name, width, "strong")
    yield (ink.sign(face), Piece(face.word, face.tone))
    yield from fact("from", row.source, width, ink)
    yield from fact("folder", folder, width, ink)
    yield from fact("to", row.device, width, ink)
    yield from fact("route", row.route, width, ink)
    yield from fact("size", in_bytes(row.size), width, ink)
    yield from (_moving(row, ink, width) if isinstance(row, TransferView) else _waiting(row, ink, width))


def _moving(row: TransferView, ink: Ink, width: int) -> Iterator[Line]:
    left = words.left((row.size - row.position) / row.rate) if row.rate > 0 else ""
    percent = words.percent(row.position, row.size)
    yield from fact("done", f"{percent}%, {words.sizes(row.position, row.size)}", width, ink)
    yield from fact("rate", words.rate(row.rate), width, ink)
    yield from fact("", left, width, ink)
    yield from fact("since", ink.moment.clock_s(row.started), width, ink)


def _waiting(row: QueueRow, ink: Ink, width: int) -> Iterator[Line]:
    yield from fact("tried", f"{row.tries} {'time' if row.tries == 1 else 'times'}" if row.tries else "", width, ink)
    yield from fact("goes on", "" if row.next_at is None else ink.moment.when(row.next_at), width, ink)
    yield from fact("because", row.reason, width, ink, "warn" if row.tries else "plain")
