"""The payload of MAVLink's FILE_TRANSFER_PROTOCOL message, and the lines of a listing.

Layout, little-endian (https://mavlink.io/en/services/ftp.html): sequence u16, session u8, opcode u8, size u8, opcode
that is answered u8, burst complete u8, padding u8, offset u32, then 239 bytes of data of which `size` count.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_HEAD: Final = struct.Struct("<HBBBBBxI")
PAYLOAD_BYTES: Final = 251
MOST_DATA: Final = PAYLOAD_BYTES - _HEAD.size
"""Bytes of a file that fit into one message."""
_SIZES: Final = struct.Struct("<I")


class Opcode(enum.IntEnum):
    """What is asked. Only what this courier needs: nothing here writes to a vehicle, and nothing erases many files."""

    NONE = 0
    TERMINATE = 1
    RESET = 2
    LIST = 3
    OPEN_READ = 4
    READ = 5
    REMOVE_FILE = 8
    REMOVE_FOLDER = 10
    CRC32 = 14
    BURST_READ = 15
    LIST_TIMED = 16
    """As LIST, with times; newer servers have it (MAVSDK), PX4 and ArduPilot did not when this was written."""
    ACK = 128
    NAK = 129


class Trouble(enum.IntEnum):
    """Why something was refused: the first byte of a NAK's data."""

    FAIL = 1
    ERRNO = 2
    BAD_SIZE = 3
    BAD_SESSION = 4
    NO_SESSION = 5
    END = 6
    UNKNOWN_COMMAND = 7
    EXISTS = 8
    PROTECTED = 9
    NOT_FOUND = 10


@dataclass(frozen=True, slots=True)
class Payload:
    """One message of the protocol, either way. `size` may differ from the length of `data` in a request to read."""

    sequence: int
    opcode: int
    session: int = 0
    size: int = 0
    answered: int = 0
    burst_complete: bool = False
    offset: int = 0
    data: bytes = b""

    def pack(self) -> bytes:
        """The 251 bytes of the message."""
        head = _HEAD.pack(
            self.sequence, self.session, self.opcode, self.size, self.answered, self.burst_complete, self.offset
        )
        return (head + self.data).ljust(PAYLOAD_BYTES, b"\0")

    @property
    def trouble(self) -> tuple[int, int]:
        """Code and errno of a NAK; an empty one is a plain failure."""
        code = self.data[0] if self.data else int(Trouble.FAIL)
        return code, self.data[1] if len(self.data) > 1 else 0

    @property
    def number(self) -> int | None:
        """The u32 that an answer carries (a file's size, a CRC32); None where it carries none."""
        return _SIZES.unpack_from(self.data)[0] if len(self.data) >= _SIZES.size else None


def parse(raw: bytes) -> Payload | None:
    """Read a message's payload; None where it is none (too short, or it says that it holds more than it can)."""
    if len(raw) < _HEAD.size:
        return None
    sequence, session, opcode, size, answered, complete, offset = _HEAD.unpack_from(raw)
    data = raw[_HEAD.size : _HEAD.size + size]
    if opcode in (Opcode.ACK, Opcode.NAK) and len(data) != size:
        return None
    return Payload(sequence, opcode, session, size, answered, bool(complete), offset, data)


def text_of(raw: bytes) -> str:
    """A name from the wire: UTF-8, other bytes as surrogate escapes."""
    return raw.decode("utf-8", "surrogateescape")


def bytes_of(path: str) -> bytes:
    """The reverse of `text_of`."""
    return path.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a folder; `size` is None for what is no file. A name that is empty is a place that is skipped."""

    name: str
    size: int | None = None
    folder: bool = False
    time_s: int | None = None
    """Seconds since the epoch, by the vehicle's clock."""


_SKIPPED: Final = Line("")
_MOST_DIGITS: Final = 15


def listed(data: bytes, *, timed: bool = False) -> Iterator[Line]:
    """The entries of one answer, those that only count included (``S``, and kinds that nobody knows)."""
    for raw in data.split(b"\0"):
        if raw:
            yield _line(raw[:1], raw[1:], timed=timed)


def _line(kind: bytes, rest: bytes, *, timed: bool) -> Line:
    """``F<name>`` tab ``<size>``, or ``D<name>``; with times another tab and seconds. A name may itself hold tabs."""
    if kind == b"D":
        parts = rest.rsplit(b"\t", 2) if timed else [rest]
        whole = parts[0] if all(part.isdigit() for part in parts[1:]) else rest
        return Line(text_of(whole), folder=True) if whole else _SKIPPED
    numbers = 2 if timed else 1
    parts = rest.rsplit(b"\t", numbers)
    told = [int(part) for part in parts[1:] if part.isdigit() and len(part) <= _MOST_DIGITS]
    if kind != b"F" or not parts[0] or len(told) != numbers:
        return _SKIPPED
    return Line(text_of(parts[0]), told[0], time_s=told[1] if timed and told[1] > 0 else None)
