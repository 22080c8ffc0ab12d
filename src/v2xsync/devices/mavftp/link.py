"""The wire to a vehicle: a serial port, UDP or TCP, as bytes in and bytes out.

pymavlink's own connections are not used: they print to the screen and reconnect behind one's back. Every method raises
OSError where the wire is broken; nobody waits longer than asked.
"""

from __future__ import annotations

import contextlib
import glob
import re
import select
import socket
from collections.abc import Sequence
from typing import Any, Final, Protocol

_MOST_BYTES: Final = 65_535
_UDP_BUFFER_BYTES: Final = 4 << 20
"""A burst comes faster than a busy machine looks."""
_WRITE_S: Final = 2.0
_IDLE_LOOK_S: Final = 0.02
_ADDRESS: Final = re.compile(r"(udpin|udpout|udp|tcp):(.*):(\d{1,5})")


class Link(Protocol):
    """An open wire; used from one thread."""

    speaks_first: bool
    """The other end does not know where we are until we have said something."""

    def read(self, wait_s: float) -> bytes:
        """What has come; empty where nothing came in time (or a little earlier)."""

    def write(self, frame: bytes) -> None:
        """Send one frame."""

    def adopt(self) -> None:
        """Whoever sent what was read last is the one to write to."""

    def close(self) -> None:
        """Let the wire go; never raises."""


def candidates(connection: str) -> Sequence[str]:
    """What a connection stands for now: a pattern is every port that fits, none where nothing is plugged in."""
    if _ADDRESS.fullmatch(connection) or not glob.has_magic(connection):
        return [connection]
    return sorted(glob.glob(connection))  # noqa: PTH207 - a pattern from the root on, not below one folder


def open_link(connection: str, baud: int, timeout_s: float) -> Link:
    """Open a wire. Raises OSError."""
    address = _ADDRESS.fullmatch(connection)
    if address is None:
        return SerialLink(connection, baud)
    kind, host, port = address[1], address[2], int(address[3])
    if kind == "tcp":
        return TcpLink(host, port, timeout_s)
    return UdpOutLink(host, port) if kind == "udpout" else UdpInLink(host, port)


class _UdpLink:
    """What both directions of UDP have in common."""

    speaks_first = False

    def __init__(self) -> None:
        self._socket: Final = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER_BYTES)
        self._socket.settimeout(0.0)
        self._sender: Any = None
        self._peer: Any = None

    def read(self, wait_s: float) -> bytes:
        """One datagram."""
        received = self._receive()
        if not received and wait_s > 0 and select.select([self._socket], [], [], wait_s)[0]:
            received = self._receive()
        return received

    def _receive(self) -> bytes:
        try:
            received, self._sender = self._socket.recvfrom(_MOST_BYTES)
        except (BlockingIOError, ConnectionError):  # refused: nobody listens there yet
            return b""
        return received

    def write(self, frame: bytes) -> None:
        """One datagram to the peer, where one is known; what finds no room is lost, as on any radio."""
        if self._peer is not None:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._socket.sendto(frame, self._peer)

    def adopt(self) -> None:
        """Answers go to where the vehicle's heartbeat came from: after a reboot that may be another port."""
        self._peer = self._sender

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class UdpInLink(_UdpLink):
    """The vehicle sends to us; we listen at a port of ours."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        try:
            self._socket.bind((host, port))
        except OSError:
            self.close()
            raise


class UdpOutLink(_UdpLink):
    """The vehicle listens; we send to its port."""

    speaks_first = True

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        try:
            found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)
        except OSError:
            self.close()
            raise
        self._peer = found[0][4]


class TcpLink:
    """A stream, most often to a simulator or a router."""

    speaks_first = False

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._socket: Final = socket.create_connection((host, port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(_WRITE_S)

    def read(self, wait_s: float) -> bytes:
        """What there is, up to a buffer full."""
        if not select.select([self._socket], [], [], max(0.0, wait_s))[0]:
            return b""
        received = self._socket.recv(_MOST_BYTES)
        if not received:
            raise ConnectionResetError("the other end has closed the connection")
        return received

    def write(self, frame: bytes) -> None:
        """All of it, or an error."""
        self._socket.sendall(frame)

    def adopt(self) -> None:
        """There is only one at the other end."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class SerialLink:
    """A serial port: USB (then the speed does not matter) or a radio. Opened for us alone."""

    speaks_first = False

    def __init__(self, port: str, baud: int) -> None:
        import serial

        self._port: Final = serial.Serial(port, baud, timeout=_IDLE_LOOK_S, write_timeout=_WRITE_S, exclusive=True)
        self._selects: Final = hasattr(self._port, "fd")

    def read(self, wait_s: float) -> bytes:
        """What has come."""
        if self._selects:
            ready = select.select([self._port], [], [], max(0.0, wait_s))[0]
            return bytes(self._port.read(self._port.in_waiting or 1)) if ready else b""
        waiting = self._port.in_waiting
        return bytes(self._port.read(waiting or 1)) if waiting or wait_s > 0 else b""

    def write(self, frame: bytes) -> None:
        """All of it; a port that takes nothing for two seconds is broken."""
        self._port.write(frame)

    def adopt(self) -> None:
        """There is only one at the other end."""

    def close(self) -> None:
        """Let the port go."""
        with contextlib.suppress(OSError):
            self._port.close()
