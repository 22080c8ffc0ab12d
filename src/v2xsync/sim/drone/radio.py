"""The drone's end of its line: MAVLink messages over UDP on loopback, some of which get lost by chance."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from typing import Any, Final

from pymavlink.dialects.v20 import common as mavlink

from v2xsync.sim.listener import LOOPBACK

SYSTEM: Final = 1
COMPONENT: Final = mavlink.MAV_COMP_ID_AUTOPILOT1

Address = tuple[str, int]

_MOST_DATAGRAM: Final = 65_535


def free_port() -> int:
    """Return a UDP port on loopback that nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind((LOOPBACK, 0))
        return int(trial.getsockname()[1])


class Radio:
    """A bound socket; `loss` is the share of datagrams that vanish, in each direction."""

    def __init__(self, port: int, loss: float, chance: random.Random) -> None:
        """Raises OSError where the port is taken; 0 lets the system choose."""
        self._loss = loss
        self._chance = chance
        self._encoder = mavlink.MAVLink(None, srcSystem=SYSTEM, srcComponent=COMPONENT)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((LOOPBACK, port))
        except OSError:
            self._socket.close()
            raise
        self.port: Final = int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Fall silent."""
        self._socket.close()

    def send(self, message: Any, peer: Address) -> None:
        """Send one message; nobody is told where it is lost."""
        packed = message.pack(self._encoder)
        self._encoder.seq = (self._encoder.seq + 1) % 256
        if self._is_lost():
            return
        try:
            self._socket.sendto(packed, peer)
        except (TimeoutError, ConnectionError):  # nobody listens there, or the line is full: lost, as on any radio
            return

    def receive(self, wait_s: float) -> tuple[Sequence[Any], Address] | None:
        """Return the messages of one datagram and who sent it; None where none comes in time, or it was lost."""
        self._socket.settimeout(wait_s)
        try:
            data, peer = self._socket.recvfrom(_MOST_DATAGRAM)
        except (TimeoutError, ConnectionError):  # the latter says that an earlier answer found nobody: no news
            return None
        if self._is_lost():
            return None
        parser = mavlink.MAVLink(None)
        parser.robust_parsing = True
        return parser.parse_buffer(data) or (), peer

    def _is_lost(self) -> bool:
        return self._chance.random() < self._loss
