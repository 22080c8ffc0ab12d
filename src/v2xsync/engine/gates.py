"""Gates: which routes may fetch, deliver and remove where, at this moment.

They turn schedules, forced runs and pauses into three questions the workers ask. Runs of a daily schedule are written
to the ledger, so that a restart goes on with today's run and never makes a second one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from v2xsync.engine.clock import Clock
from v2xsync.ledger.base import Ledger, LedgerReader, Run
from v2xsync.model.rules import Route
from v2xsync.model.schedule import Arrival, Cron, Daily, Every, Schedule, closes_at, due, next_due, window_open

SCAN_EVERY_S = 60.0
"""An `arrival` source is scanned in full at least so often: events are hints, the scan is the truth (R16)."""

DAY_S = 86_400.0

PAUSED_NOTE = "paused"
"""The ledger's note of what a person paused: a pause outlives a restart."""

EVERYTHING = "*"

DELIVER = "deliver"
FETCH = "fetch"


@dataclass(slots=True)
class Gate:
    """One route at one source (or, for deliveries, at all its targets: device is empty)."""

    route: str
    device: str
    kind: str
    schedule: Schedule
    run: Run | None = None
    """The last run that was opened; open while `closed_at` is None."""
    last_end: float | None = None
    """When the last listing of an `every` or `arrival` schedule ended."""
    forced: bool = False
    removing: bool = False
    """Forced, and the removals that follow from that are not done yet."""
    news: bool = False
    """Something was told since the last listing began: it may not have been seen by it."""
    unlisted: bool = True
    """A listing is owed: at the start, by force, by a hint, by a new run."""

    @property
    def timed(self) -> bool:
        """Whether it has runs at all."""
        return isinstance(self.schedule, (Daily, Cron))

    @property
    def running(self) -> bool:
        """Whether a run is open."""
        return self.run is not None and self.run.closed_at is None


