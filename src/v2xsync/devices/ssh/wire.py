"""SFTP version 3 on the wire (draft-ietf-secsh-filexfer-02): requests to bytes, replies from bytes that may lie.

Nothing here waits, opens or knows a device. Whatever a peer sends, decoding ends in a reply or in `Malformed`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

VERSION: Final = 3
MAX_PACKET: Final = 1 << 20
"""Longer packets are refused unread: data answers are at most 256 KiB, and no server packs more names than this."""

INIT, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT = 1, 3, 4, 5, 6, 7, 8
FSETSTAT, OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, STAT, RENAME, READLINK = 10, 11, 12, 13, 14, 15, 17, 18, 19
EXTENDED: Final = 200
_VERSION, _STATUS, _HANDLE, _DATA, _NAME, _ATTRS, _EXTENDED_REPLY = 2, 101, 102, 103, 104, 105, 201

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, UNSUPPORTED = 0, 1, 2, 3, 4, 8
NO_SPACE_CODES: Final = frozenset({14, 15})
"""Later versions' codes for a full file system and an exceeded quota; some servers send them in version 3 too."""

OPEN_READ, OPEN_WRITE, OPEN_CREATE, OPEN_EXCLUSIVE = 0x01, 0x02, 0x08, 0x20

_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_MORE = 0x01, 0x02, 0x04, 0x08, 0x80000000
_USUAL: Final = _HAS_SIZE | _HAS_OWNER | _HAS_MODE | _HAS_TIMES

_HEADER = struct.Struct(">IBI")
_KIND_ID = struct.Struct(">BI")
_UINT32 = struct.Struct(">I")
_UINT64 = struct.Struct(">Q")
_USUAL_ATTRS = struct.Struct(">IQIIIII")
_RANGE = struct.Struct(">QI")
_MODE = struct.Struct(">II")
_TIMES = struct.Struct(">III")

Buffer = bytes | memoryview


class Malformed(Exception):
    """A packet that the protocol does not allow; the text says what is wrong with it."""


class Request(NamedTuple):
    """A request that has no number yet. `cost` is how many bytes of content its transfer or its answer moves."""

    kind: int
    body: bytes
    cost: int = 0
    offset: int = 0
    data: bytes = b""
    """Content of a WRITE, kept apart so that it is not copied."""


class Attrs(NamedTuple):
    """What a peer told of a file; None where it told nothing. `mtime` in whole seconds since the epoch."""

    size: int | None
    mode: int | None
    mtime: int | None


class Name(NamedTuple):
    """One line of a folder, all of it as the peer sent it."""

    name: bytes
    longname: bytes
    attrs: Attrs


class Status(NamedTuple):
    """How a request ended, with the peer's words."""

    code: int
    message: str


class Handle(NamedTuple):
    """An open file or folder."""

    value: bytes


class Data(NamedTuple):
    """A piece of content."""

    content: memoryview


class Names(NamedTuple):
    """A piece of a folder."""

    names: list[Name]


class Extended(NamedTuple):
    """The answer to an extended request."""

    body: bytes


class Greeting(NamedTuple):
    """The server's version and the extensions it offers."""

    version: int
    extensions: dict[bytes, bytes]


Reply = Status | Handle | Data | Names | Attrs | Extended


# --- requests --------------------------------------------------------------------------------------------------------


def string(value: bytes) -> bytes:
    """A length and the bytes."""
    return _UINT32.pack(len(value)) + value


def hello() -> bytes:
    """The first packet of a session."""
    return _UINT32.pack(5) + bytes([INIT]) + _UINT32.pack(VERSION)


def header(request: Request, number: int) -> bytes:
    """The bytes of `request` under `number`, without its `data`."""
    length = 5 + len(request.body) + len(request.data)
    return _HEADER.pack(length, request.kind, number) + request.body


def of_path(kind: int, path: bytes) -> Request:
    """LSTAT, STAT, READLINK, OPENDIR, REMOVE or RMDIR of `path`."""
    return Request(kind, string(path))


def of_handle(kind: int, handle: bytes) -> Request:
    """FSTAT, READDIR or CLOSE of `handle`."""
    return Request(kind, string(handle))


def open_file(path: bytes, flags: int) -> Request:
    """Open `path`; a file that is made gets the server's default rights."""
    return Request(OPEN, string(path) + _UINT32.pack(flags) + _UINT32.pack(0))


def mkdir(path: bytes) -> Request:
    """Make one folder."""
    return Request(MKDIR, string(path) + _UINT32.pack(0))


def read(handle: bytes, offset: int, length: int) -> Request:
    """Read up to `length` bytes at `offset`."""
    return Request(READ, string(handle) + _RANGE.pack(offset, length), length, offset)


def write(handle: bytes, offset: int, data: bytes) -> Request:
    """Write `data` at `offset`."""
    return Request(WRITE, string(handle) + _RANGE.pack(offset, len(data)), len(data), offset, data)


def set_times(handle: bytes, mtime: int) -> Request:
    """Set both times of an open file, in seconds since the epoch."""
    return Request(FSETSTAT, string(handle) + _TIMES.pack(_HAS_TIMES, mtime, mtime))


def rename(old: bytes, new: bytes) -> Request:
    """Give `old` the name `new`; what happens to a file of that name differs from server to server."""
    return Request(RENAME, string(old) + string(new))


def extended(name: bytes, body: bytes = b"") -> Request:
    """An extended request; `body` is encoded already."""
    return Request(EXTENDED, string(name) + body)


# --- replies ---------------------------------------------------------------------------------------------------------


