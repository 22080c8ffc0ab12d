"""Partials that nobody goes on with are removed at targets; every other name stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.rig import Rig
from tests.engine.test_once import route

from v2xsync.devices.faults import Faults, FaultyTarget
from v2xsync.devices.memory import ACKNOWLEDGING
from v2xsync.errors import AccessRefused
from v2xsync.ledger.notebook import MARK_KEY

HOUR_S = 3600.0


def station(tmp_path: Path, **changes: object) -> Rig:
    return Rig(tmp_path, (route(),), once=False, **changes)  # type: ignore[arg-type]


def partial(rig: Rig, number: int | str, *, mark: str = "", ending: str = "part") -> str:
    return f"box/.v2xsync-{mark or rig.ledger.note(MARK_KEY)}-{number}.{ending}"


def deliver(rig: Rig, name: str, *, for_s: float = 60.0) -> None:
    rig.plant("box", name, name.encode())
    rig.service.force()
    rig.run(for_s=for_s)
    assert f"box/{name}" in rig.on("office")


def leave(rig: Rig, *paths: str) -> None:
    for path in paths:
        rig.disks["office"].plant(path, b"half")


def test_what_a_delivery_that_is_over_left_behind_goes_and_all_else_stays(tmp_path: Path) -> None:
    rig = station(tmp_path)
    deliver(rig, "a.csv", for_s=25 * HOUR_S)
    stale = partial(rig, 1)
    foreign = {
        partial(rig, 1, mark="zzzzzz"), partial(rig, 999), partial(rig, "1x"), partial(rig, ""), partial(rig, "9" * 30),
        "box/.v2xsync-sums-0123456789abcdef.part", "box/.v2xsync.toml", "box/a.csv.part", "elsewhere/x.part",
        stale.replace("box/", "elsewhere/"),
    }  # fmt: skip
    leave(rig, stale, *foreign)
    deliver(rig, "b.csv")
    assert set(rig.on("office")) == {"box/a.csv", "box/b.csv", *foreign}
    assert "1 partial left behind removed" in rig.events()


def test_a_folder_is_looked_through_once_a_day_even_over_a_restart(tmp_path: Path) -> None:
    rig = station(tmp_path)
    calls = rig.disks["office"].calls
    deliver(rig, "a.csv")
    assert calls["sweep"] == 1
    leave(rig, partial(rig, 1))
    deliver(rig, "b.csv")
    rig.build()
    deliver(rig, "c.csv")
    assert calls["sweep"] == 1
    rig.run(for_s=48 * HOUR_S)
    assert calls["sweep"] == 1, "nobody connects only to look"
    deliver(rig, "d.csv")
    assert calls["sweep"] == 2
    assert partial(rig, 1) not in rig.on("office")


def test_a_target_that_may_not_be_listed_goes_on(tmp_path: Path) -> None:
    class Unlisted(FaultyTarget):
        def sweep(self, folders: object, keep: object) -> tuple[str, ...]:
            raise AccessRefused("office", "folders may not be listed")

    rig = station(tmp_path, wrap={"office": lambda device: Unlisted(device, Faults([]), "office")})
    deliver(rig, "a.csv")
    deliver(rig, "b.csv")


@pytest.mark.parametrize("name", ["a.csv", "b.csv"])
def test_a_form_is_not_asked(tmp_path: Path, name: str) -> None:
    rig = station(tmp_path, device_options={"office": {"capabilities": ACKNOWLEDGING}})
    rig.plant("box", name, b"x")
    rig.run(for_s=HOUR_S)
    assert rig.disks["office"].calls["sweep"] == 0
