"""A lost ledger, made again from the store's manifests, so that nothing is removed or sent twice.

The lines are gathered to lives (one version of one file, from its find to its removal), and the lives are replayed
through the ledger's own verbs: every move is a legal one, every receipt one that was given. What the manifests do not
prove is not claimed: a copy that is gone or damaged has no receipt and is fetched again, and a send whose answer is not
written down is unknown, for a person to decide.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from v2xsync.errors import LedgerError
from v2xsync.ledger.base import Delivered, Ledger, NewItem, Plan, Setback, Stored
from v2xsync.ledger.care import set_aside
from v2xsync.ledger.lock import StateLock
from v2xsync.ledger.manifest import SENDING, ManifestLine
from v2xsync.ledger.sqlite import LEDGER_NAME, open_ledger
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.items import Fingerprint

T = TypeVar("T")

NEWER = "a newer version took its place"
TOLD = "as the manifest tells"
_CHUNK = 500
_BUILDING = "rebuilding-"

IsWhole = Callable[[ManifestLine], bool]
"""Whether the store holds, at the place of a STORED line, the content that the line tells."""


@dataclass(slots=True)
class Leg:
    """What one route did with one life."""

    route: str
    element: str
    stage: bool
    stored: ManifestLine | None = None
    expired_at: float | None = None
    delivered: dict[str, ManifestLine] = field(default_factory=dict)
    """The strongest receipt of each target."""
    sending: set[str] = field(default_factory=set)
    """Targets that were sent to; those without a receipt may have it or not."""
    lost: bool = False
    """The store's copy should stand and does not, or never was proven: it is to be fetched again."""


