"""What a seed stands for: devices with abilities and faults, routes with rules, a world more or less wild."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from v2xsync.devices.base import Capabilities
from v2xsync.devices.faults import APPLIES, Fault, FaultAt
from v2xsync.devices.memory import ACKNOWLEDGING, FAT, MEMORY, UNTIMED, Lie
from v2xsync.engine.station import Keep
from v2xsync.model.items import Proof
from v2xsync.model.rules import After, ReadyRule, RemoveRule, Route, Selection
from v2xsync.model.schedule import Every, Schedule

SOURCE_VERBS = ("connect", "list", "stat", "fetch", "remove", "prune")
TARGET_VERBS = ("connect", "stat", "send", "prove")
SPAN = 3000
"""Faults strike within so many bytes (or entries, or files) of a call."""


@dataclass(frozen=True)
class Device:
    """One simulated device. `plan` breaks it until the world is healed; so do `lies`."""

    name: str
    capabilities: Capabilities
    plan: tuple[FaultAt, ...]
    lies: frozenset[Lie] = frozenset()

    @property
    def is_form(self) -> bool:
        """Whether it can never be asked what it has."""
        return not self.capabilities.probeable

    @property
    def tells_versions_apart(self) -> bool:
        """Whether two files of the same size, written a moment apart, differ in what it tells of them."""
        step = self.capabilities.mtime_step_s
        return step is not None and step < 1.0


@dataclass(frozen=True)
class Scenario:
    """Everything that is fixed for one run."""

    seed: int
    sources: Mapping[str, Device]
    targets: Mapping[str, Device]
    routes: tuple[Route, ...]
    keep: Keep
    deaths: int
    """The process dies at most so often."""
    chance_of_death: float
    """For each call through a port, the store or the ledger."""
    rounds: int
    """So long the world is wild; then everything heals."""


def scenario(seed: int) -> Scenario:
    """The scenario of a seed; always the same one."""
    dice = random.Random(seed)
    sources = {name: _source(dice, name) for name in ("box", "drone", "card")[: dice.choice((1, 1, 2, 3))]}
    targets = {name: _target(dice, name) for name in ("office", "cloud", "form")[: dice.choice((0, 1, 1, 2, 3))]}
    routes = tuple(_route(dice, name, sources, targets) for name in ("r", "s")[: dice.choice((1, 1, 2))])
    used = {name for route in routes for name in (*route.sources, *route.targets)}
    return Scenario(
        seed=seed,
        sources={name: device for name, device in sources.items() if name in used},
        targets={name: device for name, device in targets.items() if name in used},
        routes=routes,
        keep=Keep(dice.choice((None, None, 0.0, 600.0))),
        deaths=dice.choice((0, 1, 2, 4)),
        chance_of_death=dice.choice((0.01, 0.03)),
        rounds=dice.randint(8, 24),
    )


def _source(dice: random.Random, name: str) -> Device:
    base = {"box": MEMORY, "drone": UNTIMED, "card": FAT}[name]
    can = replace(
        base,
        resumable_read=dice.random() < 0.7,
        server_digests=dice.choice(((), ("sha256",))),
        max_parallel=1 if base.exclusive else dice.choice((1, 2, 3)),
    )
    return Device(name, can, _plan(dice, SOURCE_VERBS, corrupts=bool(can.server_digests)))


def _target(dice: random.Random, name: str) -> Device:
    if name == "form":
        return Device(name, replace(ACKNOWLEDGING, max_parallel=1), _plan(dice, ("connect", "send"), corrupts=False))
    can = replace(MEMORY, resumable_write=dice.random() < 0.7, max_parallel=dice.choice((1, 2)))
    lies = frozenset({dice.choice(tuple(Lie))}) if dice.random() < 0.15 else frozenset()
    return Device(name, can, _plan(dice, TARGET_VERBS, corrupts=True), lies)


def _plan(dice: random.Random, verbs: Sequence[str], *, corrupts: bool) -> tuple[FaultAt, ...]:
    plan = []
    for _ in range(dice.choice((0, 2, 5, 9))):
        verb = dice.choice(verbs)
        possible = APPLIES[verb] - (frozenset() if corrupts else {Fault.CORRUPT})
        fault = dice.choice(sorted(possible, key=lambda fault: fault.name))
        plan.append(FaultAt(verb, dice.randint(1, 10), fault, dice.choice((0, 1, dice.randrange(SPAN)))))
    return tuple(plan)


def _route(dice: random.Random, name: str, sources: Mapping[str, Device], targets: Mapping[str, Device]) -> Route:
    of = tuple(sorted(dice.sample(sorted(sources), dice.randint(1, len(sources)))))
    to = tuple(sorted(dice.sample(sorted(targets), dice.randint(0, len(targets)))))
    stage = len(to) != 1 or dice.random() < 0.75
    return Route(
        name=name,
        sources=of,
        targets=to,
        stage=stage,
        selection=Selection(include=dice.choice((("*",), ("*.csv", "*/*.csv")))),
        ready=ReadyRule(settle_s=dice.choice((0.0, 5.0, 40.0))),
        layout=f"{name}/{{source}}/{{path}}",
        target_path=f"{name}/{{source}}/{{path}}",
        fetch={source: _schedule(dice) for source in of},
        remove=_rule(dice, to, targets, stage=stage),
        duplicates=False,
    )


def _schedule(dice: random.Random) -> Schedule:
    return dice.choice((Every(300.0), Every(2000.0)))


def _rule(dice: random.Random, to: Sequence[str], targets: Mapping[str, Device], *, stage: bool) -> RemoveRule:
    choices = [After.NEVER, After.DELIVERED, After.DELIVERED] if to else [After.NEVER]
    if stage:
        choices += [After.STORED, After.STORED]
    forms = {name: Proof.ACK for name in to if targets[name].is_form}
    return RemoveRule(
        after=dice.choice(choices),
        proof=Proof.HASH,
        proofs=forms,
        grace_s=dice.choice((0.0, 0.0, 300.0)),
        empty_folders=dice.random() < 0.5,
    )
