"""The Remover: lets originals go, by receipt only.

For every item: all routes that select its path *now* must allow it (invariant 1); the order is written to the ledger
before the device is asked (invariant 2); the device stats each file again right before its removal.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable, Collection, Sequence

from v2xsync.devices.base import RemoveRequest, Source
from v2xsync.engine.claims import Claims
from v2xsync.engine.retry import Disposition, disposition
from v2xsync.engine.setbacks import reason_of
from v2xsync.engine.station import Station
from v2xsync.engine.telling import tell_done
from v2xsync.engine.units import Units
from v2xsync.engine.work import WORKED, Turn
from v2xsync.errors import ItemChanged, ItemMissing, V2xSyncError
from v2xsync.ledger.base import RemovalTask, Setback
from v2xsync.model.custody import RemovalState, Step, Verdict, delivered_everywhere, may_remove
from v2xsync.model.rules import After, Route
from v2xsync.model.views import Level

BATCH = 500

MOMENT_S = 1.0
"""What is due so soon counts as due now."""


class Remover:
    """The Remover at one source."""

    name = "remover"

    def __init__(self, station: Station, source: str, units: Units | None = None) -> None:
        self._station = station
        self._source = source
        self._units = units
        self._claims: Claims[RemovalTask] = Claims(lambda task: task.item_id, station.item_patience.sitting)
        self._emptied: set[str] = set()

    def turn(self, open_session: Callable[[], Source]) -> Turn:
        """Judge and remove one batch of what is due; with nothing left, prune the folders that became empty."""
        gates = self._station.gates
        if not gates.removal_open(self._source) or self._station.draining.is_set():
            return Turn(worked=False, next_at=gates.next_look("fetch", self._source))
        now = self._station.clock.now()
        tasks = self._claims.take(lambda n, skip: self._claim(now, n, skip), BATCH)
        if not tasks:
            return self._idle(open_session)
        try:
            self._remove(open_session, tasks, now)
        finally:
            self._claims.give_back(task.item_id for task in tasks)
        return WORKED

    def _claim(self, now: float, limit: int, skip: Collection[int]) -> Sequence[RemovalTask]:
        return self._station.ledger.claim_removals(self._source, now, limit, skip)

    def _idle(self, open_session: Callable[[], Source]) -> Turn:
        if self._emptied:
            folders, self._emptied = self._emptied, set()
            open_session().prune(_with_ancestors(folders))
            return WORKED
        self._station.gates.note_removed_all(self._source)
        upcoming = self._claims.peek(lambda n, skip: self._claim(math.inf, n, skip))
        return Turn(worked=False, next_at=upcoming.next_at if upcoming and self._waits_for(upcoming) else None)

    def _waits_for(self, task: RemovalTask) -> bool:
        """Whether this run waits until the removal is due: `--once` waits for retries, not for a grace time."""
        station = self._station
        return not station.once or task.tries > 0 or task.next_at <= station.clock.now() + MOMENT_S

    # -- one batch

    def _remove(self, open_session: Callable[[], Source], tasks: Sequence[RemovalTask], now: float) -> None:
        allowed: list[RemovalTask] = []
        refused: list[Setback] = []
        for task in tasks:
            verdict = self._judge(task, now)
            if verdict.allowed:
                allowed.append(task)
            else:
                again = verdict.not_before
                refused.append(Setback(task.item_id, verdict.reason, again, counts=False, seen_at=task.next_at))
        if refused:
            self._write_refused(refused, now)
        if allowed:
            self._station.ledger.order_removals([task.item_id for task in allowed], now)
            self._ask(open_session(), allowed)

    def _judge(self, task: RemovalTask, now: float) -> Verdict:
        routes = self._station.selecting(task.source, task.path)
        verdict = may_remove(routes, task.receipts, now)
        if verdict.allowed:
            verdict = self._in_window(task, routes, verdict)
        if verdict.allowed and any(route.remove.after is After.STORED for route in routes):
            verdict = self._still_stored(task, routes, verdict)
        if verdict.allowed and self._units is not None:
            verdict = self._units.judge(task.path, verdict)
        return verdict

    def _in_window(self, task: RemovalTask, routes: Sequence[Route], verdict: Verdict) -> Verdict:
        """The source is talked to only inside the fetch window of every route that selects the file."""
        for route in routes:
            opens = self._station.gates.removal_waits_until(task.source, route.name)
            if opens is not None:
                reason = f"it may go, in the next fetch window of route {route.name}"
                return Verdict(allowed=False, reason=reason, not_before=opens)
        return verdict

    def _still_stored(self, task: RemovalTask, routes: Sequence[Route], verdict: Verdict) -> Verdict:
        """Where the store's copy is what allows it, that copy must still be there (or every target must have it)."""
        for route in routes:
            if delivered_everywhere(route, task.receipts).allowed:
                continue
            own = [r.place for r in verdict.receipts if r.step is Step.STORED and r.route == route.name]
            if not all(self._station.store.holds(place, task.fingerprint.size) for place in own):
                return Verdict(allowed=False, reason="its copy in the store is gone or was changed")
        return verdict

    def _write_refused(self, refused: Sequence[Setback], now: float) -> None:
        later = [setback for setback in refused if setback.next_at is not None]
        never = [setback for setback in refused if setback.next_at is None]
        self._station.ledger.removal_setback(later, now, RemovalState.QUEUED)
        self._station.ledger.removal_setback(never, now, RemovalState.WAITING)

    def _ask(self, session: Source, tasks: Sequence[RemovalTask]) -> None:
        by_id = {task.item_id: task for task in tasks}
        requests = (
            RemoveRequest(t.item_id, t.path, t.fingerprint, t.sha256, t.digest, t.fingerprint.weak) for t in tasks
        )
        removed: list[int] = []
        failed: list[tuple[RemovalTask, V2xSyncError]] = []
        try:
            for token, error in session.remove(requests):
                if error is None:
                    removed.append(token)
                else:
                    failed.append((by_id[token], error))
        finally:
            self._record(by_id, removed, failed)

    # -- outcomes

    def _record(
        self, tasks: dict[int, RemovalTask], removed: Sequence[int], failed: Sequence[tuple[RemovalTask, V2xSyncError]]
    ) -> None:
        now = self._station.clock.now()
        self._station.manifests.removed([tasks[token] for token in removed], now)
        self._station.ledger.record_removed(removed, now)
        self._station.board.count("removed", len(removed))
        gone = [tasks[token] for token in removed]
        tell_done(self._station.board, "removed at the source", ((t.source, t.path, t.fingerprint.size) for t in gone))
        for token in removed:
            self._note_folder(tasks[token])
        for task, error in failed:
            self._note_failure(task, error, now)

    def _note_folder(self, task: RemovalTask) -> None:
        folder = posixpath.dirname(task.path)
        routes = self._station.selecting(task.source, task.path)
        if folder and any(route.remove.empty_folders for route in routes):
            self._emptied.add(folder)

    def _note_failure(self, task: RemovalTask, error: V2xSyncError, now: float) -> None:
        ledger = self._station.ledger
        if isinstance(error, ItemMissing) and task.state is RemovalState.ORDERED:
            self._station.manifests.removed([task], now)
            ledger.record_removed([task.item_id], now, "was gone already: removed before the last stop")
            self._station.board.count("removed")
            self._note_folder(task)
        elif isinstance(error, ItemMissing | ItemChanged):
            ledger.removal_setback([Setback(task.item_id, error.what, counts=False)], now, RemovalState.GONE)
            self._station.gates.relist(self._source)
        elif disposition(error) is Disposition.HOLD:
            self._tell(Level.ERROR, task, f"cannot be removed: {reason_of(error)}")
            ledger.removal_setback([Setback(task.item_id, reason_of(error))], now, RemovalState.HELD)
            self._station.board.count("held")
        else:
            self._claims.note_try(task.item_id)
            pause = self._station.item_patience.pause(task.tries + 1, self._station.chance)
            self._tell(Level.WARNING, task, f"not removed: {reason_of(error)}; next try in {pause:.0f} s")
            ledger.removal_setback([Setback(task.item_id, reason_of(error), now + pause)], now, RemovalState.QUEUED)

    def _tell(self, level: Level, task: RemovalTask, text: str) -> None:
        self._station.board.tell(
            level, f"{self._source}: {task.path} {text}", device=self._source, item_id=task.item_id
        )


def _with_ancestors(folders: Collection[str]) -> Sequence[str]:
    """The folders and everything above them below the root, deepest first."""
    everything: set[str] = set()
    for start in folders:
        folder = start
        while folder and folder not in everything:
            everything.add(folder)
            folder = posixpath.dirname(folder)
    return sorted(everything, key=lambda folder: (-folder.count("/"), folder))
