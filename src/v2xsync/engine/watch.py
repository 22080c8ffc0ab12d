"""The watch over one device: is it up, since when not, and when may it be tried again (a circuit breaker).

Trouble of a device never counts against a file. While the device is away one worker probes it, at most every 60 s; the
first good probe wakes everybody. A device that refused us waits for a person (`retry`).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from v2xsync.engine.retry import Disposition, disposition
from v2xsync.engine.setbacks import reason_of
from v2xsync.engine.station import Cause, Station
from v2xsync.errors import DeviceArmed, DeviceBusy, DeviceError, DeviceGone, NoSpace
from v2xsync.model.views import DeviceState, Level

_NORMAL = frozenset({DeviceState.ABSENT, DeviceState.ARMED})
"""Nothing is wrong with a device in these; they are told of only where work is broken off by them."""

_LEVELS = {DeviceState.REFUSED: Level.ERROR, DeviceState.ARMED: Level.INFO}
"""At which the beginning of a trouble is told; all else is a warning."""


class DeviceWatch:
    """State of one device, shared by its lanes' workers; one leaf lock."""

    def __init__(self, station: Station, device: str, wake: Callable[[], None]) -> None:
        self._station = station
        self.device = device
        self._wake = wake
        self._lock = threading.Lock()
        self._failures = 0
        self._try_at = 0.0
        self._probing = False
        self._error: DeviceError | None = None

    @property
    def error(self) -> DeviceError | None:
        """The trouble that the device is in; None when it is not."""
        return self._error

    def admit(self) -> float:
        """Seconds until this worker may use the device: 0 means now. While it is away only one is let through."""
        with self._lock:
            if self._error is None:
                return 0.0
            wait_s = self._try_at - self._station.clock.monotonic()
            if wait_s > 0:
                return wait_s
            if self._probing:
                return math.inf
            self._probing = True
            return 0.0

    def note_good(self) -> None:
        """The device answered."""
        with self._lock:
            was, self._error = self._error, None
            self._failures, self._probing = 0, False
        self._station.board.device_state(self.device, DeviceState.UP)
        if was is not None:
            self._station.board.tell(Level.INFO, f"{self.device} is back", device=self.device)
            self._wake()

    @property
    def is_well(self) -> bool:
        """Whether it answered when it was used last, and has not failed since."""
        return self._error is None and not self._failures

    def note_contact(self) -> None:
        """A drive is mounted: it is there, and whether it works will show; its pauses still grow if it does not."""
        with self._lock:
            was, self._error = self._error, None
            self._probing = False
        self._station.board.device_state(self.device, DeviceState.UP)
        if was is not None:
            self._station.board.tell(Level.INFO, f"{self.device} is back", device=self.device)
            self._wake()

    def note_progress(self) -> None:
        """Bytes moved since the last trouble: a bad line, not a dead one; its tries begin anew."""
        with self._lock:
            self._failures = 0

    def note_unused(self) -> None:
        """The worker that was let through had no need of the device."""
        with self._lock:
            self._probing = False

    def note_trouble(self, error: DeviceError) -> None:
        """The device failed as a whole."""
        station, patience = self._station, self._station.device_patience
        with self._lock:
            fresh = self._error is None or type(self._error) is not type(error)
            if not fresh and station.clock.monotonic() < self._try_at:
                return  # another worker of the same device has told of the same outage
            self._error = error
            self._failures += 1
            self._probing = False
            self._try_at = station.clock.monotonic() + self._pause(error)
            gone_for_good = patience.exhausted(self._failures)
        state = self._state(error)
        in_use = station.board.counters(self.device).state is DeviceState.UP
        station.board.device_state(self.device, state, error.what, error.remedy)
        if fresh or gone_for_good:
            level = _LEVELS.get(state, Level.WARNING)
            if state not in _NORMAL or in_use:
                station.board.tell(level, f"{self.device}: {reason_of(error)}", device=self.device)

    def _pause(self, error: DeviceError) -> float:
        patience = self._station.device_patience
        if disposition(error) is Disposition.STOP_DEVICE or patience.exhausted(self._failures):
            return math.inf
        asked_s = error.retry_after_s if isinstance(error, DeviceBusy) else None
        return max(patience.pause(self._failures, self._station.chance), asked_s or 0.0)

    def _state(self, error: DeviceError) -> DeviceState:
        if disposition(error) is Disposition.STOP_DEVICE:
            return DeviceState.REFUSED
        if isinstance(error, NoSpace):
            return DeviceState.FULL
        if isinstance(error, DeviceArmed):
            return DeviceState.ARMED
        hot_plug = self._station.devices[self.device].capabilities.hot_plug
        return DeviceState.ABSENT if hot_plug else DeviceState.AWAY

    def wait_s(self) -> float:
        """Seconds until the device may be tried again; infinite where only a person or another worker can tell."""
        with self._lock:
            if self._error is None:
                return 0.0
            return math.inf if self._probing else max(0.0, self._try_at - self._station.clock.monotonic())

    def forgive_once(self) -> None:
        """A connection that had worked broke: the first new one is tried at once."""
        with self._lock:
            self._try_at = 0.0

    def hinted(self) -> None:
        """Something came or went there: a device that was only away is tried at once."""
        with self._lock:
            if isinstance(self._error, DeviceGone):
                self._try_at = 0.0

    def forgive(self) -> None:
        """A person asks to try again now."""
        with self._lock:
            self._try_at = 0.0
            self._failures = 0
        self._wake()

    def cause(self) -> Cause | None:
        """The device's trouble as a cause of an unfinished run."""
        error = self._error
        if error is None:
            return None
        if isinstance(error, DeviceGone | DeviceBusy) and self._station.devices[self.device].capabilities.hot_plug:
            return None  # a drive that is not there, a vehicle that flies: nothing is wrong with either
        return Cause("device", self.device, error.what, remedy=error.remedy)
