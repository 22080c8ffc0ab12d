"""Disk: a flash drive as source and target, mounted when it appears, flushed and unmounted when its work is done.

Quirks of drives that this adapter knows (verbs on files are those of a folder, the adapter that it is given):

* A yanked drive shows an *empty listing without an error*, names that are not there, removals that seem to succeed: its
  presence is confirmed, by udev and mountinfo, before and after each listing and behind every answer that says "not
  there", "removed" or "proven" (`drives.dock`).
* A removal counts when it is on the medium: one flush for a batch, before anything is reported.
* FAT and exFAT: times of 2 s, which a camera writes in local time (they shift by an hour with the seasons), names
  without case. They are assumed until a drive is plugged in and says something else.
* What systems leave behind on drives is left alone: `System Volume Information`, `$RECYCLE.BIN`, `.Trashes`, `._*` ...
* A broken cluster is trouble with one file (EIO), never with the drive.

Source: the kernel's pages on vfat and exfat; what a yank looks like was seen with Linux 6.1 on emulated USB.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from v2xsync.devices import durable
from v2xsync.devices.base import (
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
    Source,
    Target,
)
from v2xsync.devices.drives.dock import Dock, Mooring
from v2xsync.devices.drives.drive import FAT_STEP_NS, Drive
from v2xsync.errors import DeviceGone, ItemError, V2xSyncError
from v2xsync.model.items import NS_PER_S, Entry, Unlistable

REMOVALS_A_FLUSH = 50
"""So many removals share one flush of the drive."""

_SYSTEMS_OWN = frozenset(
    {
        "system volume information",
        "$recycle.bin",
        "recycler",
        ".trashes",
        ".spotlight-v100",
        ".fseventsd",
        ".temporaryitems",
        ".documentrevisions-v100",
        "found.000",
        "lost+found",
    }
)
_SYSTEMS_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini", "indexervolumeguid"})


class FolderPort(Source, Target, Protocol):
    """A session with a folder of this machine: both ports in one."""


MakeFolder = Callable[[Path, Drive], FolderPort]
"""Makes a session with a folder on a mounted drive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskOptions:
    """How a drive is used; where it is, is the dock's matter."""

    max_parallel: int = 1
    by_stem: bool = False
    """Files that share a stem are one unit."""


def is_systems_own(path: str) -> bool:
    """Whether a path belongs to what systems leave on drives: it is neither fetched nor removed."""
    parts = path.casefold().split("/")
    return parts[-1] in _SYSTEMS_FILES or any(part in _SYSTEMS_OWN or part.startswith("._") for part in parts)


