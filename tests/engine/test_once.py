"""`--once` over devices in memory: what is moved, what stays, and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.rig import Rig

from v2xsync.model.items import Proof
from v2xsync.model.rules import After, ElementRules, ReadyRule, RemoveRule, Route, Selection

NOW = ReadyRule(settle_s=0.0)


def route(**changes: object) -> Route:
    """A route from `box` to `office`, ready at once, unless told otherwise."""
    values: dict[str, object] = {
        "name": "r", "sources": ("box",), "targets": ("office",), "ready": NOW,
        "remove": RemoveRule(after=After.DELIVERED, empty_folders=True),
    }  # fmt: skip
    return Route(**{**values, **changes})  # type: ignore[arg-type]


def test_moves_files_to_store_and_target_and_removes_originals_and_emptied_folders(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    rig.plant("box", "archive/day1/a.csv", b"a" * 1000)
    rig.plant("box", "archive/day1/b.csv", b"")
    rig.plant("box", "c.csv", b"c")

    rig.run()

    expected = {"box/archive/day1/a.csv": b"a" * 1000, "box/archive/day1/b.csv": b"", "box/c.csv": b"c"}
    assert rig.stored() == expected
    assert rig.on("office") == expected
    assert rig.on("box") == {}
    assert rig.disks["box"].paths() == []
    assert rig.steps("c.csv") == ["found", "stored", "delivered", "removed"]


def test_a_second_run_moves_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(remove=RemoveRule()),))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    lines = len(rig.steps())

    rig.build()
    rig.run()

    assert len(rig.steps()) == lines
    assert rig.on("box") == {"a.csv": b"a"}


def test_elements_sort_the_store_and_unmatched_files_are_kept_as_other(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(elements=ElementRules(v2x=True), layout="{source}/{element}/{name}",
                               target_path="{source}/{element}/{name}"),))  # fmt: skip
    rig.plant("box", "x/srm-street_spatLog_02242021_000000.csv", b"1")
    rig.plant("box", "x/srm-street_msgCountsLog_02242021_000000.csv", b"2")
    rig.plant("box", "x/readme.txt", b"3")

    rig.run()

    assert set(rig.stored()) == {
        "box/spat/srm-street_spatLog_02242021_000000.csv",
        "box/msgCount/srm-street_msgCountsLog_02242021_000000.csv",
        "box/other/readme.txt",
    }
    assert rig.on("box") == {}


def test_same_name_with_other_content_gets_a_versioned_name_and_both_are_kept(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(layout="{name}", target_path="{name}"),))
    rig.plant("box", "a/x.csv", b"first")
    rig.plant("box", "b/x.csv", b"second")
    rig.plant("box", "c/x.csv", b"first")

    rig.run()

    assert sorted(rig.stored().values()) == [b"first", b"second"]
    assert sorted(rig.on("office").values()) == [b"first", b"second"]
    assert rig.on("box") == {}
    assert rig.steps().count("removed") == 3


def test_settle_is_waited_for_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(ready=ReadyRule(settle_s=30.0)),))
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert rig.on("office") == {"box/a.csv": b"a"}
    assert rig.clock.monotonic() >= 30.0


def test_locked_files_and_their_locks_stay_and_are_no_failure(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(ready=ReadyRule(settle_s=5.0)),))
    rig.plant("box", "a.dat", b"a")
    rig.plant("box", "a.dat.lock", b"")
    rig.plant("box", "b.dat", b"b")

    rig.run()

    assert set(rig.on("box")) == {"a.dat", "a.dat.lock"}
    assert rig.on("office") == {"box/b.dat": b"b"}


def test_several_routes_on_one_file_never_wins(tmp_path: Path) -> None:
    """Invariant 1: a file selected by several routes goes only when every one of them allows it."""
    careful = route(name="careful", targets=(), remove=RemoveRule(after=After.NEVER), layout="kept/{path}")
    rig = Rig(tmp_path, (route(), careful))
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert rig.on("box") == {"a.csv": b"a"}
    assert set(rig.stored()) == {"box/a.csv", "kept/a.csv"}


def test_after_stored_removes_without_targets(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(targets=(), remove=RemoveRule(after=After.STORED, proof=Proof.SIZE)),))
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert rig.on("box") == {}
    assert rig.stored() == {"box/a.csv": b"a"}


def test_exclude_wins_over_include(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(selection=Selection(include=("*.csv",), exclude=("scratch/*",))),))
    rig.plant("box", "a.csv", b"a")
    rig.plant("box", "scratch/b.csv", b"b")
    rig.plant("box", "c.txt", b"c")

    rig.run()

    assert set(rig.on("box")) == {"scratch/b.csv", "c.txt"}


@pytest.mark.parametrize("content", [b"", b"x" * 100])
def test_stream_through_keeps_no_local_copy(tmp_path: Path, content: bytes) -> None:
    rig = Rig(tmp_path, (route(stage=False),))
    rig.plant("box", "a.csv", content)

    rig.run()

    assert rig.on("office") == {"box/a.csv": content}
    assert rig.on("box") == {}
    assert rig.stored() == {}
