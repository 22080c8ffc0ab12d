"""Lanes: the threads that work at one device. One bad device delays only its own lane (invariant 8).

Each worker owns one session of its device and gives its roles their turns, one after the other, until none has anything
to do; then it rests until its bell rings or the time that a role named has come.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

from v2xsync.engine.bells import Bell
from v2xsync.engine.station import Cause, Station
from v2xsync.engine.watch import DeviceWatch
from v2xsync.engine.work import Role, earliest
from v2xsync.errors import Cancelled, DeviceError, DeviceGone, StoreError, V2xSyncError
from v2xsync.model.views import Level

LOOK_S = 60.0
"""A resting worker looks at the clock at least so often: it may have been set, or the machine suspended."""

STORE_PAUSE_S = 10.0
"""After trouble with the local store."""

BLOCKED_S = 0.25
"""Work that is due but was not taken is held up by something else: it is looked at again after this."""

SHORTEST_S = 0.01
"""A rest below this would be lost in the clock's own rounding."""

REPORT = "this is a fault of v2xsync: please report it with the log"

_log = logging.getLogger(__name__)


class Worker:
    """One thread's work at one device."""

    def __init__(
        self,
        station: Station,
        name: str,
        roles: Sequence[Role],
        watch: DeviceWatch | None,
        make: Callable[[], Any],
        park: Callable[[], float | None] | None = None,
    ) -> None:
        self.name = name
        self._station = station
        self._roles = roles
        self._watch = watch
        self._make = make
        self._park = park
        """Asked when there is nothing to do: lets a drive go, or says in how many seconds to look again."""
        self._session: Any = None
        self.look_s = LOOK_S
        self._store_tries = 0
        self._used = False
        self._moved = 0
        """Bytes that the device had moved when it last was in trouble."""
        self.bell: Bell = station.muster.enrol()

    def run(self) -> None:
        """Work until the station stops; the body of a thread."""
        try:
            while not self._station.stop.is_set():
                pause = self.step()
                if pause != 0.0:
                    self._station.muster.rest(self.bell, pause)
        except V2xSyncError as error:  # the ledger failed: nothing may go on without it
            self._station.fail(error)
        except Exception as error:  # noqa: BLE001 - a bug of ours must stop the station, not hang it
            _log.exception("internal error in %s", self.name)
            self._station.fail(V2xSyncError(f"internal error in {self.name}: {error!r}", remedy=REPORT))
        finally:
            self._close()
            self._station.muster.leave(self.bell)

    def step(self) -> float | None:
        """Give each role one turn; returns how long to rest in seconds (0: not at all, None: until the bell)."""
        wait_s = self._watch.admit() if self._watch else 0.0
        if wait_s > 0:
            return _rest(wait_s)
        try:
            return self._turns()
        except DeviceError as error:
            return self._trouble(error)
        except Cancelled:
            self._unused()
            return None
        except StoreError as error:
            self._unused()
            return self._store_trouble(error)

    def _store_trouble(self, error: StoreError) -> float | None:
        """The local store cannot be used: looked at again, in `--once` only so often."""
        self._store_tries += 1
        self._station.board.tell(Level.ERROR, error.what)
        self._station.note_cause(Cause("store", "store", error.what, remedy=error.remedy))
        return None if self._station.item_patience.exhausted(self._store_tries) else STORE_PAUSE_S

    def _turns(self) -> float | None:
        self._used = False
        turns = [role.turn(self._open) for role in self._roles]
        if self._used and self._watch:
            self._watch.note_good()
        elif self._watch and self._watch.error is not None:
            self._probe()
        if any(turn.worked for turn in turns):
            return 0.0
        if self._session is not None and self._session.capabilities.exclusive:
            self._close()  # somebody else may want it: a stream to a target, or a person's own tool
        again_s = self._park() if self._park and (self._watch is None or self._watch.error is None) else None
        look_at = None if again_s is None else self._station.clock.now() + again_s
        return self._rest_for(earliest(look_at, *(turn.next_at for turn in turns)))

    def _rest_for(self, next_at: float | None) -> float | None:
        wait_s = None if next_at is None else next_at - self._station.clock.now()
        if wait_s is not None and wait_s <= 0:
            wait_s = BLOCKED_S
        if self._station.once:
            return wait_s
        return self.look_s if wait_s is None else max(SHORTEST_S, min(wait_s, self.look_s))

    # -- the session

    def _open(self) -> Any:
        """The worker's session, connected."""
        if self._session is None:
            self._session = self._make()
        self._session.connect()
        if self._watch and self._watch.error is not None and not self._session.capabilities.probeable:
            self._session.probe()  # what becomes of a file there cannot be asked: none is given to it on trial
        self._used = True
        if self._park and self._watch:
            self._watch.note_contact()
        return self._session

    def _probe(self) -> None:
        """Nothing to do at a device that was in trouble: one cheap call tells whether it is back."""
        self._open().probe()
        if self._watch:
            self._watch.note_good()

    def _trouble(self, error: DeviceError) -> float | None:
        self._close()
        if self._watch is None:
            return STORE_PAUSE_S
        first = self._watch.is_well
        moved = self._station.board.moved(self._watch.device)
        if moved > self._moved and isinstance(error, DeviceGone):
            self._watch.note_progress()
        self._moved = moved
        self._watch.note_trouble(error)
        if first and self._used and isinstance(error, DeviceGone):
            self._watch.forgive_once()
        return self.step_later()

    def step_later(self) -> float | None:
        """How long to rest after trouble."""
        wait_s = self._watch.wait_s() if self._watch else STORE_PAUSE_S
        return _rest(wait_s)

    def _unused(self) -> None:
        if self._watch:
            self._watch.note_unused()

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _rest(wait_s: float) -> float | None:
    """A rest that a clock can measure; None where only a bell can end it."""
    return None if math.isinf(wait_s) else max(SHORTEST_S, wait_s)


class Lanes:
    """All workers of a station and their threads."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self.workers: list[Worker] = []
        self._threads: list[threading.Thread] = []

    def add(self, worker: Worker, roles: Sequence[str], device: str) -> None:
        """Enrol a worker under the bells of its roles (before `start`)."""
        self.workers.append(worker)
        for role in roles:
            self._station.bells.setdefault((role, device), []).append(worker.bell)

    def start(self) -> None:
        """Start every thread."""
        for worker in self.workers:
            thread = threading.Thread(target=worker.run, name=worker.name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for every thread to end, all together at most `timeout_s`; whether they did."""
        ends = self._station.clock.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, ends - self._station.clock.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)
