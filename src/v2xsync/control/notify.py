"""Saying to systemd how it goes: ready, still alive, stopping (sd_notify(3), a datagram to NOTIFY_SOCKET)."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

PINGS_PER_PERIOD: Final = 3
"""systemd's advice is two at least."""


class Notifier:
    """Tells systemd; outside of a service nothing is said. Every method returns at once and never raises."""

    def __init__(self, environ: Mapping[str, str], monotonic: Callable[[], float]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self._period_s = _watchdog_s(environ) / PINGS_PER_PERIOD
        self._monotonic = monotonic
        self._next_ping = 0.0

    def ready(self, status: str) -> None:
        """The station works."""
        self._say(f"READY=1\nSTATUS={status}\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        """The config is being read again; `ready` follows."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={int(self._monotonic() * 1e6)}")

    def stopping(self) -> None:
        """The station ends."""
        self._say("STOPPING=1")

    def alive(self) -> None:
        """The engine's heart beats: said as often as the watchdog wants to hear it."""
        if self._period_s and self._monotonic() >= self._next_ping:
            self._next_ping = self._monotonic() + self._period_s
            self._say("WATCHDOG=1")

    def _say(self, text: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as post:
            post.settimeout(0.0)
            post.sendto(text.encode(), self._address)


def _watchdog_s(environ: Mapping[str, str]) -> float:
    """The watchdog's period in seconds; 0 where there is none, or it watches another process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdigit() else 0.0
