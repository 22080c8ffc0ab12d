"""Large files pass by in pieces: neither the courier nor anything below it ever holds one."""

from __future__ import annotations

import hashlib
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.ends import bounded_memory, content
from tests.devices.post.posting import ULOG, device, request
from tests.servers.form_server import MIB, FormServer, Handler, form_server

from v2xsync.devices.base import Sent
from v2xsync.devices.post import Form
from v2xsync.errors import ItemError

GIB = 1 << 30


class Hashing:
    """A feed over one file on disk."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.sent: Sent | None = None
        self.steps = 0

    def read(self, token: int, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def progress(self, token: int, position: int) -> None:
        self.steps += 1

    def done(self, token: int, sent: Sent) -> None:
        self.sent = sent

    def failed(self, token: int, error: ItemError) -> None:
        raise AssertionError(error)

    def close(self) -> None:
        self._file.close()


class Swallowed:
    """What a server heard: so many bytes, and their digest."""

    def __init__(self) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()

    def __call__(self, handler: Handler) -> bool:
        while data := handler.read(MIB):
            self.size += len(data)
            self.sha256.update(data)
        handler.answer(200)
        return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FormServer]:
    with form_server(tmp_path / "kept") as server:
        yield server


@pytest.mark.parametrize("form", [Form.FLIGHT_REVIEW, Form.MULTIPART, Form.RAW])
def test_64_mib_pass_in_a_few(server: FormServer, tmp_path: Path, form: Form) -> None:
    path = tmp_path / "log.ulg"
    path.write_bytes(ULOG[:16] + content(64 * MIB))
    heard = Swallowed()
    server.trouble = heard
    feed = Hashing(path)
    with bounded_memory(8 * MIB):
        device(server, form).send([request("log.ulg", path.stat().st_size)], feed)
    feed.close()
    assert feed.sent is not None
    assert feed.steps > 200
    if form is Form.RAW:
        assert heard.sha256.hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        assert heard.size > path.stat().st_size


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("form", [Form.MULTIPART, Form.RAW])
def test_2_gib_pass_in_a_few(server: FormServer, tmp_path: Path, form: Form) -> None:
    """Above 2^31 in a sparse file; the whole process (server and all) grows by less than 120 MB."""
    path = tmp_path / "log.bin"
    with path.open("wb") as file:
        file.truncate(2 * GIB + 5)
        file.seek(2 * GIB)
        file.write(b"tail!")
    heard = Swallowed()
    server.trouble = heard
    session = device(server, form, timeout_s=60.0)
    before = peak_bytes()
    feed = Hashing(path)
    session.send([request("log.bin", 2 * GIB + 5)], feed)
    feed.close()
    assert feed.sent == Sent(2 * GIB + 5, "the server answered 200")
    assert peak_bytes() - before < 120_000_000
    if form is Form.RAW:
        assert heard.size == 2 * GIB + 5


def peak_bytes() -> int:
    """The most memory that this process ever had in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
