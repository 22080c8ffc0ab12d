"""The far side of an adapter under test: what really is on the device, seen without the adapter."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from v2xsync.devices.base import Source, Target

WHEN_NS = 1_700_000_000 * 1_000_000_000
"""The time that planted files get unless a check says another one (an even second: FAT can hold it)."""


class FarSide(ABC):
    """Plants and looks at files on the device itself. Paths are as in the ports (surrogate escapes for odd bytes).

    A check that needs something which this far side cannot have (links, odd bytes in names) skips itself by name.
    """

    keeps_times = True
    """A sent file's time can be set and asked for."""
    in_memory = False
    """What is sent here stays in this process' memory (so that a memory bound must allow for it)."""

    @abstractmethod
    def session(self) -> Any:
        """Return a fresh session of the device, not connected; a Source, a Target, or both."""

    @abstractmethod
    def plant(self, path: str, content: bytes, mtime_ns: int = WHEN_NS) -> None:
        """Write a file in place (an open reader sees the new content), making parent folders."""

    @abstractmethod
    def plant_folder(self, path: str) -> None:
        """Make an empty folder, with its parents."""

    @abstractmethod
    def look(self, path: str) -> bytes | None:
        """Return a file's content; None where there is no file."""

    @abstractmethod
    def listing(self) -> set[str]:
        """Every file, folder and link below the root, ours included."""

    def plant_link(self, path: str, to: str) -> None:
        """Make a symbolic link at `path` to the text `to`."""
        pytest.skip("far side: no symbolic links")

    def vanish(self) -> None:
        """Make the root itself disappear (an unmounted drive)."""
        pytest.skip("far side: cannot lose its root")

    def source(self) -> Source:
        """Return a fresh session as a source."""
        session: Source = self.session()
        return session

    def target(self) -> Target:
        """Return a fresh session as a target."""
        session: Target = self.session()
        return session


class FolderFarSide(FarSide):
    """A far side that keeps its files in a folder of this machine: local disks and every real server on loopback."""

    def __init__(self, root: Path, session: Callable[[], Any]) -> None:
        self.root = root
        self._session = session

    def session(self) -> Any:
        return self._session()

    def _at(self, path: str) -> Path:
        return self.root / path

    def plant(self, path: str, content: bytes, mtime_ns: int = WHEN_NS) -> None:
        place = self._at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.write_bytes(content)
        except OSError as error:
            if os.name == "nt":
                pytest.skip(f"far side: cannot hold this name ({error})")
            raise
        os.utime(place, ns=(mtime_ns, mtime_ns))

    def plant_folder(self, path: str) -> None:
        self._at(path).mkdir(parents=True, exist_ok=True)

    def plant_link(self, path: str, to: str) -> None:
        self._at(path).parent.mkdir(parents=True, exist_ok=True)
        self._at(path).symlink_to(to)

    def vanish(self) -> None:
        self.root.rename(self.root.with_name(self.root.name + "-away"))

    def look(self, path: str) -> bytes | None:
        place = self._at(path)
        return place.read_bytes() if place.is_file() and not place.is_symlink() else None

    def listing(self) -> set[str]:
        found: set[str] = set()
        for folder, folders, files in os.walk(self.root):
            found.update((Path(folder) / name).relative_to(self.root).as_posix() for name in folders + files)
        return found
