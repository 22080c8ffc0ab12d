"""States as people see them: a word, a sign and a tone each, never a colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.views import DeviceState, Level, StationState, WorkState
from v2xsync.ui.glyphs import Glyphs


class Face(NamedTuple):
    """How one state looks: the name of a sign in `Glyphs`, a word, and the tone of both."""

    sign: str
    word: str
    tone: str

    def glyph(self, glyphs: Glyphs) -> str:
        """The sign itself."""
        return str(getattr(glyphs, self.sign))


DEVICE: Mapping[DeviceState, Face] = {
    DeviceState.UNKNOWN: Face("waiting", "unknown", "quiet"),
    DeviceState.UP: Face("up", "up", "good"),
    DeviceState.BUSY: Face("busy", "busy", "busy"),
    DeviceState.AWAY: Face("away", "away", "warn"),
    DeviceState.REFUSED: Face("alarm", "refused", "bad"),
    DeviceState.FULL: Face("alarm", "full", "bad"),
    DeviceState.PAUSED: Face("paused", "paused", "quiet"),
    DeviceState.ABSENT: Face("absent", "absent", "quiet"),
    DeviceState.ARMED: Face("paused", "armed", "warn"),
    DeviceState.SAFE: Face("done", "safe to remove", "good"),
}

WORK: Mapping[WorkState, Face] = {
    WorkState.QUEUED: Face("waiting", "queued", "quiet"),
    WorkState.LISTING: Face("listing", "listing", "busy"),
    WorkState.FETCHING: Face("down_arrow", "fetching", "busy"),
    WorkState.SENDING: Face("up_arrow", "sending", "busy"),
    WorkState.PROVING: Face("proving", "proving", "good"),
    WorkState.REMOVING: Face("removing", "removing", "good"),
    WorkState.RETRY: Face("retry", "retry", "warn"),
    WorkState.WAITING: Face("waiting", "waiting", "quiet"),
    WorkState.REQUESTED: Face("requested", "requested", "accent"),
}

STATION: Mapping[StationState, Face] = {
    StationState.STARTING: Face("waiting", "starting", "quiet"),
    StationState.RUNNING: Face("busy", "running", "busy"),
    StationState.RESTING: Face("up", "resting", "good"),
    StationState.PAUSED: Face("paused", "paused", "warn"),
    StationState.DRAINING: Face("down_arrow", "finishing", "warn"),
    StationState.STOPPED: Face("absent", "stopped", "quiet"),
    StationState.AWAY: Face("away", "away", "bad"),
}

STEP: Mapping[Step, Face] = {
    Step.FOUND: Face("note", "found", "quiet"),
    Step.STORED: Face("down_arrow", "stored", "busy"),
    Step.DELIVERED: Face("up_arrow", "delivered", "good"),
    Step.REMOVED: Face("removing", "removed", "accent"),
    Step.EXPIRED: Face("removing", "expired", "quiet"),
    Step.HELD: Face("held", "held", "bad"),
    Step.RELEASED: Face("requested", "released", "accent"),
    Step.FAILED: Face("retry", "failed", "warn"),
    Step.DOUBTED: Face("retry", "doubted", "warn"),
    Step.SUPERSEDED: Face("note", "superseded", "quiet"),
    Step.GONE: Face("absent", "gone", "warn"),
    Step.WARNING: Face("retry", "warning", "warn"),
}

LEVEL: Mapping[Level, Face] = {
    Level.DEBUG: Face("note", "debug", "quiet"),
    Level.INFO: Face("note", "info", "plain"),
    Level.WARNING: Face("retry", "warning", "warn"),
    Level.ERROR: Face("alarm", "error", "bad"),
}

FETCH: Mapping[FetchState, Face] = {
    FetchState.QUEUED: Face("waiting", "queued", "quiet"),
    FetchState.STORED: Face("done", "stored", "good"),
    FetchState.HELD: Face("held", "held", "bad"),
    FetchState.SUPERSEDED: Face("note", "superseded", "quiet"),
    FetchState.SKIPPED: Face("note", "no local copy", "quiet"),
}

DELIVERY: Mapping[DeliveryState, Face] = {
    DeliveryState.QUEUED: Face("waiting", "queued", "quiet"),
    DeliveryState.WAITING: Face("waiting", "waiting for the store", "quiet"),
    DeliveryState.DELIVERED: Face("done", "delivered", "good"),
    DeliveryState.HELD: Face("held", "held", "bad"),
    DeliveryState.UNKNOWN: Face("held", "answer lost", "bad"),
    DeliveryState.SUPERSEDED: Face("note", "superseded", "quiet"),
    DeliveryState.SENDING: Face("up_arrow", "sending", "busy"),
}

REMOVAL: Mapping[RemovalState, Face] = {
    RemovalState.QUEUED: Face("waiting", "to be judged", "quiet"),
    RemovalState.WAITING: Face("up", "still there", "plain"),
    RemovalState.ORDERED: Face("removing", "removal ordered", "busy"),
    RemovalState.REMOVED: Face("done", "removed", "good"),
    RemovalState.HELD: Face("held", "held", "bad"),
    RemovalState.GONE: Face("absent", "gone", "warn"),
}
