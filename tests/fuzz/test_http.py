"""Web servers that say anything, over a real socket: answers to uploads, 207 answers, questions for a login."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.contract.ends import MIB, Contents
from tests.devices.post.posting import ULOG, request
from tests.devices.webdav.test_answers import FILE
from tests.fuzz.tries import PASSWORD, fuzzed, spoiled, told_well, tries
from tests.servers.running import LOOPBACK
from tests.servers.silent import listening
from v2xsync.devices.dav.answers import BadAnswer, resources
from v2xsync.devices.dav.places import Astray, Place
from v2xsync.devices.http import seconds_of_date
from v2xsync.devices.post import Form, PostDevice, PostOptions
from v2xsync.devices.webdav import WebdavDevice, WebdavOptions
from v2xsync.errors import DeviceError, ProtocolFault
from v2xsync.model.items import Entry

LARGEST = (1 << 63) - 1
DIGEST = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256, opaque="o"'
HEADERS = [
    "Content-Length: 12", "Content-Length: -1", "Transfer-Encoding: chunked", "Content-Encoding: gzip",
    "Retry-After: 5", "Retry-After: Tue, 14 Nov 2023 22:13:20 GMT", "Date: Tue, 14 Nov 2023 22:13:10 GMT",
    "Location: /plot_app?log=1", "Location: http://[::1", "Set-Cookie: a=b; Max-Age=9", "Server: \x1b[2J",
    f"WWW-Authenticate: {DIGEST}", 'WWW-Authenticate: Basic realm="r"', "Connection: close",
]  # fmt: skip
STATUS = st.sampled_from([100, 200, 201, 204, 206, 207, 301, 302, 400, 401, 403, 404, 413, 423, 429, 500, 503, 507])


def answers(body: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Whole answers, most of them nearly right."""
    header = st.sampled_from(HEADERS) | st.sampled_from(HEADERS).flatmap(spoiled)
    head = st.builds(
        lambda status, lines: "\r\n".join([f"HTTP/1.1 {status} So", *lines, "", ""]).encode("utf-8", "surrogatepass"),
        STATUS,
        st.lists(header, max_size=4),
    )
    return st.binary(max_size=60) | st.builds(bytes.__add__, head, body)


@pytest.fixture
def teller() -> Iterator[tuple[int, Callable[[bytes], None]]]:
    """A server that answers every request with the bytes it was told, and hangs up: its port, and what tells it."""
    told = [b""]

    def serve(plug: socket.socket) -> None:
        heard = b""
        while b"\r\n\r\n" not in heard:
            heard += plug.recv(65536) or b"\r\n\r\n"
        plug.sendall(told[0])
        plug.shutdown(socket.SHUT_WR)
        while plug.recv(65536):
            pass
        plug.close()

    def tell(answer: bytes) -> None:
        told[0] = answer

    with listening(serve) as port:
        yield port, tell


