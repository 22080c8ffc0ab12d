"""``v2xsync`` on a terminal: the engine runs in its own threads, the screen in this one; or the screen is attached.

The engine outlives the screen: when the terminal goes away, `on_hangup` of the config says what happens to it, and a
person may leave it running.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE, INTERRUPTED
from v2xsync.cli.headless import End, Watch, open_door, serve
from v2xsync.cli.keeper import Leave
from v2xsync.cli.logs import logging_to
from v2xsync.cli.records import owning
from v2xsync.cli.signals import DRAIN, OF_TERMINALS, RELOAD, Inbox, caught, untouched
from v2xsync.ui import launch

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig
    from v2xsync.control.remote import RemoteFacade
    from v2xsync.engine.facade import Facade
    from v2xsync.engine.service import Service

LEFT = "left"
"""Stands among the signals that closed the screen: a person left the station running."""


class Door:
    """Closes the screen from a signal handler, once there is one."""

    def __init__(self) -> None:
        self._close: Callable[[], None] | None = None

    def hang(self, close: Callable[[], None]) -> None:
        """Remember how the screen is closed."""
        self._close = close

    def close(self) -> None:
        """Close the screen; the station goes on."""
        if self._close is not None:
            self._close()


def show(call: Call, config: StationConfig, leave: Leave | None = None) -> int:
    """Run the station with the screen until a person leaves, the station stops, or the terminal goes away.

    `leave` lets go of the foreground; without it a person cannot leave the station running.
    """
    from v2xsync.engine.wiring import build

    door = Door()
    with caught((*DRAIN, RELOAD), then=door.close) as inbox:
        with owning(config) as ledger, logging_to(config, stdout=None):
            service = build(config, ledger, usb=call.usb)
            service.start()
            with open_door(service, config):
                came = _screen(service, _options(call, config, can_leave=leave is not None), door, inbox)
                if LEFT in came and leave is not None:
                    _go_on_in_the_background(call, leave)
                _obey(service, came, config.on_hangup)
                end, config = Watch(call, config, service, inbox, after_hangup=RELOAD in came).until_end()
        if end is End.RELOAD:
            return serve(call, config)
    return DONE if end is End.DRAINED else INTERRUPTED


def show_attached(call: Call, config: StationConfig, service: RemoteFacade, *, read_only: bool) -> int:
    """Show the running service until a person closes the window; the service goes on."""
    door = Door()
    with caught((*DRAIN, RELOAD), then=door.close) as inbox:
        came = _screen(service, _options(call, config, attached=True, read_only=read_only), door, inbox)
        service.close()
    return INTERRUPTED if "SIGINT" in came else DONE


def _options(
    call: Call, config: StationConfig, *, attached: bool = False, read_only: bool = False, can_leave: bool = False
) -> launch.UiOptions:
    """How the screen looks: what the command line says, and the config's keys and zone."""
    asked = call.arguments
    return launch.UiOptions(
        fps=asked.fps,
        low_bandwidth=asked.low_bandwidth,
        mouse=not asked.no_mouse,
        ascii=asked.ascii,
        theme=asked.theme,
        keys=config.keys,
        zone=config.zone,
        read_only=read_only,
        attached=attached,
        can_leave=can_leave,
    )


def _screen(facade: Facade, options: launch.UiOptions, door: Door, inbox: Inbox) -> set[str]:
    """Show the screen until it ends; returns the signals that closed it (a lost terminal counts as a hang-up)."""
    try:
        with untouched(OF_TERMINALS):
            choice = launch.run(facade, options, on_ready=door.hang)
    except OSError:
        came = {RELOAD}
    else:
        came = {*inbox.take(), *({LEFT} if choice is launch.QuitChoice.LEFT else ())}
    if RELOAD in came:
        _let_go_of_terminal()
    return came


def _obey(service: Service, came: set[str], on_hangup: str) -> None:
    """Do what closed the screen: a hang-up means what the config says, any other signal drains."""
    if came - {RELOAD, LEFT} or (RELOAD in came and on_hangup == "drain"):
        service.drain()
    elif RELOAD in came and on_hangup == "stop":
        service.stop()


def _go_on_in_the_background(call: Call, leave: Leave) -> None:
    """Say where the station is from now on, and give the terminal back."""
    number = os.getpid()
    call.out.talk(
        f"v2xsync goes on in the background, process {number}: v2xsync looks at it again, kill {number} ends it"
    )
    sys.stderr.flush()
    _let_go_of_terminal()
    leave()


def _let_go_of_terminal() -> None:
    """The terminal is gone: nothing may fail any more because it cannot be written."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
