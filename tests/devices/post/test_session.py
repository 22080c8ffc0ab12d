"""Logins, headers, certificates: who we are there, and who they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.ends import Contents
from tests.devices.post.posting import device, post, request
from tests.servers.certificates import Authority
from tests.servers.form_server import FormServer, api, collector, form_server

from v2xsync.devices.base import Proven, ProveRequest
from v2xsync.devices.post import Form, PostDevice, PostOptions
from v2xsync.errors import AccessRefused, Cancelled, HostKeyRefused, ItemFailed, ItemRefused, ProtocolFault
from v2xsync.model.items import Proof


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FormServer]:
    with form_server(tmp_path / "kept", api) as server:
        yield server


@pytest.mark.parametrize(
    ("options", "header", "value"),
    [
        ({"token": lambda: "t0ken"}, "Authorization", "Bearer t0ken"),
        ({"username": "Aladdin", "password": "open sesame"}, "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ({"username": "ü", "password": lambda: "ß"}, "Authorization", "Basic w7w6w58="),
        ({"headers": {"X-API-Key": lambda: "k"}}, "X-API-Key", "k"),
    ],
)
def test_the_login_goes_along_with_every_file(
    server: FormServer, options: dict[str, Any], header: str, value: str
) -> None:
    """With the first request already: a body cannot be sent twice."""
    session = device(server, **options)
    post(session, b"1")
    post(session, b"2")
    assert [kept.headers[header] for kept in server.kept] == [value, value]
    assert server.tries == 2


def test_secrets_are_read_when_the_session_opens_and_not_before() -> None:
    read: list[str] = []

    def token() -> str:
        read.append("x")
        return "t0ken"

    session = PostDevice("form", PostOptions(url="http://127.0.0.1:9/", token=token))
    assert session.capabilities.delivery_proof is Proof.ACK
    assert read == []
    session.connect()
    session.connect()
    assert read == ["x"]


@pytest.mark.parametrize("value", ["two\r\nX-Evil: 1", "ключ", "nul\0"])
def test_a_secret_that_no_header_can_carry_stops_the_device(server: FormServer, value: str) -> None:
    with pytest.raises(AccessRefused, match="X-API-Key holds a character") as caught:
        device(server, headers={"X-API-Key": lambda: value})
    assert value not in str(caught.value)


def test_each_file_has_a_connection_of_its_own(server: FormServer) -> None:
    session = device(server)
    for _ in range(3):
        post(session, b"x")
    assert [kept.headers["Connection"] for kept in server.kept] == ["close"] * 3


def test_what_cannot_be_asked_is_not_asked(server: FormServer) -> None:
    session = device(server)
    assert [type(answer) for answer in session.stat(["a", "b"])] == [ItemRefused, ItemRefused]
    assert session.sweep(["", "d"], frozenset()) == ()
    ((token, proven),) = session.prove([ProveRequest(4, "a.csv", 7, Proof.HASH)])
    assert token == 4
    assert isinstance(proven, Proven)
    assert (proven.proof, proven.digest) == (Proof.ACK, None)
    assert (server.heads, server.tries) == (0, 0)


def test_a_cancel_that_comes_with_the_answer_comes_too_late(server: FormServer) -> None:
    class Cancelling(Contents):
        def progress(self, token: int, position: int) -> None:
            super().progress(token, position)
            if position == 3:
                raise ItemFailed("a.csv", "cancelled; it goes to the end of the queue")

    server.manner = collector
    feed = Cancelling({0: b"abc"})
    device(server, Form.RAW).send([request("a.csv", 3)], feed)
    assert set(feed.sent) == {0}


def test_a_cancel_before_the_last_boundary_leaves_nothing_there(server: FormServer) -> None:
    class Cancelling(Contents):
        def progress(self, token: int, position: int) -> None:
            if position == 3:
                raise Cancelled("stop")

    with pytest.raises(Cancelled):
        device(server).send([request("a.csv", 3)], Cancelling({0: b"abc"}))
    assert 0 in post(device(server), b"next").sent
    assert [kept.content for kept in server.kept] == [b"next"]


# --- certificates ----------------------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_over_tls(tmp_path: Path, authority: Authority) -> None:
    certificate = authority.sign("127.0.0.1", "localhost").both
    with form_server(tmp_path / "kept", api, certificate=certificate) as server:
        feed = post(device(server, ca=authority.trust), b"x" * 300_000)
    assert feed.errors == {}
    assert server.kept[0].content == b"x" * 300_000


@pytest.mark.parametrize(
    ("names", "last_day", "trusted", "words"),
    [
        (("other.example.org",), 30, True, "another (name|address)"),
        (("127.0.0.1",), -1, True, "has expired"),
        (("127.0.0.1",), 30, False, "signed by nobody we know"),
    ],
)
def test_a_server_that_cannot_prove_who_it_is_gets_nothing(
    tmp_path: Path, authority: Authority, names: tuple[str, ...], last_day: int, trusted: bool, words: str
) -> None:
    signed = authority.sign(*names, first_day=-10, last_day=last_day)
    with form_server(tmp_path / "kept", api, certificate=signed.both) as server:
        session = device(server, ca=authority.trust if trusted else None, token="t0ken")
        feed = Contents({0: b"x"})
        with pytest.raises(HostKeyRefused, match=words) as caught:
            session.send([request("a.csv", 1)], feed)
        assert caught.value.remedy
        with pytest.raises(HostKeyRefused):
            session.probe()
        assert (feed.sent, feed.errors, server.tries) == ({}, {}, 0)


def test_tls_to_a_server_that_speaks_none(server: FormServer) -> None:
    session = device(server, url=server.url().replace("http:", "https:"))
    with pytest.raises(ProtocolFault, match="TLS"):
        session.probe()


def test_a_file_of_authorities_that_is_none_stops_the_device(server: FormServer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(AccessRefused, match="holds no certificate"):
        device(server, ca=tmp_path / "ca.pem")


def test_every_refusal_says_what_to_do(server: FormServer) -> None:
    """A table of messages would rot; that each has a remedy does not."""
    makers: list[Callable[[], Any]] = [
        lambda: device(server, headers={"X-Key": "ü"}),
        lambda: device(server, ca=Path("/nonexistent/ca.pem")),
    ]
    for make in makers:
        with pytest.raises(AccessRefused) as caught:
            make()
        assert caught.value.remedy
