"""The Downloader: fetches what was found into partials of the store and hands whole files to the committer."""

from __future__ import annotations

import collections
import contextlib
import math
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass

from v2xsync.devices.base import Fetched, FetchRequest, Source
from v2xsync.engine.claims import Claims
from v2xsync.engine.committer import Arrived, Committer
from v2xsync.engine.partial import Partial
from v2xsync.engine.retry import Disposition, disposition
from v2xsync.engine.setbacks import FetchSetbacks
from v2xsync.engine.station import Cause, Station
from v2xsync.engine.store import Finished
from v2xsync.engine.work import WORKED, Turn
from v2xsync.errors import (
    Cancelled,
    DeviceError,
    IntegrityError,
    ItemChanged,
    ItemError,
    ItemFailed,
    StoreError,
    V2xSyncError,
)
from v2xsync.ledger.base import FetchTask, Stored
from v2xsync.model.views import Level, WorkState

DRAW = 250
"""Fetches taken from the ledger at a time."""

TURN_S = 60.0
"""A turn draws no new files after so long, so that listings and removals of a narrow lane get theirs."""

STORE_LOOK_S = 10.0
"""While the store is full its free space is looked at so often."""

BREAKS = 3
"""A file that breaks the connection so often, alone and without getting further, waits like any that failed."""


class OtherContent(ItemChanged):
    """What was fetched again is not what was fetched before: the source holds another version of the same looks."""


@dataclass(slots=True)
class InFlight:
    """One file that is being fetched."""

    task: FetchTask
    partial: Partial
    key: int
    store_path: str


