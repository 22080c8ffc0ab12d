"""The facade: all that a screen, a command or a socket may see and ask of a running engine.

Every call returns at once: it reads a picture, or sets a flag that the next picture shows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from v2xsync.engine.station import Cause
from v2xsync.ledger.base import Dossier, Hold, LogLine
from v2xsync.model.views import EventView, StationView


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The answer to "why is this file still here?"."""

    dossier: Dossier
    summary: tuple[str, ...]
    """Plain sentences: where it is, what it waits for, what happens next and when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How far a forced run has come: `asked` while it is not over, `stuck` while all that is left of it only waits.

    `causes` are the reasons why not everything is done; none are told while files of the run are in motion.
    """

    asked: bool
    stuck: bool
    causes: tuple[Cause, ...]


class Facade(Protocol):
    """A running engine, from outside. Names are of routes or devices; an empty collection means everything."""

    def view(self, queue_rows: int = 200) -> StationView:
        """The present picture, with at most `queue_rows` rows of the queue."""

    def events_since(self, seq: int) -> Sequence[EventView]:
        """Events after `seq`, oldest first (the ring may have dropped some: numbers then jump)."""

    def force(self, names: Collection[str] = ()) -> None:
        """Sync those routes or devices now; repeats collapse."""

    def pause(self, names: Collection[str] = ()) -> None:
        """Start nothing new there, also after a restart."""

    def resume(self, names: Collection[str] = ()) -> None:
        """Go on there; empty takes back every pause."""

    def cancel(self, item_id: int) -> None:
        """Stop the file's transfer now and put it back at the end of the queue; its partial is kept."""

    def outcome(self, names: Collection[str] = ()) -> Outcome:
        """How far a forced run of those has come, and what keeps it from being all done."""

    def retry(self, names: Collection[str] = ()) -> int:
        """Make waiting retries due at once and probe devices that are away or refused; how many retries."""

    def bring_to_front(self, item_id: int) -> None:
        """Let this item go next."""

    def why(self, item_id: int) -> Why | None:
        """Everything about one item, explained."""

    def history(self, limit: int = 1000) -> Sequence[LogLine]:
        """The newest lines of the custody log, oldest first."""

    def holds(self) -> Sequence[Hold]:
        """What waits for a person."""

    def release(self, item_ids: Collection[int], *, accept: bool, by: str, devices: Collection[str] = ()) -> int:
        """Do held steps again, or (`accept`) take held deliveries as done; how many.

        All of these items, or only those on hold at `devices` where any are named (see `Hold.device`).
        """

    def acknowledge_errors(self) -> None:
        """A person has seen the errors: the badge goes back to zero."""

    def drain(self) -> None:
        """Finish the files in motion, start nothing new, then stop."""

    def stop(self) -> None:
        """Stop now; partials are kept."""
