"""The world: the real engine on a fake clock, a scheduler with dice, and everything that may happen to it."""

from __future__ import annotations

import random
import threading
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.engine.rig import FakeClock, Rig
from tests.simulation.oracle import CustodyBroken, Oracle
from tests.simulation.scenario import Scenario, scenario
from tests.simulation.writers import Archive, Disk, Writer
from v2xsync.devices.faults import FaultAt, Faults, FaultySource, FaultyTarget
from v2xsync.devices.memory import MemoryDevice
from v2xsync.devices.memory_disk import MemoryDisk
from v2xsync.engine.lane import Worker
from v2xsync.errors import LedgerError, StoreFull, V2xSyncError
from v2xsync.model.custody import Step

STEPS_A_ROUND = 60
CALM_S = 900.0
"""After everything has healed, so much simulated time is given; then again after each look of a person."""

LOOKS = 6
"""So often, at most, a person looks after what waits for one, at the end."""

DEVICE_VERBS = frozenset({"connect", "list", "fetch", "send", "prove", "stat", "remove", "prune"})
STORE_VERBS = frozenset({"begin", "commit", "expire"})
MANIFEST_VERBS = frozenset({"stored", "sending", "delivered", "removed", "expired"})
LEDGER_VERBS = frozenset(
    {
        "record_found", "record_stored", "record_sending", "record_delivered", "order_removals", "record_removed",
        "fetch_setback", "delivery_setback", "removal_setback", "save_run", "record_expired", "release", "retry",
    }
)  # fmt: skip


class DeathError(BaseException):
    """The process dies here: no handler of ours may stop it."""


class Clock(FakeClock):
    """Wall time that may be set, and monotonic time that may not."""

    skew = 0.0

    def now(self) -> float:
        return self.at + self.skew


class Weather(Faults):
    """A plan of faults that ends when the world heals."""

    def __init__(self, plan: tuple[FaultAt, ...]) -> None:
        super().__init__(plan)
        self.calm = False

    def next(self, verb: str) -> FaultAt | None:
        fault = super().next(verb)
        return None if self.calm else fault


class Frail:
    """Stands in for a part of the machine: a call through it may be the last thing that the process does."""

    def __init__(self, inner: Any, names: frozenset[str], fate: Callable[[str], Callable[[], None] | None]) -> None:
        self.__dict__.update(_inner=inner, _names=names, _fate=fate)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name not in self._names or not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            after = self._fate(name)
            answer = value(*args, **kwargs)
            if after is not None:
                after()
            return answer

        return call


