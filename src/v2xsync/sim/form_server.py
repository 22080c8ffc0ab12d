"""An HTTP server on loopback that takes uploads: at `/upload` as PX4's flight_review does, elsewhere the bare body.

``/upload`` wants a multipart form with `description`, `email` and a ULog file in `filearg`, and answers 302 to the
address of the result (or JSON with `redirect=false`). Any other path takes a body of text and answers 200. What came in
lies in a folder; `/` shows a list of it, and the result's address the file's facts.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import sys
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from v2xsync.sim.listener import LOOPBACK

MOST_BYTES: Final = 64 * 1024 * 1024
"""A larger body is answered with 413: this server holds it in memory."""

UPLOAD: Final = "/upload"
COLLECT: Final = "/collect"
RESULT: Final = "/plot_app"

_ULOG: Final = b"ULog\x01\x12\x35"
_PARAMETER: Final = re.compile(r';\s*([^=;\s]+)="([^"]*)"')
_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Upload:
    """What came in: its name, its size, its digest, and the fields beside it."""

    name: str
    size: int
    sha256: str
    fields: Mapping[str, str]


class FormServer:
    """Keeps what it takes in `folder`. It may be stopped and started again under the same port."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.host: Final = LOOPBACK
        self.port = port
        """Known once started, where the system chose it."""
        self.folder: Final = folder
        self.uploads: Final[dict[str, Upload]] = {}
        """By the id in the result's address, oldest first; a bare body has its number."""
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen; raises OSError where the port is taken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handler = type("Handler", (_Handler,), {"form": self})
        self._server = _Server((self.host, self.port), handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="form server", daemon=True).start()

    def stop(self) -> None:
        """Stop to listen. May be repeated."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_how: object) -> None:
        """Stop."""
        self.stop()

    def keep(self, key: str, name: str, content: bytes, fields: Mapping[str, str]) -> None:
        """Write one upload down; only the last part of its name counts."""
        safe = re.sub(r"[^\w.+-]", "_", PurePosixPath(name.replace("\\", "/")).name).lstrip(".") or "unnamed"
        with self._lock:
            (self.folder / f"{len(self.uploads) + 1:04}-{safe}").write_bytes(content)
            self.uploads[key] = Upload(safe, len(content), hashlib.sha256(content).hexdigest(), fields)


class _Server(ThreadingHTTPServer):
    """A thread for each connection; a client that hangs up is no news."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about broken connections; anything else is a fault of ours and is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """One request. Connections close after each: the simplest thing that a client has to cope with."""

    form: FormServer
    timeout = _TIMEOUT_S

    def do_POST(self) -> None:
        """Take an upload."""
        body = self._body()
        if body is None:
            return
        if urlsplit(self.path).path != UPLOAD:
            key = str(len(self.form.uploads) + 1)
            self.form.keep(key, f"{key}.txt", body, {})
            self._answer(200, "received\n")
            return
        self._upload(body)

    def do_GET(self) -> None:
        """Show the list, or one result."""
        asked = urlsplit(self.path)
        if asked.path == RESULT:
            key = parse_qs(asked.query).get("log", [""])[0]
            upload = self.form.uploads.get(key)
            self._answer(*(_not_found() if upload is None else (200, _page(key, upload))))
        elif asked.path == "/":
            rows = "".join(
                f'<li><a href="{RESULT}?log={html.escape(key)}">{html.escape(upload.name)}</a> {upload.size} bytes</li>'
                for key, upload in list(self.form.uploads.items())
            )
            self._answer(200, f"<h1>{len(self.form.uploads)} uploads</h1><ol>{rows}</ol>")
        else:
            self._answer(*_not_found())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def _body(self) -> bytes | None:
        """The whole body; None where it was refused, and so answered, or broke off."""
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal():
            self._answer(411, "the length is missing\n")
        elif int(size) > MOST_BYTES:
            self._answer(413, "too large\n")
        else:
            body = self.rfile.read(int(size))
            return body if len(body) == int(size) else None
        return None

    def _upload(self, body: bytes) -> None:
        parts = _parts(self.headers.get("Content-Type", ""), body)
        fields = {name: content.decode("utf-8", "replace") for name, (file, content) in parts.items() if file is None}
        file_name, content = parts.get("filearg", (None, b""))
        if not {"description", "email"} <= fields.keys():
            self._answer(500, "<html><title>500: Internal Server Error</title></html>")
        elif file_name is None or not content.startswith(_ULOG):
            self._answer(400, "<html><title>Error</title><body>Invalid File</body></html>")
        else:
            key = str(uuid.uuid4())
            self.form.keep(key, file_name, content, fields)
            self._tell(f"{RESULT}?log={key}", redirect=fields.get("redirect", "true") == "true")

    def _tell(self, address: str, *, redirect: bool) -> None:
        if redirect:
            self._answer(302, "", location=address)
        else:
            self._answer(200, json.dumps({"url": address}))

    def _answer(self, status: int, text: str, *, location: str = "") -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if text.startswith("{") else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(content)


def _parts(content_type: str, body: bytes) -> Mapping[str, tuple[str | None, bytes]]:
    """The parts of a multipart body by name: (file name or None, content). What is no such body has none."""
    kind, _semicolon, boundary = content_type.partition("boundary=")
    if not kind.startswith("multipart/form-data") or not boundary:
        return {}
    parts = {}
    for piece in body.split(b"--" + boundary.strip('"').encode())[1:-1]:
        head, _blank, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        told = dict(_PARAMETER.findall(head.decode("utf-8", "replace")))
        if "name" in told:
            parts[told["name"]] = (told.get("filename"), content.removesuffix(b"\r\n"))
    return parts


def _page(key: str, upload: Upload) -> str:
    facts = {"file": upload.name, "bytes": str(upload.size), "sha256": upload.sha256, **upload.fields}
    rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(fact)}</td></tr>" for name, fact in facts.items())
    return f"<h1>{html.escape(key)}</h1><table>{rows}</table>"


def _not_found() -> tuple[int, str]:
    return 404, "nothing here\n"
