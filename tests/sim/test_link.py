"""The simulated line delays, slows down and breaks what passes over it."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from v2xsync.sim.link import DelayLine, Link, LinkRules
from v2xsync.sim.listener import LOOPBACK, Listener


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def echo(connection: socket.socket) -> None:
    """Send everything back, in a thread, until the other side ends."""

    def work() -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    threading.Thread(target=work, daemon=True).start()


@pytest.fixture
def echoing():
    listener = Listener("echo", echo)
    listener.start()
    yield listener
    listener.stop()


def send_all(connection: socket.socket, content: bytes) -> None:
    """Send everything, then end politely."""
    connection.sendall(content)
    connection.shutdown(socket.SHUT_WR)


def receive(connection: socket.socket, size: int) -> bytes:
    taken = b""
    while len(taken) < size and (data := connection.recv(65536)):
        taken += data
    return taken


def test_pieces_sent_together_arrive_together_after_the_delay():
    hand = Hand()
    line = DelayLine(LinkRules(latency_s=5.0), hand)
    for piece in (b"a", b"b", b"c"):
        line.put(piece)
    hand.now += 5.0

    assert [line.take() for _ in range(3)] == [b"a", b"b", b"c"]


def test_a_rate_lets_pieces_out_one_after_the_other():
    hand = Hand()
    line = DelayLine(LinkRules(rate_bytes_s=1000.0), hand)
    line.put(b"x" * 500)
    line.put(b"y" * 500)
    hand.now += 0.5
    assert line.take() == b"x" * 500

    taken: list[bytes] = []
    late = threading.Thread(target=lambda: taken.append(line.take()))
    late.start()
    late.join(0.05)
    assert late.is_alive()
    hand.now += 0.5
    line.put(b"wakes the line")
    late.join(10)
    assert taken == [b"y" * 500]


def test_a_closed_line_wakes_its_reader_with_nothing():
    line = DelayLine(LinkRules(latency_s=1000.0))
    line.put(b"never seen")
    taken: list[bytes] = []
    reader = threading.Thread(target=lambda: taken.append(line.take()))
    reader.start()
    line.close()
    reader.join(10)

    assert taken == [b""]
    assert line.put(b"more") is False


def test_bytes_pass_whole_and_a_polite_end_passes_too(echoing):
    content = bytes(range(256)) * 2000
    with Link(echoing.port, LinkRules(latency_s=0.001)) as link, socket.create_connection((LOOPBACK, link.port)) as end:
        sender = threading.Thread(target=send_all, args=(end, content))
        sender.start()
        assert receive(end, len(content) + 1) == content
        sender.join(10)


def test_a_round_trip_takes_at_least_twice_the_delay(echoing):
    with Link(echoing.port, LinkRules(latency_s=0.05)) as link, socket.create_connection((LOOPBACK, link.port)) as end:
        sent = time.monotonic()
        end.sendall(b"ping")
        assert receive(end, 4) == b"ping"
        assert time.monotonic() - sent >= 0.1


def test_a_breaking_line_ends_after_its_bytes(echoing):
    rules = LinkRules(drop_every_bytes=100_000)
    with Link(echoing.port, rules) as link, socket.create_connection((LOOPBACK, link.port)) as end:
        end.sendall(b"x" * 60_000)
        assert receive(end, 60_000) == b"x" * 60_000
        end.sendall(b"x" * 60_000)
        assert len(receive(end, 60_000)) <= 40_000


def test_a_line_to_nobody_closes_at_once(echoing):
    echoing.stop()
    with Link(echoing.port, LinkRules(latency_s=0.001)) as link, socket.create_connection((LOOPBACK, link.port)) as end:
        assert receive(end, 1) == b""


def test_the_port_stays_the_same_over_a_restart(echoing):
    link = Link(echoing.port, LinkRules(latency_s=0.001))
    with link:
        first = link.port
    with link:
        assert link.port == first
