"""The service: a running engine behind the facade, with its beginning and its end."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from v2xsync.engine.crew import Crew
from v2xsync.engine.explain import explain
from v2xsync.engine.facade import Outcome, Why
from v2xsync.engine.picture import Picture
from v2xsync.engine.station import Cause, Station
from v2xsync.errors import V2xSyncError
from v2xsync.ledger.base import Hold, LogLine
from v2xsync.model.custody import Step
from v2xsync.model.naming import printable
from v2xsync.model.views import EventView, Level, StationView

ONCE_PATIENCE_S = 120.0
"""`--once` waits for retries that are due within this time, and leaves the rest to the next run."""

NOTE_VIEW_S = 5.0
"""The view is written to the ledger at most so often, for `status` after the end."""

END_S = 30.0
"""Workers that hang in a dead peer's time-out are not waited for longer than this."""

CLOCK_SLACK_S = 30.0
"""A clock that is slewed by less than this was not set back."""

INTERRUPT_LOOK_S = 0.2
"""A run in the foreground looks at its signals so often."""

HEART_S = 60.0
"""A warden that has not come round for so long is stuck, and with it the station."""

VIEW_NOTE = "view"
DIGEST_NOTE = "config digest"


@dataclass(frozen=True, slots=True)
class OnceReport:
    """How a run of `--once` or `sync` ended."""

    view: StationView
    causes: Sequence[Cause]
    interrupted: bool = False


