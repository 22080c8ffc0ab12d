"""The running service of a config, for commands and screens that talk to it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from v2xsync.errors import ServiceAway

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig
    from v2xsync.control.caller import Caller
    from v2xsync.control.remote import RemoteFacade

DIAL_S = 5.0
"""A command waits so long for a service to say hello."""


@contextlib.contextmanager
def service_of(config: StationConfig) -> Iterator[Caller | None]:
    """Give the running service, None where none answers. Raises ControlError where it refuses."""
    from v2xsync.control.caller import Caller
    from v2xsync.control.line import dial

    try:
        caller = Caller(dial(config.state, DIAL_S, time.monotonic))
    except ServiceAway:
        yield None
        return
    try:
        yield caller
    finally:
        caller.close()


def attach(config: StationConfig, *, read_only: bool) -> RemoteFacade:
    """Attach a screen to the running service. Raises ServiceAway where none answers, ControlError."""
    from v2xsync.control.caller import Caller
    from v2xsync.control.line import dial
    from v2xsync.control.remote import ASK_S, HELLO_S, RemoteFacade

    def call() -> Caller:
        return Caller(dial(config.state, HELLO_S, time.monotonic, read_only=read_only), ASK_S)

    return RemoteFacade(call, time.monotonic)
