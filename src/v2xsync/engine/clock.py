"""Time as a parameter: everything in the engine asks a `Clock`, nothing asks the machine (invariant 12)."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time, and waiting."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go back, of no particular origin."""

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """Wait until `event` is set or the time has passed; whether it is set."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """Wait on the event itself; a time beyond what the platform can wait is a day."""
        return event.wait(None if timeout_s is None else max(0.0, min(timeout_s, 86_400.0)))
