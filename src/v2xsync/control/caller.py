"""The facade over one line: every verb asks, and raises where the service refuses or is away."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from v2xsync.control.line import Line
from v2xsync.control.messages import MOST_ROWS, Seen
from v2xsync.engine.facade import Outcome, Why
from v2xsync.ledger.base import Hold, LogLine
from v2xsync.model.views import EventView, QueueRow, StationView

PATIENCE_S: Final = 15.0
"""A command waits so long for an answer."""


class Caller:
    """A running engine at the other end of `line` (see `Facade`).

    Every verb may raise ServiceAway (the line is closed then) and ControlError.
    """

    def __init__(self, line: Line, patience_s: float = PATIENCE_S) -> None:
        self._line = line
        self._patience_s = patience_s
        self._queue: tuple[QueueRow, ...] = ()

    def _ask(self, kind: Any, do: str, **more: object) -> Any:
        return self._line.ask(kind, do, self._patience_s, **more)

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def view(self, queue_rows: int = 200) -> StationView:
        """The picture; rows that did not change are the same objects as before."""
        seen: Seen = self._ask(Seen, "view", queue_rows=min(queue_rows, MOST_ROWS))
        if not seen.same_queue:
            before = {row.key: row for row in self._queue}
            self._queue = tuple(before[row.key] if before.get(row.key) == row else row for row in seen.view.queue)
        return replace(seen.view, queue=self._queue)

    def events_since(self, seq: int) -> Sequence[EventView]:
        """Events after `seq`."""
        found: Sequence[EventView] = self._ask(tuple[EventView, ...], "events", seq=seq)
        return found

    def force(self, names: Collection[str] = ()) -> None:
        """Sync now."""
        self._ask(None, "force", names=sorted(names))

    def pause(self, names: Collection[str] = ()) -> None:
        """Start nothing new there."""
        self._ask(None, "pause", names=sorted(names))

    def resume(self, names: Collection[str] = ()) -> None:
        """Go on there."""
        self._ask(None, "resume", names=sorted(names))

    def outcome(self, names: Collection[str] = ()) -> Outcome:
        """How far a forced run has come."""
        found: Outcome = self._ask(Outcome, "outcome", names=sorted(names))
        return found

    def cancel(self, item_id: int) -> None:
        """Stop the file's transfer."""
        self._ask(None, "cancel", item_id=item_id)

    def retry(self, names: Collection[str] = ()) -> int:
        """Make waiting retries due."""
        return int(self._ask(int, "retry", names=sorted(names)))

    def bring_to_front(self, item_id: int) -> None:
        """Let this item go next."""
        self._ask(None, "front", item_id=item_id)

    def why(self, item_id: int) -> Why | None:
        """Everything about one item."""
        found: Why | None = self._ask(Why | None, "why", item_id=item_id)
        return found

    def history(self, limit: int = 1000) -> Sequence[LogLine]:
        """The newest lines of the custody log."""
        found: Sequence[LogLine] = self._ask(tuple[LogLine, ...], "history", limit=min(limit, MOST_ROWS))
        return found

    def holds(self) -> Sequence[Hold]:
        """What waits for a person."""
        found: Sequence[Hold] = self._ask(tuple[Hold, ...], "holds")
        return found

    def release(self, item_ids: Collection[int], *, accept: bool, by: str, devices: Collection[str] = ()) -> int:
        """Do held steps again, or take held deliveries as done."""
        at = {"devices": sorted(devices)} if devices else {}
        return int(self._ask(int, "release", item_ids=sorted(item_ids), accept=accept, by=by, **at))

    def acknowledge_errors(self) -> None:
        """A person has seen the errors."""
        self._ask(None, "acknowledge")

    def drain(self) -> None:
        """Finish the files in motion, then stop."""
        self._ask(None, "drain")

    def stop(self) -> None:
        """Stop now."""
        self._ask(None, "stop")
