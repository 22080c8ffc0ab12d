"""Hints that a vehicle was plugged in or pulled out: its serial port comes and goes.

udev tells at once where there is udev; the ports are also looked at every second or so, because a container or another
system may not tell. A hint is never the truth: whether there is a vehicle, its heartbeat says.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from v2xsync.devices.mavftp.link import candidates
from v2xsync.errors import DeviceGone

LOOK_S: Final = 1.0
_RETURNS_S: Final = 0.3
"""A port appears a moment before its owner and its names are set."""


def ports_of(connection: str) -> frozenset[str]:
    """The ports that a connection stands for and that are there now."""
    return frozenset(port for port in candidates(connection) if Path(port).exists())


class PortHints:
    """Implements `ArrivalHints` for a vehicle on a serial port. `device` is the configured name."""

    def __init__(self, device: str, connection: str, look: Callable[[str], frozenset[str]] = ports_of) -> None:
        self._device: Final = device
        self._connection: Final = connection
        self._look: Final = look
        self._monitor: Any = None
        self._seen: frozenset[str] = frozenset()
        self._ends: tuple[socket.socket, socket.socket] | None = None
        """Closing the first wakes who waits on the second."""
        self._waiting = threading.Lock()

    def start(self) -> None:
        """Listen first, then look. Raises DeviceGone where the system has no room to listen."""
        with suppress(ImportError, OSError):  # without udev the looks alone have to do
            import pyudev

            monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
            monitor.filter_by("tty")
            monitor.start()
            self._monitor = monitor
        try:
            self._ends = socket.socketpair()
        except OSError as error:
            raise DeviceGone(self._device, f"its port cannot be watched ({error})") from error
        self._seen = self._look(self._connection)

    def wait(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` seconds; True where other ports are there than at the last look."""
        with self._waiting:
            if self._ends is None:
                return False
            watched = [self._ends[1], *([self._monitor] if self._monitor is not None else [])]
            if self._monitor in select.select(watched, [], [], min(timeout_s, LOOK_S))[0]:
                self._drain()
                select.select([self._ends[1]], [], [], _RETURNS_S)
        before, self._seen = self._seen, self._look(self._connection)
        return bool(self._seen - before or before - self._seen)

    def _drain(self) -> None:
        with suppress(OSError):  # an overflow: the look that follows tells
            while self._monitor.poll(timeout=0) is not None:
                continue

    def stop(self) -> None:
        """End watching and wake whoever waits; may be called again."""
        ends = self._ends
        if ends is None:
            return
        ends[0].close()
        with self._waiting:
            ends[1].close()
            self._ends = None