class DiskDevice:
    """A session with a drive: both ports. The drive is mounted by the first use, for all sessions of its dock.

    With `alone` there are no other sessions, and closing this one lets the drive go.
    """

    def __init__(
        self, name: str, options: DiskOptions, dock: Dock, make_folder: MakeFolder, *, alone: bool = False
    ) -> None:
        self.name = name
        self._dock = dock
        self._make_folder = make_folder
        self._alone = alone
        self._mooring: Mooring | None = None
        self._folder: FolderPort | None = None
        self._capabilities = Capabilities(
            source=True,
            target=True,
            deletes=True,
            resumable_read=True,
            resumable_write=True,
            atomic_rename=True,
            replaces=True,
            mtime_step_s=FAT_STEP_NS / NS_PER_S,
            fat_times=True,
            case_sensitive=False,
            max_parallel=options.max_parallel,
            hot_plug=True,
            arrival_events=True,
            stem_groups=options.by_stem,
        )

    @property
    def capabilities(self) -> Capabilities:
        """Those of a FAT drive."""
        return self._capabilities

    def connect(self) -> None:
        """Have the drive mounted: DeviceGone where it is not plugged in, AccessRefused where it cannot be mounted."""
        with self._inside():
            pass

    def close(self) -> None:
        """Forget the folder; alone, also flush and unmount."""
        if self._folder is not None:
            self._folder.close()
        self._folder = self._mooring = None
        if self._alone:
            self._dock.let_go()

    def probe(self) -> Health:
        """Ask the folder, and whether the drive is still there."""
        with self._inside() as (folder, mooring):
            health = folder.probe()
            self._dock.confirm(mooring)
            return health

    @contextmanager
    def _inside(self) -> Iterator[tuple[FolderPort, Mooring]]:
        """The drive mounted and its folder connected for the time of the block."""
        with self._dock.use() as mooring:
            if self._folder is None or self._mooring is not mooring:
                self._folder = self._make_folder(mooring.root, mooring.drive)
                self._mooring = mooring
            folder = self._folder
            try:
                folder.connect()
            except V2xSyncError:
                self._dock.confirm(mooring)
                raise
            yield folder, mooring

    # -- reading

    def list(self) -> Iterator[Entry | Unlistable]:
        """The folder's listing, which counts only when the drive was there before it and is there after it."""
        with self._inside() as (folder, mooring):
            self._dock.confirm(mooring)
            for found in folder.list():
                if not is_systems_own(found.path):
                    yield found
            self._dock.confirm(mooring)

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """The folder's answers; "not there" only while the drive is."""
        with self._inside() as (folder, mooring):
            answers = folder.stat(paths)
            if any(isinstance(answer, ItemError) for answer in answers):
                self._dock.confirm(mooring)
            return answers

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """As the folder does it; a failure of a file while the drive is gone is the drive's."""
        with self._inside() as (folder, mooring):
            folder.fetch(requests, _Sink(sink, lambda: self._dock.confirm(mooring)))

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Removals in small batches: each is flushed, and the drive confirmed, before it is reported."""
        with self._inside() as (folder, mooring):
            for some in _portions(requests, REMOVALS_A_FLUSH):
                answers = list(folder.remove(some))
                self._flush(mooring)
                self._dock.confirm(mooring)
                yield from answers

    def _flush(self, mooring: Mooring) -> None:
        try:
            durable.sync_filesystem(mooring.point)
        except OSError as error:
            self._dock.confirm(mooring)
            raise DeviceGone(self.name, f"the drive cannot be flushed ({error.strerror})") from error

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """As the folder does it."""
        with self._inside() as (folder, mooring):
            pruned = folder.prune(folders)
            self._flush(mooring)
            self._dock.confirm(mooring)
            return pruned

    # -- writing

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """As the folder does it; nothing counts as done on a drive that is gone."""
        with self._inside() as (folder, mooring):
            folder.send(requests, _Feed(feed, lambda: self._dock.confirm(mooring)))

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """As the folder does it; an answer counts while the drive is there."""
        with self._inside() as (folder, mooring):
            for answer in folder.prove(requests):
                self._dock.confirm(mooring)
                yield answer

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """As the folder does it."""
        with self._inside() as (folder, _):
            return folder.sweep(folders, keep)


class _Sink:
    """Hands on what a folder reports, but asks for the drive before a failure is believed."""

    def __init__(self, sink: FetchSink, confirm: Callable[[], None]) -> None:
        self._sink = sink
        self._confirm = confirm

    def write(self, token: int, offset: int, data: bytes | memoryview) -> bool:
        """As it is."""
        return self._sink.write(token, offset, data)

    def done(self, token: int, fetched: Fetched) -> None:
        """All of it was read."""
        self._sink.done(token, fetched)

    def failed(self, token: int, error: ItemError) -> None:
        """Its own failure, or the drive's."""
        self._confirm()
        self._sink.failed(token, error)


class _Feed:
    """Hands on what a folder reports, but asks for the drive before anything counts."""

    def __init__(self, feed: Feed, confirm: Callable[[], None]) -> None:
        self._feed = feed
        self._confirm = confirm

    def read(self, token: int, offset: int, length: int) -> bytes:
        """As it is."""
        return self._feed.read(token, offset, length)

    def progress(self, token: int, position: int) -> None:
        """As it is."""
        self._feed.progress(token, position)

    def done(self, token: int, sent: Sent) -> None:
        """It stands on the drive, and the drive is there."""
        self._confirm()
        self._feed.done(token, sent)

    def failed(self, token: int, error: ItemError) -> None:
        """Its own failure, or the drive's."""
        self._confirm()
        self._feed.failed(token, error)


def _portions(requests: Iterable[RemoveRequest], most: int) -> Iterator[list[RemoveRequest]]:
    portion: list[RemoveRequest] = []
    for request in requests:
        portion.append(request)
        if len(portion) >= most:
            yield portion
            portion = []
    if portion:
        yield portion
