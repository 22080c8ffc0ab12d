"""Folders below a root that no link can lead out of.

A path is walked part by part from the root, each folder opened inside the one before and never through a link, so that
a folder which is swapped for a link between two calls leads nowhere else (invariant 9). Where the system cannot open
files inside an open folder (Windows) each part is looked at first, which leaves a gap of microseconds.

The root is remembered by its identity: an unmounted drive leaves an empty folder of the same name behind, and that is
not the same root (requirement R7).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from v2xsync.devices import durable
from v2xsync.errors import AccessRefused, DeviceGone
from v2xsync.model.items import Kind

WALKS_BY_FD = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
"""Whether names can be taken inside an open folder."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_FILE = _NO_LINK | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""A named pipe must not make an open wait for a writer that never comes."""

_BY_KIND = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}


def kind_of(facts: os.stat_result) -> Kind:
    """What a stat that follows no link speaks of."""
    return _BY_KIND.get(stat.S_IFMT(facts.st_mode), Kind.OTHER)


class Folder:
    """An open folder; every name is taken inside it. All methods raise OSError."""

    __slots__ = ("fd", "path")

    def __init__(self, path: Path, fd: int | None) -> None:
        self.path = path
        self.fd = fd

    def at(self, name: str) -> str | Path:
        """What the system's calls want to hear: the bare name with an open folder, else the whole path."""
        return name if self.fd is not None else self.path / name

    def stat(self, name: str) -> os.stat_result:
        """Facts about `name` itself, a link included."""
        return os.stat(self.at(name), dir_fd=self.fd, follow_symlinks=False)

    def has(self, name: str) -> bool:
        """Whether anything has this name."""
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open a file, never through a link and never waiting."""
        return os.open(self.at(name), flags | _FILE, 0o666, dir_fd=self.fd)

    def unlink(self, name: str) -> None:
        """Remove a file or a link."""
        os.unlink(self.at(name), dir_fd=self.fd)

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(self.at(name), dir_fd=self.fd)

    def rename(self, old: str, new: str) -> None:
        """Give `old` the name `new`; FileExistsError where that is taken."""
        durable.rename_noreplace(self.at(old), self.at(new), folder_fd=self.fd)

    def replace(self, old: str, new: str) -> None:
        """Give `old` the name `new`; a file of that name gives way in one step."""
        os.replace(self.at(old), self.at(new), src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def set_time(self, name: str, mtime_ns: int) -> None:
        """Set both times of a file."""
        os.utime(self.at(name), ns=(mtime_ns, mtime_ns), dir_fd=self.fd, follow_symlinks=self.fd is None)

    def scan(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every name with its facts, links not followed; names that vanish meanwhile are left out."""
        with os.scandir(self.path if self.fd is None else self.fd) as found:
            for entry in found:
                with suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False)


class Root:
    """The root of a device, known again by its identity; `device` is the device's configured name."""

    def __init__(self, device: str, path: Path) -> None:
        self.path = path
        self._device = device
        self._identity: tuple[int, int] | None = None

    def attach(self) -> None:
        """Take whatever folder is there now for the root; raises DeviceGone, AccessRefused."""
        if self._identity is None:
            with self._reach():
                facts = self._facts()
            self._identity = (facts.st_dev, facts.st_ino)

    def detach(self) -> None:
        """Forget which folder it was."""
        self._identity = None

    def check(self) -> None:
        """Raise DeviceGone where the folder that was attached is not there now."""
        with self._reach():
            self._compare(self._facts())

    @contextmanager
    def folder(self, parts: Sequence[str], *, make: bool = False) -> Iterator[Folder]:
        """Open the folder at `parts` below the root; with `make` missing ones are made.

        Raises DeviceGone and AccessRefused for the root, OSError for what lies below: FileNotFoundError where a part is
        missing, NotADirectoryError (or ELOOP) where it is a file or a link.
        """
        if not WALKS_BY_FD:
            self.check()
            yield Folder(self._walk_by_path(parts, make=make), None)
            return
        fd = self._open()
        try:
            for part in parts:
                inner = _open_inside(fd, part, make=make)
                os.close(fd)
                fd = inner
            yield Folder(self.path.joinpath(*parts), fd)
        finally:
            os.close(fd)

    def is_writable(self) -> bool:
        """Whether this process may make names in the root."""
        return os.access(self.path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)

    def sync_names(self, parts: Sequence[str]) -> None:
        """Make the names in the folder at `parts`, and of the folders on the way there, durable."""
        for count in range(len(parts), -1, -1):
            with self.folder(parts[:count]) as folder:
                durable.sync_folder(folder.path if folder.fd is None else folder.fd)

    def _open(self) -> int:
        with self._reach():
            fd = os.open(self.path, _FOLDER)
        try:
            self._compare(os.fstat(fd))
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _facts(self) -> os.stat_result:
        with os.scandir(self.path):
            return self.path.stat()

    def _compare(self, facts: os.stat_result) -> None:
        if self._identity is None:
            raise DeviceGone(self._device, "the session is not connected")
        if self._identity != (facts.st_dev, facts.st_ino):
            raise DeviceGone(
                self._device,
                f"{self.path} is another folder than before",
                remedy="if a drive was unmounted, mount it again",
            )

    @contextmanager
    def _reach(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise AccessRefused(
                self._device, f"{self.path} may not be read", remedy="give this user the right to read the folder"
            ) from error
        except OSError as error:
            raise DeviceGone(
                self._device,
                f"the folder {self.path} is not there ({error.strerror})",
                remedy="mount the drive, or make the folder",
            ) from error

    def _walk_by_path(self, parts: Sequence[str], *, make: bool) -> Path:
        place = self.path
        for part in parts:
            place = place / part
            if make:
                with suppress(FileExistsError):
                    place.mkdir()
            if kind_of(place.lstat()) is not Kind.FOLDER:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
        return place


def _open_inside(fd: int, part: str, *, make: bool) -> int:
    flags = _FOLDER | _NO_LINK
    try:
        return os.open(part, flags, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):
        os.mkdir(part, dir_fd=fd)
    return os.open(part, flags, dir_fd=fd)
