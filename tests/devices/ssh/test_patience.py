"""The socket under the SSH library: bytes come in large pieces, and leave in whatever pieces are asked for."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from v2xsync.devices.ssh.patience import PatientSocket, SilentPeer, TalkingPeer

Pair = tuple[PatientSocket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = PatientSocket.connected_to("127.0.0.1", server.getsockname()[1], patience_s=0.2, most_unread=1000)
        peer, _ = server.accept()
        with ours, peer:
            yield ours, peer


def test_what_came_at_once_is_handed_out_in_the_pieces_that_are_asked_for(pair: Pair) -> None:
    ours, peer = pair
    peer.sendall(b"SSH packets")
    peer.shutdown(socket.SHUT_WR)
    assert [ours.recv(4), ours.recv(3), ours.recv(100), ours.recv(100)] == [b"SSH ", b"pac", b"kets", b""]


def test_more_than_was_asked_for_ends_the_conversation(pair: Pair) -> None:
    ours, peer = pair
    peer.sendall(bytes(2000))
    with pytest.raises(TalkingPeer):
        all(ours.recv(1) for _ in range(2000))


def test_a_peer_that_says_nothing_is_given_up(pair: Pair) -> None:
    ours, peer = pair
    peer.sendall(b"one")
    assert ours.recv(10) == b"one"
    ours.settimeout(0.15)
    with pytest.raises(TimeoutError):
        ours.recv(10)
    with pytest.raises(SilentPeer):
        ours.recv(10)
