"""`group = "stem"`: the files of one shot are taken together and go together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.engine.rig import TWO_WIDE, Rig

from v2xsync.model.rules import After, ReadyRule, RemoveRule, Route, Selection

GROUPED = {"card": {"capabilities": replace(TWO_WIDE, stem_groups=True)}}


def route(name: str = "r", *, include: str = "*", after: After = After.DELIVERED, **more: object) -> Route:
    values: dict[str, object] = {
        "sources": ("card",),
        "targets": ("office",),
        "ready": ReadyRule(settle_s=0.0),
        "remove": RemoveRule(after=after),
        "selection": Selection(include=(include,)),
        **more,
    }
    return Route(name=name, **values)  # type: ignore[arg-type]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, (route(),), once=False, device_options=GROUPED)


def test_a_whole_shot_is_delivered_and_removed(rig: Rig) -> None:
    for name in ("s_R.jpg", "s_8b.JPG", "f.MOV", "f.SRT"):
        rig.plant("card", name, name.encode())
    rig.run()
    assert rig.on("card") == {}
    assert len(rig.on("office")) == 4


def test_a_film_waits_for_its_subtitles_to_be_finished(rig: Rig) -> None:
    rig.plant("card", "f.MOV", b"film")
    rig.plant("card", "f.SRT", b"text")
    rig.plant("card", "f.SRT.lock", b"")
    rig.plant("card", "g.MOV", b"another")
    rig.run()
    assert set(rig.on("office")) == {"card/g.MOV"}
    rig.disks["card"].drop("f.SRT.lock")
    rig.run()
    assert set(rig.on("office")) == {"card/g.MOV", "card/f.MOV", "card/f.SRT"}
    assert rig.on("card") == {}


def test_nothing_of_a_shot_goes_before_all_of_it_may(tmp_path: Path) -> None:
    """Another route keeps the subtitles: the film stays with them."""
    keeping = route("keep", include="*.SRT", after=After.NEVER)
    rig = Rig(tmp_path, (route(), keeping), once=False, device_options=GROUPED)
    for name in ("f.MOV", "f.SRT", "g.MOV"):
        rig.plant("card", name, name.encode())
    rig.run()
    assert set(rig.on("card")) == {"f.MOV", "f.SRT"}


def test_a_shot_goes_when_its_last_file_is_delivered(tmp_path: Path) -> None:
    """The first file of a group is judged while the second is still on its way; it is not forgotten."""
    late = route("late", include="*.SRT", targets=("archive",))
    rig = Rig(tmp_path, (route(include="*.MOV"), late), once=False, device_options=GROUPED)
    for name in ("f.MOV", "f.SRT"):
        rig.plant("card", name, name.encode())
    rig.service.pause(["archive"])
    rig.run()
    assert set(rig.on("office")) == {"card/f.MOV"}
    assert set(rig.on("card")) == {"f.MOV", "f.SRT"}
    rig.service.resume(["archive"])
    rig.run()
    assert set(rig.on("archive")) == {"card/f.SRT"}
    assert rig.on("card") == {}


def test_without_the_option_each_file_goes_by_itself(tmp_path: Path) -> None:
    keeping = route("keep", include="*.SRT", after=After.NEVER)
    rig = Rig(tmp_path, (route(), keeping), once=False)
    for name in ("f.MOV", "f.SRT"):
        rig.plant("card", name, name.encode())
    rig.run()
    assert set(rig.on("card")) == {"f.SRT"}
