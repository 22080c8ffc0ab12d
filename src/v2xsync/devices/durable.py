"""What a disk owes to a courier: names that never overwrite, and bytes that survive a power cut.

Linux gives all of it by system calls that Python does not wrap (``renameat2(2)`` with RENAME_NOREPLACE, ``syncfs(2)``);
they are reached through ctypes. Elsewhere, and on file systems without them, the next best call takes their place.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

RENAME_NOREPLACE = 1
_AT_FDCWD = -100
_CALL_UNKNOWN = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP})
_LINK_UNKNOWN = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})

NameAt = Path | str | bytes


def rename_noreplace(src: NameAt, dst: NameAt, *, folder_fd: int | None = None) -> None:
    """Give `src` the name `dst`, on the same file system, unless that name is taken (FileExistsError).

    With `folder_fd` both are names inside that open folder. One atomic step by ``renameat2`` on Linux and by a plain
    rename on Windows; by a hard link where that is missing; by looking first where there are no links either (FAT on
    older systems), which leaves a gap of microseconds. Raises OSError.
    """
    for way in (_by_renameat2, _by_plain_rename, _by_link):
        if way(src, dst, folder_fd):
            return
    if _taken(dst, folder_fd):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(dst))
    os.rename(src, dst, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)


def sync_file(fd: int) -> None:
    """Return when the content of `fd` is on the medium, past the drive's own cache where the system can say so."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fsync(fd)


def sync_folder(folder: Path | int) -> None:
    """Make the names inside `folder` (a path or an open folder) durable; a no-op where a folder cannot be opened."""
    if isinstance(folder, int):
        _sync_names(folder)
    elif hasattr(os, "O_DIRECTORY"):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _sync_names(fd)
        finally:
            os.close(fd)


def sync_filesystem(place: Path | int) -> bool:
    """Make everything on the file system of `place` durable by one call; False where that call does not exist.

    A write error that the kernel met since the last call is raised as OSError (Linux 5.8 and later).
    """
    call = _libc_function("syncfs")
    if call is None:
        return False
    if isinstance(place, int):
        return _syncfs(call, place)
    fd = os.open(place, os.O_RDONLY)
    try:
        return _syncfs(call, fd)
    finally:
        os.close(fd)


def _syncfs(call: Callable[..., int], fd: int) -> bool:
    if call(ctypes.c_int(fd)) == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.ENOSYS:
        return False
    raise OSError(code, os.strerror(code))


def _sync_names(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network and FUSE file systems have no such notion for folders; their names are as durable as they get.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise


def _by_renameat2(src: NameAt, dst: NameAt, folder_fd: int | None) -> bool:
    call = _libc_function("renameat2")
    if call is None:
        return False
    at = ctypes.c_int(_AT_FDCWD if folder_fd is None else folder_fd)
    if call(at, os.fsencode(src), at, os.fsencode(dst), ctypes.c_uint(RENAME_NOREPLACE)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CALL_UNKNOWN:
        return False
    raise OSError(code, os.strerror(code), os.fsdecode(src), None, os.fsdecode(dst))


def _by_plain_rename(src: NameAt, dst: NameAt, folder_fd: int | None) -> bool:
    if sys.platform != "win32" or folder_fd is not None:
        return False
    os.rename(src, dst)  # noqa: PTH104 - the same call as above; on Windows it refuses a taken name by itself
    return True


def _by_link(src: NameAt, dst: NameAt, folder_fd: int | None) -> bool:
    try:
        os.link(src, dst, src_dir_fd=folder_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
    except NotImplementedError:
        return False
    except OSError as error:
        if error.errno in _LINK_UNKNOWN:
            return False
        raise
    os.unlink(src, dir_fd=folder_fd)
    return True


def _taken(name: NameAt, folder_fd: int | None) -> bool:
    try:
        os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@functools.cache
def _libc_function(name: str) -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    return function