@pytest.mark.parametrize("form", [Form.MULTIPART, Form.FLIGHT_REVIEW])
@fuzzed(50, 500)
def test_whatever_an_upload_is_answered_it_is_a_receipt_or_an_error(
    teller: Any, form: Form, examples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, tell = teller
    monkeypatch.setattr("v2xsync.devices.post._LISTENING_S", 0.01)

    @tries(examples, answers(st.binary(max_size=60) | spoiled('{"url": "/plot_app?log=1"}').map(str.encode)))
    def judged(answer: bytes) -> None:
        tell(answer)
        feed = Contents({0: ULOG})
        options = PostOptions(url=f"http://{LOOPBACK}:{port}/upload", form=form, timeout_s=5.0)
        with contextlib.closing(PostDevice("form", options)) as session:
            try:
                session.connect()
                session.send([request("log.ulg", len(ULOG))], feed)
            except DeviceError as error:
                told_well(error)
        for told in feed.errors.values():
            told_well(told)
        assert all(sent.reference.isprintable() for sent in feed.sent.values())


@fuzzed(50, 500)
def test_whatever_a_webdav_server_answers_is_a_listing_or_an_error(teller: Any, examples: int) -> None:
    port, tell = teller
    body = spoiled(FILE.decode()).map(lambda text: text.encode("utf-8", "surrogatepass"))

    @tries(examples, answers(body) | body.map(b"HTTP/1.1 207 Multi-Status\r\nConnection: close\r\n\r\n".__add__))
    def judged(answer: bytes) -> None:
        tell(answer)
        options = WebdavOptions(url=f"http://{LOOPBACK}:{port}/v2x/", username="u", password=PASSWORD, timeout_s=5.0)
        with contextlib.closing(WebdavDevice("box", options, time.time)) as session:
            try:
                found = list(session.list())
            except DeviceError as error:
                told_well(error)
                return
        for entry in found:
            assert ".." not in entry.path.split("/")
            assert not isinstance(entry, Entry) or entry.size <= LARGEST >= abs(entry.mtime_ns or 0)


@pytest.mark.parametrize(
    "question",
    ["Digest realm", "Digest realm=", "Digest ,", 'Digest realm="r", nonce="n", algorithm=ROT13',
     'Digest realm="r", nonce="n", qop="auth-int"', 'Digest realm="r", nonce="n", qop="x"', 'Digest nonce="n"'],
)  # fmt: skip
def test_a_malformed_question_for_a_login_is_a_fault_of_the_server(teller: Any, question: str) -> None:
    port, tell = teller
    tell(f"HTTP/1.1 401 No\r\nWWW-Authenticate: {question}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
    options = WebdavOptions(url=f"http://{LOOPBACK}:{port}/", username="u", password=PASSWORD, timeout_s=5.0)
    with contextlib.closing(WebdavDevice("box", options, time.time)) as session, pytest.raises(ProtocolFault) as told:
        list(session.list())
    told_well(told.value)


def test_a_head_that_is_none_is_told_in_few_words(teller: Any) -> None:
    port, tell = teller
    tell(b"HTTP/1.1 200 So\r\n" + b"\x1b[2J" * 5_000 + b"\r\n\r\n")
    options = WebdavOptions(url=f"http://{LOOPBACK}:{port}/", timeout_s=5.0)
    with contextlib.closing(WebdavDevice("box", options, time.time)) as session, pytest.raises(ProtocolFault) as told:
        list(session.list())
    told_well(told.value, 300)


@fuzzed(450, 20_000)
def test_any_207_is_resources_or_a_bad_answer(examples: int) -> None:
    @tries(examples, st.binary(max_size=100) | spoiled(FILE.decode()).map(lambda text: text.encode(errors="replace")))
    def judged(body: bytes) -> None:
        try:
            found = list(resources((body[at : at + 50] for at in range(0, len(body), 50)), MIB))
        except BadAnswer as error:
            told_well(error, 300)
            return
        assert all(0 <= (told.size or 0) <= LARGEST for told in found)


@fuzzed(450, 20_000)
def test_any_href_is_below_the_root_or_astray(examples: int) -> None:
    place = Place("https://box.example.org/dav", "v2x")
    pieces = st.sampled_from(
        ["/dav", "/v2x", "/..", "/%2e%2e", "//", "%2f", "%00", "http://", "box.example.org", "[", "@"]
    )

    @tries(examples, st.text(max_size=30) | st.lists(pieces | st.text(max_size=4), max_size=8).map("".join))
    def judged(href: str) -> None:
        try:
            path = place.path_of(href)
        except Astray:
            return
        assert not {"..", "."} & set(path.split("/"))
        assert not path.startswith("/")
        assert "\0" not in path


@fuzzed(450, 20_000)
def test_any_date_is_a_time_or_none(examples: int) -> None:
    @tries(examples, st.text(max_size=40) | spoiled("Tue, 14 Nov 2023 22:13:20 GMT"))
    def judged(date: str) -> None:
        found = seconds_of_date(date)
        assert found is None or abs(found) < 1e12