class Gates:
    """All gates of a station. Any thread; one lock, held while the ledger saves a run."""

    def __init__(
        self, routes: Mapping[str, Route], zone: ZoneInfo, clock: Clock, ledger: Ledger, *, only_forced: bool = False
    ) -> None:
        self._routes = routes
        self._zone = zone
        self._clock = clock
        self._ledger = ledger
        self._only_forced = only_forced
        self._since = clock.now()
        self._lock = threading.RLock()
        self._paused = paused_names(ledger)
        self._parked: set[str] = set()
        self._gates = {(gate.kind, gate.route, gate.device): gate for gate in self._make()}

    def _make(self) -> Iterable[Gate]:
        for route in self._routes.values():
            for source in route.sources:
                yield self._restore(Gate(route.name, source, FETCH, route.fetch_schedule(source)))
            yield self._restore(Gate(route.name, "", DELIVER, route.deliver))

    def _restore(self, gate: Gate) -> Gate:
        if gate.timed:
            gate.run = self._ledger.last_run(gate.route, gate.device, gate.kind)
            gate.unlisted = gate.running and gate.run is not None and gate.run.listed_at is None
        return gate

    # -- people

    def force(self, names: Collection[str]) -> None:
        """Open the gates of these routes or devices now, until their work is done; empty: all."""
        with self._lock:
            for gate in self._gates.values():
                if self._named(gate, names) and (gate.kind == FETCH or self._routes[gate.route].targets):
                    gate.forced = gate.removing = gate.unlisted = gate.news = True

    def pause(self, names: Collection[str]) -> None:
        """Nothing new starts for these routes or devices; empty: all."""
        with self._lock:
            self._paused.update(names or {EVERYTHING})
            write_paused(self._ledger, self._paused)

    def resume(self, names: Collection[str]) -> None:
        """Take back a pause; empty: every pause."""
        with self._lock:
            self._paused.difference_update(names or set(self._paused))
            write_paused(self._ledger, self._paused)

    def paused(self, *names: str) -> bool:
        """Whether any of these names, or everything, is paused."""
        with self._lock:
            return EVERYTHING in self._paused or any(name in self._paused for name in names)

    def _named(self, gate: Gate, names: Collection[str]) -> bool:
        if not names:
            return True
        route = self._routes[gate.route]
        devices = {gate.device} if gate.device else {*route.targets}
        return gate.route in names or any(name in devices for name in names) or (
            gate.kind == DELIVER and any(name in route.sources for name in names)
        )  # fmt: skip

    # -- the Finder

    def listing_due(self, source: str) -> frozenset[str]:
        """Routes that want a listing of `source` now."""
        with self._lock:
            return frozenset(gate.route for gate in self._at(FETCH, source) if self._wants_listing(gate))

    def _wants_listing(self, gate: Gate) -> bool:
        self._advance(gate)
        if not self._open(gate):
            return False
        if gate.unlisted or gate.timed:
            return gate.unlisted
        if self._only_forced or gate.last_end is None or gate.device in self._parked:
            return False
        pause = SCAN_EVERY_S if isinstance(gate.schedule, Arrival) else _seconds(gate.schedule)
        now = self._clock.now()
        return now >= gate.last_end + pause or now < gate.last_end  # the clock was set back

    def begin_listing(self, source: str, routes: Collection[str]) -> None:
        """A listing of `source` begins for these routes: what is told from now on is owed another one."""
        with self._lock:
            for gate in self._at(FETCH, source):
                if gate.route in routes:
                    gate.news = False

    def note_listed(self, source: str, routes: Collection[str]) -> None:
        """A complete listing of `source` was made for these routes."""
        now = self._clock.now()
        with self._lock:
            for gate in self._at(FETCH, source):
                if gate.route in routes:
                    gate.unlisted, gate.last_end = gate.news, now
                    if gate.running and gate.run is not None and gate.run.listed_at is None:
                        self._save(gate, replace(gate.run, listed_at=now))

    def hint(self, source: str) -> None:
        """Something may have changed there: the routes that fetch on arrival want a listing."""
        with self._lock:
            for gate in self._at(FETCH, source):
                if isinstance(gate.schedule, Arrival):
                    gate.unlisted = gate.news = True

    def park(self, device: str, *, parked: bool = True) -> None:
        """Its drive was let go: what is not mounted does not change, so it is not scanned until there is news."""
        with self._lock:
            (self._parked.add if parked else self._parked.discard)(device)

    def owe_listing(self, source: str) -> None:
        """Only a new listing can tell what has become of files there."""
        with self._lock:
            for gate in self._at(FETCH, source):
                gate.unlisted = True

    def relist(self, source: str) -> None:
        """A file was not what the listing said: list again while the gates are open."""
        with self._lock:
            for gate in self._at(FETCH, source):
                gate.unlisted = gate.unlisted or not self._only_forced

    # -- the Downloader, the Uploader, the Remover

    def fetch_open(self, source: str) -> frozenset[str]:
        """Routes that may fetch from `source` now."""
        with self._lock:
            return frozenset(gate.route for gate in self._at(FETCH, source) if self._advance(gate) and self._open(gate))

    def deliver_open(self, target: str) -> frozenset[str]:
        """Routes that may deliver to `target` now."""
        if self.paused(target):
            return frozenset()
        with self._lock:
            return frozenset(
                gate.route
                for gate in self._gates.values()
                if gate.kind == DELIVER
                and target in self._routes[gate.route].targets
                and self._advance(gate)
                and self._open(gate)
            )

    def removal_open(self, source: str) -> bool:
        """Whether `source` may be talked to about removals: forced, or inside the fetch window of some route."""
        if self.paused(source):
            return False
        now = self._clock.now()
        with self._lock:
            gates = list(self._at(FETCH, source))
            if any(gate.forced or gate.removing for gate in gates):
                return True
            return not self._only_forced and any(window_open(gate.schedule, now, self._zone) for gate in gates)

    def removal_waits_until(self, source: str, route: str) -> float | None:
        """When the window of `route` at `source` opens for removals; None where it is open (or open by force)."""
        now = self._clock.now()
        with self._lock:
            gate = self._gates[FETCH, route, source]
            if gate.forced or gate.removing or window_open(gate.schedule, now, self._zone):
                return None
            return self.next_time(FETCH, route, source)

    def note_source_done(self, source: str, *, unfinished: bool) -> Sequence[str]:
        """Nothing is left to fetch from `source`: returns the routes whose gates closed by that.

        With `unfinished` some files there are still being written: a scheduled run stays open for them.
        """
        with self._lock:
            return [gate.route for gate in self._at(FETCH, source) if self._close(gate, keep_run=unfinished)]

    def note_delivered_all(self, route: str) -> bool:
        """Nothing of `route` is left to deliver; its gate closes unless something is still being fetched for it.

        Returns whether that ended a run.
        """
        with self._lock:
            fetching = any(g.forced or g.running for g in self._gates.values() if g.kind == FETCH and g.route == route)
            gate = self._gates[DELIVER, route, ""]
            if not fetching:
                gate.unlisted = False
                return self._close(gate, keep_run=False)
            return False

    def note_removed_all(self, source: str) -> None:
        """Nothing is to be removed from `source` now: forced removal ends with the force that it follows from."""
        with self._lock:
            for gate in self._at(FETCH, source):
                gate.removing = gate.removing and (gate.forced or self._gates[DELIVER, gate.route, ""].forced)

    def _close(self, gate: Gate, *, keep_run: bool) -> bool:
        if gate.unlisted or not (gate.forced or gate.running):
            return False
        gate.forced = gate.forced and self._only_forced
        if gate.running and gate.run is not None and not keep_run:
            self._save(gate, replace(gate.run, closed_at=self._clock.now()))
        return not (gate.forced or gate.running)

    # -- for people and sleepers

    def next_time(self, kind: str, route: str, device: str = "") -> float | None:
        """When that gate opens (or lists) next; None where it is open by itself."""
        with self._lock:
            gate = self._gates[kind, route, device]
            now = self._clock.now()
            if isinstance(gate.schedule, Arrival):
                return None
            return next_due(
                gate.schedule,
                now,
                self._zone,
                last_due=gate.run.due_at if gate.run else None,
                last_closed=gate.last_end,
            )

    def next_look(self, kind: str, device: str) -> float | None:
        """The earliest time at which a gate of this kind at `device` may change by itself."""
        if self._only_forced:
            return None
        with self._lock:
            gates = self._at(kind, device) if kind == FETCH else self._delivering(device)
            return min((time for gate in gates if (time := self._changes_at(gate)) is not None), default=None)

    def _changes_at(self, gate: Gate) -> float | None:
        now = self._clock.now()
        if self.paused(gate.route, gate.device) or (gate.device in self._parked and not gate.timed):
            return None
        if isinstance(gate.schedule, Arrival):
            return None if gate.kind == DELIVER or gate.last_end is None else gate.last_end + SCAN_EVERY_S
        times = (self.next_time(gate.kind, gate.route, gate.device), closes_at(gate.schedule, now, self._zone))
        return min((time for time in times if time is not None), default=None)

    def forced(self, route: str) -> bool:
        """Whether any gate of `route` is open by force."""
        with self._lock:
            return any(gate.forced for gate in self._gates.values() if gate.route == route)

    def asked(self, names: Collection[str]) -> bool:
        """Whether a forced run of these routes or devices, or the removals that follow from it, is not over."""
        with self._lock:
            named = [gate for gate in self._gates.values() if self._named(gate, names)]
            return any(gate.forced or (gate.kind == FETCH and gate.removing) for gate in named)

    def running(self, route: str) -> bool:
        """Whether a run of `route` is open."""
        with self._lock:
            return any(gate.running for gate in self._gates.values() if gate.route == route)

    # -- inside

    def _at(self, kind: str, device: str) -> Iterable[Gate]:
        return (gate for gate in self._gates.values() if gate.kind == kind and gate.device == device)

    def _delivering(self, target: str) -> Iterable[Gate]:
        return (g for g in self._gates.values() if g.kind == DELIVER and target in self._routes[g.route].targets)

    def _open(self, gate: Gate) -> bool:
        if self.paused(gate.route, gate.device):
            return False
        if gate.forced or self._only_forced:
            return gate.forced
        if not gate.timed:
            return True
        return gate.running and window_open(gate.schedule, self._clock.now(), self._zone)

    def _advance(self, gate: Gate) -> bool:
        """Open the run that is due, close the one whose window has passed."""
        if not gate.timed or self._only_forced:
            return True
        now = self._clock.now()
        opens = due(
            gate.schedule, now, self._zone,
            last_due=_last_due(gate, now), last_closed=None, running_since=self._since,
        )  # fmt: skip
        if opens is not None:
            gate.unlisted = True
            self._save(gate, Run(gate.route, gate.device, gate.kind, due_at=opens, opened_at=now))
        return True

    def _save(self, gate: Gate, run: Run) -> None:
        gate.run = run
        self._ledger.save_run(run)


def _last_due(gate: Gate, now: float) -> float | None:
    """When the last run was due; one that lies days ahead was dated by a clock that was wrong, and does not count."""
    due_at = gate.run.due_at if gate.run else None
    return None if due_at is not None and due_at > now + DAY_S else due_at


def _seconds(schedule: Schedule) -> float:
    return schedule.seconds if isinstance(schedule, Every) else SCAN_EVERY_S


def paused_names(ledger: LedgerReader) -> set[str]:
    """What a person paused and did not resume: names of routes and devices, `EVERYTHING` for all."""
    text = ledger.note(PAUSED_NOTE)
    return set(json.loads(text)) if text else set()


def write_paused(ledger: Ledger, names: Collection[str]) -> None:
    """Write down what is paused now."""
    ledger.write_note(PAUSED_NOTE, json.dumps(sorted(names)))
