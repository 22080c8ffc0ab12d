"""A real HTTP server on loopback that takes files as upload servers do; it shares no code with the courier.

Three manners: `flight_review` as PX4's log server (multipart, picky, 302 or JSON), `collector` as the older plain one
(the body is the file, 200), `api` as a multipart API of today (201 and a Location). What it takes lies in a folder.
A test may put a function in front (`trouble`) that answers instead, or misbehaves.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
PIECE = 64 * 1024
MIB = 1 << 20
_ULOG = b"ULog\x01\x12\x35"
_PARAMETER = re.compile(r';\s*([^=]+)="(.*?)"')
_END_S = 10.0

Trouble = Callable[["Handler"], bool]
"""Called first for every POST; True: it has done all there was to do."""


@dataclass
class Post:
    """One POST that came in whole."""

    headers: dict[str, str]
    fields: dict[str, str] = field(default_factory=dict)
    file_part: str = ""
    file_name: str = ""
    at: Path | None = None
    """Where the file's bytes lie."""

    @property
    def content(self) -> bytes:
        return self.at.read_bytes() if self.at is not None else b""


class BrokenOff(Exception):
    """The client went away before its body was over."""


class Handler(BaseHTTPRequestHandler):
    """Reads bodies as they come, never more of them than announced, and nothing into memory as a whole."""

    protocol_version = "HTTP/1.1"
    server: FormServer

    def do_HEAD(self) -> None:
        self.server.heads += 1
        self.answer(*self.server.head_answer)

    def do_POST(self) -> None:
        self.unread = int(self.headers["Content-Length"])
        self.server.tries += 1
        if self.server.trouble is not None and self.server.trouble(self):
            return
        try:
            post = self.take()
        except BrokenOff:
            self.close_connection = True
            return
        self.server.posts.append(post)
        self.server.manner(self, post)

    # -- reading

    def read(self, most: int) -> bytes:
        """The next bytes of the body; none at its end."""
        data = self.rfile.read1(min(most, self.unread))
        if not data and self.unread:
            raise BrokenOff
        self.unread -= len(data)
        return data

    def drain(self) -> None:
        """Read what is left of the body and forget it."""
        while self.read(PIECE):
            pass

    def take(self) -> Post:
        """The whole body, its file in a file of its own."""
        post = Post(dict(self.headers.items()))
        kind = self.headers["Content-Type"]
        if kind.startswith("multipart/form-data; boundary="):
            _Parts(self, kind.partition("boundary=")[2].encode()).into(post)
        else:
            post.at = self.server.new_place()
            with post.at.open("wb") as file:
                while data := self.read(PIECE):
                    file.write(data)
        return post

    # -- answering

    def answer(self, status: int, body: str = "", **headers: str) -> None:
        """Answer; underscores in `headers` stand for hyphens."""
        if "Date" in headers:
            self.send_response_only(status)
        else:
            self.send_response(status)
        whole = {"Content_Type": "text/html", "Content_Length": str(len(body.encode())), **headers}
        for name, value in whole.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    def hang_up(self, *, reset: bool = False) -> None:
        """End the connection without a word; `reset`: at once, whatever is still on its way."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.server.close_request(self.connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        pass


class _Parts:
    """A multipart body, read piece by piece; a line of it is never longer than a piece."""

    def __init__(self, handler: Handler, boundary: bytes) -> None:
        self._handler = handler
        self._line = b"--" + boundary
        self._held = b""

    def into(self, post: Post) -> None:
        assert self._until(self._line) == b"", "something stands before the first part"
        while self._exactly(2) == b"\r\n":
            head = self._until(b"\r\n\r\n").decode("utf-8")
            disposition, *more = head.split("\r\n")
            assert disposition.startswith("Content-Disposition: form-data; ")
            parameters = dict(_PARAMETER.findall(disposition))
            if "filename" not in parameters:
                assert more == []
                post.fields[parameters["name"]] = self._until(b"\r\n" + self._line).decode("utf-8", "surrogateescape")
                continue
            assert more == ["Content-Type: application/octet-stream"]
            post.file_part, post.file_name = parameters["name"], parameters["filename"]
            post.at = self._handler.server.new_place()
            with post.at.open("wb") as file:
                for piece in self._pieces_until(b"\r\n" + self._line):
                    file.write(piece)
        assert self._exactly(2) == b"\r\n", "the last boundary ends the body"
        assert self._held == b""
        assert self._handler.unread == 0, "the announced length is more than there is"

    def _more(self) -> None:
        data = self._handler.read(PIECE)
        assert data, "the body ends inside a part"
        self._held += data

    def _exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            self._more()
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def _until(self, mark: bytes) -> bytes:
        return b"".join(self._pieces_until(mark))

    def _pieces_until(self, mark: bytes) -> Iterator[bytes]:
        while (found := self._held.find(mark)) < 0:
            ready = max(0, len(self._held) - len(mark))
            yield self._held[:ready]
            self._held = self._held[ready:]
            self._more()
        yield self._held[:found]
        self._held = self._held[found + len(mark) :]


# --- manners ---------------------------------------------------------------------------------------------------------


def flight_review(handler: Handler, post: Post) -> None:
    """As PX4's log server answers."""
    fields = post.fields
    if "description" not in fields or "email" not in fields or any(len(v) > 10 * 1024 for v in fields.values()):
        handler.answer(500, "<html><title>500</title>Internal Server Error</html>")
    elif post.file_part != "filearg" or not post.content.startswith(_ULOG):
        handler.answer(400, "<html><head><title>Error</title></head><body>Invalid File</body></html>")
    else:
        url = f"/plot_app?log=00000000-0000-4000-8000-{len(handler.server.posts):012}"
        handler.server.kept.append(post)
        if fields.get("redirect", str(fields.get("source") != "QGroundControl").lower()) == "true":
            handler.answer(302, Location=url)
        else:
            handler.answer(200, json.dumps({"url": url}))


