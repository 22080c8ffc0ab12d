"""A server in a state folder, with a scripted station behind it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.ui import scenes
from tests.ui.facade import ScriptedFacade

from v2xsync.control import address
from v2xsync.control.caller import Caller
from v2xsync.control.line import dial
from v2xsync.control.server import ControlServer
from v2xsync.engine.clock import SystemClock

DEADLINE_S = 20.0

if not address.has_sockets():
    pytest.skip("there are no Unix sockets here", allow_module_level=True)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end, never = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        never.wait(0.01)


class TurnedClock(SystemClock):
    """The machine's clock, turned forward by the test."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


class Post:
    """A served station, and ways to call it."""

    def __init__(self, folder: Path, station: ScriptedFacade) -> None:
        self.folder = folder
        self.station = station
        self.clock = TurnedClock()
        self._open: list[socket.socket | Caller] = []
        self.start()

    def start(self) -> None:
        self.server = ControlServer(self.station, self.folder, self.clock)
        self.server.start()

    def call(self, *, read_only: bool = False) -> Caller:
        caller = Caller(dial(self.folder, 5.0, time.monotonic, read_only=read_only), 5.0)
        self._open.append(caller)
        return caller

    def raw(self) -> socket.socket:
        """A line without any manners."""
        raw = address.new_socket()
        raw.settimeout(DEADLINE_S)
        with address.short_address(self.folder) as place:
            raw.connect(place)
        self._open.append(raw)
        return raw

    def end(self) -> None:
        for raw in self._open:
            raw.close()
        self.server.stop()  # a second time where the test did it: no harm


def read_to_end(raw: socket.socket) -> bytes:
    """All that comes until the other side hangs up."""
    seen = b""
    with contextlib.suppress(ConnectionResetError):
        while data := raw.recv(65_536):
            seen += data
    return seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path / "state"


@pytest.fixture
def post(folder: Path) -> Iterator[Post]:
    post = Post(folder, scenes.busy())
    yield post
    post.end()
