"""Peers on loopback that are no good SSH servers: silent ones, talking ones, ones that break off."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

from tests.servers.running import LOOPBACK, SshHost

Serve = Callable[[socket.socket], None]
_END_S = 10.0


@contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """Accept connections and hand each to `serve` in a thread; yields the port. Connections end with the block."""
    listener = socket.create_server((LOOPBACK, 0))
    plugs: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                plug, _ = listener.accept()
                plugs.append(plug)
                threads.append(threading.Thread(target=_quietly, args=(serve, plug)))
                threads[-1].start()

    threads.append(threading.Thread(target=accept))
    threads[0].start()
    try:
        yield listener.getsockname()[1]
    finally:
        for end in (listener, *plugs):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in threads:
            thread.join(_END_S)


def _quietly(serve: Serve, plug: socket.socket) -> None:
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        serve(plug)


class _Server(paramiko.ServerInterface):
    """Lets everybody in and starts any subsystem that `accept` names; gets stuck at the step that `stuck` names."""

    def __init__(self, accept: str, stuck: str, released: threading.Event) -> None:
        self._accept = accept
        self._stuck = stuck
        self._released = released

    def _step(self, name: str) -> None:
        if name == self._stuck:
            self._released.wait(_END_S)

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        self._step("login")
        return int(paramiko.common.AUTH_SUCCESSFUL)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self._step("channel")
        return int(paramiko.common.OPEN_SUCCEEDED)

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        self._step("subsystem")
        return name == self._accept


@contextmanager
def ssh_peer(
    talk: Callable[[paramiko.Channel], None], *, subsystem: str = "sftp", stuck: str = ""
) -> Iterator[SshHost]:
    """A real SSH server whose SFTP server is the function `talk`; the channel is closed when that returns.

    It says nothing any more from the step `stuck` on: ``login``, ``channel`` or ``subsystem``.
    """
    key = paramiko.ECDSAKey.generate()
    released = threading.Event()
    transports: list[paramiko.Transport] = []

    def serve(plug: socket.socket) -> None:
        transport = paramiko.Transport(plug)
        transport.set_log_channel("v2xsync_tests.ssh")
        transports.append(transport)
        transport.add_server_key(key)
        transport.start_server(server=_Server(subsystem, stuck, released))
        channel = None
        while channel is None and transport.is_active():
            channel = transport.accept(0.1)
        if channel is not None:
            with contextlib.closing(channel):
                talk(channel)

    with listening(serve) as port:
        try:
            yield SshHost(port=port, username="collector", password="any", fingerprint=key.fingerprint)
        finally:
            released.set()
            for transport in transports:
                transport.close()
