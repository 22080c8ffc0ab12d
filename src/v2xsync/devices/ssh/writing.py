"""Steps that send files: to a partial, made durable, then under the final name, which is never overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from v2xsync.devices.base import OVERLAP_BYTES, Feed, SendRequest, Sent
from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.listing import root_refused
from v2xsync.devices.ssh.looking import Looking
from v2xsync.devices.ssh.paths import Root, told_kind
from v2xsync.devices.ssh.pipeline import Batch, Steps, ask, ask_all, give_up
from v2xsync.devices.ssh.reading import read_spans
from v2xsync.devices.ssh.refusals import is_full, refusal
from v2xsync.devices.ssh.server import FSYNC, POSIX_RENAME, STATVFS, Server
from v2xsync.errors import (
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NameTaken,
    NoSpace,
    OutcomeUnknown,
)
from v2xsync.model.items import NS_PER_S, Kind

_NEW = wire.OPEN_WRITE | wire.OPEN_READ | wire.OPEN_CREATE | wire.OPEN_EXCLUSIVE
_LATEST_S: Final = (1 << 32) - 1
_LITTLE_BYTES: Final = 4 << 20
"""With less than this free, a failed write is taken for a full disk."""


class Writing:
    """Sends files from one feed to below one root of one server."""

    def __init__(self, device: str, server: Server, root: Root, feed: Feed) -> None:
        self._device = device
        self._server = server
        self._root = root
        self._feed = feed
        self._looking = Looking(server, root)
        self._folders: set[str] = set()
        """Asked for already: there, or on their way."""

    def send(self, request: SendRequest) -> Steps[None]:
        """Steps: send one file and report its end to the feed. Raises NoSpace, DeviceGone."""
        try:
            method = yield from self._send(request)
        except ItemError as error:
            self._feed.failed(request.token, error)
        else:
            self._feed.done(request.token, Sent(request.size, method))

    def _send(self, request: SendRequest) -> Steps[str]:
        partial, final = self._root.path(request.partial), self._root.path(request.path)
        handle, position = yield from self._open(request, partial, final)
        yield from self._fill(request, handle, position)
        return (yield from self._name(request, partial, final))

    # --- the partial -------------------------------------------------------------------------------------------------

    def _open(self, request: SendRequest, partial: bytes, final: bytes) -> Steps[tuple[bytes, int]]:
        """Return an open partial and how much of it is right already."""
        folders = [folder for folder in _parents(request.path) if folder not in self._folders]
        self._folders.update(folders)
        made = [wire.mkdir(self._root.inside(folder)) for folder in folders]
        look, new = wire.of_path(wire.LSTAT, final), wire.open_file(partial, _NEW)
        *_, taken, opened = yield from ask_all(*made, look, new)
        if isinstance(opened, wire.Status) and opened.code == wire.NO_SUCH_FILE:
            yield from self._make_folders(request.path)
            taken, opened = yield from ask_all(look, new)
        if isinstance(taken, wire.Attrs) and not request.replaces:
            yield from self._drop(opened, partial)
            raise NameTaken(request.path, "something stands under this name already")
        if isinstance(opened, wire.Handle):
            return opened.value, 0
        return (yield from self._reopen(request, partial, opened))

    def _drop(self, opened: wire.Reply, partial: bytes) -> Steps[None]:
        if isinstance(opened, wire.Handle):
            yield from ask(wire.of_handle(wire.CLOSE, opened.value))
            yield from ask(wire.of_path(wire.REMOVE, partial))

    def _make_folders(self, path: str) -> Steps[None]:
        """One by one, so that each refusal is known. Raises DeviceGone without a root, ItemError."""
        for folder in _parents(path):
            made = yield from ask(wire.mkdir(self._root.inside(folder)))
            if _ok(made):
                continue
            there = yield from ask(wire.of_path(wire.STAT, self._root.inside(folder)))
            if not isinstance(there, wire.Attrs):
                yield from self._check_root()
                raise _refused(path, made, f"make the folder {folder!a}")
            if told_kind(there) is not Kind.FOLDER:
                raise ItemRefused(path, f"{folder!a} is a file there, not a folder", remedy="move it out of the way")
        yield from self._check_root()

    def _check_root(self) -> Steps[None]:
        reply = yield from ask(wire.of_path(wire.STAT, self._root.wire))
        if not isinstance(reply, wire.Attrs):
            raise root_refused(self._device, self._root, reply)

    def _reopen(self, request: SendRequest, partial: bytes, refused: wire.Reply) -> Steps[tuple[bytes, int]]:
        """Continue a partial of ours that is there already, or start it over."""
        try:
            there = yield from self._looking.look(request.partial)
        except ItemMissing:
            raise (yield from self._why_not(request.path, refused, "make a file")) from None
        if there.kind is not Kind.FILE:
            remedy = f"look at {request.partial} on the device and remove it"
            raise ItemRefused(request.path, "something that is not ours stands in the way", remedy=remedy)
        if request.resume and there.size and there.size <= request.size:
            handle = yield from self._continued(request, partial, there.size)
            if handle is not None:
                self._feed.progress(request.token, there.size)
                return handle, there.size
        yield from ask(wire.of_path(wire.REMOVE, partial))
        opened = yield from ask(wire.open_file(partial, _NEW))
        if not isinstance(opened, wire.Handle):
            raise (yield from self._why_not(request.path, opened, "make a file"))
        return opened.value, 0

    def _continued(self, request: SendRequest, partial: bytes, size: int) -> Steps[bytes | None]:
        """Return the partial opened, where its last bytes are those of the content (requirement R6)."""
        opened = yield from ask(wire.open_file(partial, wire.OPEN_READ | wire.OPEN_WRITE))
        if not isinstance(opened, wire.Handle):
            return None
        start = max(0, size - OVERLAP_BYTES)
        tail = _Tail(start, size)
        try:
            ours = self._feed.read(request.token, start, size - start)
            yield from read_spans(request.path, opened.value, [(start, size)], self._server.read_length, tail.take)
        except ItemChanged:
            ours = b""
        except ItemError:
            yield from give_up(opened.value)
            raise
        if tail.content == ours:
            return opened.value
        yield from give_up(opened.value)
        return None

    # --- its content -------------------------------------------------------------------------------------------------

    def _fill(self, request: SendRequest, handle: bytes, position: int) -> Steps[None]:
        """Write from `position` on, make it durable, and close. Raises ItemError, NoSpace."""
        acknowledged = _Acknowledged(self._feed, request.token, position)
        close = wire.of_handle(wire.CLOSE, handle)
        try:
            last = yield from self._write_most(request, handle, position, acknowledged)
        except (ItemError, NoSpace):
            yield from give_up(handle)
            raise
        replies = yield from ask_all(*last, close)
        for asked, reply in zip((*last, close), replies, strict=True):
            yield from self._require(request, asked, reply)
            if asked.kind == wire.WRITE:
                acknowledged.add(asked)

    def _write_most(
        self, request: SendRequest, handle: bytes, position: int, acknowledged: _Acknowledged
    ) -> Steps[tuple[wire.Request, ...]]:
        """Write, and return those requests that may leave together with the CLOSE."""
        writes = self._writes(request, handle, position)
        ending = self._ending(request, handle)
        missing = request.size - position
        if self._server.in_order and missing <= self._server.write_length:
            return (*writes, *ending)
        batch: Batch = writes
        while missing:
            asked, reply = yield batch
            batch = ()
            if asked.kind == wire.WRITE:
                yield from self._require(request, asked, reply)
                missing -= asked.cost
                acknowledged.add(asked)
        if self._server.in_order:
            return ending
        replies = yield from ask_all(*ending)
        for asked, reply in zip(ending, replies, strict=True):
            yield from self._require(request, asked, reply)
        return ()

    def _require(self, request: SendRequest, asked: wire.Request, reply: wire.Reply) -> Steps[None]:
        """Raise where `reply` is bad news for the content. Times are set as well as the server can."""
        unable = isinstance(reply, wire.Status) and reply.code == wire.UNSUPPORTED and asked.kind == wire.EXTENDED
        if not _ok(reply) and not unable and asked.kind != wire.FSETSTAT:
            raise (yield from self._why_not(request.path, reply, "write it"))

    def _writes(self, request: SendRequest, handle: bytes, position: int) -> Iterator[wire.Request]:
        length = self._server.write_length
        for offset in range(position, request.size, length):
            wanted = min(length, request.size - offset)
            data = self._feed.read(request.token, offset, wanted)
            if len(data) != wanted:
                raise ItemFailed(request.path, "its content ended before the size that it should have")
            yield wire.write(handle, offset, data)

    def _ending(self, request: SendRequest, handle: bytes) -> tuple[wire.Request, ...]:
        ending = []
        if request.mtime_ns is not None and 0 <= request.mtime_ns // NS_PER_S <= _LATEST_S:
            ending.append(wire.set_times(handle, request.mtime_ns // NS_PER_S))
        if self._server.offers(FSYNC):
            ending.append(wire.extended(FSYNC, wire.string(handle)))
        return tuple(ending)

    def _why_not(self, path: str, reply: wire.Reply, doing: str) -> Steps[ItemError]:
        """Return the error for a failed write; raise NoSpace where the disk turns out to be full."""
        full = isinstance(reply, wire.Status) and is_full(reply)
        vague = isinstance(reply, wire.Status) and reply.code == wire.FAILURE
        if vague and not full and self._server.offers(STATVFS):
            told = yield from ask(wire.extended(STATVFS, wire.string(self._root.wire)))
            full = isinstance(told, wire.Extended) and free_bytes(told.body) < _LITTLE_BYTES
        if full:
            raise NoSpace(self._device, "there is no room left on the device")
        return _refused(path, reply, doing)

    # --- its name ----------------------------------------------------------------------------------------------------

    def _name(self, request: SendRequest, partial: bytes, final: bytes) -> Steps[str]:
        """Rename without ever overwriting (but for `replaces`); return how. Raises NameTaken, ItemError."""
        if request.replaces:
            return (yield from self._take_place(request, partial, final))
        if not self._server.rename_never_overwrites:
            yield from self._check_free(request, final)
        reply = yield from self._commit(request, wire.rename(partial, final))
        if isinstance(reply, wire.Status) and reply.code == wire.UNSUPPORTED and self._server.offers(POSIX_RENAME):
            yield from self._check_free(request, final)
            body = wire.string(partial) + wire.string(final)
            reply = yield from self._commit(request, wire.extended(POSIX_RENAME, body))
        if not _ok(reply):
            yield from self._check_free(request, final)
            raise _refused(request.path, reply, "give it its final name")
        return "rename" if self._server.rename_never_overwrites else "checked rename"

    def _take_place(self, request: SendRequest, partial: bytes, final: bytes) -> Steps[str]:
        """Rename over an earlier version of ours, in one step."""
        body = wire.string(partial) + wire.string(final)
        reply = yield from self._commit(request, wire.extended(POSIX_RENAME, body))
        if not _ok(reply):
            raise _refused(request.path, reply, "replace our earlier file")
        return "posix rename"

    def _check_free(self, request: SendRequest, final: bytes) -> Steps[None]:
        reply = yield from ask(wire.of_path(wire.LSTAT, final))
        if isinstance(reply, wire.Attrs):
            raise NameTaken(request.path, "something stands under this name already")
        if not (isinstance(reply, wire.Status) and reply.code == wire.NO_SUCH_FILE):
            raise _refused(request.path, reply, "look whether the name is free")

    def _commit(self, request: SendRequest, rename: wire.Request) -> Steps[wire.Reply]:
        try:
            return (yield from ask(rename))
        except GeneratorExit:
            what = "the connection was lost before the server said whether the file has its final name"
            self._feed.failed(request.token, OutcomeUnknown(request.path, what))
            raise


class _Acknowledged:
    """Tells the feed how far the server has everything."""

    def __init__(self, feed: Feed, token: int, position: int) -> None:
        self._feed = feed
        self._token = token
        self._position = position
        self._early: dict[int, int] = {}

    def add(self, write: wire.Request) -> None:
        """The server has taken `write`."""
        self._early[write.offset] = write.cost
        while count := self._early.pop(self._position, 0):
            self._position += count
        self._feed.progress(self._token, self._position)


class _Tail:
    """Collects the bytes from `start` to `end`, in whatever order they come."""

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self.content = bytearray(end - start)

    def take(self, offset: int, data: memoryview) -> bool:
        """Take `data` at `offset`."""
        at = offset - self._start
        self.content[at : at + len(data)] = data
        return True


def free_bytes(statvfs: bytes) -> int:
    """Return the bytes that we may still use, from the answer to statvfs. Raises Malformed."""
    _block, fragment, _blocks, _free, available = wire.decode_uint64s(statvfs, 5)
    return fragment * available


def _refused(path: str, reply: wire.Reply, doing: str) -> ItemError:
    """As `refusal`; but what is missing here is never the file itself."""
    error = refusal(path, reply, doing)
    if isinstance(error, ItemMissing):
        return ItemFailed(path, f"the server cannot {doing}: a folder is not there")
    return error


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def _ok(reply: wire.Reply) -> bool:
    return isinstance(reply, wire.Status) and reply.code == wire.OK
