"""An SFTP server in memory that does as it is told, also what no honest server would do.

It stands behind a `Line` of its own, so that what it answers, when, and in which pieces is the same in every run.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from v2xsync.devices.sftp import SftpDevice, SftpOptions
from v2xsync.devices.ssh import wire
from v2xsync.errors import DeviceGone

WHEN = 1_700_000_000
FILE_MODE, FOLDER_MODE, LINK_MODE = 0o100644, 0o040755, 0o120777
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED_REPLY = 101, 102, 103, 104, 105, 201

_OF_HANDLES = frozenset({wire.READ, wire.WRITE, wire.FSTAT, wire.FSETSTAT, wire.READDIR, wire.CLOSE})

Answer = Callable[["Peer", int, bytes], "list[bytes] | None"]
"""Answers the request of a number with a body; None leaves it to the honest answer."""


def packet(kind: int, number: int, body: bytes = b"") -> bytes:
    """A whole packet."""
    return struct.pack(">IBI", 5 + len(body), kind, number) + body


def status(number: int, code: int, message: str = "") -> bytes:
    """A STATUS packet."""
    return packet(STATUS, number, struct.pack(">I", code) + wire.string(message.encode()) + wire.string(b""))


def attrs(size: int | None, mode: int | None, mtime: int | None = WHEN) -> bytes:
    """Attributes as a server encodes them."""
    flags = (1 if size is not None else 0) | (4 if mode is not None else 0) | (8 if mtime is not None else 0)
    body = struct.pack(">I", flags)
    body += struct.pack(">Q", size) if size is not None else b""
    body += struct.pack(">I", mode) if mode is not None else b""
    return body + (struct.pack(">II", mtime, mtime) if mtime is not None else b"")


def names(number: int, *found: tuple[bytes, bytes], longname: bytes = b"") -> bytes:
    """A NAME packet of (name, encoded attributes)."""
    body = b"".join(wire.string(name) + wire.string(longname) + told for name, told in found)
    return packet(NAME, number, struct.pack(">I", len(found)) + body)


class Peer:
    """Holds files in memory and answers; `twist[kind]` answers requests of a kind in its own way first."""

    def __init__(self, software: str = "OpenSSH_9.2p1") -> None:
        self.software = software
        self.extensions: dict[bytes, bytes] = {}
        self.files: dict[bytes, bytearray] = {}
        self.times: dict[bytes, int] = {}
        self.folders: set[bytes] = {b"."}
        self.links: dict[bytes, bytes] = {}
        self.twist: dict[int, Answer] = {}
        self.asked: list[tuple[int, bytes]] = []
        """Kind and body of every request, in order."""
        self.strays: list[int] = []
        """Kinds of requests that came for a handle that is not open: an honest client sends none."""
        self.most_open = 0
        self.open: dict[bytes, bytes] = {}
        self._read_out: set[bytes] = set()
        self._handles = 0
        self.greeting: bytes | None = None

    def count(self, kind: int) -> int:
        """How many requests of `kind` came."""
        return sum(1 for asked, _ in self.asked if asked == kind)

    def plant(self, path: str, content: bytes, mtime: int = WHEN) -> None:
        """Put a file there, with its folders."""
        name = path.encode("utf-8", "surrogateescape")
        self.files[name] = bytearray(content)
        self.times[name] = mtime
        while b"/" in name:
            name = name.rpartition(b"/")[0]
            self.folders.add(name)

    # --- answering ---------------------------------------------------------------------------------------------------

    def greet(self) -> bytes:
        """The first packet."""
        if self.greeting is not None:
            return self.greeting
        pairs = b"".join(wire.string(name) + wire.string(value) for name, value in self.extensions.items())
        return struct.pack(">IBI", 5 + len(pairs), 2, 3) + pairs

    def answer(self, kind: int, number: int, body: bytes) -> list[bytes]:
        """The packets that answer one request."""
        self.asked.append((kind, body))
        if kind in _OF_HANDLES and wire.decode_strings(body, 1)[0][0] not in self.open:
            self.strays.append(kind)
        twist = self.twist.get(kind)
        twisted = twist(self, number, body) if twist is not None else None
        return self.honest(kind, number, body) if twisted is None else twisted

    def honest(self, kind: int, number: int, body: bytes) -> list[bytes]:
        """What a good server answers."""
        answers: dict[int, Callable[[int, bytes], bytes]] = {
            wire.OPEN: self._open,
            wire.CLOSE: self._close,
            wire.READ: self._read,
            wire.WRITE: self._write,
            wire.LSTAT: self._lstat,
            wire.STAT: self._lstat,
            wire.FSTAT: self._fstat,
            wire.FSETSTAT: lambda number, _: status(number, wire.OK),
            wire.OPENDIR: self._opendir,
            wire.READDIR: self._readdir,
            wire.REMOVE: self._remove,
            wire.MKDIR: self._mkdir,
            wire.RMDIR: self._rmdir,
            wire.RENAME: self._rename,
            wire.READLINK: self._readlink,
        }
        answer = answers.get(kind)
        return [answer(number, body) if answer else status(number, wire.UNSUPPORTED)]

    def _told(self, path: bytes) -> bytes | None:
        if path in self.links:
            return attrs(len(self.links[path]), LINK_MODE)
        if path in self.files:
            return attrs(len(self.files[path]), FILE_MODE, self.times.get(path, WHEN))
        return attrs(4096, FOLDER_MODE) if path in self.folders else None

    def _handle(self, number: int, path: bytes) -> bytes:
        self._handles += 1
        handle = b"h%d" % self._handles
        self.open[handle] = path
        self.most_open = max(self.most_open, len(self.open))
        return packet(HANDLE, number, wire.string(handle))

    def _open(self, number: int, body: bytes) -> bytes:
        (path,), rest = wire.decode_strings(body, 1)
        (flags,) = struct.unpack_from(">I", rest)
        parent = path.rpartition(b"/")[0] or b"."
        if flags & wire.OPEN_CREATE and parent not in self.folders:
            return status(number, wire.NO_SUCH_FILE)
        if flags & wire.OPEN_EXCLUSIVE and self._told(path) is not None:
            return status(number, wire.FAILURE, "Failure")
        if flags & wire.OPEN_CREATE:
            self.files.setdefault(path, bytearray())
        return self._handle(number, path) if path in self.files else status(number, wire.NO_SUCH_FILE)

    def _close(self, number: int, body: bytes) -> bytes:
        (handle,), _ = wire.decode_strings(body, 1)
        return status(number, wire.FAILURE if self.open.pop(handle, None) is None else wire.OK)

    def _read(self, number: int, body: bytes) -> bytes:
        (handle,), rest = wire.decode_strings(body, 1)
        offset, length = struct.unpack_from(">QI", rest)
        if handle not in self.open:
            return status(number, wire.FAILURE, "Invalid handle")
        content = bytes(self.files.get(self.open[handle], b"")[offset : offset + length])
        return packet(DATA, number, wire.string(content)) if content else status(number, wire.EOF)

    def _write(self, number: int, body: bytes) -> bytes:
        (handle,), rest = wire.decode_strings(body, 1)
        (offset,) = struct.unpack_from(">Q", rest)
        (data,), _ = wire.decode_strings(rest[8:], 1)
        if handle not in self.open:
            return status(number, wire.FAILURE, "Invalid handle")
        content = self.files.setdefault(self.open[handle], bytearray())
        content.extend(b"\0" * (offset - len(content)))
        content[offset : offset + len(data)] = data
        return status(number, wire.OK)

    def _lstat(self, number: int, body: bytes) -> bytes:
        (path,), _ = wire.decode_strings(body, 1)
        told = self._told(path)
        return status(number, wire.NO_SUCH_FILE) if told is None else packet(ATTRS, number, told)

    def _fstat(self, number: int, body: bytes) -> bytes:
        (handle,), _ = wire.decode_strings(body, 1)
        told = self._told(self.open.get(handle, b"\0"))
        return status(number, wire.FAILURE) if told is None else packet(ATTRS, number, told)

    def _opendir(self, number: int, body: bytes) -> bytes:
        (path,), _ = wire.decode_strings(body, 1)
        return self._handle(number, path) if path in self.folders else status(number, wire.NO_SUCH_FILE)

    def _readdir(self, number: int, body: bytes) -> bytes:
        (handle,), _ = wire.decode_strings(body, 1)
        if handle in self._read_out:
            return status(number, wire.EOF)
        self._read_out.add(handle)
        return names(number, *self.inside(self.open[handle]))

    def inside(self, folder: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Names and attributes of what is in `folder`."""
        front = b"" if folder == b"." else folder + b"/"
        for path in sorted({*self.files, *self.folders, *self.links} - {b"."}):
            name = path[len(front) :]
            if path.startswith(front) and name and b"/" not in name:
                yield name, self._told(path) or b""

    def _remove(self, number: int, body: bytes) -> bytes:
        (path,), _ = wire.decode_strings(body, 1)
        gone = self.files.pop(path, None) is not None or self.links.pop(path, None) is not None
        return status(number, wire.OK if gone else wire.NO_SUCH_FILE)

    def _mkdir(self, number: int, body: bytes) -> bytes:
        (path,), _ = wire.decode_strings(body, 1)
        parent = path.rpartition(b"/")[0] or b"."
        if parent not in self.folders:
            return status(number, wire.NO_SUCH_FILE)
        taken = self._told(path) is not None
        self.folders |= set() if taken else {path}
        return status(number, wire.FAILURE if taken else wire.OK)

    def _rmdir(self, number: int, body: bytes) -> bytes:
        (path,), _ = wire.decode_strings(body, 1)
        if path not in self.folders or any(self.inside(path)):
            return status(number, wire.FAILURE)
        self.folders.discard(path)
        return status(number, wire.OK)

    def _rename(self, number: int, body: bytes) -> bytes:
        (old, new), _ = wire.decode_strings(body, 2)
        if old not in self.files or self._told(new) is not None:
            return status(number, wire.FAILURE)
        self.files[new] = self.files.pop(old)
        return status(number, wire.OK)

    def _readlink(self, number: int, body: bytes) -> bytes:
        (path,), _ = wire.decode_strings(body, 1)
        to = self.links.get(path)
        return status(number, wire.FAILURE) if to is None else names(number, (to, attrs(None, None, None)))


