"""``v2xsync --once``, and ``v2xsync sync`` without a service: run routes now, to the end, and exit."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from v2xsync.cli.call import Call
from v2xsync.cli.ending import tell
from v2xsync.cli.logs import is_journal, logging_to
from v2xsync.cli.names import split_names
from v2xsync.cli.progress import Teller, teller
from v2xsync.cli.records import owning
from v2xsync.cli.signals import DRAIN, caught

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig
    from v2xsync.engine.service import OnceReport, Service


def run(call: Call) -> int:
    """Run the named routes (or those of the named devices) once."""
    config = call.config(opens_devices=True)
    split_names(config, call.arguments.names)
    return run_config(call, config, call.arguments.names)


def run_config(call: Call, config: StationConfig, names: Collection[str]) -> int:
    """Run once with a loaded config; returns the exit code. Log lines go to stdout, with ``--json`` to stderr."""
    from v2xsync.engine.gates import EVERYTHING, paused_names
    from v2xsync.engine.wiring import build

    log_format = getattr(call.arguments, "log_format", "text")
    stream = sys.stderr if call.out.as_json else sys.stdout
    journal = is_journal(stream, call.environ)
    as_json = log_format == "json"
    with owning(config) as ledger, logging_to(config, stdout=stream, as_json=as_json, journal=journal) as mouth:
        telling = teller(stream, mouth, time.monotonic, lines_only=as_json or journal or call.out.as_json)
        paused = sorted(paused_names(ledger))
        report = _to_the_end(build(config, ledger, once=True, usb=call.usb), names, telling)
    if paused:
        what = "everything" if EVERYTHING in paused else ", ".join(paused)
        call.out.talk(f"v2xsync: paused, so nothing new was started: {what} -- v2xsync resume")
    if report.interrupted:
        call.out.talk("v2xsync: interrupted; what is half done goes on at the next run")
    return tell(call.out, report)


def _to_the_end(service: Service, names: Collection[str], telling: Teller) -> OnceReport:
    """Run once; where Ctrl+C or SIGTERM came everything was stopped, partials kept.

    An exception raised by a signal could leave a lock of the engine taken: signals are written down and looked at.
    """
    with caught(DRAIN) as inbox:

        def interrupted() -> bool:
            telling.look(service.view)
            return inbox.has_any()

        return service.run_once(names, interrupted=interrupted)
