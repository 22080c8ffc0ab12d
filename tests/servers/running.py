"""What every real server of the tests has in common: waiting until it answers, and ending it."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from v2xsync.devices.sftp import SftpOptions

LOOPBACK = "127.0.0.1"
PASSWORD = "secret"
_PORTS = (12_000, 29_000)
_START_S = 20.0
_END_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHost:
    """A running SSH server, and how to log in to it."""

    port: int
    username: str
    fingerprint: str
    pid: int = 0
    password: str | None = None
    identity: Path | None = None
    host: str = LOOPBACK

    def options(self, root: Path | str, **changes: Any) -> SftpOptions:
        """Options of a device that has its root at `root` of this host."""
        usual: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "identity": self.identity,
            "host_key": self.fingerprint,
            "pinned": Path("/nonexistent/known_hosts"),
            "root": str(root),
        }
        return SftpOptions(**(usual | changes))


def free_port() -> int:
    """Return a port of loopback that is free now.

    Below the range from which the system takes ports for outgoing connections: there a port that is free now may be
    taken before the server binds it.
    """
    while True:
        port = random.SystemRandom().randrange(*_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


@contextmanager
def serving(command: Sequence[str | Path], port: int, log: Path, **more: Any) -> Iterator[int]:
    """Run `command` in the foreground until the block ends; yields its process id once `port` answers."""
    with log.open("ab") as stream:
        process = subprocess.Popen([str(part) for part in command], stdout=stream, stderr=stream, **more)
    try:
        _await_answer(process, port, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_END_S)


def _await_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            assert process.poll() is None, f"the server ended: {log.read_text(errors='replace')[-2000:]}"
            assert time.monotonic() < deadline, f"the server does not answer: {log.read_text(errors='replace')[-2000:]}"
            _wait_a_moment(process)
        else:
            return


def _wait_a_moment(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(0.05)
    except subprocess.TimeoutExpired:
        return