class PeerLine:
    """The line to a peer: answers come in the order asked unless `shuffle` says otherwise, cut into odd pieces."""

    def __init__(self, peer: Peer, *, piece: int = 4096, shuffle: Callable[[list[bytes]], None] | None = None) -> None:
        self.peer = peer
        self.software = peer.software
        self.alive = True
        self.closed = False
        self._piece = piece
        self._shuffle = shuffle
        self._in = bytearray()
        self._waiting: list[bytes] = []
        self._out = bytearray()
        self._greeted = False

    @property
    def pending(self) -> bool:
        """Whether an answer waits."""
        return bool(self._out or self._waiting)

    def send(self, data: wire.Buffer) -> None:
        """Take requests in."""
        if not self.alive:
            raise DeviceGone("box", "the line is down")
        self._in += data
        while len(self._in) >= 4:
            length = int.from_bytes(self._in[:4], "big")
            if len(self._in) < 4 + length:
                return
            request = bytes(self._in[4 : 4 + length])
            del self._in[: 4 + length]
            self._waiting += self._answers(request)

    def _answers(self, request: bytes) -> list[bytes]:
        if not self._greeted:
            self._greeted = True
            return [self.peer.greet()]
        kind, number = struct.unpack_from(">BI", request)
        return self.peer.answer(kind, number, request[5:])

    def receive(self) -> bytes:
        """Give out a piece of the answers; silence is an error at once."""
        if not self._out:
            if self._shuffle is not None:
                self._shuffle(self._waiting)
            self._out += b"".join(self._waiting)
            self._waiting.clear()
        if not self._out or not self.alive:
            self.alive = False
            raise DeviceGone("box", "box:22 answered nothing for 20 s")
        piece = bytes(self._out[: self._piece])
        del self._out[: self._piece]
        return piece

    def close(self) -> None:
        """Hang up."""
        self.alive = False
        self.closed = True


def device_of(peer: Peer, monkeypatch: pytest.MonkeyPatch, *, root: str = ".", **line: Any) -> SftpDevice:
    """A device whose every connection leads to `peer`."""

    def open_line(_device: str, _options: SftpOptions) -> PeerLine:
        return PeerLine(peer, **line)

    monkeypatch.setattr("v2xsync.devices.ssh.connect.open_line", open_line)
    options = SftpOptions(host="box", username="collector", pinned=Path("known_hosts"), root=root)
    return SftpDevice("box", options, lambda: 0.0)