@dataclass(slots=True)
class Life:
    """One version of one file, from its find to its removal."""

    source: str
    path: str
    fingerprint: Fingerprint
    found_at: float
    legs: dict[str, Leg] = field(default_factory=dict)
    removed_at: float | None = None
    item_id: int = 0

    @property
    def has_receipt(self) -> bool:
        """Whether any copy of it was ever proven."""
        return any(leg.delivered or (leg.stored and not leg.lost) for leg in self.legs.values())


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild came to, in numbers; `missing` are places in the store whose copy is gone or damaged."""

    items: int = 0
    stored: int = 0
    delivered: int = 0
    unknown: int = 0
    removed: int = 0
    missing: list[str] = field(default_factory=list)


def rebuild(state_dir: Path, lines: Sequence[ManifestLine], is_whole: IsWhole, at: float) -> Rebuilt:
    """Make the ledger in `state_dir` anew from the manifests' `lines` (oldest first); `at` is now.

    Raises StateInUse where an engine runs, LedgerError where a sound ledger stands there or nothing is known.
    """
    if not lines:
        raise LedgerError("the store has no manifests", remedy="start v2xsync: it finds again what is at the sources")
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = StateLock(state_dir)
    lock.take()
    try:
        set_aside(state_dir / LEDGER_NAME)
        return _build(state_dir, lines, is_whole, at)
    finally:
        lock.release()


def _build(state_dir: Path, lines: Sequence[ManifestLine], is_whole: IsWhole, at: float) -> Rebuilt:
    """Build in a folder of its own, and put the whole ledger in its place by one rename."""
    for left_behind in state_dir.glob(f"{_BUILDING}*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=state_dir))
    try:
        ledger = open_ledger(folder)
        with contextlib.closing(ledger):
            replay = Replay(ledger, is_whole, at)
            replay.run(lives_of(lines))
        _fetch_again(folder / LEDGER_NAME, replay.lost, at)
        (folder / LEDGER_NAME).rename(state_dir / LEDGER_NAME)
    except OSError as error:
        raise LedgerError(
            f"the ledger cannot be written: {error.strerror}", remedy="look at the state folder"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _sync(state_dir)
    return replay.result


def _sync(folder: Path) -> None:
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# --- lines to lives ---------------------------------------------------------------------------------------------------

_Version = tuple[str, str, Fingerprint]


def lives_of(lines: Iterable[ManifestLine]) -> Sequence[Life]:
    """The lives that the lines (oldest first) tell of, in the order of their beginning."""
    lives: list[Life] = []
    newest: dict[_Version, Life] = {}
    standing: dict[str, list[Leg]] = {}
    for line in lines:
        if line.step == Step.EXPIRED.value:
            _expire(standing.pop(line.place, ()), line)
            continue
        version = (line.source, line.path, line.fingerprint)
        life = newest.get(version)
        if life is None or _begins_again(life, line):
            life = newest[version] = Life(*version, found_at=line.found_at or line.at)
            lives.append(life)
        leg = _tell(life, line)
        if leg is not None and leg.stored is line:
            standing.setdefault(line.place, []).append(leg)
    return lives


def _expire(legs: Iterable[Leg], line: ManifestLine) -> None:
    for leg in legs:
        if leg.stored is not None and (leg.stored.place, leg.stored.sha256) == (line.place, line.sha256):
            leg.expired_at = line.at


def _begins_again(life: Life, line: ManifestLine) -> bool:
    """Whether the line speaks of the next life: other content, or the same file seen again after its removal."""
    leg = life.legs.get(line.route)
    if line.step == Step.STORED.value:
        before = leg.stored if leg else None
        return life.removed_at is not None or (before is not None and before.sha256 != line.sha256)
    again = line.step in (SENDING, Step.DELIVERED.value) and leg is not None and line.target in leg.delivered
    return life.removed_at is not None and again


def _tell(life: Life, line: ManifestLine) -> Leg | None:
    """Note in the life what the line tells; returns the leg that it speaks of, none for a removal."""
    if line.step == Step.REMOVED.value:
        life.removed_at = line.at if life.removed_at is None else life.removed_at
        return None
    leg = life.legs.setdefault(line.route, Leg(line.route, line.element, line.stage))
    if line.step == Step.STORED.value:
        leg.stored, leg.expired_at = line, None  # a copy that was doubted and fetched again may stand elsewhere
    elif line.step == SENDING:
        leg.sending.add(line.target)
    elif line.target not in leg.delivered or leg.delivered[line.target].strength < line.strength:
        leg.delivered[line.target] = line
    return leg


# --- lives to a ledger ------------------------------------------------------------------------------------------------


class Replay:
    """Tells an empty ledger the lives, each hop at its own time."""

    def __init__(self, ledger: Ledger, is_whole: IsWhole, at: float) -> None:
        self._ledger = ledger
        self._is_whole = is_whole
        self._at = at
        self.result = Rebuilt()
        self.lost: list[tuple[int, str]] = []
        """(item id, route) of fetches that are to be done again."""

    def run(self, lives: Sequence[Life]) -> None:
        """Replay everything; versions of one path in their order."""
        waiting = list(lives)
        while waiting:
            paths: set[tuple[str, str]] = set()
            turn: list[Life] = []
            later: list[Life] = []
            for life in waiting:
                (later if (life.source, life.path) in paths else turn).append(life)
                paths.add((life.source, life.path))
            superseded = {(life.source, life.path) for life in later}
            for chunk in _chunks(turn):
                self._replay(chunk)
                self._leave_behind([life for life in chunk if (life.source, life.path) in superseded])
            waiting = later
        self.result.unknown = self._ledger.recover_sending(self._at)

    def _replay(self, lives: Sequence[Life]) -> None:
        for life in lives:
            for leg in life.legs.values():
                self._judge_copy(life, leg)
        self._find(lives)
        self._store(lives)
        self._deliver(lives)
        for life in lives:
            self._expire(life)
            lost = [leg.route for leg in life.legs.values() if leg.lost and life.removed_at is None]
            self.lost += [(life.item_id, route) for route in lost]
        self._remove([life for life in lives if life.removed_at is not None])
        self.result.items += len(lives)

    def _judge_copy(self, life: Life, leg: Leg) -> None:
        """Without a proven copy there is no receipt of the store: that leg's file is fetched again while it can be."""
        if not leg.stage or leg.expired_at is not None:
            return
        if leg.stored is None or not self._is_whole(leg.stored):
            self.result.missing += [leg.stored.place] if leg.stored else []
            leg.lost = True

    def _find(self, lives: Sequence[Life]) -> None:
        for found_at, group in _by_time((life.found_at, life) for life in lives):
            ids = self._ledger.record_found([_new(life) for life in group], found_at)
            for life, item_id in zip(group, ids, strict=True):
                life.item_id = item_id

    def _store(self, lives: Sequence[Life]) -> None:
        copies = [
            (leg.stored.at, _stored(life, leg.stored))
            for life in lives
            for leg in life.legs.values()
            if leg.stored is not None and leg.stage and not leg.lost
        ]
        for at, group in _by_time(copies):
            self._ledger.record_stored(group, at)
        self.result.stored += len(copies)

    def _deliver(self, lives: Sequence[Life]) -> None:
        sending: list[int] = []
        copies: list[tuple[float, Delivered]] = []
        for life in lives:
            legs = [leg for leg in life.legs.values() if leg.delivered or leg.sending]
            ids = self._delivery_ids(life) if legs else {}
            for leg in legs:
                sending += [ids[leg.route, target] for target in leg.sending - set(leg.delivered)]
                copies += [(line.at, _delivered(ids[leg.route, to], line)) for to, line in leg.delivered.items()]
        self._ledger.mark_sending(sending)
        for at, group in _by_time(copies):
            self._ledger.record_delivered(group, at)
        self.result.delivered += len(copies)

    def _delivery_ids(self, life: Life) -> Mapping[tuple[str, str], int]:
        dossier = self._ledger.dossier(life.item_id)
        return {(facet.route, facet.target): facet.delivery_id for facet in dossier.deliveries} if dossier else {}

    def _expire(self, life: Life) -> None:
        for leg in life.legs.values():
            if leg.expired_at is not None:
                self._ledger.record_expired(life.item_id, leg.route, leg.expired_at)

    def _remove(self, lives: Sequence[Life]) -> None:
        """What was removed by us; where no receipt is left of why, it is only known to be gone."""
        for removed_at, group in _by_time((life.removed_at or 0.0, life) for life in lives):
            proven = [life.item_id for life in group if life.has_receipt]
            self._ledger.order_removals(proven, removed_at)
            self._ledger.record_removed(proven, removed_at, TOLD)
            unproven = [
                Setback(life.item_id, f"removed, {TOLD}", counts=False) for life in group if not life.has_receipt
            ]
            self._ledger.removal_setback(unproven, removed_at, RemovalState.GONE)
        self.result.removed += len(lives)

    def _leave_behind(self, lives: Sequence[Life]) -> None:
        gone = [Setback(life.item_id, NEWER, counts=False) for life in lives if life.removed_at is None]
        self._ledger.removal_setback(gone, self._at, RemovalState.GONE)


