"""``v2xsync --no-ui``: the engine as a service in the foreground.

SIGTERM and SIGINT drain (SIGTERM with a deadline; the second signal stops now), SIGHUP reads the config again, SIGUSR1
prints the view as JSON. Under systemd it says when it is ready, alive and stopping.
"""

from __future__ import annotations

import contextlib
import enum
import io
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from v2xsync.cli.call import Call, check_keys
from v2xsync.cli.exit_codes import DONE, INTERRUPTED
from v2xsync.cli.logs import is_journal, logging_to
from v2xsync.cli.output import Output
from v2xsync.cli.progress import Summary, Teller, teller
from v2xsync.cli.records import owning
from v2xsync.cli.signals import DRAIN, PICTURE, RELOAD, Inbox, caught
from v2xsync.errors import ConfigError
from v2xsync.model.views import Level

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig
    from v2xsync.control.notify import Notifier
    from v2xsync.engine.service import Service

LOOK_S: Final = 0.25
"""How often signals are looked at."""

DRAIN_S: Final = 55.0
"""SIGTERM: files in motion have so long; with what follows it fits into the 90 s that systemd gives by default."""

RELOAD_DRAIN_S: Final = 600.0
"""SIGHUP: files in motion have so long before the new config takes over; then they go on from their partials."""

ECHO_S: Final = 3.0
"""A terminal that went away may say so several times."""


class End(enum.Enum):
    """Why a service ended."""

    DRAINED = enum.auto()
    INTERRUPTED = enum.auto()
    RELOAD = enum.auto()


def serve(call: Call, config: StationConfig) -> int:
    """Run the station until a signal ends it; a reload starts it again with the new config."""
    from v2xsync.control.notify import Notifier
    from v2xsync.engine.wiring import build

    as_json = call.arguments.log_format == "json"
    journal = is_journal(sys.stdout, call.environ)
    notifier = Notifier(call.environ, time.monotonic)
    with caught((*DRAIN, RELOAD, PICTURE)) as inbox:
        while True:
            with (
                owning(config) as ledger,
                logging_to(config, stdout=sys.stdout, as_json=as_json, journal=journal) as mouth,
            ):
                service = build(config, ledger, usb=call.usb)
                service.start()
                with open_door(service, config):
                    telling = teller(sys.stdout, mouth, time.monotonic, lines_only=as_json or journal)
                    say = mouth.say if mouth else _nobody
                    watch = Watch(call, config, service, inbox, notifier=notifier, telling=telling, say=say)
                    end, config = watch.until_end()
            if end is not End.RELOAD:
                return DONE if end is End.DRAINED else INTERRUPTED


@contextlib.contextmanager
def open_door(service: Service, config: StationConfig) -> Iterator[None]:
    """Let other processes of this user attach while the block runs, where the system can."""
    from v2xsync.control.server import serving
    from v2xsync.engine.clock import SystemClock

    def say(text: str) -> None:
        service.tell(Level.WARNING, text)

    with serving(service, config.state, SystemClock(), say):
        yield


def _nobody(text: str) -> None:
    """Where there is no stdout, nothing is said."""
    del text


class Watch:
    """Looks after one running service from the main thread."""

    def __init__(
        self,
        call: Call,
        config: StationConfig,
        service: Service,
        inbox: Inbox,
        *,
        notifier: Notifier | None = None,
        telling: Teller | None = None,
        say: Callable[[str], None] = _nobody,
        after_hangup: bool = False,
    ) -> None:
        self._call = call
        self._config = config
        self._service = service
        self._inbox = inbox
        self._notifier = notifier
        self._telling = telling or Summary(time.monotonic)
        self._say = say
        self._end = End.DRAINED
        self._asked = 0
        self._stop_at: float | None = None
        self._hangups_until = time.monotonic() + ECHO_S if after_hangup else 0.0

    def until_end(self) -> tuple[End, StationConfig]:
        """Wait for the end; returns why, and the config to go on with. Raises what made the engine stop by itself."""
        if self._notifier:
            self._notifier.ready(f"station {self._config.name}")
        while not self._service.join(LOOK_S):
            for name in self._inbox.take():
                self._answer(name)
            self._keep_time()
            self._telling.look(self._service.view)
        return self._end, self._config

    def _keep_time(self) -> None:
        """End a drain whose time is over; tell the watchdog that the engine lives."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self._stop_at = None
            self._service.tell(Level.WARNING, "the time to finish is over: stopping; partials are kept")
            self._service.stop()
        if self._notifier and self._service.beats:
            self._notifier.alive()

    def _answer(self, name: str) -> None:
        if name in DRAIN:
            self._finish(name)
        elif name == RELOAD:
            if time.monotonic() >= self._hangups_until:
                self._reload()
        else:
            self._say(self._picture())

    def _picture(self) -> str:
        page = io.StringIO()
        Output("view", as_json=True, stdout=page, stderr=page).document({"view": self._service.view()})
        return page.getvalue().rstrip("\n")

    def _finish(self, name: str) -> None:
        self._asked += 1
        self._end = End.INTERRUPTED if name == "SIGINT" or self._end is End.INTERRUPTED else End.DRAINED
        if self._notifier:
            self._notifier.stopping()
        if self._asked == 1:
            self._service.drain()
            self._stop_at = time.monotonic() + DRAIN_S if name == "SIGTERM" else None
        else:
            self._service.stop()

    def _reload(self) -> None:
        """Take a new config where it is right; a wrong one is told and changes nothing. The second time: at once."""
        from v2xsync.config.load import load

        if self._asked:
            return
        if self._end is End.RELOAD:
            self._service.stop()
            return
        try:
            config = load(self._config.source_file, self._call.environ)
            check_keys(config)
        except ConfigError as error:
            self._refuse(error)
            return
        self._config, self._end = config, End.RELOAD
        if self._notifier:
            self._notifier.reloading()
        self._service.tell(Level.INFO, "the config was read again: it takes over once the files in motion are done")
        self._service.drain()
        self._stop_at = time.monotonic() + RELOAD_DRAIN_S

    def _refuse(self, error: ConfigError) -> None:
        self._call.out.trouble(error, 0)
        for problem in getattr(error, "problems", (error,)):
            self._service.tell(Level.ERROR, f"the new config is not taken: {problem}")
