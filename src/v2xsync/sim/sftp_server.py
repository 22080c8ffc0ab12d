"""A real SFTP server on loopback that serves one folder tree, with paramiko's server side.

Quirks that it has on purpose, because peers in the field have them: no `posix-rename`, no `fsync`, no `limits`; a
rename never overwrites; times are whole seconds; it offers `check-file`.
"""

from __future__ import annotations

import errno
import functools
import hmac
import logging
import os
import posixpath
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Concatenate, Final, ParamSpec, Self, TypeVar

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED
from paramiko.sftp import SFTP_FAILURE, SFTP_OK

from v2xsync.sim.link import Link, LinkRules
from v2xsync.sim.listener import LOOPBACK, Listener

_LOG_CHANNEL: Final = "v2xsync_sim.ssh"
_NEW_FILE_MODE: Final = 0o644

_Owner = TypeVar("_Owner")
_Answer = TypeVar("_Answer")
_Given = ParamSpec("_Given")


class SftpServer:
    """Serves the tree below `root` as ``/`` to one user with a password; the host key is made fresh.

    It may be stopped and started again: address and host key stay the same, as of a machine that was switched off.
    """

    def __init__(
        self,
        root: Path,
        *,
        username: str = "collector",
        password: str = "rehearsal",  # noqa: S107  (of a simulated machine that listens on loopback only)
        refuse_login: bool = False,
        rules: LinkRules | None = None,
        port: int = 0,
    ) -> None:
        _quiet_logger()
        self.username: Final = username
        self.password: Final = password
        self._root = root.resolve()
        self._login = _Login(username, "" if refuse_login else password)
        self._key = paramiko.ECDSAKey.generate()
        self._rules = rules or LinkRules()
        self._listener = Listener("sftp server", self._serve, port=port if self._rules.perfect else 0)
        self._line_port = port
        self._link: Link | None = None
        self._sessions: list[paramiko.Transport] = []
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """The address that clients use."""
        return LOOPBACK

    @property
    def port(self) -> int:
        """The port that clients use; known once started."""
        return self._listener.port if self._rules.perfect else self._line_port

    @property
    def fingerprint(self) -> str:
        """The host key's fingerprint, as ``SHA256:...``."""
        return self._key.fingerprint

    @property
    def known_hosts_line(self) -> str:
        """The line that a known_hosts file needs for this server."""
        return f"[{self.host}]:{self.port} {self._key.get_name()} {self._key.get_base64()}"

    def start(self) -> None:
        """Listen; raises OSError where a port that was asked for is taken."""
        self._listener.start()
        if not self._rules.perfect:
            self._link = Link(self._listener.port, self._rules, port=self._line_port)
            self._link.start()
            self._line_port = self._link.port

    def stop(self) -> None:
        """Close every connection and stop to listen. May be repeated."""
        if self._link is not None:
            self._link.stop()
            self._link = None
        self._listener.stop()
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_how: object) -> None:
        """Stop."""
        self.stop()

    def _serve(self, connection: socket.socket) -> None:
        session = paramiko.Transport(connection)
        session.set_log_channel(_LOG_CHANNEL)
        session.add_server_key(self._key)
        session.set_subsystem_handler("sftp", paramiko.SFTPServer, _Tree, self._root)
        session.start_server(event=threading.Event(), server=self._login)
        with self._lock:
            self._sessions = [known for known in self._sessions if known.is_active()]
            self._sessions.append(session)


def _quiet_logger() -> None:
    """Keep what paramiko has to say about broken peers away from the terminal."""
    logger = logging.getLogger(_LOG_CHANNEL)
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


class _Login(paramiko.ServerInterface):
    """One user, one password (an empty one is never right), nothing but sessions."""

    def __init__(self, username: str, password: str) -> None:
        super().__init__()
        self._username = username
        self._password = password

    def get_allowed_auths(self, username: str) -> str:
        """Passwords only."""
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        """Compare in constant time, as a real server would."""
        right = bool(self._password) and hmac.compare_digest(password.encode(), self._password.encode())
        return AUTH_SUCCESSFUL if right and username == self._username else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """Only sessions; what runs in them is decided by the subsystem."""
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


