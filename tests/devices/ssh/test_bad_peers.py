"""Peers over real sockets that stall, flood, break off, or are no SSH servers: every wait ends, in plain words."""

from __future__ import annotations

import socket
import struct
import threading
import time
from pathlib import Path

import paramiko
import pytest
from tests.contract.ends import Collected, Contents
from tests.devices.ssh.peer import Peer
from tests.servers.running import SshHost
from tests.servers.silent import listening, ssh_peer

from v2xsync.devices.base import FetchRequest, SendRequest
from v2xsync.devices.sftp import SftpDevice
from v2xsync.devices.ssh import wire
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone, OutcomeUnknown, ProtocolFault
from v2xsync.model.items import Fingerprint

SHORT_S = 0.6
LONG_S = 15.0
"""Nothing here may take longer; each timeout is far shorter."""


def device_at(host: SshHost, timeout_s: float = SHORT_S) -> SftpDevice:
    return SftpDevice("box", host.options(".", timeout_s=timeout_s), time.time, monotonic=time.monotonic)


def bare(port: int) -> SshHost:
    return SshHost(port=port, username="u", password="p", fingerprint="")


def wait_for_end(plug: socket.socket) -> None:
    """Say nothing until the client hangs up."""
    while plug.recv(4096):
        pass


def hear_one(channel: paramiko.Channel) -> None:
    """Take the first request in, so that the subsystem has surely been started."""
    channel.recv(4096)


def listen_only(channel: paramiko.Channel) -> None:
    """Take everything in and answer nothing until the client hangs up."""
    while channel.recv(4096):
        pass


def test_a_server_that_never_says_a_word() -> None:
    with listening(wait_for_end) as port, pytest.raises(DeviceGone):
        device_at(bare(port)).connect()


def test_a_server_that_says_hello_and_nothing_more() -> None:
    def serve(plug: socket.socket) -> None:
        plug.sendall(b"SSH-2.0-Stuck\r\n")
        wait_for_end(plug)

    with listening(serve) as port, pytest.raises(DeviceGone, match="answered nothing"):
        device_at(bare(port)).connect()


@pytest.mark.parametrize("step", ["login", "channel", "subsystem"])
def test_a_server_that_gets_stuck_while_we_log_in(step: str) -> None:
    """Also at those steps for which the SSH library knows no time limit."""
    with ssh_peer(listen_only, stuck=step) as host:
        began = time.monotonic()
        with pytest.raises(DeviceGone, match="answered nothing"):
            device_at(host).connect()
        assert time.monotonic() - began < LONG_S / 2


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\xff" * 200 + b"\n", b"220 ftp\r\n"])
def test_a_server_that_is_no_ssh_server(greeting: bytes) -> None:
    def serve(plug: socket.socket) -> None:
        plug.sendall(greeting)
        plug.close()

    with listening(serve) as port, pytest.raises(DeviceGone, match="as an SSH server does"):
        device_at(bare(port)).connect()


def test_a_server_that_hangs_up_at_once() -> None:
    with listening(lambda plug: plug.close()) as port, pytest.raises(DeviceGone):
        device_at(bare(port)).connect()


def test_a_host_without_sftp() -> None:
    no_sftp = ssh_peer(lambda channel: None, subsystem="other")
    with no_sftp as host, pytest.raises(AccessRefused, match="no SFTP server"):
        device_at(host, 5).connect()


def test_an_sftp_server_that_ends_at_once() -> None:
    with ssh_peer(hear_one) as host, pytest.raises(DeviceGone, match="ended by itself"):
        device_at(host, 5).connect()


def test_a_shell_that_talks_in_front_of_the_sftp_server() -> None:
    def talk(channel: paramiko.Channel) -> None:
        hear_one(channel)
        channel.sendall(b"Welcome to box!\n")

    with ssh_peer(talk) as host, pytest.raises(ProtocolFault, match="packet of"):
        device_at(host, 5).connect()


def test_an_sftp_server_that_never_greets() -> None:
    with ssh_peer(listen_only) as host, pytest.raises(DeviceGone, match="answered nothing"):
        device_at(host).connect()