def _new(life: Life) -> NewItem:
    plans = tuple(
        Plan(leg.route, leg.element, leg.stage and not leg.lost, tuple(sorted({*leg.delivered, *leg.sending})))
        for leg in life.legs.values()
    )
    return NewItem(life.source, life.path, life.fingerprint, plans)


def _stored(life: Life, line: ManifestLine) -> Stored:
    return Stored(
        life.item_id, line.route, line.place, line.bytes, line.sha256, line.strength, line.method, line.told_digest,
        line.note,
    )  # fmt: skip


def _delivered(delivery_id: int, line: ManifestLine) -> Delivered:
    return Delivered(
        delivery_id, line.place, line.bytes, line.sha256, line.strength, line.method, line.told_digest, line.reference,
        line.note,
    )  # fmt: skip


def _chunks(lives: Sequence[Life]) -> Iterator[Sequence[Life]]:
    for start in range(0, len(lives), _CHUNK):
        yield lives[start : start + _CHUNK]


def _by_time(timed: Iterable[tuple[float, T]]) -> Iterator[tuple[float, list[T]]]:
    """Values of one time together, the oldest first: each verb of the ledger takes one time for all."""
    groups: dict[float, list[T]] = {}
    for at, value in timed:
        groups.setdefault(at, []).append(value)
    yield from sorted(groups.items(), key=lambda group: group[0])


# --- what is to be fetched again --------------------------------------------------------------------------------------

_FETCH = (
    "UPDATE fetches SET state = :queued, next_at = :at, reason = 'its copy in the store is gone or damaged' "
    "WHERE item_id = :item AND route = :route AND state = :skipped"
)
_DELIVERIES = (
    "UPDATE deliveries SET state = :waiting, next_at = NULL WHERE item_id = :item AND route = :route AND state = :due"
)


def _fetch_again(file: Path, lost: Sequence[tuple[int, str]], at: float) -> None:
    """Legs that were replayed without a local copy, because theirs is lost, get their fetch back."""
    states = {
        "queued": FetchState.QUEUED, "skipped": FetchState.SKIPPED,
        "waiting": DeliveryState.WAITING, "due": DeliveryState.QUEUED, "at": at,
    }  # fmt: skip
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        for item, route in lost:
            for statement in (_FETCH, _DELIVERIES):
                connection.execute(statement, {**states, "item": item, "route": route})
