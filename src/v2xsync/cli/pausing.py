"""``v2xsync pause`` and ``v2xsync resume``: the running service is told; without one it is noted for the next."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from v2xsync.cli.attaching import service_of
from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.names import split_names
from v2xsync.cli.records import owning, reading
from v2xsync.engine.gates import EVERYTHING, paused_names, write_paused

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig


def pause(call: Call) -> int:
    """Start nothing new at these routes and devices, or anywhere; files in motion finish."""
    return _change(call, "pause", lambda paused, names: paused | (names or {EVERYTHING}))


def resume(call: Call) -> int:
    """Take back a pause, or every pause."""
    return _change(call, "resume", lambda paused, names: paused - (names or paused))


def _change(call: Call, do: str, changed: Callable[[set[str], set[str]], set[str]]) -> int:
    config = call.config(opens_devices=False)
    names = set(call.arguments.names)
    split_names(config, call.arguments.names)
    with service_of(config) as service:
        if service is not None:
            (service.pause if do == "pause" else service.resume)(names)
        else:
            with owning(config) as ledger:
                write_paused(ledger, changed(paused_names(ledger), names))
        running = service is not None
    with reading(config) as reader:
        return _tell(call, config, paused_names(reader), running=running)


def _tell(call: Call, config: StationConfig, paused: Collection[str], *, running: bool) -> int:
    """Say what is paused now."""
    everything = EVERYTHING in paused
    names = sorted(set(paused) - {EVERYTHING})
    if call.out.as_json:
        call.out.document({"paused": names, "everything": everything, "service": running})
        return DONE
    what = "everything" if everything else ", ".join(names) or "nothing"
    call.out.line(f"{config.name}: {what} is paused" if what != "nothing" else f"{config.name}: nothing is paused")
    if everything and call.arguments.names:
        call.out.talk("everything is paused; v2xsync resume, without a name, takes that back")
    if not running:
        call.out.talk("no service is running; the next one starts so, and runs by hand keep to it")
    return DONE
