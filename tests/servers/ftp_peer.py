"""An FTP server in memory that does as it is told, also what no honest server would do. Over real sockets.

It has no MLSD, as vsftpd; files, and the folders that it is told of. A test replaces the answer to a command by
`peer.on[...]`, and what happens to content by `peer.stored` and `peer.sent`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.ftp_host import FtpHost
from tests.servers.running import LOOPBACK
from tests.servers.silent import listening

WHEN = "20231114221320"
LISTED = "Nov 14  2023"
_FAR_TOO_LONG_S = 60.0


class HangUp(Exception):
    """The peer breaks the connection off."""


Answer = Callable[["Talk", str], "str | None"]
"""Answers a command with its argument; None leaves it to the honest answer."""


class FtpPeer:
    """What all connections to the peer share."""

    def __init__(self, files: dict[str, bytes] | None = None, features: str = "SIZE,MDTM,REST STREAM") -> None:
        self.files = files or {}
        self.folders = {""}
        self.features = features
        self.on: dict[str, Answer] = {}
        self.stored: Callable[[bytes], bytes] = lambda content: content
        """What is kept of what was sent to it."""
        self.sent: Callable[[bytes], bytes] = lambda content: content
        """What is given of what it has."""
        self.heard: list[str] = []
        """Every command of every connection."""
        self.logins = 0
        self.ended = threading.Event()

    def silence(self, talk: Talk, argument: str) -> str:
        """Say nothing until the test is over."""
        del talk, argument
        self.ended.wait(_FAR_TOO_LONG_S)
        raise HangUp

    def count(self, command: str) -> int:
        """How often `command` was heard."""
        return sum(heard.partition(" ")[0] == command for heard in self.heard)


class Talk:
    """One control connection, with the data connections that it opens."""

    def __init__(self, peer: FtpPeer, plug: socket.socket) -> None:
        self.peer = peer
        self.plug = plug
        self.listener: socket.socket | None = None
        self.rest = 0
        self.renaming = ""

    def serve(self) -> None:
        """Talk until either side hangs up."""
        greet = self.peer.on.get("GREETING")
        with contextlib.suppress(HangUp, ConnectionError, ValueError):
            self.say((greet and greet(self, "")) or "220 peer")
            with self.plug.makefile("rb") as lines:
                for line in lines:
                    self.hear(line.decode("latin-1").removesuffix("\r\n"))
        self.drop_listener()
        with contextlib.suppress(OSError):
            self.plug.shutdown(socket.SHUT_RDWR)
        self.plug.close()

    def hear(self, line: str) -> None:
        """Answer one command."""
        self.peer.heard.append(line)
        verb, _, argument = line.partition(" ")
        told = self.peer.on.get(verb)
        answer = told(self, argument) if told else None
        if answer is None:
            honest: Any = getattr(self, f"do_{verb.lower()}", None)
            answer = honest(argument) if honest else "502 not here"
        if verb != "REST":
            self.rest = 0
        self.say(answer)

    def say(self, answer: str) -> None:
        """Send a reply, as it is."""
        if answer:
            self.plug.sendall(answer.encode("latin-1") + b"\r\n")

    # --- data connections

    def data(self) -> socket.socket:
        """The data connection for which PASV was asked."""
        assert self.listener is not None
        self.listener.settimeout(_FAR_TOO_LONG_S)
        plug, _ = self.listener.accept()
        self.drop_listener()
        return plug

    def drop_listener(self) -> None:
        """Stop waiting for a data connection."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None

    def give(self, content: bytes) -> str:
        """Send `content` over a data connection."""
        self.say("150 here it comes")
        with self.data() as plug:
            plug.sendall(content)
        return "226 and that was it"

    def take(self) -> bytes:
        """Receive what the other side sends over a data connection."""
        self.say("150 go on")
        pieces = []
        with self.data() as plug:
            while piece := plug.recv(65536):
                pieces.append(piece)
        return b"".join(pieces)

    # --- honest answers

    def do_user(self, name: str) -> str:
        del name
        return "331 and the password?"

    def do_pass(self, word: str) -> str:
        del word
        self.peer.logins += 1
        return "230 welcome"

    def do_type(self, kind: str) -> str:
        return f"200 {kind}"

    def do_syst(self, _: str) -> str:
        return "215 UNIX Type: L8"

    def do_feat(self, _: str) -> str:
        named = "".join(f" {feature}\r\n" for feature in self.peer.features.split(","))
        return f"211-Features:\r\n{named}211 End"

    def do_pwd(self, _: str) -> str:
        return '257 "/" is where we are'

    def do_cwd(self, path: str) -> str:
        return "250 there" if path.strip("/") in self.peer.folders else "550 no folder"

    def do_pasv(self, _: str) -> str:
        self.drop_listener()
        self.listener = socket.create_server((LOOPBACK, 0))
        port = self.listener.getsockname()[1]
        return f"227 Entering Passive Mode (127,0,0,1,{port >> 8},{port & 255})"

    def do_rest(self, offset: str) -> str:
        self.rest = int(offset)
        return "350 from there"

    def do_size(self, path: str) -> str:
        content = self.peer.files.get(path.strip("/"))
        return "550 no file" if content is None else f"213 {len(content)}"

    def do_mdtm(self, path: str) -> str:
        return f"213 {WHEN}" if path.strip("/") in self.peer.files else "550 no file"

    def lines(self, names: list[str]) -> str:
        sizes = {name: len(self.peer.files[name]) for name in names}
        return "".join(f"-rw------- 1 ftp ftp {size:>10} {LISTED} {name}\r\n" for name, size in sizes.items())

    def do_stat(self, path: str) -> str:
        names = [path.strip("/")] if path.strip("/") in self.peer.files else []
        return f"213-Status:\r\n{self.lines(names)}213 End"

    def do_list(self, _: str) -> str:
        return self.give(self.lines(list(self.peer.files)).encode("latin-1"))

    def do_retr(self, path: str) -> str:
        rest, content = self.rest, self.peer.files.get(path.strip("/"))
        return "550 no file" if content is None else self.give(self.peer.sent(content[rest:]))

    def do_stor(self, path: str) -> str:
        self.peer.files[path.strip("/")] = self.peer.stored(self.take())
        return "226 got it, every byte of it"

    def do_appe(self, path: str) -> str:
        before = self.peer.files.get(path.strip("/"), b"")
        self.peer.files[path.strip("/")] = before + self.peer.stored(self.take())
        return "226 added"

    def do_dele(self, path: str) -> str:
        return "250 gone" if self.peer.files.pop(path.strip("/"), None) is not None else "550 no file"

    def do_rnfr(self, path: str) -> str:
        self.renaming = path.strip("/")
        return "350 and to?" if self.renaming in self.peer.files else "550 no file"

    def do_rnto(self, path: str) -> str:
        self.peer.files[path.strip("/")] = self.peer.files.pop(self.renaming)
        return "250 renamed"

    def do_mkd(self, _: str) -> str:
        return "550 it is there"

    def do_quit(self, _: str) -> str:
        raise HangUp


@contextmanager
def ftp_peer(peer: FtpPeer) -> Iterator[FtpHost]:
    """Let `peer` listen on loopback."""
    with listening(lambda plug: Talk(peer, plug).serve()) as port:
        try:
            yield FtpHost(port=port, home=Path("/"), username="u", password="p")
        finally:
            peer.ended.set()
