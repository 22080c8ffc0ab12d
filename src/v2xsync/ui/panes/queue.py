"""The Queue pane: files in motion first, each with its bar, then what waits and for what."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from v2xsync.model.amounts import in_bytes
from v2xsync.model.views import QueueRow, TransferView, WorkState
from v2xsync.ui import words
from v2xsync.ui.cells import ELLIPSIS, fit, right, width_of
from v2xsync.ui.ink import Ink, Line, Picture, Piece, joined
from v2xsync.ui.look import Sort
from v2xsync.ui.panes.pane import Pane
from v2xsync.ui.states import WORK, Face

Work = TransferView | QueueRow

NARROW_CELLS = 44
"""Below this width the rate gives way to the name."""

MEDIUM_CELLS = 70
"""From this width on, from where to where is shown."""

WIDE_CELLS = 124
"""From this width on, state word, size and remaining time are shown too."""

TAIL_CELLS = 20
SHORT_TAIL_CELLS = 11
WAY_CELLS = 22

END_CELLS = 10
"""Of a V2X file's name: its time and ``.csv``."""

LEAST_SOURCE_CELLS = 3


def key_of(row: Work) -> Hashable:
    """Return the same for a file that waits and the same file in motion."""
    return (row.item_id, row.device, row.route)


class QueueLook:
    """Rows of the Queue, in three widths."""

    sorts: Sequence[Sort] = (
        Sort("due"),
        Sort("name", lambda row: row.path.rpartition("/")[2]),
        Sort("size", lambda row: -row.size),
        Sort("source", lambda row: (row.source, row.path)),
        Sort("state", lambda row: (row.state.value, row.path)),
    )

    def key(self, row: Work) -> Hashable:
        """Item, destination and route."""
        return key_of(row)

    def text(self, row: Work) -> str:
        """Path, route, both ends and the state."""
        return f"{row.path} {row.route} {row.source} {row.device} {row.state.value}"

    def draw(self, row: Work, width: int, ink: Ink) -> Line:
        """Draw as much as the width allows."""
        face = face_of(row, ink)
        if width < MEDIUM_CELLS:
            cells = TAIL_CELLS if width >= NARROW_CELLS else SHORT_TAIL_CELLS
            name = ink.cell(label(row, width - 3 - cells), width - 3 - cells, cut="middle")
            return (ink.sign(face), name, Piece(" "), *tail(row, ink, face, cells))
        way = self._way(row, ink, WAY_CELLS)
        if width < WIDE_CELLS:
            room = width - 5 - WAY_CELLS - TAIL_CELLS
            name = ink.cell(label(row, room), room, cut="middle")
            return (ink.sign(face), name, Piece(" "), *way, Piece("  "), *tail(row, ink, face, TAIL_CELLS))
        return self._wide(row, width, ink, face)

    def _wide(self, row: Work, width: int, ink: Ink, face: Face) -> Line:
        rest = 44
        room = width - 12 - WAY_CELLS - 4 - 9 - rest
        return (
            ink.face(face, 12),
            ink.cell(row.path, room, cut="start"),
            Piece("  "),
            *self._way(row, ink, WAY_CELLS),
            Piece(right(in_bytes(row.size), 9), "quiet"),
            Piece("  "),
            *(_moving(row, ink, 18, left=True) if isinstance(row, TransferView) else (_reason(row, ink, rest),)),
        )

    def _way(self, row: Work, ink: Ink, width: int) -> Line:
        target_cells = min(width_of(row.device), (width - 3) // 2)
        source_cells = min(width_of(row.source), width - 3 - target_cells)
        source = ink.cell(row.source, source_cells, cut="middle").text
        target = ink.cell(row.device, width - 3 - source_cells, "quiet")
        return (Piece(source, "quiet"), Piece(f" {ink.glyphs.to} ", "faint"), target)

    def empty(self, ink: Ink) -> Line:
        """Said when all is done."""
        return (Piece(f"{ink.glyphs.done} ", "good"), Piece("nothing waits", "quiet"))


def face_of(row: Work, ink: Ink) -> Face:
    """Return the work's state, or that something was asked of it a moment ago."""
    return WORK[WorkState.REQUESTED] if row.item_id in ink.marks or row.route in ink.marks else WORK[row.state]


def tail(row: Work, ink: Ink, face: Face, cells: int) -> Line:
    """Return progress or what the file waits for, in so many cells; a short tail goes without the rate."""
    if isinstance(row, TransferView):
        moving = _moving(row, ink, 6, left=False)
        return moving if cells >= TAIL_CELLS else moving[:3]
    return (ink.cell(waits_for(row, ink, face) if cells >= TAIL_CELLS else face.word, cells, face.tone),)


def _moving(row: TransferView, ink: Ink, bar: int, *, left: bool) -> Line:
    """Bar, percent and rate (14 cells and the bar's), and with `left` the remaining time (12 more)."""
    percent = words.percent(row.position, row.size)
    figures = [Piece(f"{percent:4d}%", "plain")]
    if row.state is WorkState.PROVING or not words.rate(row.rate) or row.position >= row.size:
        figures.append(ink.cell(f" {WORK[row.state].word}", 9, WORK[row.state].tone))
    else:
        figures.append(Piece(right(words.rate(row.rate), 9), "plain"))
    if left:
        rest = words.left((row.size - row.position) / row.rate) if row.rate > 0 else ""
        figures.append(Piece(right(rest, 12), "quiet"))
    return (*ink.bar(percent / 100, bar), *figures)


def waits_for(row: QueueRow, ink: Ink, face: Face) -> str:
    """Return the state, and when it goes on where that is known: ``retry 3 at 12:14``."""
    word = face.word
    if row.state is WorkState.RETRY and row.tries:
        word = f"retry {row.tries}"
    if row.next_at is None or row.next_at <= ink.moment.now:
        return word
    return f"{word} {'until' if row.state is WorkState.WAITING else 'at'} {ink.moment.when(row.next_at)}"


def _reason(row: QueueRow, ink: Ink, width: int) -> Piece:
    when = "" if row.next_at is None or row.next_at <= ink.moment.now else ink.moment.when(row.next_at)
    tries = f"try {row.tries + 1}" if row.tries else ""
    return ink.cell(ink.gap.join(part for part in (when, tries, row.reason) if part), width, "quiet")


def label(row: Work, width: int) -> str:
    """Return the file's name, shortened to `width` cells so that its source, its element and its end can be told.

    ``market-11th_spatLog_11202026_124435.csv`` becomes ``market-…_spat…124435.csv``.
    """
    name = _name(row)
    prefix = f"{row.source}_"
    element, under, rest = name.removeprefix(prefix).partition("_")
    if width_of(name) <= width or not under or not name.startswith(prefix):
        return name
    middle = f"_{element.removesuffix('Log')}{ELLIPSIS}"
    spare = width - width_of(row.source + middle)
    end = rest[-min(len(rest), max(END_CELLS, spare)) :]
    room = min(width - width_of(middle + end), width_of(row.source))
    return f"{fit(row.source, room)}{middle}{end}" if room >= LEAST_SOURCE_CELLS else name


def _name(row: Work) -> str:
    return row.path.rpartition("/")[2]


class QueuePane(Pane[Work]):
    """Every file in motion and the next work."""

    TITLE = "Queue"

    def __init__(self, *, css_id: str = "queue") -> None:
        super().__init__(QueueLook(), css_id=css_id)
        self._moving: Sequence[TransferView] = ()
        self._keys: frozenset[Hashable] = frozenset()
        self._waiting: Sequence[QueueRow] = ()
        self._rest: Sequence[QueueRow] = ()
        self._taken_s = 0
        self._rows: Sequence[Work] = ()

    def show(self, picture: Picture) -> None:
        """Show the picture's work: what moves (begun files first) with every picture, what waits once a second.

        A queue of small files changes all its places with every picture, and that many lines cost bytes for nothing.
        """
        view = picture.view
        second = int(picture.ink.moment.now)
        waiting = view.queue if picture.at_once or second != self._taken_s else self._waiting
        if view.transfers is not self._moving or waiting is not self._waiting:
            self._taken_s = second
            self._take(view.transfers, waiting)
        self.show_rows(self._rows, picture.ink, self._remark_of(picture))

    def _take(self, moving: Sequence[TransferView], waiting: Sequence[QueueRow]) -> None:
        """Put the rows together; the long part is looked through only when it, or what moves, is another."""
        keys = frozenset(key_of(row) for row in moving)
        if waiting is not self._waiting or keys != self._keys:
            self._rest = tuple(row for row in waiting if key_of(row) not in keys)
        self._moving, self._keys, self._waiting = moving, keys, waiting
        self._rows = (*sorted(moving, key=lambda row: row.position <= 0), *self._rest)

    def _remark_of(self, picture: Picture) -> Line:
        totals = picture.view.totals
        if not totals.queued:
            return ()
        count = Piece(words.number(totals.queued), "quiet")
        shown = len(self._rows)
        hidden = Piece(f"first {words.number(shown)}" if shown < totals.queued else "", "quiet")
        return joined((count, Piece(in_bytes(totals.queued_bytes), "quiet"), hidden), picture.ink.gap)