class Downloader:
    """The Downloader at one source; several threads may each take turns of their own."""

    name = "downloader"

    def __init__(
        self, station: Station, source: str, committer: Committer, *, expecting: Callable[[], bool] = lambda: False
    ) -> None:
        """`expecting` tells whether a listing that is not over has shown files to fetch."""
        self._station = station
        self._expecting = expecting
        self._source = source
        self._committer = committer
        self._claims: Claims[FetchTask] = Claims(lambda task: task.item_id, station.item_patience.sitting)
        self._setbacks = FetchSetbacks(station, source, self._claims)
        self._breaks: collections.Counter[int] = collections.Counter()
        self._came_to: dict[int, int] = {}
        """How far each file in flight had come when a connection last broke, in bytes."""
        self._one_by_one = False
        self._told_full = False
        self._looks_at_store = 0

    def turn(self, open_session: Callable[[], Source]) -> Turn:
        """Fetch what is due until nothing is left or the turn has lasted long enough."""
        gates = self._station.gates
        routes = gates.fetch_open(self._source)
        if not routes or self._station.draining.is_set():
            return Turn(worked=False, next_at=gates.next_look("fetch", self._source))
        first = self._draw(routes, 1)
        if not first:
            if self._expecting():
                open_session()  # a login takes several trips: those are over when the listing is
            return self._idle(routes)
        session = None
        try:
            if self._has_room(first[0].fingerprint.size):
                session = open_session()
        finally:
            if session is None:  # nothing will draw what was taken: no room, or no store or device to use
                self._claims.give_back(task.item_id for task in first)
        if session is None:
            return Turn(worked=False, next_at=self._next_look_at_store())
        self._fetch(session, routes, first)
        return WORKED

    def _next_look_at_store(self) -> float | None:
        """When to look for room again; `--once` looks only so often, and says why it went no further."""
        self._looks_at_store += 1
        if self._station.item_patience.exhausted(self._looks_at_store):
            what = "its free space is below the floor ([store] min_free): fetching waits"
            self._station.note_cause(Cause("store", "store", what, remedy="free space, or lower min_free or keep"))
            return None
        return self._station.clock.now() + STORE_LOOK_S

    def _idle(self, routes: Collection[str]) -> Turn:
        upcoming = self._claims.peek(lambda n, skip: self._claim(routes, math.inf, n, skip))
        return Turn(worked=False, next_at=upcoming.next_at if upcoming else None)

    def nothing_left(self) -> bool:
        """Whether nothing is queued (now or later) or in hand for the routes that may fetch now."""
        routes = self._station.gates.fetch_open(self._source)
        queued = self._claims.peek(lambda n, skip: self._claim(routes, math.inf, n, skip)) if routes else None
        return queued is None and not self._claims.taken

    def _claim(self, routes: Collection[str], now: float, limit: int, skip: Collection[int]) -> Sequence[FetchTask]:
        return self._station.ledger.claim_fetches(self._source, routes, now, limit, skip)

    def _draw(self, routes: Collection[str], limit: int) -> Sequence[FetchTask]:
        now = self._station.clock.now()
        return self._claims.take(lambda n, skip: self._claim(routes, now, n, skip), limit)

    def _has_room(self, size: int) -> bool:
        room = self._station.store.has_room(size)
        if not room and not self._told_full:
            self._station.board.tell(
                Level.WARNING, f"the store is nearly full: fetching from {self._source} waits", device=self._source
            )
        self._told_full = not room
        if room:
            self._looks_at_store = 0
        return room

    # -- one fetch

    def _fetch(self, session: Source, routes: Collection[str], first: Sequence[FetchTask]) -> None:
        intake = Intake(self._station, self._committer, self._settle, self._failed)
        with contextlib.closing(self._tasks(routes, first)) as tasks:
            try:
                session.fetch(self._requests(intake, tasks), intake)
            except DeviceError:
                self._note_break(intake)
                raise
            except Cancelled:
                return
            finally:
                self._committer.hurry()
                self._claims.give_back(intake.abandon())
                self._setbacks.flush()

    def _tasks(self, routes: Collection[str], first: Sequence[FetchTask]) -> Generator[FetchTask, None, None]:
        """Tasks for one turn, drawn as the wire takes them; those left undrawn at the end are given back."""
        undrawn = collections.deque(first)
        ends = self._station.clock.monotonic() + TURN_S
        try:
            while undrawn:
                yield undrawn.popleft()
                if not undrawn and self._may_draw(ends):
                    self._setbacks.flush()
                    undrawn.extend(self._draw(routes, DRAW))
        finally:
            self._claims.give_back(task.item_id for task in undrawn)

    def _may_draw(self, ends: float) -> bool:
        station = self._station
        stopped = station.stop.is_set() or station.draining.is_set()
        in_time = station.clock.monotonic() < ends and not self._one_by_one
        return not stopped and in_time and station.store.has_room()

    def _requests(self, intake: Intake, tasks: Iterator[FetchTask]) -> Iterator[FetchRequest]:
        for task in tasks:
            try:
                yield intake.open(task)
            except ItemError as error:
                self._failed(task, error)
            except StoreError:
                self._claims.give_back([task.item_id])
                raise

    # -- outcomes

    def _settle(self, arrived: Arrived, answer: Stored | V2xSyncError) -> None:
        """What the committer says (from its thread)."""
        task = arrived.task
        if isinstance(answer, Stored):
            self._station.board.count("stored")
            self._claims.give_back([task.item_id])
            self._one_by_one = False
            if answer.note:
                self._station.board.tell(Level.WARNING, f"{task.path}: {answer.note}", item_id=task.item_id)
            return
        self._failed(task, answer)
        self._setbacks.flush()

    def _failed(self, task: FetchTask, error: V2xSyncError) -> None:
        self._setbacks.add(task, error)
        if disposition(error) is Disposition.PLAN_AGAIN:
            gates = self._station.gates
            (gates.owe_listing if isinstance(error, OtherContent) else gates.relist)(self._source)

    def _note_break(self, intake: Intake) -> None:
        """A connection broke. A file that breaks it every time has to wait, and must not stop the others (R15).

        While bytes still get through it is only a bad line. Once none do, files are fetched one at a time, so that the
        one that breaks the connection is found out.
        """
        moving = dict(intake.moving())
        progressed = any(frontier > self._came_to.get(task.item_id, 0) for task, frontier in moving.items())
        self._came_to = {task.item_id: frontier for task, frontier in moving.items()}
        if progressed or not moving:
            self._breaks.clear()
        elif not self._one_by_one:
            self._one_by_one = True
        else:
            self._blame(next(iter(moving)))

    def _blame(self, task: FetchTask) -> None:
        self._breaks[task.item_id] += 1
        if self._breaks[task.item_id] >= BREAKS:
            del self._breaks[task.item_id]
            self._failed(task, ItemFailed(task.path, "the connection breaks each time it is fetched"))


