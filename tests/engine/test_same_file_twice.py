"""Two routes that select the same files: each gets its copy recorded, neither stands in the other's way."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.rig import Rig

from v2xsync.model.rules import ReadyRule, Route, Selection


@pytest.mark.parametrize("once", [True, False], ids=["once", "service"])
def test_files_of_two_routes_are_never_fetched_into_one_partial_at_once(tmp_path: Path, once: bool) -> None:
    """Both routes' fetches of one item may be due in one draw; they have one partial between them."""
    ready = ReadyRule(settle_s=0.0)
    everything = Route(name="all", sources=("clay",), targets=("office",), ready=ready)
    some = Route(
        name="some", sources=("clay",), targets=("cloud",), ready=ready, selection=Selection(include=("b*", "c*"))
    )
    rig = Rig(tmp_path, (everything, some), once=once)
    for name in ("a", "b", "c"):
        rig.plant("clay", name, name.encode())
    rig.run()
    assert set(rig.on("office")) == {"clay/a", "clay/b", "clay/c"}
    assert set(rig.on("cloud")) == {"clay/b", "clay/c"}
    assert "durable" not in rig.events()
    assert rig.steps().count("stored") == 5