def _answering(
    verb: Callable[Concatenate[_Owner, _Given], _Answer],
) -> Callable[Concatenate[_Owner, _Given], _Answer | int]:
    """Turn an OSError of `verb` into the SFTP status that says it."""

    @functools.wraps(verb)
    def answer(owner: _Owner, /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Answer | int:
        try:
            return verb(owner, *args, **kwargs)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    return answer


class _Tree(paramiko.SFTPServerInterface):
    """The served folder: every path is below it, and no symbolic link leads out of it."""

    def __init__(self, server: paramiko.ServerInterface, root: Path) -> None:
        super().__init__(server)
        self._root = root

    def _place(self, path: str, *, follow: bool) -> Path:
        inside = posixpath.normpath("/" + path).strip("/")
        place = self._root / inside
        seen = place if follow or place == self._root else place.parent
        if not seen.resolve().is_relative_to(self._root):
            raise PermissionError(errno.EACCES, "the link leads out of the served tree")
        return place

    @_answering
    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:
        """Every entry as it is, links included, unfollowed."""
        with os.scandir(self._place(path, follow=True)) as entries:
            return [
                paramiko.SFTPAttributes.from_stat(entry.stat(follow_symlinks=False), entry.name) for entry in entries
            ]

    @_answering
    def stat(self, path: str) -> paramiko.SFTPAttributes:
        """Facts about what `path` leads to."""
        return paramiko.SFTPAttributes.from_stat(self._place(path, follow=True).stat())

    @_answering
    def lstat(self, path: str) -> paramiko.SFTPAttributes:
        """Facts about `path` itself."""
        return paramiko.SFTPAttributes.from_stat(self._place(path, follow=False).lstat())

    @_answering
    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle:
        """Open for reading or writing, with the flags that the client asked for."""
        place = self._place(path, follow=True)
        number = os.open(place, flags | getattr(os, "O_BINARY", 0), _NEW_FILE_MODE)
        return _OpenFile(number, flags)

    @_answering
    def remove(self, path: str) -> int:
        """Remove a file or a link."""
        self._place(path, follow=False).unlink()
        return SFTP_OK

    @_answering
    def rename(self, oldpath: str, newpath: str) -> int:
        """Move; refused where the new name is taken."""
        new = self._place(newpath, follow=False)
        if os.path.lexists(new):
            return SFTP_FAILURE
        self._place(oldpath, follow=False).rename(new)
        return SFTP_OK

    @_answering
    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        """Make one folder."""
        self._place(path, follow=False).mkdir()
        return SFTP_OK

    @_answering
    def rmdir(self, path: str) -> int:
        """Remove an empty folder."""
        self._place(path, follow=False).rmdir()
        return SFTP_OK

    @_answering
    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        """Set times or size; rights and owners are taken and forgotten."""
        return _change(self._place(path, follow=True), attr)


class _OpenFile(paramiko.SFTPHandle):
    """An open file; reading and writing come with paramiko, from these two attributes."""

    def __init__(self, number: int, flags: int) -> None:
        super().__init__(flags)
        self._number = number
        file = _file_object(number, flags)
        if flags & (os.O_WRONLY | os.O_RDWR):
            self.writefile = file
        if not flags & os.O_WRONLY:
            self.readfile = file

    @_answering
    def stat(self) -> paramiko.SFTPAttributes:
        """Facts about the open file."""
        return paramiko.SFTPAttributes.from_stat(os.fstat(self._number))

    @_answering
    def chattr(self, attr: paramiko.SFTPAttributes) -> int:
        """Set times or size of the open file."""
        return _change(self._number, attr)


def _file_object(number: int, flags: int) -> BinaryIO:
    if flags & os.O_APPEND:
        return os.fdopen(number, "ab")
    if flags & os.O_RDWR:
        return os.fdopen(number, "r+b")
    return os.fdopen(number, "wb" if flags & os.O_WRONLY else "rb")


def _change(place: Path | int, attr: paramiko.SFTPAttributes) -> int:
    if attr.st_size is not None:
        os.truncate(place, attr.st_size)
    if attr.st_atime is not None and attr.st_mtime is not None:
        os.utime(place, (attr.st_atime, attr.st_mtime))
    return SFTP_OK
