"""``v2xsync retry``: what waits after trouble is due at once, in the running service or at the next run."""

from __future__ import annotations

from v2xsync.cli.attaching import service_of
from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.names import split_names
from v2xsync.cli.records import owning


def run(call: Call) -> int:
    """Make waiting retries due, of the named routes and devices or of all; holds stay on hold."""
    config = call.config(opens_devices=False)
    routes, devices = split_names(config, call.arguments.names)
    with service_of(config) as service:
        if service is not None:
            count = service.retry(call.arguments.names)
        else:
            with owning(config) as ledger:
                count = ledger.retry(routes=routes, devices=devices)
    if call.out.as_json:
        call.out.document({"due": count})
    else:
        call.out.line(f"{count} due at once")
    return DONE
