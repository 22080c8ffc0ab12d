"""A facade that plays a scene: its view is what the test says, and it remembers what it was asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from v2xsync.engine.facade import Facade, Outcome, Why
from v2xsync.ledger.base import Hold, LogLine
from v2xsync.model.views import EventView, StationState, StationView


@dataclass
class ScriptedFacade:
    """Shows `scene`; `asked` lists the calls as (verb, argument...) in order."""

    scene: StationView
    events: Sequence[EventView] = ()
    lines: Sequence[LogLine] = ()
    held: Sequence[Hold] = ()
    whys: dict[int, Why] = field(default_factory=dict)
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def change(self, **changes: Any) -> None:
        """Show the scene with these fields changed, as a new generation."""
        self.scene = replace(self.scene, generation=self.scene.generation + 1, **changes)

    def view(self, queue_rows: int = 200) -> StationView:
        if len(self.scene.queue) <= queue_rows:
            return self.scene
        return replace(self.scene, queue=self.scene.queue[:queue_rows])

    def events_since(self, seq: int) -> Sequence[EventView]:
        return [event for event in self.events if event.seq > seq]

    def force(self, names: Collection[str] = ()) -> None:
        self.asked.append(("force", *names))

    def pause(self, names: Collection[str] = ()) -> None:
        self.asked.append(("pause", *names))

    def resume(self, names: Collection[str] = ()) -> None:
        self.asked.append(("resume", *names))

    def cancel(self, item_id: int) -> None:
        self.asked.append(("cancel", item_id))

    def outcome(self, names: Collection[str] = ()) -> Outcome:
        return Outcome(asked=False, stuck=False, causes=())

    def retry(self, names: Collection[str] = ()) -> int:
        self.asked.append(("retry", *names))
        return 0

    def bring_to_front(self, item_id: int) -> None:
        self.asked.append(("front", item_id))

    def why(self, item_id: int) -> Why | None:
        return self.whys.get(item_id)

    def history(self, limit: int = 1000) -> Sequence[LogLine]:
        return self.lines[-limit:]

    def holds(self) -> Sequence[Hold]:
        return self.held

    def release(self, item_ids: Collection[int], *, accept: bool, by: str, devices: Collection[str] = ()) -> int:
        self.asked.append(("release", *item_ids, accept, by, *devices))
        return len(item_ids)

    def acknowledge_errors(self) -> None:
        self.asked.append(("acknowledge",))
        self.scene = replace(self.scene, errors_unseen=0)

    def drain(self) -> None:
        self.asked.append(("drain",))
        self.change(state=StationState.DRAINING)

    def stop(self) -> None:
        self.asked.append(("stop",))


def _conforms(facade: ScriptedFacade) -> Facade:
    """Checked by mypy alone."""
    return facade
