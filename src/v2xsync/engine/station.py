"""What every worker of one running station shares: rules, ledger, store, board, clock. Made by `wiring`."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from v2xsync.devices.base import Capabilities
from v2xsync.engine.bells import Bell, Muster
from v2xsync.engine.board import Board
from v2xsync.engine.clock import Clock
from v2xsync.engine.gates import Gates
from v2xsync.engine.manifests import Manifests
from v2xsync.engine.pacing import Throttle
from v2xsync.engine.retry import Patience
from v2xsync.engine.store import Store
from v2xsync.errors import V2xSyncError
from v2xsync.ledger.base import Ledger
from v2xsync.model.layout import LayoutFields, item_date, render
from v2xsync.model.naming import safe_relative
from v2xsync.model.rules import Route
from v2xsync.model.selection import selects
from v2xsync.model.views import Level

_DATE_FIELDS = ("{date}", "{year}", "{month}", "{day}")
_NO_DATE = dt.date.min


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the engine knows of a device without a connection: its type's word and its capabilities."""

    name: str
    type: str
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Keep:
    """How long the store keeps a copy: for ever (None), or so many seconds after delivery to every target."""

    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a run did not end with everything done: of a device, a listing, or an item."""

    kind: str
    device: str
    reason: str
    path: str = ""
    route: str = ""
    remedy: str = ""


@dataclass(slots=True, kw_only=True)
class Station:
    """One running v2xsync, as its workers see it. Values are fixed while it runs; what changes has its own lock."""

    name: str
    zone: ZoneInfo
    routes: Mapping[str, Route]
    devices: Mapping[str, DeviceFacts]
    keep: Keep
    ledger: Ledger
    store: Store
    board: Board
    clock: Clock
    chance: random.Random
    throttle: Throttle
    gates: Gates
    muster: Muster
    item_patience: Patience
    device_patience: Patience
    once: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    """Set to end every transfer now; partials are kept."""
    draining: threading.Event = field(default_factory=threading.Event)
    """Set to start nothing new."""
    causes: list[Cause] = field(default_factory=list)
    """Collected in `--once`; appended under the interpreter's own lock, read at the end."""
    untold: set[tuple[str, str]] = field(default_factory=set)
    """(target, route) with receipts that the target's own manifest does not tell yet; under the interpreter's lock."""
    bells: dict[tuple[str, str], list[Bell]] = field(default_factory=dict)
    """(role, device) -> bells; complete before the first thread starts."""
    failure: list[V2xSyncError] = field(default_factory=list)
    """What made the station stop by itself (the ledger), if anything."""
    manifests: Manifests = field(init=False)

    def __post_init__(self) -> None:
        """Put the store's manifests where the store is."""
        self.manifests = Manifests(self.store.directory, self.zone, lambda text: self.board.tell(Level.WARNING, text))

    # -- rules

    def selecting(self, source: str, path: str) -> Sequence[Route]:
        """Every route of the config in force that selects `path` of `source`."""
        return [route for route in self.routes.values() if source in route.sources and selects(route.selection, path)]

    def routes_from(self, source: str) -> Sequence[Route]:
        """Routes that have `source` among their sources."""
        return [route for route in self.routes.values() if source in route.sources]

    def place(
        self, template: str, *, source: str, path: str, element: str, route: str, mtime_ns: int | None, found_at: float
    ) -> str:
        """Where an item stands by a layout: a safe relative path. Raises ItemRefused where no such name can exist."""
        dated = any(field in template for field in _DATE_FIELDS)  # a date costs more than all the rest
        date = item_date(path, mtime_ns, found_at, self.zone) if dated else _NO_DATE
        fields = LayoutFields(source=source, element=element, path=path, date=date, route=route)
        return safe_relative(render(template, fields))

    def fields(
        self, *, source: str, path: str, element: str, route: str, mtime_ns: int | None, found_at: float
    ) -> LayoutFields:
        """What layouts, forms and metadata may say of an item."""
        date = item_date(path, mtime_ns, found_at, self.zone)
        return LayoutFields(source=source, element=element, path=path, date=date, route=route)

    # -- bells

    def ring(self, role: str, devices: Collection[str]) -> None:
        """Wake the workers of these devices that have that role."""
        for device in devices:
            for bell in self.bells.get((role, device), ()):
                self.muster.ring(bell)

    def tell_target(self, target: str, routes: Collection[str]) -> None:
        """Deliveries of these routes ended: the manifests that they want at `target` are looked at."""
        wanted = {(target, route) for route in routes if self.routes[route].manifests}
        if wanted:
            self.untold.update(wanted)
            self.ring("checksums", [target])

    # -- trouble

    def note_cause(self, cause: Cause) -> None:
        """Remember why this run is not all done."""
        if self.once:
            self.causes.append(cause)

    def fail(self, error: V2xSyncError) -> None:
        """The durable record failed: everything stops, nothing is done without it."""
        self.board.tell(Level.ERROR, error.what)
        self.failure.append(error)
        self.stop.set()
        self.muster.ring_all()
