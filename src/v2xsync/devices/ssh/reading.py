"""Steps that look at files, read them whole and digest them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.looking import Looking, seen
from v2xsync.devices.ssh.paths import Root, entry_of
from v2xsync.devices.ssh.pipeline import Batch, Steps, ask, ask_all, give_up
from v2xsync.devices.ssh.refusals import refusal
from v2xsync.devices.ssh.server import CHECK_FILE_NAME, Server
from v2xsync.errors import ItemChanged, ItemError
from v2xsync.model.items import Digest, Fingerprint, Kind

_SMALL_BYTES: Final = 1 << 20
"""Up to this, a file's READs, its FSTAT and its CLOSE leave together."""
_DIGEST_BYTES_PER_S: Final = 20 << 20
"""How fast a weak server is trusted to digest without a sign of life."""

Take = Callable[[int, memoryview], bool]
"""Takes content at an offset; False where no more is wanted."""
Span = tuple[int, int]
"""From the first offset to before the last."""


class Abandoned(Exception):
    """Whoever takes the content wants no more of it."""


class Reading:
    """Reads below one root of one server; `silence_s` is how long the server may say nothing."""

    def __init__(self, server: Server, root: Root, silence_s: float) -> None:
        self.looking: Final = Looking(server, root)
        self._server = server
        self._root = root
        self._digest_most = int(silence_s * _DIGEST_BYTES_PER_S)

    def pull(self, path: str, wanted: Fingerprint, take: Take, offset: int = 0) -> Steps[Fingerprint]:
        """Steps: read the version `wanted` from `offset` to its end; return how the server described it after that.

        Raises ItemChanged where it is, or becomes, another version; other ItemErrors; Abandoned.
        """
        spans: list[Span] = [(offset, wanted.size)]
        together = self._server.in_order and wanted.size - offset <= _SMALL_BYTES
        while True:
            handle = yield from self._open(path, wanted)
            if not together:
                after = yield from self._read_then_close(path, handle, spans, take)
                break
            after, spans = yield from self._read_closing(path, handle, spans[0], take)
            if not spans:
                break
            together = False
        if isinstance(after, wire.Attrs):
            shown = entry_of(path, after, Kind.FILE)
        else:
            shown = yield from self.looking.look(path)
        if not wanted.matches(shown.fingerprint):
            raise ItemChanged(path, "it changed while it was read")
        return shown.fingerprint

    def digest(self, path: str, wanted: Fingerprint) -> Steps[tuple[Digest, str]]:
        """Steps: the SHA-256 of the version `wanted` and how it was found. Raises as `pull`."""
        if self._server.checks_files and wanted.size <= self._digest_most:
            digest = yield from self._asked_digest(path)
            if digest is not None:
                return digest, "check-file sha256"
        content = _InOrderHash()
        yield from self.pull(path, wanted, content.take)
        return content.digest(), "read back"

    def _open(self, path: str, wanted: Fingerprint) -> Steps[bytes]:
        """Look and OPEN in one trip: what is opened is no link, and the version that is wanted."""
        look = self.looking.requests(path)
        *shown, opened = yield from ask_all(*look, wire.open_file(self._root.path(path), wire.OPEN_READ))
        try:
            entry = seen(path, shown)
            if entry.kind is not Kind.FILE or not wanted.matches(entry.fingerprint):
                raise ItemChanged(path, "it is another version than the one that was found")
        except ItemError:
            if isinstance(opened, wire.Handle):
                yield from give_up(opened.value)
            raise
        if not isinstance(opened, wire.Handle):
            raise refusal(path, opened, "open it for reading")
        return opened.value

    def _read_closing(self, path: str, handle: bytes, span: Span, take: Take) -> Steps[tuple[wire.Reply, list[Span]]]:
        """All requests in one go, the CLOSE too; what came short is returned and needs another OPEN."""
        fstat = wire.of_handle(wire.FSTAT, handle)
        reads = tuple(reads_of(handle, [span], self._server.read_length))
        batch: Batch = (*reads, fstat, wire.of_handle(wire.CLOSE, handle))
        after: wire.Reply | None = None
        unread = len(reads)
        short: list[Span] = []
        while after is None or unread:
            request, reply = yield batch
            batch = ()
            if request is fstat:
                after = reply
            elif request.kind == wire.READ:
                unread -= 1
                short += take_piece(path, request, reply, take)
        return after, short

    def _read_then_close(self, path: str, handle: bytes, spans: list[Span], take: Take) -> Steps[wire.Reply]:
        """One after the other, READs as room comes free."""
        try:
            yield from read_spans(path, handle, spans, self._server.read_length, take)
            after = yield from ask(wire.of_handle(wire.FSTAT, handle))
        except (ItemError, Abandoned):
            yield from give_up(handle)
            raise
        yield from ask(wire.of_handle(wire.CLOSE, handle))
        return after

    def _asked_digest(self, path: str) -> Steps[Digest | None]:
        whole_file = b"\0" * 20
        body = wire.string(self._root.path(path)) + wire.string(b"sha256") + whole_file
        reply = yield from ask(wire.extended(CHECK_FILE_NAME, body))
        return _told_digest(reply)


