"""``v2xsync demo --only PART``: one simulated machine in the foreground, until Ctrl+C."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE, INTERRUPTED
from v2xsync.cli.headless import LOOK_S
from v2xsync.cli.signals import DRAIN, RELOAD, caught
from v2xsync.errors import ConfigError

if TYPE_CHECKING:
    from v2xsync.sim.alone import Alone


def run(call: Call) -> int:
    """Start it, tell how to reach it, and wait. The config snippet is data (stdout), the rest is talk.

    Raises ConfigError for options that do not fit, and for a port that is taken.
    """
    asked = call.arguments
    if asked.once or asked.no_ui:
        option = "--once" if asked.once else "--no-ui"
        raise ConfigError("a machine that runs alone has no station", key=option, remedy="leave it out; Ctrl+C ends it")
    if not 0 <= asked.port <= 65_535:
        raise ConfigError(f"{asked.port} is no port", key="--port", remedy="give one from 1 to 65535")
    with caught((*DRAIN, RELOAD)) as inbox, ExitStack() as running:
        _tell(call, _started(running, asked.only, asked.port))
        pause = threading.Event()
        while not inbox.has_any():
            pause.wait(LOOK_S)
        return INTERRUPTED if "SIGINT" in set(inbox.take()) else DONE


def _started(running: ExitStack, part: str, port: int) -> Alone:
    """Start the part, to be stopped with `running`."""
    from v2xsync.sim.alone import Alone

    try:
        return running.enter_context(Alone(part, port=port))
    except OSError as error:
        what = f"{part} cannot start: {error.strerror or error}"
        raise ConfigError(what, key="--port", remedy="give another --port") from error


def _tell(call: Call, alone: Alone) -> None:
    if call.out.as_json:
        call.out.document({"part": alone.name, "facts": alone.facts, "config": alone.config})
    else:
        for name, fact in alone.facts.items():
            call.out.talk(f"{name + ':':<20}{fact}")
        call.out.talk("put this into your v2xsync.toml (the part that is printed on stdout):")
        for line in alone.config.splitlines():
            call.out.line(line)
        call.out.talk("Ctrl+C ends it, and its files are gone then")
    sys.stdout.flush()
