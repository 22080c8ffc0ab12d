"""``v2xsync sync``: force a run now. The running service is told (``--wait``: to the end); without one we run once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from v2xsync.cli.attaching import service_of
from v2xsync.cli.call import Call
from v2xsync.cli.ending import tell
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.names import split_names
from v2xsync.cli.signals import DRAIN, Inbox, caught
from v2xsync.engine.service import ONCE_PATIENCE_S, OnceReport

if TYPE_CHECKING:
    from v2xsync.engine.facade import Facade, Outcome
    from v2xsync.model.views import StationView, Totals

LOOK_S: Final = 0.25
"""The service is asked so often how far it is."""

STUCK_LOOK_S: Final = 2.0
"""And so often while it is stuck."""

SINCE_THE_START: Final = (
    "found", "stored", "delivered", "removed", "failed", "held", "bytes_in", "bytes_out"
)  # fmt: skip


def run(call: Call) -> int:
    """Run the named routes (or those of the named devices) now."""
    config = call.config(opens_devices=False, warn=False)
    names = call.arguments.names
    split_names(config, names)
    with service_of(config) as service:
        if service is not None:
            return _by_service(call, service, names)
    from v2xsync.cli.once import run_config

    return run_config(call, call.config(opens_devices=True), names)


def _by_service(call: Call, service: Facade, names: Collection[str]) -> int:
    before = service.view(0)
    service.force(names)
    service.retry(names)
    asked = ", ".join(names) or "everything"
    if not call.arguments.wait:
        if call.out.as_json:
            call.out.document({"exit_code": DONE, "requested": list(names), "waited": False})
        else:
            call.out.line(f"{before.name}: asked for {asked}; v2xsync status shows how far it is")
        return DONE
    call.out.talk(f"v2xsync: waiting for the running service: {asked}")
    with caught(DRAIN) as inbox:
        outcome = wait_for(service, names, inbox, time.monotonic)
    if inbox.has_any():
        call.out.talk("v2xsync: not waiting any longer; the service goes on")
    return tell(call.out, OnceReport(_since(before, service.view(0)), outcome.causes, inbox.has_any()))


def wait_for(service: Facade, names: Collection[str], inbox: Inbox, monotonic: Callable[[], float]) -> Outcome:
    """Wait until the run is over, has been stuck for as long as a run by hand would try, or a signal came."""
    never, stuck_since = threading.Event(), monotonic()
    while True:
        outcome = service.outcome(names)
        if not outcome.stuck:
            stuck_since = monotonic()
        patience_is_over = monotonic() - stuck_since >= ONCE_PATIENCE_S
        if not outcome.asked or patience_is_over or inbox.has_any():
            return outcome
        never.wait(STUCK_LOOK_S if outcome.stuck else LOOK_S)


def _since(before: StationView, after: StationView) -> StationView:
    """The later picture, its totals counted from the earlier one."""
    return replace(after, totals=_less(after.totals, before.totals))


def _less(after: Totals, before: Totals) -> Totals:
    gained = {name: max(0, getattr(after, name) - getattr(before, name)) for name in SINCE_THE_START}
    return replace(after, **gained)