def reads_of(handle: bytes, spans: Iterable[Span], length: int) -> Iterator[wire.Request]:
    """READs of at most `length` bytes that cover `spans`."""
    for start, end in spans:
        for offset in range(start, end, length):
            yield wire.read(handle, offset, min(length, end - offset))


def read_spans(path: str, handle: bytes, spans: list[Span], length: int, take: Take) -> Steps[None]:
    """Steps: read `spans`, asking again for what came short. Raises ItemChanged at an early end; Abandoned."""
    missing = sum(end - start for start, end in spans)
    batch: Batch = reads_of(handle, spans, length)
    while missing:
        request, reply = yield batch
        batch = ()
        if request.kind == wire.READ:
            short = take_piece(path, request, reply, take)
            missing -= request.cost - sum(end - start for start, end in short)
            batch = tuple(reads_of(handle, short, length))


def take_piece(path: str, request: wire.Request, reply: wire.Reply, take: Take) -> list[Span]:
    """Hand the content in `reply` to `take`; return what of `request` is still missing.

    Raises ItemChanged where the file ended before, Malformed where there is more than was asked for, Abandoned.
    """
    ended = isinstance(reply, wire.Status) and reply.code == wire.EOF
    if not ended and not isinstance(reply, wire.Data):
        raise refusal(path, reply, "read it")
    count = len(reply.content) if isinstance(reply, wire.Data) else 0
    if count > request.cost:
        raise wire.Malformed(f"{count} bytes where {request.cost} were asked for")
    if not isinstance(reply, wire.Data) or not count:
        raise ItemChanged(path, "it is shorter than it was when it was found")
    if not take(request.offset, reply.content):
        raise Abandoned
    return [(request.offset + count, request.offset + request.cost)] if count < request.cost else []


def _told_digest(reply: wire.Reply) -> Digest | None:
    if not isinstance(reply, wire.Extended):
        return None
    strings, value = wire.decode_strings(reply.body, 1)
    if strings[0] == b"check-file":
        strings, value = wire.decode_strings(reply.body, 2)
    if strings[-1] != b"sha256" or len(value) != hashlib.sha256().digest_size:
        return None
    return Digest("sha256", value.hex())


class _InOrderHash:
    """SHA-256 of pieces that may come in any order; early ones wait."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._position = 0
        self._early: dict[int, bytes] = {}

    def take(self, offset: int, data: memoryview) -> bool:
        """Take `data` at `offset`."""
        if offset != self._position:
            self._early[offset] = bytes(data)
            return True
        self._hash.update(data)
        self._position += len(data)
        while early := self._early.pop(self._position, b""):
            self._hash.update(early)
            self._position += len(early)
        return True

    def digest(self) -> Digest:
        """The digest of all pieces."""
        return Digest("sha256", self._hash.hexdigest())
