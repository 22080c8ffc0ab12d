"""``v2xsync --once`` and ``v2xsync sync``: run routes now, to the end, and exit."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

from v2xsync.cli.call import Call
from v2xsync.cli.ending import tell
from v2xsync.cli.exit_codes import INTERRUPTED
from v2xsync.cli.logs import logging_to
from v2xsync.cli.names import split_names
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
    from v2xsync.engine.wiring import build

    log_format = getattr(call.arguments, "log_format", "text")
    stream = sys.stderr if call.out.as_json else sys.stdout
    with owning(config) as ledger, logging_to(config, stdout=stream, as_json=log_format == "json"):
        report = _to_the_end(build(config, ledger, once=True, usb=call.usb), names)
    if report is None:
        call.out.talk("v2xsync: interrupted; what is half done goes on at the next run")
        if call.out.as_json:
            call.out.document({"exit_code": INTERRUPTED, "interrupted": True, "causes": []})
        return INTERRUPTED
    return tell(call.out, report)


def _to_the_end(service: Service, names: Collection[str]) -> OnceReport | None:
    """Run once; None where Ctrl+C or SIGTERM came: then everything was stopped, partials kept.

    An exception raised by a signal could leave a lock of the engine taken: signals are written down and looked at.
    """
    with caught(DRAIN) as inbox:
        report = service.run_once(names, interrupted=inbox.has_any)
    return None if report.interrupted else report
