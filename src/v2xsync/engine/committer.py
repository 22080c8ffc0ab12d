"""The committer: one clerk for all lanes. Whatever waits is made durable, named and recorded as one group.

The order of invariant 2 for a fetch: content durable -> final names durable -> manifest -> ledger. One group costs two
syncs of the file system, one append to the manifest of each route and one transaction of the ledger, however many small
files and sites it covers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from v2xsync.engine.clock import Clock
from v2xsync.engine.manifests import Manifests
from v2xsync.engine.store import Finished, Placed, Store
from v2xsync.errors import V2xSyncError
from v2xsync.ledger.base import FetchTask, Ledger, Stored
from v2xsync.model.items import Digest, Proof

GROUP = 500
"""At most so many files in one group: their receipts come soon enough for people to see."""

GATHER_S = 0.2
"""A smaller group waits so long for more, since most of its price does not depend on its size; see `hurry`."""

BACKLOG = 2000
"""With so many files waiting, lanes wait too: memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that was fetched whole, on its way to its final name."""

    task: FetchTask
    finished: Finished
    proof: Proof
    method: str
    digest: Digest | None
    settle: Callable[[Arrived, Stored | V2xSyncError], None]
    """Told what became of it, from the committer's thread."""


class Committer:
    """Takes `Arrived` from any thread; `work` is called by one thread (or, without threads, by `flush`)."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        manifests: Manifests,
        clock: Clock,
        on_stored: Callable[[Sequence[Arrived]], None],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._manifests = manifests
        self._clock = clock
        self._on_stored = on_stored
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._waiting: list[Arrived] = []
        self._oldest_at = 0.0
        """Monotonic time at which the first of those that wait came."""
        self._hurried = False
        self._ring: Callable[[], object] = self.flush
        self.broken: V2xSyncError | None = None

    def wake_by(self, ring: Callable[[], None]) -> None:
        """A thread serves this committer; `ring` wakes it."""
        self._ring = ring

    def submit(self, arrived: Arrived) -> None:
        """Queue one file; waits while too many are queued. Raises what broke the committer, if anything did."""
        with self._room:
            while len(self._waiting) >= BACKLOG and self.broken is None:
                self._room.wait(1.0)
            if self.broken is not None:
                raise self.broken
            if not self._waiting:
                self._oldest_at = self._clock.monotonic()
            self._waiting.append(arrived)
            ring = len(self._waiting) in (1, GROUP)
        if ring:
            self._ring()

    def hurry(self) -> None:
        """Whoever submitted has no more to come for now: what waits is committed at once."""
        with self._room:
            self._hurried = ring = bool(self._waiting)
        if ring:
            self._ring()

    def due_in_s(self) -> float | None:
        """When there is a group to commit: 0 for now, a while for one that still gathers, None without any."""
        with self._room:
            if not self._waiting:
                return None
            if self._hurried or len(self._waiting) >= GROUP:
                return 0.0
            return max(0.0, self._oldest_at + GATHER_S - self._clock.monotonic())

    def commit_due(self) -> bool:
        """Commit the groups that are due; whether there was any."""
        worked = False
        while self.due_in_s() == 0.0:
            self._commit(self._next_group())
            worked = True
        return worked

    def flush(self) -> bool:
        """Commit everything that waits; whether there was anything."""
        with self._room:
            self._hurried = bool(self._waiting)
        return self.commit_due()

    def _next_group(self) -> Sequence[Arrived]:
        with self._room:
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            self._hurried = self._hurried and bool(self._waiting)
            self._oldest_at = self._clock.monotonic()
            self._room.notify_all()
        return group

    def _commit(self, group: Sequence[Arrived]) -> None:
        try:
            answers = self._store.commit([arrived.finished for arrived in group])
            now = self._clock.now()
            stored = [(a.task, _stored(a, p)) for a, p in zip(group, answers, strict=True) if isinstance(p, Placed)]
            self._manifests.stored(stored, now)
            self._ledger.record_stored([copy for _, copy in stored], now)
        except V2xSyncError as error:
            for arrived in group:
                arrived.settle(arrived, error)
            return
        good: list[Arrived] = []
        for arrived, answer in zip(group, answers, strict=True):
            if isinstance(answer, Placed):
                good.append(arrived)
                arrived.settle(arrived, _stored(arrived, answer))
            else:
                arrived.settle(arrived, answer)
        self._on_stored(good)


def _stored(arrived: Arrived, placed: Placed) -> Stored:
    return Stored(
        item_id=arrived.task.item_id,
        route=arrived.task.route,
        store_path=placed.store_path,
        size=arrived.finished.size,
        sha256=arrived.finished.sha256,
        proof=arrived.proof,
        method=arrived.method,
        digest=arrived.digest,
        note=placed.note,
    )
