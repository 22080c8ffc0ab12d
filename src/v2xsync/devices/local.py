"""Local: a folder of this machine as source and target.

Quirks of disks that this adapter knows:

* A drive that is unmounted leaves an empty folder behind: the root is known again by device and inode number, and an
  absent root is `DeviceGone`, never an empty listing.
* Other programs write in the same folder: files vanish, grow and are replaced at any moment. A file is described by the
  open descriptor before and after it is read, and compared once more right before it is removed.
* Links and folders that become links: `rooted` never follows any below the root.
* A new name is durable only when its folder is synced, and a rename may reach the disk before the content does: content
  is synced first, then renamed, then the folders are synced. Small files share one ``syncfs(2)`` for all of this.
* Read-back from the page cache proves the memory, not the disk: clean pages are dropped first where the system can.

Whole-device trouble is told from trouble with a file by asking for the root again.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from v2xsync.devices import durable
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
from v2xsync.devices.resume import check_names, pieces_from, resume_position
from v2xsync.devices.rooted import Folder, Root, kind_of
from v2xsync.errors import (
    AccessRefused,
    Cancelled,
    DeviceBusy,
    DeviceGone,
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NameTaken,
    NoSpace,
    OutcomeUnknown,
    V2xSyncError,
)
from v2xsync.model.items import NS_PER_S, Digest, Entry, Fingerprint, Kind, Proof, Unlistable

BATCH_FILES = 64
"""So many finished files share one sync; few enough to hold their descriptors open."""

BATCH_BYTES = 16 * 1024 * 1024
"""A batch that holds this much is synced at once: what waits unsynced is what a power cut may cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """Which folder, and what its file system can tell apart (FAT: `step_ns` 2 s, `fat_times`, not `case_sensitive`)."""

    root: Path
    step_ns: int = 1
    fat_times: bool = False
    case_sensitive: bool = sys.platform not in ("win32", "darwin")
    hot_plug: bool = False
    max_parallel: int = 4


def _codes(*names: str) -> frozenset[int]:
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


_GONE = _codes("ENODEV", "ENXIO", "ESTALE", "ENOTCONN", "EHOSTDOWN", "ETIMEDOUT", "ENOMEDIUM", "ESHUTDOWN")
_BUSY = _codes("EMFILE", "ENFILE", "ENOMEM")
_FULL = _codes("ENOSPC", "EDQUOT")
_MISSING = _codes("ENOENT", "ENOTDIR", "ELOOP")
_RIGHTS = _codes("EACCES", "EPERM")
_BAD_NAME = _codes("ENAMETOOLONG", "EINVAL", "EILSEQ", "EISDIR", "ENOTDIR", "ELOOP")
_TOO_BIG = _codes("EFBIG", "EOVERFLOW")
_SHARING_VIOLATION = frozenset({32, 33})
"""Windows: another program has the file open."""


@dataclass(slots=True)
class _Batch:
    """Files whose content is written under their partial names, waiting for one sync and their final names."""

    ready: list[tuple[SendRequest, int]] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.ready) >= BATCH_FILES or sum(request.size for request, _ in self.ready) >= BATCH_BYTES

    def folders(self) -> set[str]:
        """The folders that the files are in."""
        return {_folder_of(request.path) for request, _ in self.ready}

    def one_folder_each(self) -> list[str]:
        """One folder for each file system that is touched: what is mounted below the root is another one."""
        return list({os.fstat(fd).st_dev: _folder_of(request.path) for request, fd in self.ready}.values())

    def close(self) -> None:
        """Close what is open; may be called again."""
        while self.ready:
            os.close(self.ready.pop()[1])