class Talk:
    """Serves `peer` over a real channel until `stop` says of a request that it is the last."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.hang = threading.Event()

    def __call__(self, channel: paramiko.Channel) -> None:
        received = bytearray()
        channel.sendall(self.peer.greet())
        while chunk := channel.recv(1 << 16):
            received += chunk
            while len(received) >= 4 and len(received) >= 4 + int.from_bytes(received[:4], "big"):
                end = 4 + int.from_bytes(received[:4], "big")
                self._answer(channel, bytes(received[4:end]))
                del received[:end]

    def _answer(self, channel: paramiko.Channel, request: bytes) -> None:
        kind, number = struct.unpack_from(">BI", request)
        if kind != wire.INIT:
            for answer in self.peer.answer(kind, number, request[5:]):
                channel.sendall(answer)


@pytest.mark.parametrize("kind", [wire.LSTAT, wire.OPEN, wire.READ, wire.FSTAT])
def test_silence_at_any_step_of_a_fetch_ends_it(kind: int) -> None:
    peer = Peer()
    peer.plant("a", b"abc")
    peer.twist[kind] = lambda *_: []
    with ssh_peer(Talk(peer)) as host:
        device = device_at(host)
        began = time.monotonic()
        with pytest.raises(DeviceGone, match=r"answered nothing for 0\.6 s"):
            device.fetch([FetchRequest(0, "a", Fingerprint(3, 1_700_000_000 * 10**9))], Collected())
        assert time.monotonic() - began < LONG_S
        device.close()


def test_a_connection_that_breaks_in_the_middle_of_a_fetch() -> None:
    peer = Peer()
    peer.plant("a", b"x" * 100_000)

    def break_off(*_: object) -> list[bytes]:
        raise EOFError

    peer.twist[wire.READ] = break_off
    with ssh_peer(Talk(peer)) as host:
        device = device_at(host, 5)
        sink = Collected()
        with pytest.raises(DeviceGone):
            device.fetch([FetchRequest(0, "a", Fingerprint(100_000, 1_700_000_000 * 10**9))], sink)
        assert sink.ended == 0
        device.close()


def test_a_connection_that_breaks_after_the_rename() -> None:
    peer = Peer()

    def break_off(peer: Peer, number: int, body: bytes) -> list[bytes]:
        peer.honest(wire.RENAME, number, body)
        raise EOFError

    peer.twist[wire.RENAME] = break_off
    feed = Contents({0: b"abc"})
    with ssh_peer(Talk(peer)) as host:
        device = device_at(host, 5)
        with pytest.raises(DeviceGone):
            device.send([SendRequest(0, "a", ".v2xsync-st-0.part", 3)], feed)
        device.close()
    assert isinstance(feed.errors[0], OutcomeUnknown)
    assert peer.files[b"a"] == b"abc"


def test_a_server_that_stops_taking_what_we_send() -> None:
    """Its window is full and stays so: sending ends too, not only receiving."""
    stalled = threading.Event()

    def stall(*_: object) -> list[bytes]:
        stalled.wait(LONG_S)
        raise EOFError

    peer = Peer()
    peer.twist[wire.WRITE] = stall
    size = 64 << 20
    with ssh_peer(Talk(peer)) as host:
        device = device_at(host)
        began = time.monotonic()
        with pytest.raises(DeviceGone, match="answered nothing"):
            device.send([SendRequest(0, "a", ".v2xsync-st-0.part", size)], Contents({0: bytes(size)}))
        assert time.monotonic() - began < LONG_S
        stalled.set()
        device.close()


def test_a_server_that_floods_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ignores its window and fills the channel that nobody reads."""
    monkeypatch.setattr("v2xsync.devices.ssh.connect._MOST_UNREAD_BYTES", 1 << 20)
    peer = Peer()

    def flood(channel: paramiko.Channel) -> None:
        hear_one(channel)
        channel.sendall(peer.greet())
        while channel.send_stderr(b"x" * 30_000):
            pass

    with ssh_peer(flood) as host:
        device = device_at(host, 5)
        began = time.monotonic()
        with pytest.raises(DeviceError):
            list(device.list())
        assert time.monotonic() - began < LONG_S
        device.close()


def test_closing_never_waits(tmp_path: Path) -> None:
    peer = Peer()
    with ssh_peer(Talk(peer)) as host:
        device = device_at(host, 60)
        device.connect()
        began = time.monotonic()
        device.close()
        assert time.monotonic() - began < 2
