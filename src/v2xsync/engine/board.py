"""The board: workers write counters, anybody takes a picture. A lock and a few dicts; never a call to a screen.

The board's lock is a leaf lock. Nothing on the board is needed for correctness: it may be lost at any time.
"""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from v2xsync.engine.clock import Clock
from v2xsync.model.naming import printable
from v2xsync.model.views import DeviceState, EventView, Level, Totals, TransferView, UnreadyView, WorkState

EVENTS_KEPT = 2000
"""The ring of events that screens read from."""

RATE_WINDOW_S = 5.0
"""Rates are averages over about so long."""

_LOG = logging.getLogger("v2xsync.station")
"""Every event goes here too; who runs the station decides where it is written (`cli.logs`)."""
_LOG.addHandler(logging.NullHandler())


@dataclass(slots=True)
class Meter:
    """A rate: bytes counted, smoothed over `RATE_WINDOW_S` whenever it is looked at."""

    total: int = 0
    rate: float = 0.0
    _seen: int = 0
    _seen_at: float = 0.0

    def look(self, now: float) -> float:
        """Bytes per second, as of `now` (monotonic seconds)."""
        apart = now - self._seen_at
        if apart >= 0.2:
            present = (self.total - self._seen) / apart
            weight = min(1.0, apart / RATE_WINDOW_S)
            self.rate += (present - self.rate) * weight if self._seen_at else present - self.rate
            self._seen, self._seen_at = self.total, now
        return self.rate if self.rate >= 1.0 else 0.0


@dataclass(slots=True)
class DeviceCounters:
    """What the board knows about one device."""

    state: DeviceState = DeviceState.UNKNOWN
    since: float | None = None
    last_contact: float | None = None
    trouble: str = ""
    remedy: str = ""
    active: int = 0
    done: int = 0
    not_ready: int = 0
    unready: tuple[UnreadyView, ...] = ()
    clock_offset_s: float | None = None
    free_bytes: int | None = None
    meter: Meter = field(default_factory=Meter)


@dataclass(slots=True)
class Motion:
    """One file in motion."""

    first: TransferView
    position: int
    meter: Meter = field(default_factory=Meter)
    cancelled: bool = False


