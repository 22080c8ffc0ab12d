"""The crew: every role of a station, its workers and their threads, put together from rules and device facts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from v2xsync.devices.base import ArrivalHints, Berth
from v2xsync.engine.checksums import Checksums
from v2xsync.engine.claims import Claims
from v2xsync.engine.clock import Clock
from v2xsync.engine.committer import Arrived, Committer
from v2xsync.engine.downloader import Downloader
from v2xsync.engine.finder import Finder
from v2xsync.engine.lane import Lanes, Worker
from v2xsync.engine.parking import Parking
from v2xsync.engine.remover import Remover
from v2xsync.engine.retention import Retention
from v2xsync.engine.station import DeviceFacts, Station
from v2xsync.engine.streaming import StreamSources
from v2xsync.engine.sweeping import Sweeping
from v2xsync.engine.telling import tell_done
from v2xsync.engine.units import Units
from v2xsync.engine.uploader import Uploader
from v2xsync.engine.watch import DeviceWatch
from v2xsync.engine.work import WORKED, Role, Turn
from v2xsync.errors import DeviceError
from v2xsync.ledger.base import DeliveryTask
from v2xsync.model.views import Level

STORE = "store"

SessionMaker = Callable[[], Any]
"""Makes a fresh, unconnected session of one device."""

HintMaker = Callable[[], ArrivalHints]

_HINT_WAIT_S = 1.0
_HINT_REST_S = 0.3
"""A burst of events is one scan: after a hint nothing is listened to for so long."""


class CommitterRole:
    """Lets the committer take turns like any other role."""

    name = "committer"

    def __init__(self, committer: Committer, clock: Clock) -> None:
        self._committer = committer
        self._clock = clock

    def turn(self, open_session: SessionMaker) -> Turn:
        """Commit what is due."""
        del open_session
        if self._committer.commit_due():
            return WORKED
        wait_s = self._committer.due_in_s()
        return Turn(worked=False, next_at=None if wait_s is None else self._clock.now() + wait_s)


class ClosingRole:
    """Last in a source's turn: when nothing is left to fetch, the gates of that source close."""

    name = "closing"

    def __init__(self, station: Station, source: str, finder: Finder, downloader: Downloader) -> None:
        self._station = station
        self._source = source
        self._finder = finder
        self._downloader = downloader

    def turn(self, open_session: SessionMaker) -> Turn:
        """Look whether this source's runs are over."""
        del open_session
        if not self._finder.settling and self._downloader.nothing_left():
            closed = self._station.gates.note_source_done(self._source, unfinished=self._finder.waiting > 0)
            if closed:
                self._station.ring("remover", [self._source])
            for route in closed:
                self._station.ring("uploader", self._station.routes[route].targets)
        return Turn(worked=False)


