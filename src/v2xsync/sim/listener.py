"""A listening socket on loopback with a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Final

LOOPBACK: Final = "127.0.0.1"

_ACCEPT_TIMEOUT_S: Final = 1.0
"""How late a stop is noticed at worst, where the knock of `stop` finds no room in the backlog."""


class Listener:
    """Accepts connections in a thread and hands each one to `serve`, which must return at once.

    The port is chosen by the system when it is 0 and stays the same from then on, so that a server can go away and come
    back under its address.
    """

    def __init__(self, name: str, serve: Callable[[socket.socket], None], *, port: int = 0) -> None:
        self._name = name
        self._serve = serve
        self._port = port
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before the first start where none was asked for."""
        return self._port

    def start(self) -> None:
        """Listen; raises OSError where the port is taken."""
        self._stopping.clear()
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, self._port))
        listening.listen(64)
        listening.settimeout(_ACCEPT_TIMEOUT_S)
        self._port = listening.getsockname()[1]
        self._socket = listening
        self._thread = threading.Thread(target=self._accept, args=(listening,), name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; connections that were handed over are not touched. May be repeated."""
        self._stopping.set()
        if self._thread is not None:
            self._knock()
            self._thread.join()
            self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _accept(self, listening: socket.socket) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _address = listening.accept()
                if self._stopping.is_set():
                    connection.close()
                    return
                connection.settimeout(None)
                self._serve(connection)

    def _knock(self) -> None:
        """Wake `accept` by a connection; closing its socket does not wake it on every system."""
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self._port), timeout=_ACCEPT_TIMEOUT_S):
            pass
