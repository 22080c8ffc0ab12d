"""Parking: a drive whose work is done is flushed and unmounted, and the screen says the truth about it.

The work is done when nothing is left that could be done at the drive soon: no listing is owed, nothing is being written
there, nothing waits to be fetched from it or delivered to it, no delivery is on its way whose proof will free an
original on it. What waits for longer (a retry, a schedule, a target that is away, a person) does not keep a drive.
"""

from __future__ import annotations

import threading

from v2xsync.devices.base import Berth
from v2xsync.engine.station import Station
from v2xsync.engine.watch import DeviceWatch
from v2xsync.errors import DeviceError, DeviceGone
from v2xsync.ledger.base import QueueLine
from v2xsync.model.custody import Step
from v2xsync.model.rules import After
from v2xsync.model.views import DeviceState, Level

SOON_S = 60.0
"""What is due within this time is worth keeping the drive for."""

LOOK_S = 2.0
"""While a drive waits for work that goes on elsewhere, the work is looked at so often."""

_WELL = (DeviceState.UNKNOWN, DeviceState.UP, DeviceState.BUSY, DeviceState.SAFE)


class Parking:
    """Watches over one drive. `rest` is called by the workers of the device, `hinted` by the listener."""

    def __init__(self, station: Station, watch: DeviceWatch, berth: Berth) -> None:
        self._station = station
        self._watch = watch
        self._device = watch.device
        self._berth = berth
        self._lock = threading.Lock()
        self._told = ""

    def rest(self, *, settling: bool = False) -> float | None:
        """A worker has nothing to do: let the drive go if its work is done; returns when to look again, in seconds."""
        if not self._berth.is_taken():
            self._reassert()
            return None
        if settling or self._work_ahead():
            return None if self._station.once else LOOK_S
        self.let_go()
        return None

    def let_go(self) -> None:
        """Flush, unmount, and say how that went."""
        with self._lock:
            parting = self._berth.let_go()
            if parting is None:
                return
            if parting.safe:
                self._station.gates.park(self._device)
                self._station.board.device_state(self._device, DeviceState.SAFE)
                self._tell(Level.INFO, f"{parting.drive} is safe to remove{self._left()}")
            else:
                self._station.board.device_state(self._device, DeviceState.UP, parting.what)
                self._tell(Level.WARNING, f"{parting.drive}: {parting.what}")

    def hinted(self) -> None:
        """A drive came or went."""
        self._told = ""
        self._station.gates.park(self._device, parked=False)
        try:
            plugged_in = self._berth.is_plugged_in()
        except DeviceError:
            plugged_in = True  # then the next use tells what is wrong
        if plugged_in:
            self._watch.forgive()
            return
        if self._station.board.counters(self._device).state is DeviceState.SAFE:
            self._station.board.device_state(self._device, DeviceState.ABSENT)
            self._station.board.tell(Level.INFO, f"{self._device} was taken out", device=self._device)
        what = "it was taken out" if self._watch.error is None else "it is not plugged in"
        self._watch.note_trouble(DeviceGone(self._device, what, remedy="plug it in again"))

    def _reassert(self) -> None:
        """Another worker that ended its turn late may have called the drive up again."""
        board = self._station.board
        if self._told and board.counters(self._device).state is DeviceState.UP:
            board.device_state(self._device, DeviceState.SAFE)

    def _tell(self, level: Level, text: str) -> None:
        if text != self._told:
            self._told = text
            self._station.board.tell(level, f"{self._device}: {text}", device=self._device)

    def _left(self) -> str:
        """What is not done and waits for longer."""
        waiting = [line for line in self._station.ledger.queue(0) if self._device in (line.source, line.device)]
        fetches = sum(line.step is Step.STORED for line in waiting)
        return f" ({fetches} files on it could not be fetched yet)" if fetches else ""

    # -- is the work done?

    def _work_ahead(self) -> bool:
        station = self._station
        if station.stop.is_set():
            return False
        if station.gates.listing_due(self._device):
            return True
        if any(self._soon(line) for line in station.ledger.queue(0)):
            return True
        return any(self._device in (moving.source, moving.device) for moving in station.board.transfers())

    def _soon(self, line: QueueLine) -> bool:
        """Whether this work concerns the drive, may be done now and is due."""
        if self._device not in (line.source, line.device) or (line.next_at or 0) > self._station.clock.now() + SOON_S:
            return False
        gates = self._station.gates
        if line.step is Step.STORED:
            return line.route in gates.fetch_open(self._device)
        if line.step is Step.REMOVED:
            return gates.removal_open(self._device)
        return line.route in gates.deliver_open(line.device) and self._matters(line)

    def _matters(self, line: QueueLine) -> bool:
        """Whether a delivery needs the drive: it goes there, is read from there, or frees an original there."""
        if line.device == self._device:
            return True
        route = self._station.routes.get(line.route)
        if route is None or self._station.board.counters(line.device).state not in _WELL:
            return False
        return not route.stage or route.remove.after is not After.NEVER