class Service:
    """One running engine (see `Facade` for what its callers may ask)."""

    def __init__(self, crew: Crew, config_digest: str = "") -> None:
        self._crew = crew
        self._station: Station = crew.station
        self._picture = Picture(crew)
        self._digest = config_digest
        self._warden: threading.Thread | None = None
        self._noted_generation = -1
        self._latest = self._station.clock.now()
        self._beat = self._station.clock.monotonic()

    # -- life

    @property
    def beats(self) -> bool:
        """Whether the engine's heart beats: its warden came round a moment ago, and wrote to the ledger."""
        return self._station.clock.monotonic() - self._beat < HEART_S

    def tell(self, level: Level, text: str) -> None:
        """Say something about the station, in its log and on every screen."""
        self._station.board.tell(level, text)

    def start(self) -> None:
        """Open the store, take up what the last run left, start every worker. Raises StoreError, LedgerError."""
        self.take_up()
        self._crew.start()
        self._warden = threading.Thread(target=self._watch_over, name="warden", daemon=True)
        self._warden.start()

    def take_up(self) -> None:
        """Open the store and take up what the last run left."""
        station, now = self._station, self._station.clock.now()
        station.store.open()
        unknown = station.ledger.recover_sending(now)
        if unknown:
            station.board.tell(
                Level.ERROR, f"{unknown} deliveries were cut off at the last stop: their outcome is unknown"
            )
        if station.ledger.note(DIGEST_NOTE) != self._digest:
            for route in station.routes.values():
                station.ledger.ensure_deliveries(route.name, route.targets, now)
            station.ledger.requeue_removals()
            station.ledger.write_note(DIGEST_NOTE, self._digest)
        if not station.ledger.backlog().items and station.manifests.any():
            text = "this ledger is new, but the store has custody written down: v2xsync ledger rebuild takes it up"
            station.board.tell(Level.WARNING, text)
        station.ledger.retry()
        station.store.sweep(line.item_id for line in station.ledger.queue(0) if line.step is Step.STORED)
        station.board.tell(Level.INFO, f"station {station.name} started")

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end (after `drain` or `stop`); whether it has come. Raises what made the engine stop."""
        if not self._station.clock.wait(self._station.stop, timeout_s):
            return False
        self._crew.lanes.join(END_S)
        self._crew.let_go()
        if self._warden is not None:
            self._warden.join(END_S)
        self._note_view()
        for error in self._station.failure:
            raise error
        return True

    def _watch_over(self) -> None:
        """Begin a new batch after each rest, end a drain, note the view now and then."""
        station = self._station
        while not station.stop.is_set():
            station.clock.wait(station.muster.settled, NOTE_VIEW_S)
            station.muster.settled.clear()
            self._note_view()
            self._beat = station.clock.monotonic()
            self._heed_clock()
            at_rest, _ = station.muster.at_rest_until()
            if at_rest:
                station.board.begin_batch()
                if station.draining.is_set():
                    self.stop()

    def _heed_clock(self) -> None:
        """A clock that was set back leaves due times far in the future: everything that waits is due now."""
        now = self._station.clock.now()
        if now < self._latest - CLOCK_SLACK_S:
            self._station.board.tell(Level.WARNING, "the clock was set back: everything that waits is tried now")
            self._station.ledger.retry()
            self._wake_all()
        self._latest = now

    def _note_view(self) -> None:
        view = self.view()
        if view.generation == self._noted_generation:
            return
        self._noted_generation = view.generation
        try:
            self._station.ledger.write_note(VIEW_NOTE, json.dumps(plain(view)))
        except V2xSyncError as error:
            self._station.fail(error)

    # -- one run

    def run_once(self, names: Collection[str] = (), interrupted: Callable[[], bool] = lambda: False) -> OnceReport:
        """Run these routes (or all) now, to the end, and stop. The station must have been built with `once`.

        `interrupted` is asked several times a second; once it says yes everything stops, partials are kept.
        """
        station = self._station
        station.gates.force(names)
        self.take_up()
        self._crew.start()
        cut_short = self._wait_for_rest(interrupted)
        self._crew.let_go()
        view = self.view()
        causes = self._causes(names)
        self.stop()
        self._crew.lanes.join(END_S)
        self._crew.let_go()  # what was in use when it was cut short
        self._note_view()
        for error in station.failure:
            raise error
        return OnceReport(view, causes, cut_short)

    def _wait_for_rest(self, interrupted: Callable[[], bool]) -> bool:
        """Until nothing is at work and nothing wakes soon; whether it was interrupted."""
        station = self._station
        while not (station.stop.is_set() or interrupted()):
            at_rest, wakes_at = station.muster.at_rest_until()
            if at_rest and (station.draining.is_set() or self._far(wakes_at)):
                return station.draining.is_set()
            station.clock.wait(station.muster.settled, INTERRUPT_LOOK_S)
            station.muster.settled.clear()
        return True

    def _far(self, wakes_at: float | None) -> bool:
        return wakes_at is None or wakes_at - self._station.clock.monotonic() > ONCE_PATIENCE_S

    def _routes(self, names: Collection[str]) -> Collection[str]:
        routes = self._station.routes.values()
        if not names:
            return frozenset(route.name for route in routes)
        return frozenset(r.name for r in routes if r.name in names or set(names) & {*r.sources, *r.targets})

    def _causes(self, names: Collection[str]) -> Sequence[Cause]:
        """Everything that keeps this run from being all done: devices, listings, items, holds."""
        station = self._station
        routes = self._routes(names)
        needed = {
            device for name in routes for device in (*station.routes[name].sources, *station.routes[name].targets)
        }
        causes = [cause for name, watch in self._crew.watches.items() if name in needed and (cause := watch.cause())]
        causes += [cause for cause in dict.fromkeys(station.causes) if cause.device in (*needed, "store")]
        for hold in station.ledger.holds():
            if hold.route in routes or not hold.route:
                causes.append(Cause("hold", hold.device, hold.reason, path=printable(hold.path), route=hold.route))
        for line in station.ledger.queue(0):
            if line.route in routes and line.tries:
                blamed = line.source if line.step is Step.STORED else line.device
                causes.append(Cause("item", blamed, line.reason, path=printable(line.path), route=line.route))
        return causes

    # -- the facade

    def view(self, queue_rows: int = 200) -> StationView:
        """The present picture."""
        return self._picture.view(queue_rows)

    def events_since(self, seq: int) -> Sequence[EventView]:
        """Events after `seq`."""
        return self._station.board.events_since(seq)

    def force(self, names: Collection[str] = ()) -> None:
        """Sync now."""
        self._station.gates.force(names)
        self._wake_all()

    def pause(self, names: Collection[str] = ()) -> None:
        """Start nothing new there."""
        self._station.gates.pause(names)
        self._station.board.tell(Level.INFO, f"paused: {', '.join(sorted(names)) or 'everything'}")

    def resume(self, names: Collection[str] = ()) -> None:
        """Go on there."""
        self._station.gates.resume(names)
        self._station.board.tell(Level.INFO, f"resumed: {', '.join(sorted(names)) or 'everything'}")
        self._wake_all()

    def cancel(self, item_id: int) -> None:
        """Stop the file's transfer; it goes to the end of the queue."""
        self._station.board.cancel(item_id)

    def outcome(self, names: Collection[str] = ()) -> Outcome:
        """How far a forced run has come."""
        station, routes = self._station, self._routes(names)
        asked = station.gates.asked(names)
        moving = any(transfer.route in routes for transfer in station.board.transfers())
        if asked and moving:  # the causes of a long queue take their time to read
            return Outcome(asked=True, stuck=False, causes=())
        causes = tuple(self._causes(names))
        waits = any(cause.kind != "hold" for cause in causes) or station.gates.paused(*routes)
        return Outcome(asked=asked, stuck=waits, causes=causes)

    def retry(self, names: Collection[str] = ()) -> int:
        """Make waiting retries due, and try devices that are in trouble."""
        count = self._station.ledger.retry(routes=self._routes(names))
        for name, watch in self._crew.watches.items():
            if not names or name in names:
                watch.forgive()
        self._wake_all()
        return count

    def bring_to_front(self, item_id: int) -> None:
        """Let this item go next."""
        self._station.ledger.bring_to_front(item_id)
        self._wake_all()

    def why(self, item_id: int) -> Why | None:
        """Everything about one item, explained."""
        dossier = self._station.ledger.dossier(item_id)
        if dossier is None:
            return None
        states = {name: watch.error for name, watch in self._crew.watches.items()}
        return Why(dossier=dossier, summary=explain(dossier, self._station.routes, self._station.clock.now(), states))

    def history(self, limit: int = 1000) -> Sequence[LogLine]:
        """The newest lines of the custody log."""
        return tuple(self._station.ledger.history(limit=limit))

    def holds(self) -> Sequence[Hold]:
        """What waits for a person."""
        return self._station.ledger.holds()

    def release(self, item_ids: Collection[int], *, accept: bool, by: str, devices: Collection[str] = ()) -> int:
        """Do held steps again, or take held deliveries as done."""
        ledger = self._station.ledger
        release = ledger.release_accept if accept else ledger.release_again
        count = release(tuple(item_ids), self._station.clock.now(), by, devices)
        self._wake_all()
        return count

    def acknowledge_errors(self) -> None:
        """A person has seen the errors."""
        self._station.board.see_errors()

    def drain(self) -> None:
        """Finish the files in motion, then stop."""
        self._station.board.tell(Level.INFO, "finishing the files in motion")
        self._station.draining.set()
        self._wake_all()

    def stop(self) -> None:
        """Stop now."""
        self._station.stop.set()
        self._station.muster.settled.set()
        self._wake_all()

    def _wake_all(self) -> None:
        self._station.muster.ring_all()


def plain(value: Any) -> Any:
    """A frozen view as plain JSON values: enums by their words, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Level):
        return value.name.lower()
    if hasattr(value, "value") and hasattr(value, "name"):
        return value.value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return value
