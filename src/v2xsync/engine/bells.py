"""Bells wake workers; the muster knows when every worker rests.

A worker waits on its own bell. Ringing many times before it wakes collapses into one (a pressed key is one run).
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

from v2xsync.engine.clock import Clock


@dataclass(eq=False, slots=True)
class Bell:
    """One worker's bell; every field is guarded by the muster's lock."""

    event: threading.Event = field(default_factory=threading.Event)
    resting: bool = False
    wakes_at: float | None = None
    """Monotonic time at which the resting worker wakes by itself; None: only by the bell."""


class Muster:
    """All bells of a station, and the count of workers at work: "everything is at rest" is a fact and not a guess.

    One leaf lock guards all of it: nothing else is ever taken while it is held.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._at_work = 0
        self._bells: set[Bell] = set()
        self.settled = threading.Event()
        """Set each time the last worker goes to rest; whoever waits on it clears it."""

    def enrol(self) -> Bell:
        """The bell of a new worker, which counts as at work until it first rests."""
        bell = Bell()
        with self._lock:
            self._bells.add(bell)
            self._at_work += 1
        return bell

    def leave(self, bell: Bell) -> None:
        """The worker of `bell` has ended."""
        with self._lock:
            self._bells.discard(bell)
            if not bell.resting:
                self._count(-1)

    def ring(self, bell: Bell) -> None:
        """Wake the worker, or let its next rest end at once. Any thread may ring."""
        with self._lock:
            if bell.resting:
                bell.resting = False
                self._count(+1)
            bell.event.set()

    def ring_all(self) -> None:
        """Wake every worker."""
        with self._lock:
            bells: Collection[Bell] = tuple(self._bells)
        for bell in bells:
            self.ring(bell)

    def rest(self, bell: Bell, timeout_s: float | None) -> None:
        """Rest until the bell rings or `timeout_s` has passed; called by the worker itself."""
        with self._lock:
            if not bell.event.is_set():
                bell.resting = True
                bell.wakes_at = None if timeout_s is None else self._clock.monotonic() + timeout_s
                self._count(-1)
        self._clock.wait(bell.event, timeout_s)
        with self._lock:
            if bell.resting:
                bell.resting = False
                self._count(+1)
            bell.event.clear()

    def at_rest_until(self) -> tuple[bool, float | None]:
        """Whether no worker is at work, and the earliest monotonic time at which one will wake by itself."""
        with self._lock:
            wakes = [bell.wakes_at for bell in self._bells if bell.resting and bell.wakes_at is not None]
            return self._at_work == 0, min(wakes, default=None)

    def _count(self, change: int) -> None:
        self._at_work += change
        if self._at_work == 0:
            self.settled.set()
