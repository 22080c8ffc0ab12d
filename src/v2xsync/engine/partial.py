"""A file on its way into the store: written in order, hashed in line, continued only where it is provably the same.

Only a contiguous prefix ever reaches the disk, so that the length of a partial tells the truth after a kill. After a
power cut it does not: blocks that were never synced may be missing inside. Then only what `checkpoint` had synced
counts (requirement R6).
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from v2xsync.devices.base import CHUNK_BYTES, OVERLAP_BYTES
from v2xsync.devices.durable import sync_file
from v2xsync.errors import IntegrityError, ItemFailed, StoreError, StoreFull
from v2xsync.model import crc32

AHEAD_BYTES: Final = 16 * 1024 * 1024
"""So much may arrive before the piece it follows; more is a peer that loses pieces."""

CHECKPOINT_BYTES: Final = 8 * 1024 * 1024
CHECKPOINT_S: Final = 30.0
"""A long transfer is made durable after so many new bytes *and* so many seconds: a power cut costs no more than half a
minute of a slow line, and a fast one is not held up by the disk."""

_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})


def store_error(error: OSError, what: str) -> StoreError:
    """Map what the local disk said."""
    if error.errno in _FULL:
        return StoreFull(f"{what}: no space left in the store", remedy="free space, or lower [store] keep")
    return StoreError(f"{what}: {error.strerror or error}", remedy="check the store's disk and its permissions")


class Partial:
    """One partial file, open for writing; used by one thread.

    `offset` is where the source is to be read from: zero, or a little before the end of what is there already, so that
    the overlap can be compared.
    """

    def __init__(self, path: Path, *, label: str, trust_length: bool, monotonic: Callable[[], float]) -> None:
        """Open `path`, continuing what stands there; `label` names the item in errors. Raises StoreError."""
        self.path = path
        self._monotonic = monotonic
        self._checked_at = monotonic()
        self._label = label
        self._ahead: dict[int, bytes] = {}
        self._ahead_bytes = 0
        self._hash = hashlib.sha256()
        try:
            self._file = _open_partial(path)
            self._kept = self._measure(trust_length=trust_length)
            self.offset: Final = max(0, self._kept - OVERLAP_BYTES)
            self._hash_prefix()
        except OSError as error:
            raise store_error(error, "cannot open a partial") from error
        self.frontier = self.offset
        self._checked = self.frontier

    def _measure(self, *, trust_length: bool) -> int:
        length = os.fstat(self._file.fileno()).st_size
        if length and not trust_length:
            length = min(length, _read_mark(_mark(self.path)))
            self._file.truncate(length)
        return length

    def _hash_prefix(self) -> None:
        left = self.offset
        while left:
            data = self._file.read(min(CHUNK_BYTES, left))
            self._hash.update(data)
            left -= len(data)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Take a piece; pieces may come out of order within `AHEAD_BYTES`.

        Raises IntegrityError where the overlap differs (the partial is then useless), ItemFailed for a piece out of
        bounds, StoreError.
        """
        if offset != self.frontier:
            self._keep_ahead(offset, data)
            return
        self._accept(data)
        while self.frontier in self._ahead:
            piece = self._ahead.pop(self.frontier)
            self._ahead_bytes -= len(piece)
            self._accept(piece)

    def _keep_ahead(self, offset: int, data: bytes | memoryview) -> None:
        if offset < self.frontier or offset in self._ahead:
            raise ItemFailed(self._label, "the device sent a piece twice")
        self._ahead_bytes += len(data)
        if self._ahead_bytes > AHEAD_BYTES:
            raise ItemFailed(self._label, "a piece is missing and does not come")
        self._ahead[offset] = bytes(data)

    def _accept(self, data: bytes | memoryview) -> None:
        known = min(len(data), max(0, self._kept - self.frontier))
        try:
            if known and self._file.read(known) != bytes(data[:known]):
                raise IntegrityError(
                    self._label, "the part fetched before does not belong to this file; starting again"
                )
            if known < len(data):
                self._file.write(data[known:])
        except OSError as error:
            raise store_error(error, f"cannot write {self._label}") from error
        self._hash.update(data)
        self.frontier += len(data)
        if self.frontier - self._checked >= CHECKPOINT_BYTES and self._monotonic() - self._checked_at >= CHECKPOINT_S:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Make what is there durable and note its length beside it."""
        try:
            sync_file(self._file.fileno())
            write_own(_mark(self.path), str(max(self.frontier, self._kept)))
        except OSError as error:
            raise store_error(error, f"cannot sync {self._label}") from error
        self._checked, self._checked_at = self.frontier, self._monotonic()

    @property
    def sha256(self) -> str:
        """Hex digest of everything before `frontier`."""
        return self._hash.hexdigest()

    def digest(self, algorithm: str) -> str | None:
        """Hex digest of everything before `frontier`; None for an algorithm that we cannot compute. Raises StoreError.

        A vehicle tells a CRC32 of the whole file: what a resumed fetch did not bring is read back from the disk for it.
        """
        if algorithm == "sha256":
            return self.sha256
        return crc32.written(self._crc32()) if algorithm == crc32.NAME else None

    def _crc32(self) -> int:
        value = 0
        try:
            self._file.seek(0)
            while piece := self._file.read(CHUNK_BYTES):
                value = crc32.crc32(piece, value)
        except OSError as error:
            raise store_error(error, f"cannot read {self._label} back") from error
        return value

    @property
    def complete(self) -> bool:
        """Whether no piece is missing before the last one that came."""
        return not self._ahead

    def close(self) -> None:
        """Close the file and keep it."""
        self._file.close()

    def discard(self) -> None:
        """Close the file and delete it: it is of no use."""
        self._file.close()
        discard_partial(self.path)


def discard_partial(path: Path) -> None:
    """Delete a partial and its mark, where they are there."""
    path.unlink(missing_ok=True)
    _mark(path).unlink(missing_ok=True)


def forget_mark(path: Path, size: int) -> None:
    """Delete the mark of a partial that got its final name; small files never had one."""
    if size >= CHECKPOINT_BYTES:
        _mark(path).unlink(missing_ok=True)


def write_own(path: Path, text: str) -> None:
    """Write a short file that only this user may read; what has its name, a planted link too, makes room. OSError."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as stream:
        stream.write(text)


def _mark(path: Path) -> Path:
    return path.with_suffix(".synced")


def _read_mark(mark: Path) -> int:
    try:
        return int(mark.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _open_partial(path: Path) -> io.FileIO:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return io.FileIO(os.open(path, flags, 0o600), "r+")
