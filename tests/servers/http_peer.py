"""An HTTP peer on loopback that does what a script says, request by request, and passes the rest to a real server.

A script is a function of one `Exchange`. It answers, misbehaves, or returns False: then the request goes to the real
server behind, and its answer comes back as it is.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.servers.running import LOOPBACK
from tests.servers.silent import listening

_MOST_HEAD = 64 * 1024
_PIECE = 64 * 1024
_HOPS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the real server."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(slots=True)
class Exchange:
    """One request, and what the peer may do about it."""

    plug: socket.socket
    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    waiting: bytes
    """What came of the body together with the head."""
    behind: int = 0
    """Port of the real server."""
    port: int = 0
    """Our own."""
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = int(self.headers.get("content-length", "0"))

    @property
    def size(self) -> int:
        """Bytes of the body, as the client announced them."""
        return int(self.headers.get("content-length", "0"))

    def body(self, most: int | None = None) -> bytes:
        """Read the rest of the body, or `most` bytes of it."""
        taken = bytearray()
        wanted = self.left if most is None else min(most, self.left)
        while len(taken) < wanted:
            piece = self.waiting or self.plug.recv(_PIECE)
            if not piece:
                raise EOFError
            missing = wanted - len(taken)
            taken += piece[:missing]
            self.waiting = piece[missing:]
        self.left -= len(taken)
        return bytes(taken)

    def reply(self, status: int, body: bytes = b"", **headers: str) -> bool:
        """Answer; underscores in names of headers stand for hyphens. The rest of the request's body is read first."""
        self.body()
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} Scripted", *lines, f"Content-Length: {len(body)}"])
        return self.raw(f"{head}\r\n\r\n".encode() + (b"" if self.method == "HEAD" else body))

    def raw(self, data: bytes) -> bool:
        """Send bytes as they are."""
        self.plug.sendall(data)
        return True

    def hang(self) -> bool:
        """Say nothing until the client gives up (or the peer ends)."""
        while self.plug.recv(_PIECE):
            pass
        raise EOFError

    def break_off(self) -> bool:
        """Reset the connection."""
        self.plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.plug.close()
        raise EOFError

    def real(self, body: bytes | None = None, /, **headers: str) -> Reply:
        """What the real server answers to the request (with another body or other headers, where they are given)."""
        sent = {name: value for name, value in self.headers.items() if name not in _HOPS}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        if "destination" in sent:
            sent["destination"] = sent["destination"].replace(f":{self.port}/", f":{self.behind}/")
        sent["host"] = f"{LOOPBACK}:{self.behind}"
        content = self.body() if body is None else body
        with contextlib.closing(http.client.HTTPConnection(LOOPBACK, self.behind, timeout=20)) as connection:
            connection.request(self.method, self.target, content, {**sent, "content-length": str(len(content))})
            answer = connection.getresponse()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOPS]
            return Reply(answer.status, answer.reason, tuple(kept), answer.read())

    def pass_on(self, reply: Reply | None = None) -> bool:
        """Give the client the real server's answer."""
        told = reply or self.real()
        lines = [f"{name}: {value}" for name, value in told.headers]
        head = [f"HTTP/1.1 {told.status} {told.reason}", *lines, f"Content-Length: {len(told.body)}"]
        return self.raw("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + told.body)


Script = Callable[[Exchange], bool]
"""True: the request is dealt with. EOFError and OSError end the connection."""


@dataclass
class Peer:
    """A running peer: its port, and every request that it saw, as ``METHOD target``."""

    port: int = 0
    seen: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    """Every Authorization header that came."""

    def count(self, pattern: str) -> int:
        """How many requests fit a regular expression."""
        return sum(bool(re.search(pattern, line)) for line in self.seen)


@contextmanager
def http_peer(script: Script, *, behind: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """Serve `script` in front of the real server at port `behind`."""
    peer = Peer()

    def serve(plug: socket.socket) -> None:
        spoken = plug if tls is None else tls.wrap_socket(plug, server_side=True)
        with contextlib.closing(spoken):
            rest = b""
            while exchange := _next(spoken, rest, behind, peer.port):
                peer.seen.append(f"{exchange.method} {exchange.target}")
                peer.logins.extend(filter(None, [exchange.headers.get("authorization", "")]))
                if not script(exchange):
                    exchange.pass_on()
                exchange.body()
                rest = exchange.waiting

    with listening(serve) as port:
        peer.port = port
        yield peer


def _next(plug: socket.socket, rest: bytes, behind: int, port: int) -> Exchange | None:
    head = rest
    while b"\r\n\r\n" not in head:
        piece = plug.recv(_PIECE)
        if not piece or len(head) > _MOST_HEAD:
            return None
        head += piece
    lines, _, waiting = head.partition(b"\r\n\r\n")
    first, *fields = lines.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}
    return Exchange(plug, method, target, headers, waiting, behind, port)
