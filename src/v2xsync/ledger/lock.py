"""The lock of a state folder: two instances never share one.

The lock belongs to the process and ends with it, also when it is killed; the file's text only tells who holds it.
Unix has `flock`, Windows `msvcrt.locking`; where neither is there, SQLite's own exclusive lock on a file of its own.
"""

from __future__ import annotations

import errno
import importlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from v2xsync.errors import LedgerError, StateInUse

LOCK_NAME = "lock"

_TEXT_BYTES = 64
_WINDOWS_OFFSET = 1024
"""Windows forbids reading what is locked: the locked byte lies behind the text."""

_TAKEN = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK})


class StateLock:
    """The lock of one folder, from `take` to `release`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = -1
        self._release: Callable[[], None] = _nothing
        self.left_behind = False
        """The last holder died without releasing it."""

    def take(self) -> None:
        """Take the lock; raises StateInUse where another process (or this one) has it, LedgerError."""
        path = self._folder / LOCK_NAME
        try:
            self._fd = open_private(path)
        except OSError as error:
            raise LedgerError(
                f"cannot open {path}: {error.strerror}", remedy="give this user the state folder"
            ) from error
        holder = os.read(self._fd, _TEXT_BYTES).decode("ascii", "replace").strip()
        try:
            self._release = _take(self._fd, path)
        except OSError as error:
            os.close(self._fd)
            raise self._refusal(error, holder) from error
        self.left_behind = bool(holder)
        self._write(f"{os.getpid()}\n")

    def _refusal(self, error: OSError, holder: str) -> LedgerError:
        if error.errno in _TAKEN:
            return StateInUse(
                f"another v2xsync (process {holder or 'unknown'}) uses the state folder {self._folder}",
                remedy="end it, or give this station a state folder of its own",
            )
        return LedgerError(
            f"the state folder {self._folder} cannot be locked: {error.strerror}",
            remedy="put the state folder on a local disk",
        )

    def _write(self, text: str) -> None:
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.ftruncate(self._fd, 0)
        os.write(self._fd, text.encode("ascii"))

    def release(self) -> None:
        """Give it back; nothing where it is not held."""
        if self._fd >= 0:
            self._write("")
            self._release()
            os.close(self._fd)
            self._fd = -1


def open_private(path: Path) -> int:
    """Open for reading and writing a file that only this user may touch, made where it is missing; no link is followed.

    Raises OSError.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _nothing() -> None:
    """Closing the file releases it."""


def _module(name: str) -> Any:
    """The module of that name, None where this system has none."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _take(fd: int, path: Path) -> Callable[[], None]:
    """Lock the open file; returns what has to be done before it is closed. Raises OSError."""
    if unix := _module("fcntl"):
        unix.flock(fd, unix.LOCK_EX | unix.LOCK_NB)
        return _nothing
    if windows := _module("msvcrt"):
        os.lseek(fd, _WINDOWS_OFFSET, os.SEEK_SET)
        windows.locking(fd, windows.LK_NBLCK, 1)
        return _nothing
    return _take_by_sqlite(path.with_suffix(".sqlite3"))


def _take_by_sqlite(path: Path) -> Callable[[], None]:
    os.close(open_private(path))
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        connection.close()
        raise OSError(errno.EAGAIN, "locked") from error
    return connection.close
