"""What a key asks of the engine: may it be done to the selected row, why not, and what to say when it was done.

Nothing here knows Textual. Every call of the facade returns at once; what was asked shows in the next picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from v2xsync.engine.facade import Facade
from v2xsync.ledger.base import Hold, LogLine
from v2xsync.model.views import DeviceView, QueueRow, StationState, StationView, TransferView
from v2xsync.ui import words

READ_ONLY = "this window is read-only"
AWAY = "the service does not answer; it is called again and again"
PICK_ROW = "select a file in the queue first (Tab, arrows)"
PICK_ANY = "select a device or a file first (Tab, arrows)"


@dataclass(frozen=True, slots=True)
class Scope:
    """What the selected row stands for: the names (device or route) that `sync`, `pause` and `retry` act on."""

    sync: str = ""
    retry: str = ""
    paused: bool = False
    item_id: int | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What was done: a sentence, and the names to mark as requested until the engine shows it."""

    text: str
    marks: frozenset[str | int] = frozenset()


def scope_of(row: object, view: StationView) -> Scope:
    """Return what `row` stands for; nothing selected gives an empty scope."""
    if isinstance(row, DeviceView):
        return Scope(row.name, row.name, row.paused)
    if isinstance(row, TransferView | QueueRow):
        other = row.source if row.device == "store" else row.device
        return Scope(row.route, other, _route_paused(view, row.route), row.item_id, row.path)
    if isinstance(row, Hold | LogLine):
        return Scope(row.route, row.route, _route_paused(view, row.route), row.item_id, row.path)
    return Scope()


def _route_paused(view: StationView, name: str) -> bool:
    return any(route.paused for route in view.routes if route.name == name)


def refusal(deed: str, row: object, view: StationView, *, read_only: bool) -> str:
    """Return why `deed` cannot be done to `row` now, in words; empty where it can."""
    if deed not in DEEDS:
        return ""
    if read_only:
        return READ_ONLY
    if view.state is StationState.AWAY:
        return AWAY
    if view.state in {StationState.DRAINING, StationState.STOPPED} and deed != "cancel":
        return "the station is finishing and starts nothing new"
    return _REFUSALS.get(deed, _never)(row, view)


def _never(row: object, view: StationView) -> str:
    del row, view
    return ""


def _needs_name(row: object, view: StationView) -> str:
    return "" if scope_of(row, view).sync else PICK_ANY


def _needs_pause(row: object, view: StationView) -> str:
    return "" if view.state is StationState.PAUSED else _needs_name(row, view)


def _needs_transfer(row: object, view: StationView) -> str:
    del view
    return "" if isinstance(row, TransferView) else "only a file in motion can be cancelled; select one in the queue"


def _needs_waiting(row: object, view: StationView) -> str:
    del view
    if isinstance(row, TransferView):
        return "this file is in motion already"
    return "" if isinstance(row, QueueRow) else PICK_ROW


_REFUSALS: Mapping[str, Callable[[object, StationView], str]] = {
    "sync": _needs_name,
    "pause": _needs_pause,
    "retry": _needs_name,
    "cancel": _needs_transfer,
    "front": _needs_waiting,
}


def sync(facade: Facade, row: object, view: StationView) -> Said:
    """Sync the row's device or route now."""
    name = scope_of(row, view).sync
    facade.force((name,))
    return Said(f"Sync requested: {name}", frozenset({name}))


def sync_all(facade: Facade, row: object, view: StationView) -> Said:
    """Sync everything now."""
    del row
    facade.force()
    names = frozenset(device.name for device in view.devices if device.is_source)
    return Said("Sync requested: every route", names)


def pause(facade: Facade, row: object, view: StationView) -> Said:
    """Pause the row's device or route, or let it go on; a paused station goes on as a whole."""
    if view.state is StationState.PAUSED:
        return resume_all(facade, row, view)
    scope = scope_of(row, view)
    (facade.resume if scope.paused else facade.pause)((scope.sync,))
    done = "Goes on" if scope.paused else "Paused, nothing new starts"
    return Said(f"{done}: {scope.sync}", frozenset({scope.sync}))


def pause_all(facade: Facade, row: object, view: StationView) -> Said:
    """Start nothing new anywhere."""
    del row, view
    facade.pause()
    return Said("Everything is paused; files in motion finish")


def resume_all(facade: Facade, row: object, view: StationView) -> Said:
    """Go on everywhere."""
    del row, view
    facade.resume()
    return Said("Everything goes on")


def retry(facade: Facade, row: object, view: StationView) -> Said:
    """Make waiting retries of the row's device or route due, and probe it."""
    name = scope_of(row, view).retry
    facade.retry((name,))
    return Said(f"Tried again now: {name}", frozenset({name}))


def retry_all(facade: Facade, row: object, view: StationView) -> Said:
    """Make every waiting retry due, and probe every device that is away."""
    del row, view
    facade.retry()
    return Said("Everything that waits after trouble is tried again now")


def cancel(facade: Facade, row: object, view: StationView) -> Said:
    """Stop the transfer; its partial is kept."""
    scope = scope_of(row, view)
    if scope.item_id is not None:
        facade.cancel(scope.item_id)
    return Said(f"Stopped, queued again: {name_of(scope.path)}", frozenset({scope.item_id or 0}))


def front(facade: Facade, row: object, view: StationView) -> Said:
    """Let the file go next."""
    scope = scope_of(row, view)
    if scope.item_id is not None:
        facade.bring_to_front(scope.item_id)
    return Said(f"Goes next: {name_of(scope.path)}", frozenset({scope.item_id or 0}))


DEEDS: Mapping[str, Callable[[Facade, Any, StationView], Said]] = {
    "sync": sync,
    "sync_all": sync_all,
    "pause": pause,
    "pause_all": pause_all,
    "resume_all": resume_all,
    "retry": retry,
    "retry_all": retry_all,
    "cancel": cancel,
    "front": front,
}
"""Every deed by name; call only after `refusal` gave nothing."""


def cancel_question(row: object) -> str:
    """Return what to ask before a transfer with progress is stopped; empty where there is nothing to lose."""
    if not isinstance(row, TransferView) or row.position <= 0:
        return ""
    done = words.percent(row.position, row.size)
    return f"{name_of(row.path)} is at {done} %. What came over so far is kept as a partial, and the file queues again."


def release_said(count: int, *, accept: bool) -> str:
    """Return what a release did."""
    step = "step" if count == 1 else "steps"
    return f"Accepted: {count} {step}" if accept else f"Released to be done again: {count} {step}"


def name_of(path: str) -> str:
    """Return the last part of a path."""
    return path.rpartition("/")[2]
