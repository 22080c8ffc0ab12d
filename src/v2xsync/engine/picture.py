"""The station's picture: the board, the gates and the ledger's backlog put together into one frozen view."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import v2xsync
from v2xsync.engine.board import DeviceCounters
from v2xsync.engine.crew import Crew
from v2xsync.engine.station import DeviceFacts
from v2xsync.engine.work import earliest
from v2xsync.errors import LedgerError, StoreError
from v2xsync.ledger.base import Backlog, QueueLine
from v2xsync.model.custody import Step
from v2xsync.model.naming import printable
from v2xsync.model.views import (
    DeviceState,
    DeviceView,
    QueueRow,
    RouteView,
    StationState,
    StationView,
    WorkState,
)

LEDGER_LOOK_S = 1.0
"""The ledger's counts are at most so old in a view, where reading them takes little."""

LOOK_SHARE = 20
"""A look at ten thousand rows takes a tenth of a second: the next is put off by so many times its length."""

LONGEST_LOOK_S = 5.0
"""No longer than this, even so."""


class Picture:
    """Makes views; any thread may ask. The ledger is read seldom, and only when somebody looks."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._station = crew.station
        self._lock = threading.Lock()
        self._look_due = float("-inf")
        self._looked_rows = 0
        self._backlog = Backlog()
        self._queue: tuple[QueueRow, ...] = ()
        self._store_free: int | None = None
        self._holds = 0

    def view(self, queue_rows: int) -> StationView:
        """The present picture."""
        with self._lock:
            self._look(queue_rows)
            return self._compose()

    def _look(self, queue_rows: int) -> None:
        now = self._station.clock.monotonic()
        if now < self._look_due and queue_rows <= self._looked_rows:
            return
        try:
            self._backlog = self._station.ledger.backlog()
            self._queue = self._rows(self._station.ledger.queue(queue_rows))
            self._store_free = self._station.store.free_bytes()
        except (LedgerError, StoreError):
            return  # the picture is only a picture: it stays as it was
        took_s = self._station.clock.monotonic() - now
        self._look_due = now + min(LONGEST_LOOK_S, max(LEDGER_LOOK_S, LOOK_SHARE * took_s))
        self._looked_rows = queue_rows

    def _rows(self, lines: Sequence[QueueLine]) -> tuple[QueueRow, ...]:
        before = {row.key: row for row in self._queue}
        moving = {transfer.item_id for transfer in self._station.board.transfers()}
        fresh = (_row(line, self._station.clock.now()) for line in lines if line.item_id not in moving)
        return tuple(before[row.key] if before.get(row.key) == row else row for row in fresh)

    def _compose(self) -> StationView:
        station, board = self._station, self._station.board
        transfers = board.transfers()
        queued = sum(n for n, _ in (*self._backlog.fetch.values(), *self._backlog.deliver.values()))
        queued_bytes = sum(n for _, n in (*self._backlog.fetch.values(), *self._backlog.deliver.values()))
        routes = tuple(self._route(name) for name in station.routes)
        return StationView(
            name=station.name,
            version=v2xsync.__version__,
            generation=board.generation,
            at=station.clock.now(),
            started=board.started,
            state=self._state(busy=bool(transfers)),
            zone=str(station.zone),
            devices=tuple(self._device(facts) for facts in station.devices.values()),
            routes=routes,
            transfers=transfers,
            queue=self._queue,
            totals=board.totals(queued=queued, queued_bytes=queued_bytes),
            holds=self._backlog.holds,
            errors_unseen=board.errors_unseen,
            store_free=self._store_free,
            store_low=self._store_free is not None and self._store_free < station.store.min_free,
            next_run=earliest(*(time for route in routes for time in (route.next_fetch, route.next_deliver))),
            limit_rate=station.throttle.rate(),
            last_event=board.last_event,
        )

    def _state(self, *, busy: bool) -> StationState:
        station = self._station
        if station.stop.is_set():
            return StationState.STOPPED
        if station.draining.is_set():
            return StationState.DRAINING
        if station.gates.paused():
            return StationState.PAUSED
        at_rest, _ = station.muster.at_rest_until()
        return StationState.RUNNING if busy or not at_rest else StationState.RESTING

    def _route(self, name: str) -> RouteView:
        station, route = self._station, self._station.routes[name]
        fetches = [station.gates.next_time("fetch", name, source) for source in route.sources]
        return RouteView(
            name=name,
            sources=route.sources,
            targets=route.targets,
            next_fetch=earliest(*fetches),
            next_deliver=station.gates.next_time("deliver", name) if route.targets else None,
            paused=station.gates.paused(name),
            running=station.gates.running(name),
            requested=station.gates.forced(name),
        )

    def _device(self, facts: DeviceFacts) -> DeviceView:
        station, name = self._station, facts.name
        counters = station.board.counters(name)
        finder = self._crew.finders.get(name)
        is_target = any(name in route.targets for route in station.routes.values())
        files, size = (self._backlog.fetch if finder else self._backlog.deliver).get(name, (0, 0))
        fetches = [station.gates.next_time("fetch", route.name, name) for route in station.routes_from(name)]
        return DeviceView(
            name=name,
            type=facts.type,
            is_source=finder is not None,
            is_target=is_target,
            state=_state_word(counters, paused=station.gates.paused(name)),
            since=counters.since,
            last_contact=counters.last_contact,
            trouble=printable(counters.trouble),
            remedy=printable(counters.remedy),
            rate=counters.meter.rate if counters.meter.rate >= 1 else 0.0,
            active=counters.active,
            waiting=files,
            waiting_bytes=size,
            done=counters.done,
            done_bytes=counters.meter.total,
            not_ready=counters.not_ready,
            unready=counters.unready,
            next_run=earliest(*fetches),
            clock_offset_s=counters.clock_offset_s,
            free_bytes=counters.free_bytes,
            paused=station.gates.paused(name),
        )


def _state_word(counters: DeviceCounters, *, paused: bool) -> DeviceState:
    if paused:
        return DeviceState.PAUSED
    if counters.state is DeviceState.UP and counters.active:
        return DeviceState.BUSY
    return counters.state


def _row(line: QueueLine, now: float) -> QueueRow:
    goes_to = line.source if line.step is Step.REMOVED else line.device
    state = WorkState.QUEUED
    if line.tries and line.next_at is not None and line.next_at > now:
        state = WorkState.RETRY
    elif line.next_at is not None and line.next_at > now:
        state = WorkState.WAITING
    return QueueRow(
        key=(line.item_id, f"{line.step.value}:{goes_to}"),
        item_id=line.item_id,
        state=state,
        route=line.route,
        source=line.source,
        device=goes_to,
        path=printable(line.path),
        size=line.size,
        tries=line.tries,
        next_at=line.next_at,
        reason=printable(line.reason),
    )