class Crew:
    """Who works at which device. Built once, then started once."""

    def __init__(
        self,
        station: Station,
        sessions: Mapping[str, SessionMaker],
        hints: Mapping[str, HintMaker],
        berths: Mapping[str, Berth] | None = None,
    ) -> None:
        self.station = station
        self.lanes = Lanes(station)
        self.watches = {name: DeviceWatch(station, name, self._waker(name)) for name in sessions}
        self.parkings = {name: Parking(station, self.watches[name], one) for name, one in (berths or {}).items()}
        self.finders: dict[str, Finder] = {}
        self._sessions = sessions
        self._hints = hints
        self.committer = Committer(station.store, station.ledger, station.manifests, station.clock, self._on_stored)
        self._enrol_store()
        for facts in station.devices.values():
            if station.routes_from(facts.name):
                self._enrol_source(facts)
            if any(facts.name in route.targets for route in station.routes.values()):
                self._enrol_target(facts)

    # -- who works where

    def _enrol_store(self) -> None:
        committing = Worker(
            self.station, "committer", [CommitterRole(self.committer, self.station.clock)], None, _nothing
        )
        self.lanes.add(committing, ["committer"], STORE)
        self.committer.wake_by(lambda: self.station.muster.ring(committing.bell))
        keeping = Worker(self.station, "remover store", [Retention(self.station)], None, _nothing)
        self.lanes.add(keeping, ["remover"], STORE)

    def _enrol_source(self, facts: DeviceFacts) -> None:
        name, can = facts.name, facts.capabilities
        units = Units(self.station, name) if can.stem_groups else None
        finder = Finder(self.station, name, units)
        downloader = Downloader(self.station, name, self.committer, expecting=lambda: finder.expecting)
        remover, closing = Remover(self.station, name, units), ClosingRole(self.station, name, finder, downloader)
        self.finders[name] = finder
        if can.exclusive or can.max_parallel < 2:
            self._worker(name, [finder, downloader, remover, closing])
            return
        self._worker(name, [finder, remover, closing])
        for _ in range(1 if can.pipelined else can.max_parallel - 1):
            self._worker(name, [downloader, closing])

    def _enrol_target(self, facts: DeviceFacts) -> None:
        can, sitting = facts.capabilities, self.station.item_patience.sitting
        claims: Claims[DeliveryTask] = Claims(lambda task: task.delivery_id, sitting)
        sweeping = Sweeping(self.station, facts.name)
        wanted = can.replaces and any(r.manifests and facts.name in r.targets for r in self.station.routes.values())
        for number in range(1 if can.pipelined or can.exclusive else can.max_parallel):
            uploader = Uploader(self.station, facts.name, StreamSources(self._sessions), claims, sweeping)
            first = wanted and number == 0
            self._worker(facts.name, [uploader, Checksums(self.station, facts.name)] if first else [uploader])

    def _worker(self, device: str, roles: Sequence[Role]) -> None:
        names = [role.name for role in roles]
        label = f"{'+'.join(names)} {device}"
        park = partial(self._park, device) if device in self.parkings else None
        worker = Worker(self.station, label, roles, self.watches[device], self._sessions[device], park)
        self.lanes.add(worker, names, device)

    def _park(self, device: str) -> float | None:
        finder = self.finders.get(device)
        return self.parkings[device].rest(settling=finder is not None and finder.settling)

    def let_go(self) -> None:
        """The station ends: what we mounted is flushed and unmounted."""
        for parking in self.parkings.values():
            parking.let_go()

    # -- bells

    def _waker(self, device: str) -> Callable[[], None]:
        return lambda: self.wake(device)

    def wake(self, device: str) -> None:
        """Wake every worker of one device."""
        for role in ("finder", "downloader", "uploader", "remover"):
            self.station.ring(role, [device])

    def _on_stored(self, arrived: Sequence[Arrived]) -> None:
        tell_done(
            self.station.board, "stored", ((one.task.source, one.task.path, one.finished.size) for one in arrived)
        )
        routes = {one.task.route for one in arrived}
        self.station.ring("remover", {one.task.source for one in arrived})
        self.station.ring("downloader", {one.task.source for one in arrived})
        self.station.ring("uploader", {target for route in routes for target in self.station.routes[route].targets})

    # -- life

    def start(self) -> None:
        """Start every worker, and listen for arrivals."""
        self.lanes.start()
        for source, make in self._hints.items():
            threading.Thread(target=self._listen, args=(source, make), name=f"hints {source}", daemon=True).start()

    def _listen(self, source: str, make: HintMaker) -> None:
        """Turn events into listings; without events the scan at an interval goes on (R16)."""
        station = self.station
        hints = make()
        try:
            hints.start()
        except DeviceError as error:
            station.board.tell(Level.WARNING, f"{source}: no arrival events: {error.what}", device=source)
            return
        self._hint(source)  # what came between the first listing and the first event
        try:
            while not station.stop.is_set():
                if hints.wait(_HINT_WAIT_S):
                    if source in self.parkings:
                        self.parkings[source].hinted()
                    else:
                        self.watches[source].hinted()
                    self._hint(source)
                    station.clock.wait(station.stop, _HINT_REST_S)
        finally:
            hints.stop()

    def _hint(self, source: str) -> None:
        self.station.gates.hint(source)
        self.station.ring("finder", [source])


def _nothing() -> None:
    """The store's workers need no session."""
