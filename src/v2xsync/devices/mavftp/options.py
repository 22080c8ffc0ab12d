"""What a MAVLink FTP device is opened with."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from v2xsync.devices.mavftp.pace import Reading


class Safety(enum.Enum):
    """In which state of the vehicle its files may be moved."""

    DISARMED = "disarmed"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class MavftpOptions:
    """Where the vehicle is, and how careful we are with it.

    `connection` is written as pymavlink writes it: a serial port (``/dev/ttyACM0``, ``COM3``; a pattern with ``*``
    takes whichever is there), ``udpin:HOST:PORT``, ``udpout:HOST:PORT`` or ``tcp:HOST:PORT``. `rest_s` is how long a
    vehicle must have been seen disarmed, without a break, before it is asked for anything.
    """

    connection: str
    baud: int = 115_200
    root: str = "/fs/microsd/log"
    safety: Safety = Safety.DISARMED
    system: int | None = None
    """The vehicle's MAVLink system id; None: the first autopilot that is heard."""
    timeout_s: float = 20.0
    reading: Reading = Reading.AUTO
    rest_s: float = 3.0
