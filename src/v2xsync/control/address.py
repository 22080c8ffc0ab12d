"""Where the control socket is, and who may talk there.

The socket is ``control.sock`` in the state folder, mode 0600. A path longer than what a socket's address holds is
reached through the open folder (``/proc/self/fd``), where the system has that. Besides the mode, the peer's user is
asked of the kernel (SO_PEERCRED, unix(7)), where it tells: the user of this process, or root.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from v2xsync.errors import ControlError, ServiceAway

SOCKET_NAME: Final = "control.sock"

LONGEST_ADDRESS: Final = 103
"""Bytes of a path in a socket's address: 107 on Linux, 103 on macOS and the BSDs."""

_FOLDERS_BY_NUMBER: Final = Path("/proc/self/fd")
_CREDENTIALS: Final = struct.Struct("3i")
"""struct ucred: process, user, group."""


def has_sockets() -> bool:
    """Whether this platform (and this Python) has Unix sockets."""
    return hasattr(socket, "AF_UNIX")


def new_socket() -> socket.socket:
    """Return a stream socket of the Unix family. Raises ControlError where there is none."""
    if not has_sockets():
        raise ControlError("there are no Unix sockets on this system, so no other v2xsync can talk to this one")
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


@contextlib.contextmanager
def short_address(folder: Path) -> Iterator[str]:
    """Give the address of the socket in `folder`, however long its path. Raises ControlError, OSError."""
    path = folder / SOCKET_NAME
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield str(path)
        return
    if not _FOLDERS_BY_NUMBER.is_dir():
        raise ControlError(
            f"the path of {path} is too long for a socket: no other v2xsync can talk to this one",
            remedy=f"use a state folder of at most {LONGEST_ADDRESS - len(SOCKET_NAME) - 1} bytes",
        )
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(_FOLDERS_BY_NUMBER / str(number) / SOCKET_NAME)
    finally:
        os.close(number)


def listen(folder: Path, backlog: int) -> socket.socket:
    """Listen in `folder`, whose lock this process holds; a socket left behind by a dead one is replaced.

    Raises ControlError where somebody listens there or something else has the name, and where the system refuses.
    """
    listener = new_socket()
    try:
        _clear(folder)
        with short_address(folder) as address:
            listener.bind(address)
        (folder / SOCKET_NAME).chmod(0o600)  # before listen: until then every call is refused
        listener.listen(backlog)
        listener.settimeout(0.0)
    except OSError as error:
        listener.close()
        what = f"no control socket in {folder}: {error.strerror or error}"
        raise ControlError(what, remedy="put the state folder on a local disk") from error
    except ControlError:
        listener.close()
        raise
    return listener


def _clear(folder: Path) -> None:
    """Take a dead socket away. Raises ControlError where it is alive, or no socket; OSError."""
    path = folder / SOCKET_NAME
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise ControlError(f"{path} is there and is no socket", remedy="move it away")
    with contextlib.closing(new_socket()) as probe, short_address(folder) as address:
        probe.settimeout(1.0)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise ControlError(f"somebody else listens at {path}", remedy="end that process")


def remove(folder: Path, listener: socket.socket, identity: tuple[int, int]) -> None:
    """Stop listening, and take the name away where it is still ours (`identity` is its device and inode)."""
    listener.close()
    with contextlib.suppress(OSError):
        if identity_of(folder) == identity:
            (folder / SOCKET_NAME).unlink()


def identity_of(folder: Path) -> tuple[int, int]:
    """Device and inode of the socket's name. Raises OSError."""
    found = (folder / SOCKET_NAME).lstat()
    return found.st_dev, found.st_ino


def dial(folder: Path, patience_s: float) -> socket.socket:
    """Connect to whoever listens in `folder`. Raises ServiceAway where nobody does, or a stranger."""
    caller = new_socket()
    caller.settimeout(patience_s)
    try:
        with short_address(folder) as address:
            caller.connect(address)
        _require_known(peer_user(caller), {*trusted_users(), folder.stat().st_uid})
    except (OSError, ControlError) as error:
        caller.close()
        if isinstance(error, ServiceAway):
            raise
        raise ServiceAway(
            f"no service answers for the state folder {folder}", remedy="start one: v2xsync --no-ui, or systemctl start"
        ) from error
    return caller


def _require_known(user: int | None, known: Collection[int]) -> None:
    if user is not None and user not in known:
        raise ServiceAway(
            f"the control socket is served by a stranger (user {user})", remedy="look at the state folder"
        )


def trusted_users() -> frozenset[int]:
    """Users whose calls are taken: this process's own, and root."""
    return frozenset({os.geteuid(), 0}) if hasattr(os, "geteuid") else frozenset()


def peer_user(connection: socket.socket) -> int | None:
    """The user of the process at the other end as the kernel knows it; None where it does not tell. Raises OSError."""
    option: Any = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _process, user, _group = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    return int(user)
