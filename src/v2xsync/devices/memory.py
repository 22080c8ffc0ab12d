"""Memory: a whole device in this process, for tests of the engine and for the simulator.

It behaves as its `Capabilities` say: without `mtime_step_s` it tells no times, with 2.0 it rounds them as FAT does,
with `server_digests` it computes them itself, and where it is not `probeable` it only acknowledges, as a form does.
Nothing here reads a clock; times are those that the caller plants. Several sessions (also in several threads) see one
`MemoryDisk`.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from v2xsync.devices.base import (
    CHUNK_BYTES,
    Capabilities,
    Feed,
    Fetched,
    FetchRequest,
    FetchSink,
    Health,
    Proven,
    ProveRequest,
    RemoveRequest,
    SendRequest,
    Sent,
    is_ours,
    require_safe,
)
from v2xsync.devices.memory_disk import MemoryDisk, Node
from v2xsync.devices.resume import check_names, pieces_from, resume_position
from v2xsync.errors import (
    DeviceBusy,
    DeviceGone,
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NameTaken,
    NoSpace,
    V2xSyncError,
)
from v2xsync.model.items import NS_PER_S, Digest, Entry, Fingerprint, Kind, Proof, Unlistable

MEMORY = Capabilities(
    source=True,
    target=True,
    deletes=True,
    resumable_read=True,
    resumable_write=True,
    atomic_rename=True,
    replaces=True,
    mtime_step_s=1e-9,
)
"""Everything that a good disk can do."""

FAT = replace(MEMORY, mtime_step_s=2.0, fat_times=True, case_sensitive=False, hot_plug=True)
"""A flash drive: times in steps of two seconds, names without case."""

UNTIMED = replace(MEMORY, mtime_step_s=None, exclusive=True, max_parallel=1, hot_plug=True)
"""A device that tells no times and talks to one session only, as an autopilot does."""

ACKNOWLEDGING = replace(
    MEMORY, source=False, deletes=False, resumable_write=False, atomic_rename=False, replaces=False, probeable=False,
    mtime_step_s=None, delivery_proof=Proof.ACK,
)  # fmt: skip
"""A target that takes files and can never be asked again, as an upload form does."""


class Lie(enum.Enum):
    """What a memory device may be told to get wrong, on purpose."""

    TRUNCATE = "stores one byte less than it acknowledges"
    FORGET = "acknowledges and stores nothing"


class MemoryDevice:
    """A session of a device in memory: both ports, as far as `capabilities` go.

    Give several sessions the same `disk`. `lies` makes a target that acknowledges what it did not do.
    """

    def __init__(
        self,
        name: str,
        disk: MemoryDisk | None = None,
        *,
        files: Mapping[str, bytes] | None = None,
        capabilities: Capabilities = MEMORY,
        lies: frozenset[Lie] = frozenset(),
    ) -> None:
        self.name = name
        self.disk = disk or MemoryDisk(case_sensitive=capabilities.case_sensitive)
        for path, content in (files or {}).items():
            self.disk.plant(path, content)
        self._capabilities = replace(capabilities, case_sensitive=self.disk.case_sensitive)
        self._lies = lies
        self._connected = False

    @property
    def capabilities(self) -> Capabilities:
        """As given, with the disk's own word on case."""
        return self._capabilities

    def connect(self) -> None:
        """Connect; DeviceGone while the disk is gone, DeviceBusy where an exclusive device has a session."""
        with self.disk.lock:
            self.disk.calls["connect"] += 1
            self._check_there()
            if self._connected:
                return
            if self._capabilities.exclusive and self.disk.sessions:
                raise DeviceBusy(self.name, "the device talks to another session")
            self.disk.sessions += 1
            self._connected = True

    def close(self) -> None:
        """End the session."""
        with self.disk.lock:
            self.disk.sessions -= self._connected
            self._connected = False

    def probe(self) -> Health:
        """Tell the free space."""
        with self._begin("probe"):
            capacity = self.disk.capacity_bytes
            free = None if capacity is None else max(0, capacity - self.disk.used_bytes())
            return Health(clock_offset_s=0.0, free_bytes=free, detail="in memory")

    def list(self) -> Iterator[Entry | Unlistable]:
        """Every file, folder and link, sorted; each entry as it is at the moment it is yielded."""
        with self._begin("list"):
            paths = self.disk.paths()
        for path in paths:
            with self._lock():
                node = None if any(map(is_ours, path.split("/"))) else self.disk.find(path)
                entry = None if node is None else self._entry(node, path)
            if entry is not None:
                yield entry

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """Facts about each path; ItemRefused for all where the device cannot be asked."""
        with self._begin("stat"):
            return [self._stat(path) for path in paths]

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """Read file by file, piece by piece, the lock free while the sink works."""
        with self._begin("fetch"):
            pass
        for request in requests:
            try:
                fetched = self._fetch(request, sink)
            except ItemError as error:
                sink.failed(request.token, error)
            else:
                if fetched is not None:
                    sink.done(request.token, fetched)

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Compare and remove in one step."""
        with self._begin("remove"):
            pass
        for request in requests:
            answer: V2xSyncError | None = None
            try:
                self._remove(request)
            except ItemError as error:
                answer = error
            yield request.token, answer

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """Remove the empty ones."""
        with self._begin("prune"):
            return [folder for folder in folders if self._prune(folder)]

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """Write file by file, by way of the partial name where the device can be asked at all."""
        with self._begin("send"):
            pass
        for request in requests:
            try:
                check_names(request)
                sent = self._send(request, feed) if self._capabilities.probeable else self._acknowledge(request, feed)
            except ItemError as error:
                feed.failed(request.token, error)
            else:
                feed.done(request.token, sent)

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """Tell size and digest of what stands there now."""
        with self._begin("prove"):
            pass
        for request in requests:
            answer: Proven | ItemError
            try:
                answer = self._prove(request)
            except ItemError as error:
                answer = error
            yield request.token, answer

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """Remove stale partials in `folders`."""
        with self._begin("sweep"):
            stale = [path for path in self.disk.paths() if path not in keep and self._is_partial_in(folders, path)]
            for path in stale:
                self.disk.drop(path)
            return stale

    # -- sessions and facts

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with self.disk.lock:
            self._check_there()
            if not self._connected:
                raise DeviceGone(self.name, "the session is not connected")
            yield

    @contextmanager
    def _begin(self, verb: str) -> Iterator[None]:
        with self.disk.lock:
            self.disk.calls[verb] += 1
            with self._lock():
                yield

    def _check_there(self) -> None:
        if self.disk.gone:
            raise DeviceGone(self.name, "the device does not answer")

    def _entry(self, node: Node, path: str) -> Entry:
        step = self._capabilities.mtime_step_s
        if step is None:
            return Entry(path, node.kind, len(node.content))
        step_ns = max(1, round(step * NS_PER_S))
        return Entry(path, node.kind, len(node.content), node.mtime_ns // step_ns * step_ns, step_ns)

    def _stat(self, path: str) -> Entry | ItemError:
        try:
            require_safe(path)
        except ItemRefused as error:
            return error
        if not self._capabilities.probeable:
            return ItemRefused(path, "this device cannot be asked about files")
        node = self.disk.find(path)
        return self._entry(node, path) if node is not None else ItemMissing(path, "nothing has this name")

    def _file(self, path: str) -> Node:
        node = self.disk.find(require_safe(path))
        if node is None:
            raise ItemMissing(path, "nothing has this name")
        if node.kind is not Kind.FILE:
            raise ItemRefused(path, f"this is no file but a {node.kind.value}")
        return node

    def _version(self, path: str, wanted: Fingerprint) -> Node:
        node = self._file(path)
        shown = self._entry(node, path).fingerprint
        if not wanted.matches(shown, fat_times=self._capabilities.fat_times):
            raise ItemChanged(path, "another version stands there now")
        return node

    def _digest(self, node: Node) -> Digest | None:
        """What the device itself computes, where it does."""
        for algorithm in self._capabilities.server_digests[:1]:
            return Digest(algorithm, hashlib.new(algorithm, node.content, usedforsecurity=False).hexdigest())
        return None

    # -- reading and removing

    def _fetch(self, request: FetchRequest, sink: FetchSink) -> Fetched | None:
        with self._lock():
            node = self._version(request.path, request.fingerprint)
        position = request.offset
        while position < request.fingerprint.size:
            with self._lock():
                piece = bytes(node.content[position : min(position + CHUNK_BYTES, request.fingerprint.size)])
            if not piece:
                raise ItemChanged(request.path, "the file became shorter while it was read")
            if not sink.write(request.token, position, piece):
                return None
            position += len(piece)
        with self._lock():
            after = self._entry(node, request.path).fingerprint
            return Fetched(after, self._capabilities.fetch_proof, "memory read", self._digest(node))

    def _remove(self, request: RemoveRequest) -> None:
        with self._lock():
            if not self._capabilities.deletes:
                raise ItemRefused(request.path, "this device removes nothing")
            node = self._version(request.path, request.fingerprint)
            if request.prove_content:
                self._check_content(request, node)
            self.disk.drop(request.path)

    def _check_content(self, request: RemoveRequest, node: Node) -> None:
        if not request.sha256 or self._capabilities.fetch_proof < Proof.HASH:
            raise ItemRefused(request.path, "the content cannot be proven again")
        if hashlib.sha256(node.content).hexdigest() != request.sha256:
            raise ItemChanged(request.path, "the content is not the one that was fetched")

    def _prune(self, folder: str) -> bool:
        node = None if isinstance(self._stat(folder), ItemError) else self.disk.find(folder)
        if node is None or node.kind is not Kind.FOLDER or not self.disk.is_empty(folder):
            return False
        self.disk.drop(folder)
        return True

    # -- writing

    def _send(self, request: SendRequest, feed: Feed) -> Sent:
        self._check_free(request)
        partial, position = self._continue(request, feed)
        for offset, piece in pieces_from(request, position, feed):
            self._append(partial, piece)
            feed.progress(request.token, offset + len(piece))
        with self._lock():
            partial.mtime_ns = self.disk.now_ns if request.mtime_ns is None else request.mtime_ns
            if Lie.TRUNCATE in self._lies:
                partial.content = partial.content[:-1]
            self.disk.rename(request.partial, request.path, replacing=request.replaces)
            if Lie.FORGET in self._lies:
                self.disk.drop(request.path)
        return Sent(request.size, "memory rename")

    def _check_free(self, request: SendRequest) -> None:
        with self._lock():
            there = self.disk.find(request.path)
            if there is not None and not (request.replaces and there.kind is Kind.FILE):
                raise NameTaken(request.path, "the name is taken")

    def _continue(self, request: SendRequest, feed: Feed) -> tuple[Node, int]:
        """The partial, emptied unless it may be continued, and the position to go on from."""
        with self._lock():
            there = self.disk.find(request.partial)
            if there is not None and there.kind is Kind.LINK:
                self.disk.drop(request.partial)
            node = self.disk.make_file(request.partial)
            have = bytes(node.content) if self._capabilities.resumable_write else b""
        position = resume_position(request, len(have), lambda at, count: have[at : at + count], feed)
        with self._lock():
            node.content = bytearray(have[:position])
        feed.progress(request.token, position)
        return node, position

    def _append(self, node: Node, piece: bytes) -> None:
        with self._lock():
            capacity = self.disk.capacity_bytes
            if capacity is not None and self.disk.used_bytes() + len(piece) > capacity:
                raise NoSpace(self.name, "the device is full", remedy="free some space on it")
            if not isinstance(node.content, bytearray):
                raise ItemFailed(node.path, "somebody else wrote the partial")
            node.content += piece

    def _acknowledge(self, request: SendRequest, feed: Feed) -> Sent:
        """Take the whole content and say yes; a name that is taken stays as it is, the new content counts as well."""
        pieces = []
        for offset, piece in pieces_from(request, 0, feed):
            pieces.append(piece)
            feed.progress(request.token, offset + len(piece))
        content = b"".join(pieces)
        with self._lock():
            self.disk.received.append((request.path, content))
            if Lie.FORGET not in self._lies and self.disk.find(request.path) is None:
                kept = content[:-1] if Lie.TRUNCATE in self._lies else content
                self.disk.plant(request.path, kept, request.mtime_ns)
            return Sent(request.size, "acknowledged", f"memory:{len(self.disk.received)}")

    def _prove(self, request: ProveRequest) -> Proven:
        strongest = self._capabilities.delivery_proof
        with self._lock():
            if not self._capabilities.probeable:
                require_safe(request.path)
                return Proven(request.size, Proof.ACK, "acknowledged; this device cannot be asked again")
            node = self._file(request.path)
            if min(request.proof, strongest) < Proof.HASH:
                return Proven(len(node.content), min(strongest, Proof.SIZE), "memory stat")
            own = self._digest(node)
            if own is not None:
                return Proven(len(node.content), Proof.HASH, "memory digest", own)
            read_back = Digest("sha256", hashlib.sha256(node.content).hexdigest())
            return Proven(len(node.content), Proof.HASH, "memory read-back", read_back)

    def _is_partial_in(self, folders: Sequence[str], path: str) -> bool:
        folder, _, name = path.rpartition("/")
        node = self.disk.find(path)
        is_file = node is not None and node.kind is Kind.FILE
        return folder in folders and is_file and is_ours(name) and name.endswith(".part")