class Intake:
    """The sink of one fetch: bytes go to partials, whole files to the committer."""

    def __init__(
        self,
        station: Station,
        committer: Committer,
        settle: Callable[[Arrived, Stored | V2xSyncError], None],
        failed: Callable[[FetchTask, V2xSyncError], None],
    ) -> None:
        self._station = station
        self._committer = committer
        self._settle = settle
        self._report = failed
        self._open: dict[int, InFlight] = {}

    def open(self, task: FetchTask) -> FetchRequest:
        """Prepare one file. Raises ItemRefused where it cannot have a name in the store, StoreError."""
        station = self._station
        route = station.routes[task.route]
        store_path = station.place(
            route.layout, source=task.source, path=task.path, element=task.element, route=task.route,
            mtime_ns=task.fingerprint.mtime_ns, found_at=task.found_at,
        )  # fmt: skip
        partial = station.store.begin(task.item_id, task.path)
        key = station.board.begin(
            WorkState.FETCHING, item_id=task.item_id, route=task.route, source=task.source, device="store",
            path=task.path, size=task.fingerprint.size,
        )  # fmt: skip
        self._open[task.item_id] = InFlight(task, partial, key, store_path)
        least = route.remove.proof
        return FetchRequest(task.item_id, task.path, task.fingerprint, partial.offset, least)

    def moving(self) -> Sequence[tuple[FetchTask, int]]:
        """Files that have begun and not ended, and how far each has come, in bytes."""
        return [(flight.task, flight.partial.frontier) for flight in self._open.values()]

    def write(self, token: int, offset: int, data: bytes | memoryview) -> bool:
        """Take a piece (see FetchSink)."""
        flight = self._open[token]
        if self._station.stop.is_set():
            raise Cancelled("asked to stop")
        self._station.throttle.take(len(data), self._station.stop)
        try:
            flight.partial.write(offset, data)
        except ItemError as error:
            self._drop(flight, error)
            return False
        if self._station.board.progress(flight.key, flight.partial.frontier):
            return True
        self._put_back(flight)
        return False

    def done(self, token: int, fetched: Fetched) -> None:
        """All bytes came: check them against the version asked for, then hand over."""
        flight = self._open[token]
        error = _check(flight, fetched)
        if error is not None:
            self._drop(flight, error)
            return
        flight.partial.close()
        self._close(flight, done=True)
        self._committer.submit(self._arrived(flight, fetched))

    def _arrived(self, flight: InFlight, fetched: Fetched) -> Arrived:
        finished = Finished(
            flight.task.item_id,
            flight.partial.path,
            flight.store_path,
            flight.partial.frontier,
            flight.partial.sha256,
            flight.task.fingerprint.mtime_ns,
        )
        return Arrived(flight.task, finished, fetched.proof, fetched.method, fetched.digest, self._settle)

    def failed(self, token: int, error: ItemError) -> None:
        """The adapter gave this file up; its partial is kept unless it belongs to another version."""
        flight = self._open[token]
        if isinstance(error, ItemChanged | IntegrityError):
            self._drop(flight, error)
            return
        flight.partial.close()
        self._close(flight, done=False)
        self._report(flight.task, error)

    def abandon(self) -> Sequence[int]:
        """The fetch as a whole is over: what is still open stays a partial; returns those items."""
        left = list(self._open.values())
        for flight in left:
            flight.partial.close()
            self._close(flight, done=False)
        return [flight.task.item_id for flight in left]

    def _drop(self, flight: InFlight, error: ItemError) -> None:
        flight.partial.discard()
        self._close(flight, done=False)
        self._report(flight.task, error)

    def _put_back(self, flight: InFlight) -> None:
        flight.partial.close()
        self._close(flight, done=False)
        self._report(flight.task, Cancelled("cancelled; it goes to the end of the queue"))

    def _close(self, flight: InFlight, *, done: bool) -> None:
        del self._open[flight.task.item_id]
        self._station.board.end(flight.key, done=done)


def _check(flight: InFlight, fetched: Fetched) -> ItemError | None:
    partial, asked = flight.partial, flight.task.fingerprint
    if not asked.matches(fetched.fingerprint):
        return ItemChanged(flight.task.path, "it changed while it was fetched")
    if not partial.complete or partial.frontier != asked.size:
        return IntegrityError(
            flight.task.path, "the device sent another number of bytes than it said",
            expected=str(asked.size), got=str(partial.frontier),
        )  # fmt: skip
    if flight.task.sha256 not in ("", partial.sha256):
        return OtherContent(flight.task.path, "fetched again it has other content, at the same size and time")
    told = fetched.digest
    ours = partial.digest(told.algorithm) if told is not None else None
    if told is not None and ours is not None and told.value != ours:
        return IntegrityError(
            flight.task.path, "what arrived is not what the device's own digest says", expected=told.value, got=ours
        )
    return None
