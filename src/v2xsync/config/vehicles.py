"""How the wire to a vehicle is written: as pymavlink writes it."""

from __future__ import annotations

import re
from typing import Final

from v2xsync.config.problems import Misfit

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9]+):(.*)")
_NETWORK: Final = frozenset({"udp", "udpin", "udpout", "tcp"})
_HOST_AND_PORT: Final = re.compile(r"([\w.-]+):(\d{1,5})")
_SERIAL: Final = re.compile(r"/.+|COM\d+", re.IGNORECASE)
_REMEDY: Final = 'write "/dev/ttyACM0", "udpin:0.0.0.0:14550", "udpout:HOST:PORT" or "tcp:HOST:PORT"'


def is_serial(connection: str) -> bool:
    """Whether a connection is a serial port (or a pattern of some)."""
    return _SERIAL.fullmatch(connection) is not None


def vehicle_address(text: str) -> str:
    """Return `text` where it can be a connection to a vehicle; raises Misfit."""
    scheme = _SCHEME.fullmatch(text)
    if scheme is not None and scheme[1] in _NETWORK:
        place = _HOST_AND_PORT.fullmatch(scheme[2])
        if place is not None and 0 < int(place[2]) < 65_536:
            return text
    elif _SERIAL.fullmatch(text) and "\0" not in text:
        return text
    raise Misfit(f'"{text}" is no connection to a vehicle', remedy=_REMEDY)