def collector(handler: Handler, post: Post) -> None:
    """As the older collector's server: a body of text, and 200."""
    if handler.headers["Content-Type"] != "text/plain" or handler.path != "/":
        handler.answer(404)
        return
    handler.server.kept.append(post)
    handler.answer(200, "received")


def api(handler: Handler, post: Post) -> None:
    """As a multipart API: 201 and where it is."""
    handler.server.kept.append(post)
    handler.answer(201, Location=f"/files/{len(handler.server.kept)}", Content_Type="application/json")


# --- misbehaving -----------------------------------------------------------------------------------------------------


def answering(status: int, body: str = "", **headers: str) -> Trouble:
    """Read everything, keep nothing, and answer so."""

    def trouble(handler: Handler) -> bool:
        handler.drain()
        handler.answer(status, body, **headers)
        return True

    return trouble


def keeping_and(then: Callable[[Handler], None]) -> Trouble:
    """Take the file as a good server does, and then do something else than to answer."""

    def trouble(handler: Handler) -> bool:
        post = handler.take()
        handler.server.posts.append(post)
        handler.server.kept.append(post)
        then(handler)
        return True

    return trouble


def hang_up(handler: Handler) -> None:
    """Close after the last byte."""
    handler.hang_up()


def stay_silent(handler: Handler) -> None:
    """Say nothing until the server is stopped."""
    handler.server.stopping.wait(60.0)
    handler.hang_up()


def endless_header(handler: Handler) -> None:
    """Send a header of 10 GB, or as much of it as anybody takes."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    with contextlib.suppress(OSError):
        for _ in range(10 * 1024):
            handler.wfile.write(b"a" * MIB)
            handler.server.poured += MIB


def endless_body(handler: Handler) -> None:
    """Answer 200 with a body that does not end."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    with contextlib.suppress(OSError):
        for _ in range(10 * 1024):
            handler.wfile.write(b"a" * MIB)
            handler.server.poured += MIB


def half_an_answer(handler: Handler) -> None:
    """Promise a body and break off in it."""
    handler.close_connection = True
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"url": "/plot')


def garbage(handler: Handler) -> None:
    """Answer in another protocol."""
    handler.close_connection = True
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def breaking_off(after: int) -> Trouble:
    """Reset the connection after so many bytes of the body, without a word (tornado above its limit)."""

    def trouble(handler: Handler) -> bool:
        while handler.unread and int(handler.headers["Content-Length"]) - handler.unread < after:
            handler.read(PIECE)
        handler.hang_up(reset=True)
        return True

    return trouble


def early(status: int, after: int) -> Trouble:
    """Answer after so many bytes of the body, read no more, and close."""

    def trouble(handler: Handler) -> bool:
        while int(handler.headers["Content-Length"]) - handler.unread < after:
            handler.read(PIECE)
        handler.close_connection = True
        handler.answer(status, Connection="close")
        handler.connection.shutdown(socket.SHUT_WR)
        handler.server.stopping.wait(0.5)  # the answer must be read before the close resets the connection
        return True

    return trouble


# --- the server ------------------------------------------------------------------------------------------------------


class FormServer(ThreadingHTTPServer):
    """Counts what it is asked, and keeps what it takes."""

    daemon_threads = False

    def __init__(self, folder: Path, manner: Callable[[Handler, Post], None], port: int = 0) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.folder = folder
        self.manner = manner
        self.trouble: Trouble | None = None
        self.head_answer: tuple[int] = (405,)
        self.tries = 0
        self.heads = 0
        self.posts: list[Post] = []
        """What came in whole."""
        self.kept: list[Post] = []
        """What was taken."""
        self.poured = 0
        self.faults: list[str] = []
        self.stopping = threading.Event()
        self.scheme = "http"
        self._numbers = iter(range(1 << 30))
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str = "/", host: str = LOOPBACK) -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def new_place(self) -> Path:
        with self._lock:
            return self.folder / f"{next(self._numbers)}"

    def speak_tls(self, certificate: Path) -> None:
        """From now on TLS, with the certificate and key in that file."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; anything else is this server's fault and is kept for the test."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError | BrokenOff):
            self.faults.append(repr(error))


@contextmanager
def form_server(
    folder: Path, manner: Callable[[Handler, Post], None] = api, *, certificate: Path | None = None, port: int = 0
) -> Iterator[FormServer]:
    """A running server that keeps its files in `folder`; it ends with the block and must have no faults."""
    folder.mkdir(parents=True, exist_ok=True)
    with FormServer(folder, manner, port) as server:
        if certificate is not None:
            server.speak_tls(certificate)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="form server")
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join(_END_S)
    assert server.faults == []
