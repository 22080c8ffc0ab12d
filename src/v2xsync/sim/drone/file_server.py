"""PX4's MAVLink FTP server, as far as logs are read and removed with it. No socket and no clock: bytes in, bytes out.

What it does as PX4 does: one session only, and a second open is told so; a request that comes again with the same
number gets the same answer again; a burst stops about every 35 KB and says so on its last packet, or ends with Nak EOF;
the size field of a read counts, so that size 0 reads nothing; an empty folder is an empty Ack; a session that nobody
asks anything of is closed after ten seconds, also while its burst runs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from v2xsync.sim.drone.card import Card
from v2xsync.sim.drone.payload import DATA_BYTES, Fault, Opcode, Payload

BURST_BYTES: Final = 35_000
IDLE_S: Final = 10.0

_SESSION: Final = 0
_U32: Final = struct.Struct("<I")


@dataclass(slots=True)
class _Burst:
    """A burst on its way: the request that began it, and how far it is."""

    request: Payload
    offset: int
    packets: int = 0
    sent_bytes: int = 0


class FileServer:
    """Answers requests about `card`. Times are seconds of any one clock, told with each call."""

    def __init__(self, card: Card, *, burst_bytes: int = BURST_BYTES, idle_s: float = IDLE_S) -> None:
        self._card = card
        self._burst_bytes = burst_bytes
        self._idle_s = idle_s
        self._open: int | None = None
        self._asked_at = 0.0
        self._burst: _Burst | None = None
        self._last: tuple[object, Payload, Payload] | None = None
        self._deeds: Mapping[int, Callable[[Payload], Payload | None]] = {
            Opcode.NONE: Payload.ack,
            Opcode.TERMINATE_SESSION: self._terminate,
            Opcode.RESET_SESSIONS: self._reset,
            Opcode.LIST_DIRECTORY: self._list,
            Opcode.OPEN_FILE_RO: self._open_file,
            Opcode.READ_FILE: self._read,
            Opcode.REMOVE_FILE: lambda asked: self._remove(asked, self._card.remove),
            Opcode.REMOVE_DIRECTORY: lambda asked: self._remove(asked, self._card.remove_folder),
            Opcode.CALC_FILE_CRC32: self._crc32,
            Opcode.BURST_READ_FILE: self._begin_burst,
        }

    @property
    def bursting(self) -> bool:
        """Whether a burst has more to send."""
        return self._burst is not None

    def answer(self, request: Payload, client: object, now: float) -> Payload | None:
        """Do what `client` asks; None where the answer is a burst that `next_of_burst` gives."""
        self.tick(now)
        self._asked_at = now
        if self._last is not None and self._last[:2] == (client, request):
            return self._last[2]
        deed = self._deeds.get(request.opcode)
        answer = request.nak(Fault.UNKNOWN_COMMAND) if deed is None else deed(request)
        self._last = None if answer is None else (client, request, answer)
        return answer

    def next_of_burst(self) -> Payload | None:
        """The next packet of the running burst; None where none runs."""
        burst = self._burst
        if burst is None or self._open is None:
            self._burst = None
            return None
        data = _read_at(self._open, burst.offset, burst.request.size)
        asked = replace(burst.request, offset=burst.offset).after(burst.packets)
        if not data:
            self._burst = None
            return asked.nak(Fault.EOF)
        burst.offset += len(data)
        burst.packets += 1
        burst.sent_bytes += len(data)
        if burst.sent_bytes < self._burst_bytes:
            return asked.ack(data)
        self._burst = None
        return replace(asked.ack(data), burst_complete=True)

    def tick(self, now: float) -> None:
        """Close a session that has been idle for too long."""
        if self._open is not None and now - self._asked_at >= self._idle_s:
            self.close()

    def close(self) -> None:
        """Close the session, as a reboot does. May be repeated."""
        self._burst = None
        self._last = None
        if self._open is not None:
            os.close(self._open)
            self._open = None

    def _terminate(self, request: Payload) -> Payload:
        if not self._holds(request):
            return request.nak(Fault.INVALID_SESSION)
        self.close()
        return request.ack()

    def _reset(self, request: Payload) -> Payload:
        self.close()
        return request.ack()

    def _list(self, request: Payload) -> Payload:
        try:
            lines = list(islice(self._card.entries(_path(request)), request.offset, None))
        except OSError as error:
            return request.nak(Fault.FAIL_ERRNO, error.errno or errno.EIO)
        if not lines and request.offset:
            return request.nak(Fault.EOF)
        told = b""
        for line in lines:
            if len(told) + len(line) + 1 > DATA_BYTES:
                break
            told += line + b"\0"
        return request.ack(told)

    def _open_file(self, request: Payload) -> Payload:
        if self._open is not None:
            return request.nak(Fault.NO_SESSIONS_AVAILABLE)
        try:
            self._open = self._card.open(_path(request))
        except FileNotFoundError:
            return request.nak(Fault.FILE_NOT_FOUND)
        except OSError as error:
            return request.nak(Fault.FAIL_ERRNO, error.errno or errno.EIO)
        return replace(request, session=_SESSION).ack(_U32.pack(os.fstat(self._open).st_size))

    def _read(self, request: Payload) -> Payload:
        if self._open is None or not self._holds(request):
            return request.nak(Fault.INVALID_SESSION)
        if request.offset >= os.fstat(self._open).st_size:
            return request.nak(Fault.EOF)
        return request.ack(_read_at(self._open, request.offset, request.size))

    def _begin_burst(self, request: Payload) -> Payload | None:
        if self._open is None or not self._holds(request):
            return request.nak(Fault.INVALID_SESSION)
        self._burst = _Burst(request, request.offset)
        return None

    def _crc32(self, request: Payload) -> Payload:
        try:
            return request.ack(_U32.pack(self._card.crc32(_path(request))))
        except OSError as error:
            return request.nak(Fault.FAIL_ERRNO, error.errno or errno.EIO)

    def _remove(self, request: Payload, remove: Callable[[str], None]) -> Payload:
        try:
            remove(_path(request))
        except OSError as error:
            return request.nak(Fault.FAIL_ERRNO, error.errno or errno.EIO)
        return request.ack()

    def _holds(self, request: Payload) -> bool:
        return self._open is not None and request.session == _SESSION


def _path(request: Payload) -> str:
    return os.fsdecode(request.data.partition(b"\0")[0])


def _read_at(descriptor: int, offset: int, size: int) -> bytes:
    """At most `size` bytes from `offset`; fewer at the end of the file, and none where the card is gone."""
    with contextlib.suppress(OSError):
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, min(size, DATA_BYTES))
    return b""
