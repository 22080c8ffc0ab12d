"""Streaming: `stage = false`, from a source straight through to a target, with no local copy and bounded memory.

A thread reads the source into a pipe; the target's own thread sends what comes out of it. The last bytes are handed out
only after the source has described the file again and it still is the version asked for: a file that changed under us
never gets its final name.
"""

from __future__ import annotations

import collections
import hashlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from v2xsync.devices.base import Fetched, FetchRequest, Sent, Source
from v2xsync.engine.station import Station
from v2xsync.errors import Cancelled, IntegrityError, ItemChanged, ItemError, ItemFailed, V2xSyncError
from v2xsync.ledger.base import DeliveryTask
from v2xsync.model.items import Proof
from v2xsync.model.views import WorkState

PIPE_BYTES: Final = 4 * 1024 * 1024
_JOIN_S: Final = 60.0


class Pipe:
    """A bounded pipe for one file: the source's thread writes in order, the target's thread reads in order."""

    def __init__(self, station: Station, task: DeliveryTask) -> None:
        self._station = station
        self._task = task
        self._changed = threading.Condition()
        self._pieces: collections.deque[bytes] = collections.deque()
        self._buffered = 0
        self._written = 0
        self._hash = hashlib.sha256()
        self._ended = False
        self._closed = False
        self.error: V2xSyncError | None = None
        self.fetched: Fetched | None = None

    @property
    def sha256(self) -> str:
        """Hex digest of everything that was written."""
        return self._hash.hexdigest()

    # -- the source's side (a FetchSink)

    def write(self, token: int, offset: int, data: bytes | memoryview) -> bool:
        """Take the next piece; waits while the pipe is full."""
        del token
        with self._changed:
            if offset != self._written:
                self.error = ItemFailed(self._task.path, "the source sent a piece out of turn")
                return False
            while self._buffered >= PIPE_BYTES and not self._closed:
                self._changed.wait(1.0)
            if self._closed or self._station.stop.is_set():
                raise Cancelled("the target stopped reading")
            self._pieces.append(bytes(data))
            self._buffered += len(data)
            self._written += len(data)
            self._hash.update(data)
            self._changed.notify_all()
            return True

    def done(self, token: int, fetched: Fetched) -> None:
        """The source has read everything and described the file again."""
        del token
        with self._changed:
            self.fetched = fetched
            self.error = _judge(self._task, self._written, self.sha256, fetched)

    def failed(self, token: int, error: ItemError) -> None:
        """The source gave the file up."""
        del token
        with self._changed:
            self.error = error

    def run(self, session: Source) -> None:
        """Read the file into the pipe; the body of the source's thread."""
        try:
            session.connect()
            session.fetch([FetchRequest(self._task.item_id, self._task.path, self._task.fingerprint)], self)
        except V2xSyncError as error:
            self.error = self.error or error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    # -- the target's side

    def read(self, length: int) -> bytes:
        """The next `length` bytes, fewer only at the end; raises an ItemError where the source failed.

        One byte at least is held back until the source has vouched for the whole file.
        """
        taken = bytearray()
        while len(taken) < length:
            piece = self._next(min(length - len(taken), PIPE_BYTES // 2))
            if not piece:
                break
            taken += piece
        return bytes(taken)

    def _next(self, most: int) -> bytes:
        with self._changed:
            while not self._ended and self._buffered <= most:
                self._changed.wait(1.0)
                if self._station.stop.is_set():
                    raise Cancelled("asked to stop")
            if self._ended and self.error is not None:
                raise ItemFailed(self._task.path, self.error.what) from self.error
            return self._take(most)

    def _take(self, length: int) -> bytes:
        taken: list[bytes] = []
        while length and self._pieces:
            piece = self._pieces.popleft()
            if len(piece) > length:
                self._pieces.appendleft(piece[length:])
                piece = piece[:length]
            taken.append(piece)
            length -= len(piece)
            self._buffered -= len(piece)
        self._changed.notify_all()
        return b"".join(taken)

    def close(self) -> None:
        """The target reads no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class StreamFeed:
    """The feed of one streamed file (see devices.base.Feed); used by the target's thread."""

    def __init__(self, station: Station, target: str, task: DeliveryTask, session: Source) -> None:
        self._station = station
        self._task = task
        self._pipe = Pipe(station, task)
        self._position = 0
        self.sent: Sent | None = None
        self.error: V2xSyncError | None = None
        self._key = station.board.begin(
            WorkState.SENDING, item_id=task.item_id, route=task.route, source=task.source, device=target,
            path=task.path, size=task.size,
        )  # fmt: skip
        self._thread = threading.Thread(
            target=self._pipe.run, args=(session,), name=f"stream {task.source}", daemon=True
        )
        self._thread.start()

    def read(self, token: int, offset: int, length: int) -> bytes:
        """The next bytes; a stream is read once, from its start."""
        del token
        if offset != self._position:
            raise ItemFailed(self._task.path, "a stream cannot be read again")
        self._station.throttle.take(length, self._station.stop)
        data = self._pipe.read(length)
        self._position += len(data)
        return data

    def progress(self, token: int, position: int) -> None:
        """The peer has everything before `position`."""
        del token
        if not self._station.board.progress(self._key, position):
            raise ItemFailed(self._task.path, "cancelled; it goes to the end of the queue")

    def done(self, token: int, sent: Sent) -> None:
        """The peer acknowledged the file."""
        del token
        self.sent = sent

    def failed(self, token: int, error: ItemError) -> None:
        """The file was not delivered."""
        del token
        self.error = error

    def finish(self) -> V2xSyncError | None:
        """End the stream; returns the trouble, the source's own before the target's word for it."""
        self._pipe.close()
        self._thread.join(_JOIN_S)
        self._station.board.end(self._key, done=self.sent is not None)
        return self._pipe.error or self.error

    @property
    def sha256(self) -> str:
        """Hex digest of everything that the source gave."""
        return self._pipe.sha256

    @property
    def fetch_proof(self) -> Proof:
        """How strongly the source proved what it gave."""
        return self._pipe.fetched.proof if self._pipe.fetched else Proof.ACK


class StreamSources:
    """Sessions of sources for one uploader's streams; used by one thread."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = makers
        self._sessions: dict[str, Source] = {}

    def session(self, source: str) -> Source:
        """The session of `source`, made on first use."""
        if source not in self._sessions:
            self._sessions[source] = self._makers[source]()
        return self._sessions[source]

    def drop(self, source: str) -> None:
        """Close a session after trouble."""
        session = self._sessions.pop(source, None)
        if session is not None:
            session.close()

    def rest(self) -> None:
        """Nothing is streamed for now: a source that bears one session only is free for its own lane again."""
        for source, session in tuple(self._sessions.items()):
            if session.capabilities.exclusive:
                self.drop(source)

    def digest(self, task: DeliveryTask) -> str:
        """The sha256 of a source's file, by reading it whole. Raises what the source raised."""
        sink = _HashSink(task)
        session = self.session(task.source)
        session.connect()
        session.fetch([FetchRequest(task.item_id, task.path, task.fingerprint)], sink)
        if sink.error is not None:
            raise sink.error
        return sink.hash.hexdigest()


class _HashSink:
    """Hashes one file of a source and keeps nothing of it."""

    def __init__(self, task: DeliveryTask) -> None:
        self._task = task
        self._written = 0
        self.hash = hashlib.sha256()
        self.error: ItemError | None = None

    def write(self, token: int, offset: int, data: bytes | memoryview) -> bool:
        """Hash the next piece."""
        del token
        if offset != self._written:
            self.error = ItemFailed(self._task.path, "the source sent a piece out of turn")
            return False
        self._written += len(data)
        self.hash.update(data)
        return True

    def done(self, token: int, fetched: Fetched) -> None:
        """Judge the whole."""
        del token
        self.error = _judge(self._task, self._written, self.hash.hexdigest(), fetched)

    def failed(self, token: int, error: ItemError) -> None:
        """The source gave the file up."""
        del token
        self.error = error


def _judge(task: DeliveryTask, written: int, sha256: str, fetched: Fetched) -> ItemError | None:
    if not task.fingerprint.matches(fetched.fingerprint):
        return ItemChanged(task.path, "it changed while it was read")
    if written != task.size:
        return IntegrityError(task.path, "the source sent another number of bytes than it said")
    told = fetched.digest
    if told is not None and told.algorithm == "sha256" and told.value != sha256:
        return IntegrityError(
            task.path, "what arrived is not what the source's own digest says", expected=told.value, got=sha256
        )
    return None
