"""The 251 bytes inside a FILE_TRANSFER_PROTOCOL message (https://mavlink.io/en/services/ftp.html)."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, replace
from typing import Final

DATA_BYTES: Final = 239
PAYLOAD_BYTES: Final = 251

_HEAD: Final = struct.Struct("<HBBBBBBI")
_SEQUENCES: Final = 1 << 16


class Opcode(enum.IntEnum):
    """What a client may ask, as far as the simulated server knows it, and the two ways to answer."""

    NONE = 0
    TERMINATE_SESSION = 1
    RESET_SESSIONS = 2
    LIST_DIRECTORY = 3
    OPEN_FILE_RO = 4
    READ_FILE = 5
    REMOVE_FILE = 8
    REMOVE_DIRECTORY = 10
    CALC_FILE_CRC32 = 14
    BURST_READ_FILE = 15
    ACK = 128
    NAK = 129


class Fault(enum.IntEnum):
    """Why the server says no: the first byte of a Nak."""

    FAIL = 1
    FAIL_ERRNO = 2
    """A second byte holds the errno."""
    INVALID_DATA_SIZE = 3
    INVALID_SESSION = 4
    NO_SESSIONS_AVAILABLE = 5
    EOF = 6
    UNKNOWN_COMMAND = 7
    FILE_EXISTS = 8
    FILE_PROTECTED = 9
    FILE_NOT_FOUND = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One request or answer; `size` is not always the length of `data`: a read asks for so many bytes with it."""

    sequence: int = 0
    session: int = 0
    opcode: int = 0
    size: int = 0
    asked: int = 0
    """In an answer: the opcode that it answers."""
    burst_complete: bool = False
    offset: int = 0
    data: bytes = b""

    @classmethod
    def parse(cls, raw: bytes) -> Payload:
        """Read the bytes of a message; those that MAVLink 2 cut off the end are zeros."""
        sequence, session, opcode, size, asked, complete, _pad, offset = _HEAD.unpack_from(
            raw.ljust(PAYLOAD_BYTES, b"\0")
        )
        return cls(
            sequence=sequence,
            session=session,
            opcode=opcode,
            size=size,
            asked=asked,
            burst_complete=bool(complete),
            offset=offset,
            data=raw.ljust(PAYLOAD_BYTES, b"\0")[_HEAD.size : _HEAD.size + min(size, DATA_BYTES)],
        )

    def pack(self) -> bytes:
        """Return the 251 bytes."""
        head = _HEAD.pack(
            self.sequence, self.session, self.opcode, self.size, self.asked, self.burst_complete, 0, self.offset
        )
        return (head + self.data).ljust(PAYLOAD_BYTES, b"\0")

    def ack(self, data: bytes = b"") -> Payload:
        """Answer this request with yes, and `data`."""
        return self._answer(Opcode.ACK, data)

    def nak(self, fault: Fault, errno: int | None = None) -> Payload:
        """Answer this request with no, and why."""
        return self._answer(Opcode.NAK, bytes([fault] if errno is None else [fault, errno]))

    def after(self, count: int) -> Payload:
        """Return the same payload with the sequence number `count` later; it wraps."""
        return replace(self, sequence=(self.sequence + count) % _SEQUENCES)

    def _answer(self, opcode: Opcode, data: bytes) -> Payload:
        answer = replace(self, opcode=opcode, asked=self.opcode, size=len(data), data=data, burst_complete=False)
        return answer.after(1)
