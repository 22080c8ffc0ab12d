"""A plain FTP server on loopback that serves one folder tree to one user (RFC 959, 2428, 3659). No TLS.

Passive mode only; times are whole seconds of UTC; a rename never overwrites; links are neither listed nor followed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hmac
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from v2xsync.sim.listener import LOOPBACK, Listener

_LINE_BYTES: Final = 4096
_PIECE_BYTES: Final = 64 * 1024
_TIMEOUT_S: Final = 60.0
_FEATURES: Final = ("EPSV", "MDTM", "MFMT", "MLST type*;size*;modify*;", "REST STREAM", "SIZE", "TVFS", "UTF8")
_BEFORE_LOGIN: Final = frozenset({"USER", "PASS", "FEAT", "QUIT", "NOOP", "SYST", "OPTS"})


class FtpServer:
    """Serves the tree below `root` as ``/``. It may be stopped and started again under the same port."""

    def __init__(
        self,
        root: Path,
        *,
        username: str = "collector",
        password: str = "rehearsal",  # noqa: S107  (of a simulated machine that listens on loopback only)
        port: int = 0,
    ) -> None:
        self.host: Final = LOOPBACK
        self.username: Final = username
        self.password: Final = password
        self.root: Final = root.resolve()
        self._listener = Listener("ftp server", self._serve, port=port)
        self._sessions: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """The port that clients use; known once started."""
        return self._listener.port

    def start(self) -> None:
        """Listen; raises OSError where a port that was asked for is taken."""
        self._listener.start()

    def stop(self) -> None:
        """Close every connection and stop to listen. May be repeated."""
        self._listener.stop()
        with self._lock:
            for connection in self._sessions:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_how: object) -> None:
        """Stop."""
        self.stop()

    def _serve(self, connection: socket.socket) -> None:
        threading.Thread(target=self._talk, args=(connection,), name="ftp session", daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with self._lock:
            self._sessions.add(connection)
        connection.settimeout(_TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(OSError):
            _Session(self, connection).until_quit()
        with self._lock:
            self._sessions.discard(connection)


class _LineBroke(Exception):
    """The data connection ended before its time."""


class _Session:
    """One control connection. Verbs return their answer; an OSError of the disk becomes 550."""

    def __init__(self, server: FtpServer, control: socket.socket) -> None:
        self._server = server
        self._control = control
        self._user = ""
        self._logged_in = False
        self._folder: tuple[str, ...] = ()
        self._passive: socket.socket | None = None
        self._start_at = 0
        self._renaming: Path | None = None
        self._verbs: Mapping[str, Callable[[str], str]] = {
            name.removeprefix("_verb_").upper(): getattr(self, name) for name in dir(self) if name.startswith("_verb_")
        }

    def until_quit(self) -> None:
        """Answer line by line."""
        self._say("220 simulated FTP server")
        for line in self._lines():
            verb, _space, argument = line.partition(" ")
            name = verb.upper()
            try:
                self._say(self._answer(name, argument))
            except _LineBroke:
                self._say("426 the data connection broke")
            except (ConnectionError, TimeoutError):
                break
            except OSError as error:
                self._say(f"550 {error.strerror or error}")
            if name == "QUIT":
                break
        self._close_passive()

    def _answer(self, name: str, argument: str) -> str:
        verb = self._verbs.get(name)
        if verb is None:
            return "502 not known here"
        if not self._logged_in and name not in _BEFORE_LOGIN:
            return "530 log in first"
        return verb(argument)

    def _lines(self) -> Iterator[str]:
        with self._control.makefile("rb") as reader:
            while (raw := reader.readline(_LINE_BYTES)).endswith(b"\n"):
                yield raw.decode("utf-8", "surrogateescape").rstrip("\r\n")

    def _say(self, answer: str) -> None:
        self._control.sendall((answer + "\r\n").encode("utf-8", "surrogateescape"))

    # -- who, and how

    def _verb_user(self, name: str) -> str:
        self._user, self._logged_in = name, False
        return "331 and the password?"

    def _verb_pass(self, password: str) -> str:
        right = hmac.compare_digest(password.encode("utf-8", "surrogateescape"), self._server.password.encode())
        self._logged_in = right and self._user == self._server.username
        return "230 welcome" if self._logged_in else "530 not with this name and password"

    def _verb_quit(self, _argument: str) -> str:
        return "221 goodbye"

    def _verb_noop(self, _argument: str) -> str:
        return "200 fine"

    def _verb_syst(self, _argument: str) -> str:
        return "215 UNIX Type: L8"

    def _verb_feat(self, _argument: str) -> str:
        return "\r\n".join(["211-Features:", *(f" {feature}" for feature in _FEATURES), "211 End"])

    def _verb_opts(self, argument: str) -> str:
        return "200 always" if argument.upper() == "UTF8 ON" else "501 no such option"

    def _verb_type(self, argument: str) -> str:
        return "200 bytes are bytes" if argument.upper() in ("I", "A", "L 8", "A N") else "504 not this type"

    def _verb_mode(self, argument: str) -> str:
        return "200 a stream" if argument.upper() == "S" else "504 streams only"

    def _verb_stru(self, argument: str) -> str:
        return "200 files" if argument.upper() == "F" else "504 files only"

    # -- folders

    def _verb_pwd(self, _argument: str) -> str:
        shown = "/" + "/".join(self._folder)
        return '257 "{}"'.format(shown.replace('"', '""'))

    def _verb_cwd(self, path: str) -> str:
        place = self._place(path)
        if not place.is_dir():
            return "550 no such folder"
        self._folder = place.relative_to(self._server.root).parts
        return "250 here we are"

    def _verb_cdup(self, _argument: str) -> str:
        return self._verb_cwd("..")

    def _verb_mkd(self, path: str) -> str:
        self._place(path).mkdir()
        return '257 "{}" made'.format(path.replace('"', '""'))

    def _verb_rmd(self, path: str) -> str:
        self._place(path).rmdir()
        return "250 removed"

    def _verb_mlsd(self, path: str) -> str:
        return self._list(path, _facts)

    def _verb_list(self, path: str) -> str:
        return self._list("" if path.startswith("-") else path, _long_line)

    def _verb_nlst(self, path: str) -> str:
        return self._list(path, lambda place: place.name)

    def _verb_mlst(self, path: str) -> str:
        place = self._place(path)
        return f"250-Facts\r\n {_facts(place)}\r\n250 End"

    # -- files

    def _verb_size(self, path: str) -> str:
        place = self._place(path)
        return f"213 {place.stat().st_size}" if place.is_file() else "550 no such file"

    def _verb_mdtm(self, path: str) -> str:
        return f"213 {_moment(self._place(path))}"

    def _verb_mfmt(self, argument: str) -> str:
        moment, _space, path = argument.partition(" ")
        try:
            at = dt.datetime.strptime(moment, "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC).timestamp()
        except ValueError:
            return "501 a time looks like 20260501133000"
        os.utime(self._place(path), (at, at))
        return f"213 Modify={moment}; {path}"

    def _verb_rest(self, argument: str) -> str:
        if not argument.isdecimal():
            return "501 from which byte?"
        self._start_at = int(argument)
        return f"350 from byte {argument}"

    def _verb_retr(self, path: str) -> str:
        start, self._start_at = self._start_at, 0
        with self._place(path).open("rb") as file, self._data() as line:
            file.seek(start)
            while piece := file.read(_PIECE_BYTES):
                line.sendall(piece)
        return "226 done"

    def _verb_stor(self, path: str) -> str:
        start, self._start_at = self._start_at, 0
        place = self._place(path)
        with place.open("r+b" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            return self._take_into(file.write)

    def _verb_appe(self, path: str) -> str:
        with self._place(path).open("ab") as file:
            return self._take_into(file.write)

    def _verb_dele(self, path: str) -> str:
        self._place(path).unlink()
        return "250 removed"

    def _verb_rnfr(self, path: str) -> str:
        self._renaming = self._place(path)
        self._renaming.stat()
        return "350 and what to?"

    def _verb_rnto(self, path: str) -> str:
        old, self._renaming = self._renaming, None
        new = self._place(path)
        if old is None:
            return "503 what first?"
        if os.path.lexists(new):
            return "550 the name is taken"
        old.rename(new)
        return "250 renamed"

    # -- the second connection

    def _verb_pasv(self, _argument: str) -> str:
        port = self._listen()
        return f"227 Entering Passive Mode ({LOOPBACK.replace('.', ',')},{port // 256},{port % 256})"

    def _verb_epsv(self, _argument: str) -> str:
        return f"229 Entering Extended Passive Mode (|||{self._listen()}|)"

    def _listen(self) -> int:
        self._close_passive()
        self._passive = socket.create_server((LOOPBACK, 0))
        self._passive.settimeout(_TIMEOUT_S)
        return int(self._passive.getsockname()[1])

    def _close_passive(self) -> None:
        if self._passive is not None:
            self._passive.close()
            self._passive = None

    @contextlib.contextmanager
    def _data(self) -> Iterator[socket.socket]:
        """The data connection that the client opened; it is closed behind the block."""
        if self._passive is None:
            raise OSError(0, "passive mode comes first")
        self._say("150 here it comes")
        try:
            line, _address = self._passive.accept()
            with line:
                line.settimeout(_TIMEOUT_S)
                yield line
        except (ConnectionError, TimeoutError) as error:
            raise _LineBroke from error
        finally:
            self._close_passive()

    def _take_into(self, write: Callable[[bytes], object]) -> str:
        with self._data() as line:
            while piece := line.recv(_PIECE_BYTES):
                write(piece)
        return "226 done"

    def _list(self, path: str, show: Callable[[Path], str]) -> str:
        places = sorted(place for place in self._place(path).iterdir() if not place.is_symlink())
        with self._data() as line:
            text = "".join(f"{show(place)}\r\n" for place in places)
            line.sendall(text.encode("utf-8", "surrogateescape"))
        return "226 done"

    def _place(self, path: str) -> Path:
        """Where `path` lies on this machine, never outside the tree and never through a link."""
        parts: list[str] = [] if path.startswith("/") else list(self._folder)
        for part in path.split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        place = self._server.root.joinpath(*parts)
        if not place.resolve().is_relative_to(self._server.root) or place.is_symlink():
            raise PermissionError(0, "the link leads out of the served tree")
        return place


def _moment(place: Path) -> str:
    return f"{dt.datetime.fromtimestamp(int(place.stat().st_mtime), dt.UTC):%Y%m%d%H%M%S}"


def _facts(place: Path) -> str:
    kind = "dir" if place.is_dir() else "file"
    return f"type={kind};size={place.stat().st_size};modify={_moment(place)}; {place.name}"


def _long_line(place: Path) -> str:
    facts = place.stat()
    kind = "drwxr-xr-x" if place.is_dir() else "-rw-r--r--"
    at = dt.datetime.fromtimestamp(facts.st_mtime, dt.UTC)
    return f"{kind} 1 ftp ftp {facts.st_size:>12} {at:%b %d  %Y} {place.name}"
