"""A TCP line in front of a server on loopback that is late, slow, or breaks.

The line works on bytes, so any server can stand behind it. Delay does not serialise: what was sent together arrives
together, later, as on a real line. TCP's own slow start is not part of it, because both ends talk to loopback.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from v2xsync.sim.listener import LOOPBACK, Listener

_PIECE_BYTES: Final = 64 * 1024
_LEAST_BUFFER_BYTES: Final = 256 * 1024
_WIDE_BUFFER_BYTES: Final = 64 * 1024 * 1024
"""Room of a line without a rate: enough for any delay at loopback speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRules:
    """What is wrong with a line; zeros mean nothing is."""

    latency_s: float = 0.0
    """One way; a round trip takes twice as long."""
    rate_bytes_s: float = 0.0
    """In each direction and for each connection."""
    drop_every_bytes: int = 0
    """A connection breaks when so many bytes have gone to the client."""

    @property
    def perfect(self) -> bool:
        """Whether no line is needed in front of the server."""
        return not (self.latency_s or self.rate_bytes_s or self.drop_every_bytes)


class Link:
    """Listens on a port of its own and passes every connection on to `server_port`, by its rules."""

    def __init__(self, server_port: int, rules: LinkRules, *, port: int = 0) -> None:
        self._server_port = server_port
        self._rules = rules
        self._listener = Listener("link", self._serve, port=port)
        self._wires: list[_Wire] = []

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._listener.port

    def start(self) -> None:
        """Open the line."""
        self._listener.start()

    def stop(self) -> None:
        """Close the line and break what runs over it."""
        self._listener.stop()
        for wire in self._wires:
            wire.cut()
        for wire in self._wires:
            wire.release()
        self._wires.clear()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_how: object) -> None:
        """Stop."""
        self.stop()

    def _serve(self, client: socket.socket) -> None:
        for ended in [wire for wire in self._wires if not wire.alive]:
            ended.release()
            self._wires.remove(ended)
        try:
            server = socket.create_connection((LOOPBACK, self._server_port))
        except OSError:
            client.close()
            return
        self._wires.append(_Wire(client, server, self._rules))


class _Wire:
    """One connection: two directions, each with a reading and a writing thread."""

    def __init__(self, client: socket.socket, server: socket.socket, rules: LinkRules) -> None:
        self._ends = (client, server)
        for end in self._ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = (DelayLine(rules), DelayLine(rules))
        up, down = self._lines
        jobs: tuple[Callable[[], None], ...] = (
            lambda: self._read(client, up),
            lambda: self._write(server, up, 0),
            lambda: self._read(server, down),
            lambda: self._write(client, down, rules.drop_every_bytes),
        )
        self._threads = [threading.Thread(target=job, name="link", daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether anything still moves on it."""
        return any(thread.is_alive() for thread in self._threads)

    def cut(self) -> None:
        """End the connection for both ends at once, whatever is still on its way."""
        for line in self._lines:
            line.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Wait for the threads of a connection that has ended, then let go of its sockets (never before)."""
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _read(self, end: socket.socket, line: DelayLine) -> None:
        with contextlib.suppress(OSError):
            while (data := end.recv(_PIECE_BYTES)) and line.put(data):
                pass
        line.put(b"")

    def _write(self, end: socket.socket, line: DelayLine, drop_after: int) -> None:
        passed = 0
        try:
            while data := line.take():
                passed += len(data)
                if drop_after and passed > drop_after:
                    self.cut()
                    return
                end.sendall(data)
            end.shutdown(socket.SHUT_WR)
        except OSError:
            self.cut()


class DelayLine:
    """A queue of bytes whose pieces come out when they are due: `latency_s` later, no faster than the rate."""

    def __init__(self, rules: LinkRules, clock: Callable[[], float] = time.monotonic) -> None:
        self._latency_s = rules.latency_s
        self._rate = rules.rate_bytes_s
        self._clock = clock
        room = int(2 * self._latency_s * self._rate) if self._rate else _WIDE_BUFFER_BYTES
        self._room_bytes = max(room, _LEAST_BUFFER_BYTES)
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._held_bytes = 0
        self._free_at = 0.0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, data: bytes) -> bool:
        """Take `data` in, waiting for room; an empty piece means the end. Returns False once closed."""
        with self._changed:
            while self._held_bytes > self._room_bytes and not self._closed:
                self._changed.wait()
            self._pieces.append((self._due(len(data)), data))
            self._held_bytes += len(data)
            self._changed.notify_all()
            return not self._closed

    def take(self) -> bytes:
        """The oldest piece, when it is due; empty at the end and once closed."""
        with self._changed:
            while not self._closed:
                wait_s = self._pieces[0][0] - self._clock() if self._pieces else None
                if wait_s is not None and wait_s <= 0:
                    data = self._pieces.popleft()[1]
                    self._held_bytes -= len(data)
                    self._changed.notify_all()
                    return data
                self._changed.wait(wait_s)
            return b""

    def close(self) -> None:
        """Drop everything and wake both sides."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _due(self, size: int) -> float:
        starts = max(self._clock(), self._free_at)
        self._free_at = starts + (size / self._rate if self._rate else 0.0)
        return self._free_at + self._latency_s
