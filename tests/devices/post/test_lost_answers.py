"""Lost answers: unknown, never sent again by itself, and one outage does not make every file unknown (invariant 7)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.contract.ends import Contents, bounded_memory
from tests.devices.post.posting import ULOG, device, post, refusal, request
from tests.servers.form_server import (
    LOOPBACK,
    MIB,
    FormServer,
    Handler,
    answering,
    api,
    endless_body,
    endless_header,
    form_server,
    garbage,
    half_an_answer,
    hang_up,
    keeping_and,
    stay_silent,
)
from tests.servers.running import free_port
from tests.servers.silent import listening

from v2xsync.devices.post import Form, PostDevice, PostOptions
from v2xsync.errors import DeviceBusy, DeviceGone, OutcomeUnknown


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FormServer]:
    with form_server(tmp_path / "kept", api) as server:
        yield server


@pytest.mark.parametrize("form", [Form.FLIGHT_REVIEW, Form.MULTIPART, Form.RAW])
@pytest.mark.parametrize("then", [hang_up, stay_silent, garbage], ids=lambda then: then.__name__)
def test_a_server_that_took_the_file_and_does_not_answer(
    server: FormServer, form: Form, then: Callable[[Handler], None]
) -> None:
    """It stands there once; whoever sent it again would make two of it."""
    server.trouble = keeping_and(then)
    error = refusal(device(server, form, timeout_s=1.0 if then is stay_silent else 20.0), ULOG)
    assert isinstance(error, OutcomeUnknown)
    assert "has the whole file" in error.what
    assert (len(server.kept), server.tries) == (1, 1)


def test_a_header_without_an_end_is_given_up_early(server: FormServer) -> None:
    server.trouble = keeping_and(endless_header)
    session = device(server)
    with bounded_memory(4 * MIB):
        error = refusal(session, b"x")
    assert isinstance(error, OutcomeUnknown)
    assert server.poured < 64 * MIB


def test_of_a_body_without_an_end_the_beginning_is_enough(server: FormServer) -> None:
    server.trouble = keeping_and(endless_body)
    with bounded_memory(8 * MIB):
        feed = post(device(server), b"x")
    assert 0 in feed.sent
    assert server.poured < 64 * MIB


def test_a_yes_whose_text_breaks_off_is_a_yes(server: FormServer) -> None:
    server.trouble = keeping_and(half_an_answer)
    feed = post(device(server), b"x")
    assert feed.sent[0].reference == ""


def test_the_wait_for_an_answer_grows_with_the_file(server: FormServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requirement R11: a server that parses a large log is not silent."""
    server.trouble = keeping_and(answer_late)
    assert isinstance(refusal(device(server, timeout_s=1.0), b"x" * 1000), OutcomeUnknown)
    monkeypatch.setattr("v2xsync.devices.post.ANSWER_BYTES_PER_S", 50)
    assert 0 in post(device(server, timeout_s=1.0), b"x" * 1000).sent


def answer_late(handler: Handler) -> None:
    handler.server.stopping.wait(2.0)
    handler.answer(200)


# --- before the next file --------------------------------------------------------------------------------------------


def test_after_a_lost_answer_the_server_is_asked_before_it_gets_another_file(server: FormServer) -> None:
    server.trouble = keeping_and(once_only(server))
    feed = Contents(dict.fromkeys(range(3), b"x"))
    device(server).send([request(f"{token}.csv", 1, token) for token in range(3)], feed)
    assert isinstance(feed.errors[0], OutcomeUnknown)
    assert set(feed.sent) == {1, 2}
    assert server.heads == 1


def once_only(server: FormServer) -> Callable[[Handler], None]:
    """Hang up this time, and be good from now on."""

    def then(handler: Handler) -> None:
        server.trouble = None
        hang_up(handler)

    return then


@pytest.mark.parametrize(("status", "kind"), [(500, DeviceGone), (502, DeviceGone), (503, DeviceBusy)])
def test_a_broken_gateway_makes_one_file_unknown_and_not_all(
    server: FormServer, status: int, kind: type[Exception]
) -> None:
    server.trouble = answering(502)
    server.head_answer = (status,)
    session = device(server)
    assert isinstance(refusal(session, b"x"), OutcomeUnknown)
    for _ in range(2):
        with pytest.raises(kind):
            session.connect()
        with pytest.raises(kind):
            post(session, b"y")
    assert server.tries == 1
    server.head_answer, server.trouble = (405,), None
    session.connect()
    assert 0 in post(session, b"y").sent


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 405, 501])
def test_every_other_answer_to_the_question_means_alive(server: FormServer, status: int) -> None:
    server.head_answer = (status,)
    assert str(status) in device(server).probe().detail


def test_a_server_that_knows_no_head_is_alive_where_it_waits_for_a_request() -> None:
    with listening(hear_and_close) as port:
        assert "waits for requests" in session_at(port).probe().detail


def test_a_forwarder_with_nobody_behind_it_is_not_alive() -> None:
    """As docker's proxy or an SSH tunnel: it takes the connection and hangs up."""
    with listening(lambda plug: plug.close()) as port, pytest.raises(DeviceGone):
        session_at(port).probe()


def test_a_server_that_never_answers_the_question_is_away() -> None:
    with listening(hear) as port, pytest.raises(DeviceGone, match="silent"):
        session_at(port, timeout_s=0.5).probe()


def hear(plug: socket.socket) -> None:
    plug.recv(65536)


def hear_and_close(plug: socket.socket) -> None:
    plug.recv(65536)
    plug.close()


def test_a_server_that_is_not_there_is_no_failure_of_the_file() -> None:
    session = session_at(free_port())
    feed = Contents({0: b"x"})
    with pytest.raises(DeviceGone):
        session.send([request("a.csv", 1)], feed)
    assert (feed.sent, feed.errors) == ({}, {})
    with pytest.raises(DeviceGone):
        session.probe()


def test_a_server_that_goes_away_while_it_is_sent_a_file_is_no_failure_of_the_file() -> None:
    """Nothing was taken and nobody is there: the device's trouble, not a try of the file."""
    with one_visit() as port:
        session = session_at(port)
        feed = Contents({0: b"x" * 48 * MIB})
        with pytest.raises(DeviceGone):
            session.send([request("a.bin", 48 * MIB)], feed)
    assert (feed.sent, feed.errors) == ({}, {})


@contextmanager
def one_visit() -> Iterator[int]:
    """Somebody who takes one connection and some bytes, and is gone for good."""

    def serve() -> None:
        plug, _ = listener.accept()
        listener.close()
        with plug:
            plug.recv(MIB)

    listener = socket.create_server((LOOPBACK, 0))
    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(10.0)


def session_at(port: int, timeout_s: float = 20.0) -> PostDevice:
    session = PostDevice("form", PostOptions(url=f"http://{LOOPBACK}:{port}/", form=Form.RAW, timeout_s=timeout_s))
    session.connect()
    return session
