"""A whole engine over devices in memory, stepped by hand on a fake clock: no threads, no waiting, one order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from v2xsync.devices.memory import MEMORY, MemoryDevice
from v2xsync.devices.memory_disk import MemoryDisk
from v2xsync.engine.bells import Muster
from v2xsync.engine.board import Board
from v2xsync.engine.crew import Crew
from v2xsync.engine.gates import Gates
from v2xsync.engine.pacing import Throttle
from v2xsync.engine.retry import ONCE_DEVICES, ONCE_ITEMS, SERVICE_DEVICES, SERVICE_ITEMS
from v2xsync.engine.service import Service
from v2xsync.engine.station import DeviceFacts, Keep, Station
from v2xsync.engine.store import Store
from v2xsync.ledger.base import Ledger
from v2xsync.ledger.sqlite import open_ledger
from v2xsync.model.limits import RateStep
from v2xsync.model.rules import Route

TWO_WIDE = replace(MEMORY, max_parallel=2)

START = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC"""

LONG_S = 7 * 86_400.0


class FakeClock:
    """Time that passes only when somebody waits, or when the test says so."""

    def __init__(self, now: float = START) -> None:
        self.at = now
        self.origin = now

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at - self.origin

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        if not event.is_set() and timeout_s is not None:
            self.at += timeout_s
        return event.is_set()


@dataclass
class Rig:
    """One station, its disks, and a hand that turns the crank."""

    tmp: Path
    routes: tuple[Route, ...]
    once: bool = True
    keep: Keep = field(default_factory=Keep)
    min_free: int = 0
    limits: tuple[RateStep, ...] = ()
    zone: str = "UTC"
    device_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    wrap: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)
    disks: dict[str, MemoryDisk] = field(default_factory=dict)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = open_ledger(self.tmp / "state")
        for name in self.device_names():
            self.disks.setdefault(name, MemoryDisk())
        self.build()

    def device_names(self) -> list[str]:
        return sorted({n for route in self.routes for n in (*route.sources, *route.targets)})

    def session(self, name: str) -> Any:
        options = {"capabilities": TWO_WIDE, **self.device_options.get(name, {})}
        device = MemoryDevice(name, self.disks[name], **options)
        return self.wrap[name](device) if name in self.wrap else device

    def build(self) -> None:
        """Make the engine anew, as after a restart: the ledger, the disks and the store's folder stay."""
        names = self.device_names()
        routes = {route.name: route for route in self.routes}
        zone = ZoneInfo(self.zone)
        self.station = Station(
            name="rig",
            zone=zone,
            routes=routes,
            devices={n: DeviceFacts(n, "memory", self.session(n).capabilities) for n in names},
            keep=self.keep,
            ledger=self.ledger,
            store=Store(self.tmp / "store", self.min_free, monotonic=self.clock.monotonic),
            board=Board(self.clock, names),
            clock=self.clock,
            chance=random.Random(1),
            throttle=Throttle(self.limits, zone, self.clock),
            gates=Gates(routes, zone, self.clock, self.ledger, only_forced=self.once),
            muster=Muster(self.clock),
            item_patience=ONCE_ITEMS if self.once else SERVICE_ITEMS,
            device_patience=ONCE_DEVICES if self.once else SERVICE_DEVICES,
            once=self.once,
        )
        self.crew = Crew(self.station, {name: partial(self.session, name) for name in names}, {})
        for worker in self.crew.lanes.workers:
            worker.look_s = 900.0  # nobody sets this clock: looking at it every minute would only cost time
        self.service = Service(self.crew, config_digest=repr(self.routes))
        self.service.take_up()
        if self.once:
            self.station.gates.force(())

    def plant(self, source: str, path: str, content: bytes, age_s: float = 3600.0) -> None:
        self.disks[source].plant(path, content, int((self.clock.at - age_s) * 1e9))

    def run(self, for_s: float = 120.0) -> None:
        """Step every worker until all rest, letting the clock jump to what is due within `for_s` seconds."""
        ends = self.clock.at + for_s
        for _ in range(100_000):
            if self.station.stop.is_set():
                return
            pauses = [worker.step() for worker in self.crew.lanes.workers]
            if any(pause == 0.0 for pause in pauses) or self.clear_bells():
                continue
            waits = [pause for pause in pauses if pause is not None]
            if not waits or self.clock.at + min(waits) > ends:
                if not self.once:
                    self.clock.at = max(self.clock.at, ends)
                return
            self.clock.at += min(waits)
        raise AssertionError("the engine never comes to rest")

    def clear_bells(self) -> bool:
        """Whether any bell rang since the last look (then there may be more to do)."""
        rung = [bell for bells in self.station.bells.values() for bell in bells if bell.event.is_set()]
        for bell in rung:
            bell.event.clear()
        return bool(rung)

    # -- looking

    def stored(self) -> dict[str, bytes]:
        root = self.tmp / "store"
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and ".v2xsync" not in path.parts
        }

    def on(self, device: str) -> dict[str, bytes]:
        """Files on a device, by path (folders left out)."""
        disk = self.disks[device]
        return {path: content for path in disk.paths() if (content := disk.look(path)) is not None}

    def steps(self, path: str = "") -> list[str]:
        """The custody log's hops, for one path or for all."""
        return [line.step.value for line in self.ledger.history() if not path or line.path == path]

    def events(self) -> str:
        return "\n".join(event.text for event in self.station.board.events_since(0))
