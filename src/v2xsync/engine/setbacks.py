"""Setbacks: errors of single files turned into the next state of their facets (invariants 7 and 11)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from v2xsync.engine.claims import Claims
from v2xsync.engine.retry import Disposition, disposition
from v2xsync.engine.station import Cause, Station
from v2xsync.errors import ItemChanged, StoreError, V2xSyncError
from v2xsync.ledger.base import DeliveryTask, FetchTask, Setback
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState
from v2xsync.model.views import Level

_LEAVING = frozenset({RemovalState.ORDERED, RemovalState.REMOVED, RemovalState.GONE})

_SOON_S = 10.0
"""Trouble that is not the file's own (the store, a cancel) is looked at again after this."""


def reason_of(error: V2xSyncError) -> str:
    """What happened and what to do, in one line for the ledger and for people."""
    return f"{error.what} ({error.remedy})" if error.remedy else error.what


class FetchSetbacks:
    """Collects failed fetches of one source from any thread and writes them in one step."""

    def __init__(self, station: Station, source: str, claims: Claims[FetchTask]) -> None:
        self._station = station
        self._source = source
        self._claims = claims
        self._lock = threading.Lock()
        self._waiting: list[tuple[FetchTask, V2xSyncError]] = []

    def add(self, task: FetchTask, error: V2xSyncError) -> None:
        """Remember one failed fetch; it stays taken until `flush`."""
        with self._lock:
            self._waiting.append((task, error))

    def flush(self) -> None:
        """Write everything that was added, and give the items back."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        now = self._station.clock.now()
        self._end_doubts([failed for failed in waiting if _ends_doubt(*failed)], now)
        for state, setbacks in self._sort([failed for failed in waiting if not _ends_doubt(*failed)]).items():
            self._station.ledger.fetch_setback(setbacks, now, state)
        gone = [Setback(t.item_id, e.what) for t, e in waiting if disposition(e) is Disposition.PLAN_AGAIN]
        if gone:
            self._station.ledger.removal_setback(gone, now, RemovalState.GONE)
        self._claims.give_back(task.item_id for task, _ in waiting)

    def _end_doubts(self, ended: Sequence[tuple[FetchTask, V2xSyncError]], now: float) -> None:
        """What was to be fetched again cannot be: a newer version takes its place, or a person decides."""
        groups: dict[DeliveryState, list[Setback]] = {}
        for task, error in ended:
            newer = isinstance(error, ItemChanged)
            to, level = (DeliveryState.SUPERSEDED, Level.WARNING) if newer else (DeliveryState.HELD, Level.ERROR)
            reason = f"its copy is bad, and it cannot be fetched again: {reason_of(error)}"
            self._tell(level, task, f"{task.path}: {reason}")
            groups.setdefault(to, []).append(Setback(task.item_id, reason, route=task.route))
        for to, doubts in groups.items():
            self._station.ledger.end_doubts(doubts, now, to)
        self._station.board.count("held", len(groups.get(DeliveryState.HELD, ())))

    def _sort(self, waiting: Sequence[tuple[FetchTask, V2xSyncError]]) -> Mapping[FetchState, list[Setback]]:
        answer: dict[FetchState, list[Setback]] = {}
        for task, error in waiting:
            state, setback = self._judge(task, error)
            answer.setdefault(state, []).append(setback)
        return answer

    def _judge(self, task: FetchTask, error: V2xSyncError) -> tuple[FetchState, Setback]:
        reason, what = reason_of(error), disposition(error)
        if what is Disposition.PLAN_AGAIN:
            self._tell(Level.INFO, task, f"{task.path}: {error.what}")
            return FetchState.SUPERSEDED, Setback(task.item_id, reason, route=task.route)
        if what in (Disposition.HOLD, Disposition.FETCH_AGAIN):
            self._station.board.count("held")
            self._tell(Level.ERROR, task, f"{task.path} is on hold: {reason}")
            return FetchState.HELD, Setback(task.item_id, reason, route=task.route)
        now = self._station.clock.now()
        if what in (Disposition.AGAIN, Disposition.PROBE):
            self._claims.note_try(task.item_id)
            self._station.board.count("failed")
            pause = self._station.item_patience.pause(task.tries + 1, self._station.chance)
            self._tell(Level.WARNING, task, f"{task.path}: {reason}; next try in {pause:.0f} s")
            return FetchState.QUEUED, Setback(task.item_id, reason, now + pause, task.route)
        if isinstance(error, StoreError):
            self._claims.note_try(task.item_id)
            self._station.note_cause(Cause("store", "store", error.what, remedy=error.remedy))
        return FetchState.QUEUED, Setback(task.item_id, reason, now + _SOON_S, task.route, counts=False)

    def _tell(self, level: Level, task: FetchTask, text: str) -> None:
        self._station.board.tell(level, f"{self._source}: {text}", device=self._source, item_id=task.item_id)


class DeliverySetbacks:
    """Writes failed deliveries to one target."""

    def __init__(self, station: Station, target: str, claims: Claims[DeliveryTask], asks: Callable[[], bool]) -> None:
        self._station = station
        self._target = target
        self._claims = claims
        self._asks = asks
        """Whether the target can be asked what became of a send."""

    def write(self, failed: Sequence[tuple[DeliveryTask, V2xSyncError]]) -> None:
        """Write the failures of one batch."""
        now = self._station.clock.now()
        doubted = self._doubt([one for one in failed if disposition(one[1]) is Disposition.FETCH_AGAIN], now)
        sorted_: dict[DeliveryState, list[Setback]] = {}
        for task, error in failed:
            if task.delivery_id in doubted:
                continue
            state, setback = self._judge(task, error, now)
            sorted_.setdefault(state, []).append(setback)
        for state, setbacks in sorted_.items():
            self._station.ledger.delivery_setback(setbacks, now, state)
        gone = [Setback(task.item_id, error.what) for task, error in failed if _left_its_source(task, error)]
        if gone:
            self._station.ledger.removal_setback(gone, now, RemovalState.GONE)

    def _doubt(self, failed: Sequence[tuple[DeliveryTask, V2xSyncError]], now: float) -> Collection[int]:
        """Bad content is fetched again once; what was doubted before, or cannot be had any more, is left to be held."""
        doubts = [Setback(task.delivery_id, reason_of(error)) for task, error in failed]
        moved = self._station.ledger.doubt(doubts, now)
        for task, error in failed:
            if task.delivery_id in moved:
                self._tell(Level.WARNING, task, f"{reason_of(error)}; it is fetched again")
                self._station.ring("downloader", [task.source])
        return moved

    def _why_not_again(self, task: DeliveryTask) -> str:
        dossier = self._station.ledger.dossier(task.item_id)
        gone = dossier is not None and dossier.removal in _LEAVING
        return "the original is not at its source any more" if gone else "it was fetched again, and is no better"

    def _judge(self, task: DeliveryTask, error: V2xSyncError, now: float) -> tuple[DeliveryState, Setback]:
        reason, what = reason_of(error), disposition(error)
        if what is Disposition.FETCH_AGAIN:
            return self._set_aside(DeliveryState.HELD, task, f"{reason}; {self._why_not_again(task)}")
        if what is Disposition.HOLD:
            return self._set_aside(DeliveryState.HELD, task, reason)
        if what is Disposition.PROBE and not self._asks() and not self._station.routes[task.route].duplicates:
            return self._set_aside(DeliveryState.UNKNOWN, task, reason)
        if _left_its_source(task, error):
            self._station.gates.relist(task.source)
            return DeliveryState.SUPERSEDED, Setback(task.delivery_id, reason)
        if what in (Disposition.AGAIN, Disposition.PROBE, Disposition.PLAN_AGAIN):
            self._claims.note_try(task.delivery_id)
            self._station.board.count("failed")
            pause = self._station.item_patience.pause(task.tries + 1, self._station.chance)
            self._tell(Level.WARNING, task, f"{reason}; next try in {pause:.0f} s")
            return DeliveryState.QUEUED, Setback(task.delivery_id, reason, now + pause)
        return DeliveryState.QUEUED, Setback(task.delivery_id, reason, now + _SOON_S, counts=False)

    def _set_aside(self, state: DeliveryState, task: DeliveryTask, reason: str) -> tuple[DeliveryState, Setback]:
        self._station.board.count("held")
        self._tell(Level.ERROR, task, f"on hold: {reason}")
        return state, Setback(task.delivery_id, reason)

    def _tell(self, level: Level, task: DeliveryTask, text: str) -> None:
        self._station.board.tell(
            level, f"{task.path} to {self._target}: {text}", device=self._target, item_id=task.item_id
        )


def _ends_doubt(task: FetchTask, error: V2xSyncError) -> bool:
    """Whether that was the second fetch of a doubted copy, and there will be no other."""
    over = (Disposition.PLAN_AGAIN, Disposition.HOLD, Disposition.FETCH_AGAIN)
    return bool(task.sha256) and disposition(error) in over


def _left_its_source(task: DeliveryTask, error: V2xSyncError) -> bool:
    """A streamed file that changed or went before it was delivered is planned again, as a new item."""
    return not task.stage and disposition(error) is Disposition.PLAN_AGAIN