class Board:
    """Counters in, frozen pictures out. Every method may be called from any thread."""

    def __init__(self, clock: Clock, devices: Sequence[str]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._devices = {name: DeviceCounters() for name in devices}
        self._motions: dict[int, Motion] = {}
        self._counts: collections.Counter[str] = collections.Counter()
        self._events: collections.deque[EventView] = collections.deque(maxlen=EVENTS_KEPT)
        self._next_key = 1
        self._generation = 0
        self._in = Meter()
        self._out = Meter()
        self._batch_from: collections.Counter[str] = collections.Counter()
        self.started = clock.now()

    # -- counters in

    def count(self, what: str, by: int = 1) -> None:
        """Add to one of the totals: found, stored, delivered, removed, failed, held, bytes_in, bytes_out."""
        with self._lock:
            self._counts[what] += by
            self._generation += 1

    def begin(
        self, state: WorkState, *, item_id: int, route: str, source: str, device: str, path: str, size: int
    ) -> int:
        """A file begins to move; returns the key under which its progress is told."""
        with self._lock:
            key = self._next_key
            self._next_key += 1
            first = TransferView(
                key=key, item_id=item_id, state=state, route=route, source=source, device=device,
                path=printable(path), size=size, position=0, rate=0.0, started=self._clock.now(),
            )  # fmt: skip
            self._motions[key] = Motion(first, 0)
            self._devices[source if device == "store" else device].active += 1
            self._generation += 1
        return key

    def progress(self, key: int, position: int) -> bool:
        """The file has come so far; False where a person cancelled it."""
        with self._lock:
            motion = self._motions[key]
            gained = max(0, position - motion.position)
            motion.position = position
            motion.meter.total += gained
            inward = motion.first.device == "store"
            self._devices[motion.first.source if inward else motion.first.device].meter.total += gained
            (self._in if inward else self._out).total += gained
            self._generation += 1
            return not motion.cancelled

    def turn_to(self, key: int, state: WorkState) -> None:
        """The file in motion is now in another phase."""
        with self._lock:
            motion = self._motions[key]
            motion.first = replace(motion.first, state=state)
            self._generation += 1

    def end(self, key: int, *, done: bool) -> None:
        """The file moves no more."""
        with self._lock:
            motion = self._motions.pop(key)
            device = self._devices[motion.first.source if motion.first.device == "store" else motion.first.device]
            device.active -= 1
            device.done += done
            self._generation += 1

    def cancel(self, item_id: int) -> bool:
        """Mark every motion of an item as cancelled; whether there was one."""
        with self._lock:
            hit = [motion for motion in self._motions.values() if motion.first.item_id == item_id]
            for motion in hit:
                motion.cancelled = True
            return bool(hit)

    def device(self, name: str, **changes: object) -> None:
        """Set fields of one device's counters."""
        with self._lock:
            counters = self._devices[name]
            for key, value in changes.items():
                setattr(counters, key, value)
            self._generation += 1

    def device_state(self, name: str, state: DeviceState, trouble: str = "", remedy: str = "") -> bool:
        """Set a device's state; whether it changed."""
        with self._lock:
            counters = self._devices[name]
            changed = counters.state is not state
            if changed:
                counters.state, counters.since = state, self._clock.now()
            counters.trouble, counters.remedy = trouble, remedy
            if state is DeviceState.UP:
                counters.last_contact = self._clock.now()
            self._generation += 1
            return changed

    def tell(self, level: Level, text: str, *, device: str = "", item_id: int | None = None) -> None:
        """Append a human-scale event, and log it; `text` is made safe to draw here."""
        with self._lock:
            seq = self._events[-1].seq + 1 if self._events else 1
            event = EventView(
                seq=seq, at=self._clock.now(), level=level, text=printable(text), device=device, item_id=item_id
            )
            self._events.append(event)
            self._counts["errors_unseen"] += level >= Level.ERROR
            self._generation += 1
        _LOG.log(level, "%s", event.text, extra={"device": device, "item_id": item_id})

    def see_errors(self) -> None:
        """A person has seen the errors."""
        with self._lock:
            self._counts["errors_unseen"] = 0
            self._generation += 1

    def begin_batch(self) -> None:
        """The station starts to work after a rest: batch counters begin anew."""
        with self._lock:
            self._batch_from = collections.Counter(self._counts)
            self._batch_from["moved"] = self._in.total + self._out.total

    # -- pictures out

    @property
    def generation(self) -> int:
        """Grows with every change."""
        with self._lock:
            return self._generation

    def events_since(self, seq: int) -> Sequence[EventView]:
        """Events after `seq`, oldest first."""
        with self._lock:
            if not self._events or self._events[-1].seq <= seq:
                return ()
            return tuple(event for event in self._events if event.seq > seq)

    def counters(self, name: str) -> DeviceCounters:
        """A copy of one device's counters, its rate looked at now."""
        with self._lock:
            counters = self._devices[name]
            counters.meter.look(self._clock.monotonic())
            return replace(counters, meter=replace(counters.meter))

    def moved(self, name: str) -> int:
        """Bytes that went from or to a device since the start."""
        with self._lock:
            return self._devices[name].meter.total

    def transfers(self) -> tuple[TransferView, ...]:
        """Files in motion, oldest first."""
        now = self._clock.monotonic()
        with self._lock:
            return tuple(
                replace(motion.first, position=motion.position, rate=motion.meter.look(now))
                for motion in self._motions.values()
            )

    def totals(self, *, queued: int, queued_bytes: int) -> Totals:
        """Counters since the start, with the work still to do as the ledger tells it."""
        now = self._clock.monotonic()
        with self._lock:
            rate_in, rate_out = self._in.look(now), self._out.look(now)
            done = self._counts - self._batch_from
            files_done = done["stored"] + done["delivered"]
            bytes_done = (self._in.total + self._out.total) - self._batch_from["moved"]
            left = max(0, queued_bytes - sum(motion.position for motion in self._motions.values()))
            counts = dict(self._counts)
        rate = rate_in + rate_out
        return Totals(
            **{name: counts.get(name, 0) for name in ("found", "stored", "delivered", "removed", "failed", "held")},
            bytes_in=self._in.total, bytes_out=self._out.total, rate_in=rate_in, rate_out=rate_out,
            queued=queued, queued_bytes=queued_bytes,
            batch_files=files_done + queued, batch_files_done=files_done,
            batch_bytes=bytes_done + left, batch_bytes_done=bytes_done,
            eta_s=left / rate if rate and left else None,
        )  # fmt: skip

    @property
    def errors_unseen(self) -> int:
        """Error events that nobody has acknowledged."""
        with self._lock:
            return self._counts["errors_unseen"]

    @property
    def last_event(self) -> int:
        """Sequence number of the newest event."""
        with self._lock:
            return self._events[-1].seq if self._events else 0
