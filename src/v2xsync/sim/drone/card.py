"""The memory card: a folder of this machine that the autopilot shows as its whole file system."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from v2xsync.sim.drone.payload import DATA_BYTES

_CRC_FLIP: Final = 0xFFFFFFFF
_PIECE_BYTES: Final = 64 * 1024
_MOST_NAME_BYTES: Final = DATA_BYTES - len(b"F\t4294967295\0")

SKIP: Final = b"S"
"""An entry that a client cannot see, but counts when it asks for the next ones."""


class Card:
    """Every path is absolute, below `root`; links are no files here. All methods raise OSError."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root.resolve()

    def place(self, path: str) -> Path:
        """Where `path` lies on this machine; FileNotFoundError where it leads elsewhere."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        place = self.root.joinpath(*parts)
        if ".." in parts or "\\" in path or not place.resolve().is_relative_to(self.root) or place.is_symlink():
            raise FileNotFoundError(errno.ENOENT, "no such path on the card", path)
        return place

    def entries(self, path: str) -> Iterator[bytes]:
        """Lines of a listing in the order of their names, without their final zero."""
        with os.scandir(self.place(path)) as found:
            for entry in sorted(found, key=lambda entry: entry.name):
                yield _line(entry)

    def open(self, path: str) -> int:
        """Open a file for reading; returns its descriptor. IsADirectoryError for a folder."""
        place = self.place(path)
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", path)
        return os.open(place, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def crc32(self, path: str) -> int:
        """The CRC-32 as NuttX computes it: register from 0, not inverted at the end."""
        register = 0
        with self.place(path).open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                register = zlib.crc32(piece, register ^ _CRC_FLIP) ^ _CRC_FLIP
        return register

    def remove(self, path: str) -> None:
        """Remove one file."""
        self.place(path).unlink()

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder; never the card itself."""
        place = self.place(path)
        if place == self.root:
            raise PermissionError(errno.EACCES, "the card itself stays", path)
        place.rmdir()


def _line(entry: os.DirEntry[str]) -> bytes:
    name = os.fsencode(entry.name)
    if len(name) > _MOST_NAME_BYTES or b"\t" in name:
        return SKIP
    if entry.is_dir(follow_symlinks=False):
        return b"D" + name
    if entry.is_file(follow_symlinks=False):
        return b"F%s\t%d" % (name, entry.stat(follow_symlinks=False).st_size)
    return SKIP
