"""Frozen pictures of a running station: what the board hands out and every screen draws.

A row that did not change is the *same object* in the next view, so that a screen may compare with ``is``.
Times are seconds since the epoch, sizes bytes, rates bytes per second. Text from the wire is already safe to draw
(`naming.printable`), and no secret ever gets here.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class DeviceState(enum.Enum):
    """What a device is doing, in the words that people see."""

    UNKNOWN = "unknown"
    """Not contacted yet."""
    UP = "up"
    BUSY = "busy"
    """Up, and work is going on."""
    AWAY = "away"
    """Does not answer; probed until it does."""
    REFUSED = "refused"
    """Login or host key refused: a person is needed."""
    FULL = "full"
    PAUSED = "paused"
    ABSENT = "absent"
    """A hot-plug device that is not plugged in."""
    ARMED = "armed"
    """A vehicle that flies, or is about to: its files wait until it has been disarmed."""
    SAFE = "safe to remove"
    """A drive whose work is done: flushed and unmounted."""


class WorkState(enum.Enum):
    """What a piece of work waits for or does."""

    QUEUED = "queued"
    LISTING = "listing"
    FETCHING = "fetching"
    SENDING = "sending"
    PROVING = "proving"
    REMOVING = "removing"
    RETRY = "retry"
    """Failed before; due again at `next_at`."""
    WAITING = "waiting"
    """For a window, a device, or another step."""
    REQUESTED = "requested"
    """Asked for by a person a moment ago."""


class StationState(enum.Enum):
    """What the whole station is doing."""

    STARTING = "starting"
    RUNNING = "running"
    RESTING = "resting"
    """Nothing to do now."""
    PAUSED = "paused"
    DRAINING = "draining"
    STOPPED = "stopped"
    AWAY = "away"
    """Seen from an attached screen: the service does not answer, and this is its last picture."""


class Level(enum.IntEnum):
    """How grave an event is; numbers as in `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadyView:
    """A file that was seen and that its writer has not finished, as far as we know."""

    path: str
    size: int
    reason: str
    """With the age of the lock that it waits for, where there is one."""
    since: float
    """Unchanged since then."""
    check_at: float | None = None
    """When it is looked at again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One device, as source, target, or both."""

    name: str
    type: str
    is_source: bool
    is_target: bool
    state: DeviceState
    since: float | None = None
    """Since when it is in that state."""
    last_contact: float | None = None
    trouble: str = ""
    """Last trouble in plain words; empty when up."""
    remedy: str = ""
    rate: float = 0.0
    active: int = 0
    waiting: int = 0
    """Files to fetch from it (source) or to deliver to it (target)."""
    waiting_bytes: int = 0
    done: int = 0
    """Files fetched from or delivered to it since the start."""
    done_bytes: int = 0
    not_ready: int = 0
    """Files seen that their writers have not finished."""
    unready: tuple[UnreadyView, ...] = ()
    """The first of them, those that wait longest in front."""
    next_run: float | None = None
    clock_offset_s: float | None = None
    free_bytes: int | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferView:
    """One file in motion."""

    key: int
    """Stable while the file is in motion."""
    item_id: int
    state: WorkState
    route: str
    source: str
    device: str
    """Where it goes: "store" or a target."""
    path: str
    size: int
    position: int
    rate: float
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One waiting piece of work."""

    key: tuple[int, str]
    """(item id, device it goes to)."""
    item_id: int
    state: WorkState
    route: str
    source: str
    device: str
    path: str
    size: int
    tries: int = 0
    next_at: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteView:
    """One route and its next runs."""

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    next_fetch: float | None
    next_deliver: float | None
    paused: bool = False
    running: bool = False
    requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counters since the start, and what is still to do."""

    found: int = 0
    stored: int = 0
    delivered: int = 0
    removed: int = 0
    failed: int = 0
    held: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    rate_in: float = 0.0
    rate_out: float = 0.0
    queued: int = 0
    queued_bytes: int = 0
    batch_files: int = 0
    """Files of the present batch (since the station last rested), done and to do."""
    batch_files_done: int = 0
    batch_bytes: int = 0
    batch_bytes_done: int = 0
    eta_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One line of the station's log: rare, human-scale."""

    seq: int
    at: float
    level: Level
    text: str
    device: str = ""
    item_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationView:
    """The whole picture at one moment."""

    name: str
    version: str
    generation: int
    """Grows whenever anything in the picture changed."""
    at: float
    started: float
    state: StationState
    zone: str = "UTC"
    devices: tuple[DeviceView, ...] = ()
    routes: tuple[RouteView, ...] = ()
    transfers: tuple[TransferView, ...] = ()
    queue: tuple[QueueRow, ...] = ()
    """The next work, at most as many rows as were asked for; `totals.queued` counts all."""
    totals: Totals = field(default_factory=Totals)
    holds: int = 0
    errors_unseen: int = 0
    store_free: int | None = None
    store_low: bool = False
    next_run: float | None = None
    limit_rate: float | None = None
    last_event: int = 0