class LocalDevice:
    """A session with a folder: both ports. Sessions hold nothing open between two calls."""

    def __init__(self, name: str, options: LocalOptions) -> None:
        self.name = name
        self._options = options
        self._root = Root(name, options.root)
        self._capabilities = Capabilities(
            source=True,
            target=True,
            deletes=True,
            resumable_read=True,
            resumable_write=True,
            atomic_rename=True,
            replaces=True,
            mtime_step_s=options.step_ns / NS_PER_S,
            fat_times=options.fat_times,
            case_sensitive=options.case_sensitive,
            max_parallel=options.max_parallel,
            hot_plug=options.hot_plug,
            arrival_events=True,
        )

    @property
    def capabilities(self) -> Capabilities:
        """Everything a good disk can do."""
        return self._capabilities

    def connect(self) -> None:
        """Find the root; it has to be there (DeviceGone) and readable (AccessRefused)."""
        self._root.attach()

    def close(self) -> None:
        """Forget the root; the next `connect` takes what is there then."""
        self._root.detach()

    def probe(self) -> Health:
        """Ask for the root and its free space."""
        self._root.check()
        try:
            free = shutil.disk_usage(self._root.path).free
        except OSError as error:
            raise DeviceGone(self.name, f"{self._root.path} does not answer ({error.strerror})") from error
        return Health(clock_offset_s=0.0, free_bytes=free, detail=f"folder {self._root.path}")

    # -- listing

    def list(self) -> Iterator[Entry | Unlistable]:
        """Walk the tree; a folder that cannot be read is `Unlistable`, one that vanished meanwhile is left out."""
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            parts = waiting.pop()
            for found in self._list_folder(parts):
                yield found
                if isinstance(found, Entry) and found.kind is Kind.FOLDER:
                    waiting.append(tuple(found.path.split("/")))
        self._root.check()

    def _list_folder(self, parts: tuple[str, ...]) -> Iterator[Entry | Unlistable]:
        try:
            with self._root.folder(parts) as folder:
                for name, facts in folder.scan():
                    if not is_ours(name):
                        yield self._entry("/".join((*parts, name)), facts)
        except FileNotFoundError:
            self._root.check()
        except OSError as error:
            self._check_device(error)
            yield Unlistable("/".join(parts), f"the folder cannot be read ({error.strerror})")

    def _entry(self, path: str, facts: os.stat_result) -> Entry:
        return Entry(path, kind_of(facts), facts.st_size, facts.st_mtime_ns, self._options.step_ns)

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """One `lstat` for each path."""
        return [self._stat(path) for path in paths]

    def _stat(self, path: str) -> Entry | ItemError:
        try:
            with self._parent(path) as (folder, name):
                return self._entry(path, folder.stat(name))
        except ItemError as error:
            return error

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[Folder, str]]:
        """Open the folder of `path` for reading verbs; every OSError inside becomes an ItemError or a DeviceError."""
        *parts, name = require_safe(path).split("/")
        try:
            with self._root.folder(parts) as folder:
                yield folder, name
        except OSError as error:
            raise self._reading_trouble(path, error) from error

    # -- reading

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """Read file by file through its descriptor, which is asked for its facts before and after."""
        for request in requests:
            try:
                with self._open_version(request.path, request.fingerprint) as fd:
                    whole = self._read(fd, request, sink)
                    after = self._entry(request.path, os.fstat(fd)).fingerprint
            except ItemError as error:
                sink.failed(request.token, error)
            else:
                if whole:
                    sink.done(request.token, Fetched(after, Proof.HASH, "local read"))

    @contextmanager
    def _open_version(self, path: str, wanted: Fingerprint) -> Iterator[int]:
        """Open the file at `path`, which has to be the version `wanted` (ItemChanged)."""
        with self._parent(path) as (folder, name):
            # Links and devices are told from files before anything is opened: opening some devices has effects.
            self._demand(self._entry(path, folder.stat(name)), wanted)
            fd = folder.open(name)
        try:
            self._demand(self._entry(path, os.fstat(fd)), wanted)
            yield fd
        finally:
            os.close(fd)

    def _demand(self, shown: Entry, wanted: Fingerprint) -> None:
        if shown.kind is not Kind.FILE:
            raise ItemChanged(shown.path, f"this is no file but a {shown.kind.value}")
        if not wanted.matches(shown.fingerprint, fat_times=self._options.fat_times):
            raise ItemChanged(shown.path, "another version stands there now")

    def _read(self, fd: int, request: FetchRequest, sink: FetchSink) -> bool:
        """Read to the end that the fingerprint tells; False where the sink abandons the file."""
        position, end = request.offset, request.fingerprint.size
        while position < end:
            piece = self._read_at(fd, request.path, position, min(CHUNK_BYTES, end - position))
            if not piece:
                raise ItemChanged(request.path, "the file became shorter while it was read")
            if not sink.write(request.token, position, piece):
                return False
            position += len(piece)
        return True

    def _read_at(self, fd: int, path: str, offset: int, length: int) -> bytes:
        try:
            os.lseek(fd, offset, os.SEEK_SET)
            return os.read(fd, length)
        except OSError as error:
            raise self._reading_trouble(path, error) from error

    def _sha256(self, fd: int, path: str) -> tuple[int, str]:
        """Read all of a file past the page cache; returns (bytes, sha256)."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        digest, position = hashlib.sha256(), 0
        while piece := self._read_at(fd, path, position, CHUNK_BYTES):
            digest.update(piece)
            position += len(piece)
        return position, digest.hexdigest()

    # -- removing

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Compare and remove inside the same open folder."""
        for request in requests:
            answer: V2xSyncError | None = None
            try:
                if request.prove_content:
                    self._prove_content(request)
                with self._parent(request.path) as (folder, name):
                    self._demand(self._entry(request.path, folder.stat(name)), request.fingerprint)
                    folder.unlink(name)
            except ItemError as error:
                answer = error
            yield request.token, answer

    def _prove_content(self, request: RemoveRequest) -> None:
        if not request.sha256:
            raise ItemRefused(request.path, "the content cannot be proven again: no hash of it is known")
        with self._open_version(request.path, request.fingerprint) as fd:
            before = os.fstat(fd)
            _, sha256 = self._sha256(fd, request.path)
            with self._parent(request.path) as (folder, name):
                now = folder.stat(name)
        if sha256 != request.sha256 or _identity(before) != _identity(now):
            raise ItemChanged(request.path, "the content is not the one that was fetched")

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """Remove the empty ones by `rmdir`, which refuses all others."""
        return [folder for folder in folders if self._prune(folder)]

    def _prune(self, path: str) -> bool:
        try:
            *parts, name = require_safe(path).split("/")
            with self._root.folder(parts) as folder:
                folder.rmdir(name)
        except ItemRefused:
            return False
        except OSError as error:
            self._check_device(error)
            return False
        return True

    # -- writing

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """Write partials one by one; sync and rename them in batches.

        What is complete when the disk runs full or a stop is asked for still gets its final name.
        """
        batch = _Batch()
        try:
            for request in requests:
                self._write(request, feed, batch)
                if batch.full:
                    self._commit(batch, feed)
            self._commit(batch, feed)
        except (NoSpace, Cancelled):
            self._commit(batch, feed)
            raise
        finally:
            batch.close()

    def _write(self, request: SendRequest, feed: Feed, batch: _Batch) -> None:
        """Write one partial whole and put it in the batch, or report why not."""
        try:
            check_names(request)
            *parts, name = request.path.split("/")
            with self._writing(request.path), self._root.folder(parts, make=True) as folder:
                if folder.has(name) and not request.replaces:
                    raise NameTaken(request.path, "the name is taken")
                batch.ready.append((request, self._write_partial(folder, request, feed)))
        except ItemError as error:
            feed.failed(request.token, error)

    def _write_partial(self, folder: Folder, request: SendRequest, feed: Feed) -> int:
        """Write the whole content; returns the open descriptor of the partial."""
        name = _name_of(request.partial)
        fd, position = self._open_partial(folder, name, request, feed)
        try:
            _fill(fd, request, position, feed)
            if request.mtime_ns is not None:
                with suppress(OSError, OverflowError):
                    folder.set_time(name, request.mtime_ns)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _open_partial(self, folder: Folder, name: str, request: SendRequest, feed: Feed) -> tuple[int, int]:
        """Open the partial, as it is where it may be continued, else new; returns (descriptor, position)."""
        if folder.has(name):
            facts = folder.stat(name)
            if kind_of(facts) is Kind.FILE and facts.st_nlink <= 1:
                fd = folder.open(name, os.O_RDWR)
                position = self._overlap(fd, request, feed)
                if position:
                    return fd, position
                os.close(fd)
            folder.unlink(name)
        try:
            return folder.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL), 0
        except FileExistsError as error:
            raise ItemFailed(request.path, "another session writes the same partial file") from error

    def _overlap(self, fd: int, request: SendRequest, feed: Feed) -> int:
        """How much of an open partial may stay; it is closed where the feed raises."""
        try:
            return resume_position(request, os.fstat(fd).st_size, lambda at, n: _read_back(fd, at, n), feed)
        except BaseException:
            os.close(fd)
            raise

    def _commit(self, batch: _Batch, feed: Feed) -> None:
        """Content to the disk, then the final names, then those to the disk; then, and only then, `done`."""
        requests = [request for request, _ in batch.ready]
        folders, filesystems = batch.folders(), batch.one_folder_each()
        together = len(requests) > 1
        try:
            self._sync_contents(batch, filesystems if together else [])
        except ItemError as error:
            self._give_up(requests, feed, error)
            return
        finally:
            batch.close()
        named = [request for request in requests if self._name(request, feed)]
        try:
            self._sync_names(folders, filesystems if together else [])
        except ItemError as error:
            for request in named:
                feed.failed(request.token, OutcomeUnknown(request.path, error.what))
            return
        for request in named:
            feed.done(request.token, Sent(request.size, "synced and renamed"))

    def _sync_contents(self, batch: _Batch, filesystems: Sequence[str]) -> None:
        with self._writing("the batch"):
            if not self._sync_filesystems(filesystems):
                for _, fd in batch.ready:
                    durable.sync_file(fd)

    def _sync_names(self, folders: Iterable[str], filesystems: Sequence[str]) -> None:
        with self._writing("the batch"):
            if not self._sync_filesystems(filesystems):
                for folder in folders:
                    self._root.sync_names(_parts(folder))

    def _sync_filesystems(self, folders: Sequence[str]) -> bool:
        """Sync the file systems that `folders` are on; False where there are none or the call is missing."""
        for path in folders:
            with self._root.folder(_parts(path)) as folder:
                if not durable.sync_filesystem(folder.path if folder.fd is None else folder.fd):
                    return False
        return bool(folders)

    def _give_up(self, requests: Sequence[SendRequest], feed: Feed, error: ItemError) -> None:
        """After a failed sync nobody knows what is on the disk: the partials go, so that nothing is built on them."""
        for request in requests:
            with suppress(OSError), self._root.folder(_parts(_folder_of(request.path))) as folder:
                folder.unlink(_name_of(request.partial))
            feed.failed(request.token, ItemFailed(request.path, error.what))

    def _name(self, request: SendRequest, feed: Feed) -> bool:
        """Give the partial its final name, or report why not."""
        try:
            with self._writing(request.path), self._root.folder(_parts(_folder_of(request.path))) as folder:
                name = folder.replace if request.replaces else folder.rename
                name(_name_of(request.partial), _name_of(request.path))
        except ItemError as error:
            feed.failed(request.token, error)
            return False
        return True

    # -- proving and sweeping

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """Open again, look again, and for HASH read all of it again."""
        for request in requests:
            answer: Proven | ItemError
            try:
                answer = self._prove(request)
            except ItemError as error:
                answer = error
            yield request.token, answer

    def _prove(self, request: ProveRequest) -> Proven:
        with self._parent(request.path) as (folder, name):
            facts = folder.stat(name)
            if kind_of(facts) is not Kind.FILE:
                raise ItemRefused(request.path, f"this is no file but a {kind_of(facts).value}")
            if request.proof < Proof.HASH:
                return Proven(facts.st_size, Proof.SIZE, "stat")
            fd = folder.open(name)
        try:
            size, sha256 = self._sha256(fd, request.path)
        finally:
            os.close(fd)
        return Proven(size, Proof.HASH, "read back", Digest("sha256", sha256))

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """Remove files with our partial names; `keep` holds paths, as in `SendRequest.partial`."""
        return [path for folder in folders for path in self._sweep(folder, keep)]

    def _sweep(self, path: str, keep: Container[str]) -> Iterator[str]:
        try:
            parts = _parts(path and require_safe(path))
            with self._root.folder(parts) as folder:
                for name, facts in list(folder.scan()):
                    partial = "/".join((*parts, name))
                    ours = is_ours(name) and name.endswith(".part") and kind_of(facts) is Kind.FILE
                    if ours and partial not in keep:
                        folder.unlink(name)
                        yield partial
        except ItemRefused:
            return
        except OSError as error:
            self._check_device(error)

    # -- what the system's errors mean

    def _check_device(self, error: OSError) -> None:
        """Raise where `error` speaks of the whole device."""
        if error.errno in _GONE:
            raise DeviceGone(self.name, f"the disk does not answer ({error.strerror})") from error
        if error.errno in _BUSY:
            raise DeviceBusy(self.name, f"the system has no room for more open files ({error.strerror})") from error
        self._root.check()

    def _reading_trouble(self, path: str, error: OSError) -> ItemError:
        self._check_device(error)
        if getattr(error, "winerror", None) in _SHARING_VIOLATION:
            return ItemFailed(path, "another program has the file open")
        if error.errno in _MISSING:
            return ItemMissing(path, "nothing has this name")
        if error.errno in _RIGHTS:
            return ItemRefused(path, f"not allowed ({error.strerror})", remedy="give this user the right to do it")
        if error.errno in _BAD_NAME:
            return ItemRefused(path, f"this disk cannot hold such a name ({error.strerror})")
        return ItemFailed(path, f"the disk reports trouble ({error.strerror})")

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        """Every OSError inside becomes what it means for a target."""
        try:
            yield
        except FileExistsError as error:
            raise NameTaken(path, "the name is taken") from error
        except OSError as error:
            raise self._writing_trouble(path, error) from error

    def _writing_trouble(self, path: str, error: OSError) -> ItemError:
        self._check_device(error)
        if error.errno in _FULL:
            raise NoSpace(self.name, f"the disk is full ({error.strerror})", remedy="free some space on it")
        if error.errno == errno.EROFS:
            raise DeviceGone(self.name, f"{self._root.path} is read-only now", remedy="mount it for writing")
        if error.errno in _RIGHTS and not self._root.is_writable():
            raise AccessRefused(
                self.name, f"{self._root.path} may not be written", remedy="give this user the right to write there"
            )
        if error.errno in _BAD_NAME:
            return ItemRefused(
                path,
                f"this disk cannot hold the path ({error.strerror})",
                remedy="a part of it may be too long, or a file or link; choose another target_path",
            )
        if error.errno in _TOO_BIG:
            return ItemRefused(path, "the file is too big for this disk")
        if error.errno in _RIGHTS:
            return ItemRefused(path, f"not allowed ({error.strerror})", remedy="give this user the right to do it")
        return ItemFailed(path, f"the disk reports trouble ({error.strerror})")


def _identity(facts: os.stat_result) -> tuple[int, int, int, int]:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _read_back(fd: int, offset: int, length: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, length)


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _name_of(path: str) -> str:
    return path.rpartition("/")[2]


def _parts(folder: str) -> list[str]:
    return folder.split("/") if folder else []


def _fill(fd: int, request: SendRequest, position: int, feed: Feed) -> None:
    """Write the content from `position` to its end."""
    feed.progress(request.token, position)
    os.lseek(fd, position, os.SEEK_SET)
    for offset, piece in pieces_from(request, position, feed):
        _write_all(fd, piece)
        feed.progress(request.token, offset + len(piece))
    if os.fstat(fd).st_size != request.size:
        raise ItemFailed(request.path, "somebody else wrote into the partial file")


def _write_all(fd: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(fd, rest) :]
