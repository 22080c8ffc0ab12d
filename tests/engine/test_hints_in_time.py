"""What happens while a listing is under way is not forgotten with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.engine.rig import Rig

from v2xsync.model.items import Entry
from v2xsync.model.rules import ReadyRule, Route
from v2xsync.model.schedule import Arrival


class LateNews:
    """A session whose first listing is over when something comes, and an event tells so."""

    def __init__(self, inner: Any, come: Callable[[], None]) -> None:
        self._inner = inner
        self._come = come

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def list(self) -> Iterator[Entry]:
        yield from self._inner.list()
        self._come()


def test_a_hint_during_a_listing_leads_to_another_one_at_once(tmp_path: Path) -> None:
    """It was lost once, and the file waited for the scan a minute later."""
    rigs: list[Rig] = []

    def come() -> None:
        if "late.dat" not in rigs[0].on("spool"):
            rigs[0].plant("spool", "late.dat", b"late")
            rigs[0].station.gates.hint("spool")

    ready, arrival = ReadyRule(settle_s=0.0), {"spool": Arrival()}
    route = Route(name="r", sources=("spool",), targets=("office",), ready=ready, fetch=arrival)
    rigs.append(Rig(tmp_path, (route,), once=False, wrap={"spool": lambda device: LateNews(device, come)}))
    rigs[0].plant("spool", "a.dat", b"first")
    rigs[0].run(for_s=5.0)
    assert set(rigs[0].on("office")) == {"spool/a.dat", "spool/late.dat"}
