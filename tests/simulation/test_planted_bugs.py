"""The simulator is worth its time only if it finds bugs: each of these, planted in the safety code, is caught."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.oracle import CustodyBroken
from tests.simulation.scenario import Scenario, scenario
from tests.simulation.test_seeds import folder as folder  # noqa: PLC0414 - a fixture, used by its name
from tests.simulation.world import play
from v2xsync.devices.base import Proven
from v2xsync.devices.faults import Fault
from v2xsync.devices.memory import MemoryDevice
from v2xsync.engine import claims, committer, downloader, remover, store, uploader
from v2xsync.model.custody import Receipt, Verdict, may_remove
from v2xsync.model.items import Fingerprint
from v2xsync.model.rules import After, Route

Plant = Callable[[pytest.MonkeyPatch], None]

WORLDS = 300
"""A bug that so many worlds do not show counts as not found."""


def allow_all(_routes: object, receipts: Sequence[Receipt], _now: float = 0.0) -> Verdict:
    return Verdict(allowed=True, reason="planted", receipts=tuple(receipts))


def remove_before_receipts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remover, "may_remove", allow_all)
    patch.setattr(remover.Remover, "_still_stored", lambda *_: Verdict(allowed=True, reason="planted"))


def count_no_target_as_delivered(patch: pytest.MonkeyPatch) -> None:
    honest = may_remove

    def careless(routes: Sequence[Route], receipts: Sequence[Receipt], now: float) -> Verdict:
        return honest([route for route in routes if route.targets], receipts, now) if routes else honest([], [], now)

    patch.setattr(remover, "may_remove", careless)


def remove_without_looking_again(patch: pytest.MonkeyPatch) -> None:
    """The device removes whatever stands there, without the stat right before."""

    def careless(self: Any, request: Any) -> None:
        with self._lock():
            self.disk.drop(self._file(request.path).path)

    patch.setattr(MemoryDevice, "_remove", careless)


def take_every_version_for_the_same(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Fingerprint, "matches", lambda self, other, *, fat_times=False: True)


def take_what_arrives_for_whole(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(downloader, "_check", lambda *_: None)


def overwrite_in_the_store(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store, "rename_noreplace", os.replace)


def take_acknowledgement_for_proof(patch: pytest.MonkeyPatch) -> None:
    honest = MemoryDevice.prove

    def gullible(self: Any, requests: Any) -> Any:
        asked = {request.token: request for request in requests}
        for token, answer in honest(self, asked.values()):
            size = asked[token].size
            yield token, replace(answer, size=size, digest=None) if isinstance(answer, Proven) else answer

    patch.setattr(MemoryDevice, "prove", gullible)
    patch.setattr(uploader, "_difference", lambda *_: None)


def forget_that_a_form_was_being_sent_to(patch: pytest.MonkeyPatch) -> None:
    """After a death in mid-upload nothing says that the form may have the file already."""
    patch.setattr(uploader.Uploader, "_mark_sending", lambda *_: None)


def fetch_for_two_routes_at_once(patch: pytest.MonkeyPatch) -> None:
    def careless(self: Any, draw: Callable[..., Sequence[Any]], limit: int) -> Sequence[Any]:
        with self._lock:
            tasks = draw(limit, frozenset(self._skip()))
            self._taken.update(self._key(task) for task in tasks)
        return tasks

    patch.setattr(claims.Claims, "take", careless)


def write_down_before_it_is_there(patch: pytest.MonkeyPatch) -> None:
    """The ledger says "stored" before the file has its final name."""

    def careless(self: Any, group: Sequence[committer.Arrived]) -> None:
        placed = [store.Placed(arrived.finished.store_path) for arrived in group]
        stored = [committer._stored(arrived, place) for arrived, place in zip(group, placed, strict=True)]
        self._ledger.record_stored(stored, self._clock.now())
        self._store.commit([arrived.finished for arrived in group])
        for arrived, copy in zip(group, stored, strict=True):
            arrived.settle(arrived, copy)
        self._on_stored(group)

    patch.setattr(committer.Committer, "_commit", careless)
    patch.setattr(remover.Remover, "_still_stored", lambda self, task, routes, verdict: verdict)


Wanted = Callable[[Scenario], bool]


def anything(_plan: Scenario) -> bool:
    return True


def forms_and_deaths(plan: Scenario) -> bool:
    return plan.deaths > 1 and any(device.is_form for device in plan.targets.values())


def two_routes(plan: Scenario) -> bool:
    return len(plan.routes) > 1 and all(route.stage for route in plan.routes)


def short_reads(plan: Scenario) -> bool:
    return any(fault.fault is Fault.SHORT_READ for device in plan.sources.values() for fault in device.plan)


def stored_is_enough(plan: Scenario) -> bool:
    return any(route.remove.after is After.STORED for route in plan.routes)


BUGS: Sequence[tuple[Plant, Wanted]] = (
    (remove_before_receipts, anything),
    (count_no_target_as_delivered, two_routes),
    (remove_without_looking_again, anything),
    (take_every_version_for_the_same, anything),
    (take_what_arrives_for_whole, short_reads),
    (overwrite_in_the_store, stored_is_enough),
    (take_acknowledgement_for_proof, anything),
    (forget_that_a_form_was_being_sent_to, forms_and_deaths),
    (fetch_for_two_routes_at_once, two_routes),
    (write_down_before_it_is_there, stored_is_enough),
)
"""Each bug, and the worlds in which it can show at all."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("plant", "wanted"), BUGS, ids=[plant.__name__ for plant, _wanted in BUGS])
def test_a_planted_bug_is_caught(plant: Plant, wanted: Wanted, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    worlds = (seed for seed in itertools.count() if wanted(scenario(seed)))
    for seed in itertools.islice(worlds, WORLDS):
        home = folder / str(seed)
        home.mkdir()
        try:
            play(seed, home)
        except CustodyBroken:
            return
        shutil.rmtree(home)
    pytest.fail(f"{WORLDS} worlds did not show it")