class World(Rig):
    """One run of one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.plan: Scenario = scenario(seed)
        self.dice = random.Random(f"world {seed}")
        self.archive = Archive()
        self.weather = {d.name: Weather(d.plan) for d in (*self.plan.sources.values(), *self.plan.targets.values())}
        self.calm = False
        self.deaths = 0
        self.latest_skew = 0.0
        self.clock: Clock = Clock()
        disks: dict[str, MemoryDisk] = {}
        self.oracle = Oracle(self.plan, self.archive, disks, folder / "store")
        for name, device in self.plan.sources.items():
            case, told = device.capabilities.case_sensitive, self._removal_of(name)
            disks[name] = Disk(case_sensitive=case, removed=told)
        disks |= {name: MemoryDisk() for name in self.plan.targets}
        self.oracle._disks = disks
        self.writers = {
            name: Writer(device, disks[name], self.archive, self.dice)  # type: ignore[arg-type]
            for name, device in self.plan.sources.items()
        }
        super().__init__(folder, self.plan.routes, once=False, keep=self.plan.keep, clock=self.clock, disks=disks)

    def _removal_of(self, source: str) -> Callable[[str, bytes], None]:
        return lambda path, content: self.oracle.removal(source, path, content)

    # -- the machine

    def session(self, name: str) -> Any:
        """A session of a device, with its weather; calls through it may be the process's last."""
        device = self.plan.sources.get(name) or self.plan.targets[name]
        lies = frozenset() if self.calm else device.lies
        bare = MemoryDevice(name, self.disks[name], capabilities=device.capabilities, lies=lies)
        wrapper: Any = FaultySource if name in self.plan.sources else FaultyTarget
        return Frail(wrapper(bare, self.weather[name], name), DEVICE_VERBS, self._fate)

    def build(self) -> None:
        """Start the process (again): the ledger, the disks and the store's folder are what they are."""
        for disk in self.disks.values():
            disk.sessions = 0
        self._wakes: dict[Worker, float | None] = {}
        super().build()
        station: Any = self.station
        station.ledger = Frail(self.ledger, LEDGER_VERBS, self._ledger_fate)
        station.store = Frail(station.store, STORE_VERBS, self._store_fate)
        station.manifests = Frail(station.manifests, MANIFEST_VERBS, self._fate)
        committer: Any = self.crew.committer
        committer._ledger, committer._store, committer._manifests = station.ledger, station.store, station.manifests

    def _fate(self, name: str) -> Callable[[], None] | None:
        """Die before a call, or (what is returned) after it; mostly neither."""
        if threading.current_thread() is not threading.main_thread():
            return None  # the reading end of a stream; the dice belong to the one who steps
        if self.calm or self.deaths >= self.plan.deaths or self.dice.random() >= self.plan.chance_of_death:
            return None
        self.deaths += 1

        def die() -> None:
            raise DeathError(name)

        if self.dice.random() < 0.5:
            die()
        return die

    def _ledger_fate(self, name: str) -> Callable[[], None] | None:
        if not self.calm and self.dice.random() < self.plan.chance_of_death / 4:
            raise LedgerError(f"cannot write ({name})")
        return self._fate(name)

    def _store_fate(self, name: str) -> Callable[[], None] | None:
        if not self.calm and self.dice.random() < self.plan.chance_of_death:
            raise StoreFull(f"no space left ({name})")
        return self._fate(name)

    # -- the run

    def play(self) -> None:
        """The wild time, then healing, then what a person does about holds; the oracle looks all the time."""
        for _ in range(self.plan.rounds):
            self._happening()
            self._work(STEPS_A_ROUND)
            self.oracle.look()
            self.clock.at += self.dice.choice((0.0, 1.0, 10.0, 60.0, 400.0))
        self._heal()
        for _ in range(LOOKS):
            self._calm_time()
            if not self.service.holds():
                break
            self._look_after_holds()
        self._calm_time()
        held = {(hold.source, hold.path) for hold in self.service.holds()}
        files = {name: writer.files() for name, writer in self.writers.items()}
        self.oracle.rest(files, lambda source, path: (source, path) in held)

    def _happening(self) -> None:
        """One or more things that happen in the world."""
        for _ in range(self.dice.choice((0, 1, 1, 2, 4))):
            deed = self.dice.choice((self._write, self._write, self._write, self._write, self._person, self._mishap))
            deed()

    def _write(self) -> None:
        self.writers[self.dice.choice(sorted(self.writers))].act(self.clock.now())

    def _person(self) -> None:
        """Somebody presses keys."""
        name = self.dice.choice([*self.plan.sources, *self.plan.targets, *(route.name for route in self.routes)])
        deed = self.dice.choice((self.service.force, self.service.retry, self.service.pause, self.service.resume))
        self._survive(lambda: deed([name]))
        if self.dice.random() < 0.3:
            self._survive(self._cancel_one)

    def _cancel_one(self) -> None:
        lines = self.ledger.queue(5)
        if lines:
            self.service.cancel(self.dice.choice(list(lines)).item_id)

    def _mishap(self) -> None:
        """A device goes or comes; the clock is set; the machine is switched off."""
        what = self.dice.choice(("gone", "back", "clock", "reboot"))
        disk = self.disks[self.dice.choice(sorted(self.disks))]
        if what == "gone":
            disk.gone = True
        elif what == "back":
            disk.gone = False
        elif what == "clock":
            self.clock.skew += self.dice.choice((-86_400.0, -300.0, 300.0, 86_400.0))
            self.latest_skew = max(self.latest_skew, self.clock.skew)
        elif self.deaths < self.plan.deaths:
            self.deaths += 1
            self.build()

    def _work(self, steps: int) -> float | None:
        """Give workers that are due their turns in any order; how long until the next is (None: for ever)."""
        self._survive(self.service._heed_clock)  # the warden's part, which has a thread of its own
        for _ in range(steps):
            due = [worker for worker in self.crew.lanes.workers if self._is_due(worker)]
            if not due:
                break
            self._survive(partial(self._step, self.dice.choice(due)))
        wakes = [at for worker in self.crew.lanes.workers if (at := self._wakes.get(worker, 0.0)) is not None]
        return max(0.0, min(wakes) - self.clock.at) if wakes else None

    def _is_due(self, worker: Worker) -> bool:
        at = self._wakes.get(worker, 0.0)
        return worker.bell.event.is_set() or (at is not None and at <= self.clock.at)

    def _step(self, worker: Worker) -> None:
        worker.bell.event.clear()
        pause = worker.step()
        self._wakes[worker] = None if pause is None else self.clock.at + pause

    def _survive(self, deed: Callable[[], object]) -> bool:
        """Do something in the process; where that ends the process, start it again. Whether it lived."""
        try:
            deed()
        except (DeathError, V2xSyncError) as end:
            if isinstance(end, V2xSyncError) and self.calm:
                raise CustodyBroken(f"the engine stopped although nothing was wrong: {end}") from end
            self._restart()
            return False
        if self.station.failure:
            self._restart()
            return False
        return True

    def _restart(self) -> None:
        for _ in range(20):
            try:
                self.build()
            except (DeathError, V2xSyncError):
                continue
            return
        raise CustodyBroken("the engine cannot be started again")

    def _heal(self) -> None:
        """Every fault ends, every writer finishes, every device is there, nothing is paused."""
        self.calm = True
        for weather in self.weather.values():
            weather.calm = True
        for disk in self.disks.values():
            disk.gone = False
        for writer in self.writers.values():
            writer.finish(self.clock.now())
        self.clock.skew = self.latest_skew  # what was written down of a later time is the past again
        self._restart()
        self.service.resume()  # a pause outlives a restart

    def _calm_time(self) -> None:
        """Let simulated time pass until nothing is due any more."""
        self.service.retry()
        self.service.force()
        ends = self.clock.at + CALM_S
        for _ in range(2000):
            pause = self._work(STEPS_A_ROUND * 5)
            if pause is None or self.clock.at + pause > ends:
                return
            self.clock.at += max(pause, 0.01)
        raise CustodyBroken("the engine never comes to rest")

    def _look_after_holds(self) -> None:
        """A person looks: wrong files are moved away, what a form has is accepted, all else is tried again."""
        for hold in self.service.holds():
            device = self.plan.targets.get(hold.device)
            self._move_wrong_files_away(hold.device)
            has_it = device is not None and device.is_form and hold.step is Step.DELIVERED and self._form_has(hold)
            accept = has_it and hold.may_accept
            self.service.release([hold.item_id], accept=accept, by="person", devices=[hold.device])

    def _move_wrong_files_away(self, target: str) -> None:
        if target in self.plan.targets:
            for path, content in self.oracle.on(target).items():
                if content not in self.archive.contents:
                    self.disks[target].drop(path)

    def _form_has(self, hold: Any) -> bool:
        wanted = f"{hold.route}/{hold.source}/{hold.path}"
        return any(path == wanted for path, _content in self.disks[hold.device].received)


def play(seed: int, folder: Path) -> World:
    """Play one seed; raises CustodyBroken where something happened that must not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a dead process leaves files open
        world = World(seed, folder)
        try:
            world.play()
        finally:
            world.ledger.close()
    return world