class Framer:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._have = 0
        self._need = 4

    def feed(self, chunk: bytes) -> list[memoryview]:
        """Return the packets that `chunk` completes, without their lengths. Raises Malformed."""
        self._pieces.append(chunk)
        self._have += len(chunk)
        if self._have < self._need:
            return []
        whole = chunk if len(self._pieces) == 1 else b"".join(self._pieces)
        packets, start = self._cut(whole)
        rest = whole[start:]
        self._pieces = [rest] if rest else []
        self._have = len(rest)
        return packets

    def _cut(self, whole: bytes) -> tuple[list[memoryview], int]:
        packets = []
        view = memoryview(whole)
        start, size = 0, len(whole)
        self._need = 4
        while size - start >= 4:
            (length,) = _UINT32.unpack_from(whole, start)
            if not 1 <= length <= MAX_PACKET:
                raise Malformed(f"a packet of {length} bytes")
            end = start + 4 + length
            if end > size:
                self._need = 4 + length
                break
            packets.append(view[start + 4 : end])
            start = end
        return packets, start


def decode(packet: Buffer) -> tuple[int, Reply]:
    """Return the number and the reply in `packet` (without its length). Raises Malformed."""
    try:
        kind, number = _KIND_ID.unpack_from(packet)
        decoder = _DECODERS.get(kind)
        if decoder is None:
            raise Malformed(f"a packet of type {kind}")
        return number, decoder(packet)
    except struct.error as error:
        raise Malformed("a packet that ends too early") from error


def decode_greeting(packet: Buffer) -> Greeting:
    """Return the server's answer to `hello`. Raises Malformed."""
    if len(packet) < 5 or packet[0] != _VERSION:
        raise Malformed("no version in the first packet")
    (version,) = _UINT32.unpack_from(packet, 1)
    extensions = {}
    position = 5
    try:
        while position < len(packet):
            name, position = _string(packet, position)
            extensions[name], position = _string(packet, position)
    except struct.error as error:
        raise Malformed("a list of extensions that ends too early") from error
    return Greeting(version, extensions)


def decode_uint64s(body: bytes, count: int) -> tuple[int, ...]:
    """Return `count` numbers from the answer to an extended request. Raises Malformed."""
    if len(body) < 8 * count:
        raise Malformed("an extended answer that ends too early")
    return struct.unpack_from(f">{count}Q", body)


def decode_strings(body: bytes, count: int) -> tuple[list[bytes], bytes]:
    """Return `count` strings from the answer to an extended request, and what follows them. Raises Malformed."""
    found = []
    position = 0
    try:
        for _ in range(count):
            value, position = _string(body, position)
            found.append(value)
    except struct.error as error:
        raise Malformed("an extended answer that ends too early") from error
    return found, body[position:]


def _string(packet: Buffer, position: int) -> tuple[bytes, int]:
    (length,) = _UINT32.unpack_from(packet, position)
    start = position + 4
    end = start + length
    if end > len(packet):
        raise Malformed("a string that is longer than its packet")
    return bytes(packet[start:end]), end


def _status(packet: Buffer) -> Status:
    (code,) = _UINT32.unpack_from(packet, 5)
    if code == OK or len(packet) < 13:
        return Status(code, "")
    message, _ = _string(packet, 9)
    return Status(code, message.decode("utf-8", "replace"))


def _handle(packet: Buffer) -> Handle:
    value, _ = _string(packet, 5)
    if len(value) > 256:
        raise Malformed(f"a handle of {len(value)} bytes")
    return Handle(value)


def _data(packet: Buffer) -> Data:
    (length,) = _UINT32.unpack_from(packet, 5)
    if 9 + length > len(packet):
        raise Malformed("data that is longer than its packet")
    return Data(memoryview(packet)[9 : 9 + length])


def _names(packet: Buffer) -> Names:
    (count,) = _UINT32.unpack_from(packet, 5)
    names = []
    position = 9
    for _ in range(count):
        name, position = _string(packet, position)
        longname, position = _string(packet, position)
        attrs, position = _attrs_at(packet, position)
        names.append(Name(name, longname, attrs))
    return Names(names)


def _attrs(packet: Buffer) -> Attrs:
    return _attrs_at(packet, 5)[0]


def _extended(packet: Buffer) -> Extended:
    return Extended(bytes(packet[5:]))


def _attrs_at(packet: Buffer, position: int) -> tuple[Attrs, int]:
    (flags,) = _UINT32.unpack_from(packet, position)
    if flags == _USUAL:
        _, size, _, _, mode, _, mtime = _USUAL_ATTRS.unpack_from(packet, position)
        return Attrs(size, mode, mtime), position + _USUAL_ATTRS.size
    return _unusual_attrs(packet, position + 4, flags)


def _unusual_attrs(packet: Buffer, position: int, flags: int) -> tuple[Attrs, int]:
    size = mode = mtime = None
    if flags & _HAS_SIZE:
        (size,) = _UINT64.unpack_from(packet, position)
        position += 8
    if flags & _HAS_OWNER:
        position += 8
    if flags & _HAS_MODE:
        (mode,) = _UINT32.unpack_from(packet, position)
        position += 4
    if flags & _HAS_TIMES:
        _, mtime = _MODE.unpack_from(packet, position)
        position += 8
    if flags & _HAS_MORE:
        position = _skip_pairs(packet, position)
    if position > len(packet):
        raise Malformed("attributes that are longer than their packet")
    return Attrs(size, mode, mtime), position


def _skip_pairs(packet: Buffer, position: int) -> int:
    (count,) = _UINT32.unpack_from(packet, position)
    position += 4
    for _ in range(2 * count):
        _, position = _string(packet, position)
    return position


_DECODERS: Final[dict[int, Callable[[Buffer], Reply]]] = {
    _STATUS: _status,
    _HANDLE: _handle,
    _DATA: _data,
    _NAME: _names,
    _ATTRS: _attrs,
    _EXTENDED_REPLY: _extended,
}
