"""A vehicle of our own for what no real server does on demand: lost sessions, stale answers, lies, odd manners."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, Self

from pymavlink.dialects.v20 import common as mavlink

from v2xsync.devices.mavftp.payload import MOST_DATA, Opcode, Payload, Trouble, parse

HOST: Final = "127.0.0.1"
_BEAT_S: Final = 0.02
_WAIT_S: Final = 0.005

Manner = Callable[["OddVehicle", Payload], Iterable[Payload] | None]
"""What to answer to a request; None for the usual answer."""


@dataclass
class OddVehicle:
    """Serves `files` (absolute path to content) to the client at `client_port`; used as a context manager."""

    client_port: int
    files: dict[str, bytes] = field(default_factory=dict)
    manner: Manner = lambda _vehicle, _request: None
    system: int = 1
    autopilot: int = 12
    base_mode: int = 1
    beats: bool = True
    asked: list[Payload] = field(default_factory=list)
    opened: bytes | None = None

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(_WAIT_S)
        self._packer = mavlink.MAVLink(None, srcSystem=self.system, srcComponent=1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="odd vehicle", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def say(self, message: Any) -> None:
        """Send any MAVLink message."""
        self.say_raw(bytes(message.pack(self._packer)))

    def say_raw(self, data: bytes) -> None:
        """Send any bytes."""
        with contextlib.suppress(ConnectionError):
            self._socket.sendto(data, (HOST, self.client_port))

    def answer_with(self, payload: Payload) -> None:
        """Send a file message, as it is."""
        self.say(mavlink.MAVLink_file_transfer_protocol_message(0, 0, 0, payload.pack()))

    def _live(self) -> None:
        beat_at = 0.0
        while not self._stopping.is_set():
            if self.beats and time.monotonic() >= beat_at:
                beat_at = time.monotonic() + _BEAT_S
                self.say(mavlink.MAVLink_heartbeat_message(2, self.autopilot, self.base_mode, 0, 3, 3))
            self._hear()

    def _hear(self) -> None:
        parser = mavlink.MAVLink(None)
        with contextlib.suppress(TimeoutError, ConnectionError):
            for message in parser.parse_buffer(self._socket.recv(65_535)) or ():
                if message.get_type() == "FILE_TRANSFER_PROTOCOL":
                    request = parse(bytes(message.payload))
                    assert request is not None
                    self._answer(request)

    def _answer(self, request: Payload) -> None:
        self.asked.append(request)
        odd = self.manner(self, request)
        for payload in self.usual(request) if odd is None else odd:
            self.answer_with(payload)

    # --- usual answers

    def usual(self, request: Payload) -> Iterable[Payload]:
        """What a well-behaved server answers."""
        deeds: dict[int, Callable[[Payload], Iterable[Payload]]] = {
            Opcode.RESET: self._close,
            Opcode.TERMINATE: self._close,
            Opcode.LIST: self._list,
            Opcode.OPEN_READ: self._open,
            Opcode.READ: self._read,
            Opcode.BURST_READ: self._burst,
            Opcode.CRC32: self._crc32,
            Opcode.REMOVE_FILE: self._remove,
        }
        deed = deeds.get(request.opcode)
        return [nak(request, Trouble.UNKNOWN_COMMAND)] if deed is None else deed(request)

    def _close(self, request: Payload) -> Iterable[Payload]:
        self.opened = None
        return [ack(request)]

    def lines(self, folder: str) -> list[bytes]:
        """The entries of a folder."""
        found = {}
        for path, data in self.files.items():
            if path.startswith(f"{folder}/"):
                name, slash, _rest = path.removeprefix(f"{folder}/").partition("/")
                found[name] = b"D%s" % name.encode() if slash else b"F%s\t%d" % (name.encode(), len(data))
        return list(found.values())

    def _list(self, request: Payload) -> Iterable[Payload]:
        left = self.lines(request.data.decode().rstrip("/"))[request.offset :]
        if not left:
            return [nak(request, Trouble.END)]
        return [ack(request, b"\0".join(left[:4]) + b"\0")]

    def _open(self, request: Payload) -> Iterable[Payload]:
        content = self.files.get(request.data.decode())
        if content is None:
            return [nak(request, Trouble.NOT_FOUND)]
        self.opened = content
        return [ack(request, struct.pack("<I", len(content)))]

    def _read(self, request: Payload) -> Iterable[Payload]:
        if self.opened is None:
            return [nak(request, Trouble.BAD_SESSION)]
        data = self.opened[request.offset : request.offset + min(request.size, MOST_DATA)]
        return [ack(request, data, request.offset) if data else nak(request, Trouble.END)]

    def _burst(self, request: Payload) -> Iterable[Payload]:
        """As ArduPilot: no flag at the end, and a NAK whose offset says nothing."""
        if self.opened is None:
            yield nak(request, Trouble.BAD_SESSION)
            return
        count = 0
        for offset in range(request.offset, len(self.opened), MOST_DATA):
            answer = ack(request, self.opened[offset : offset + MOST_DATA], offset)
            yield replace(answer, sequence=(answer.sequence + count) % 65_536)
            count += 1
        end = nak(request, Trouble.END)
        yield replace(end, sequence=(end.sequence + count) % 65_536)

    def _crc32(self, request: Payload) -> Iterable[Payload]:
        content = self.files.get(request.data.decode())
        if content is None:
            return [nak(request, Trouble.NOT_FOUND)]
        return [ack(request, struct.pack("<I", zlib.crc32(content, 0xFFFFFFFF) ^ 0xFFFFFFFF))]

    def _remove(self, request: Payload) -> Iterable[Payload]:
        there = self.files.pop(request.data.decode(), None)
        return [ack(request) if there is not None else nak(request, Trouble.ERRNO, 2)]


def ack(request: Payload, data: bytes = b"", offset: int = 0) -> Payload:
    """A yes."""
    return Payload(
        (request.sequence + 1) % 65_536, Opcode.ACK, size=len(data), answered=request.opcode, offset=offset, data=data
    )


def nak(request: Payload, *code: int) -> Payload:
    """A no."""
    data = bytes(code)
    return Payload((request.sequence + 1) % 65_536, Opcode.NAK, size=len(data), answered=request.opcode, data=data)
