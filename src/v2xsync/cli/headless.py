"""``v2xsync --no-ui``: the engine as a service in the foreground.

SIGTERM and SIGINT drain (the second one stops now), SIGHUP reads the config again, SIGUSR1 prints the view as JSON.
"""

from __future__ import annotations

import enum
import sys
from typing import TYPE_CHECKING, Final

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE, INTERRUPTED
from v2xsync.cli.logs import logging_to
from v2xsync.cli.output import Output
from v2xsync.cli.records import owning
from v2xsync.cli.signals import DRAIN, PICTURE, RELOAD, Inbox, caught
from v2xsync.errors import ConfigError

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig
    from v2xsync.engine.service import Service

LOOK_S: Final = 0.25
"""How often signals are looked at."""


class End(enum.Enum):
    """Why a service ended."""

    DRAINED = enum.auto()
    INTERRUPTED = enum.auto()
    RELOAD = enum.auto()


def serve(call: Call, config: StationConfig) -> int:
    """Run the station until a signal ends it; a reload starts it again with the new config."""
    from v2xsync.engine.wiring import build

    as_json = call.arguments.log_format == "json"
    with caught((*DRAIN, RELOAD, PICTURE)) as inbox:
        while True:
            with owning(config) as ledger, logging_to(config, stdout=sys.stdout, as_json=as_json):
                service = build(config, ledger, usb=call.usb)
                service.start()
                end, config = Watch(call, config, service, inbox).until_end()
            if end is not End.RELOAD:
                return DONE if end is End.DRAINED else INTERRUPTED


class Watch:
    """Looks after one running service from the main thread."""

    def __init__(self, call: Call, config: StationConfig, service: Service, inbox: Inbox) -> None:
        self._call = call
        self._config = config
        self._service = service
        self._inbox = inbox
        self._end = End.DRAINED
        self._asked = 0

    def until_end(self) -> tuple[End, StationConfig]:
        """Wait for the end; returns why, and the config to go on with. Raises what made the engine stop by itself."""
        while not self._service.join(LOOK_S):
            for name in self._inbox.take():
                self._answer(name)
        return self._end, self._config

    def _answer(self, name: str) -> None:
        if name in DRAIN:
            self._finish(name)
        elif name == RELOAD:
            self._reload()
        else:
            Output("view", as_json=True, stdout=sys.stdout, stderr=sys.stderr).document({"view": self._service.view()})

    def _finish(self, name: str) -> None:
        self._asked += 1
        if name == "SIGINT":
            self._end = End.INTERRUPTED
        if self._asked == 1:
            self._service.drain()
        else:
            self._service.stop()

    def _reload(self) -> None:
        """Take a new config where it is right; a wrong one is told and changes nothing."""
        from v2xsync.config.load import load

        try:
            self._config = load(self._config.source_file, self._call.environ)
        except ConfigError as error:
            self._call.out.trouble(error, 0)
            return
        self._end = End.RELOAD
        self._service.stop()
