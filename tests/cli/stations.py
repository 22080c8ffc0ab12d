"""Stations as processes of their own: headless, or on a terminal; and waits with a deadline."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

DEADLINE_S = 40.0
COMMAND = [sys.executable, "-m", "v2xsync", "-c", "v2xsync.toml"]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end, never = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        never.wait(0.02)


class Station:
    """A running ``v2xsync --no-ui`` and what it has printed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        with self._stdout.open("wb") as out, self._stderr.open("wb") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "--no-ui", *options], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        self.socket = folder / "state" / "control.sock"

    @property
    def out(self) -> str:
        return self._stdout.read_text()

    @property
    def err(self) -> str:
        return self._stderr.read_text()

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_until_attachable(self) -> None:
        wait_for(lambda: self.socket.exists() or self.process.poll() is not None, "the socket")
        assert self.process.poll() is None, self.err

    def end(self) -> int:
        return self.process.wait(timeout=DEADLINE_S)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Pty:
    """A program on a terminal of its own."""

    def __init__(
        self, folder: Path, *options: str, command: Sequence[str] = (), size: tuple[int, int] = (80, 24)
    ) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.pid, self.ours = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            words = [*COMMAND, *options]
            os.execve(words[0], words, {**os.environ, "TERM": "xterm-256color"})  # noqa: S606 - this very interpreter
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.seen = b""
        self.code: int | None = None

    def read(self) -> bytes:
        """What was painted since, within a moment."""
        data = b""
        if self.ours < 0:
            threading.Event().wait(0.05)
            return data
        with contextlib.suppress(OSError):
            if select.select([self.ours], [], [], 0.05)[0]:
                data = os.read(self.ours, 65_536)
        self.seen += data
        return data

    def wait_for(self, words: bytes) -> None:
        """Read until the words were painted, after all that was waited for before."""
        end = time.monotonic() + DEADLINE_S
        while words not in self.seen:
            assert time.monotonic() < end, self.seen[-1500:]
            self.read()
        self.seen = self.seen.partition(words)[2]

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def ended(self) -> bool:
        if self.code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if done else None
        return self.code is not None

    def end(self) -> int:
        """Read on until the program has ended; its exit code."""
        end = time.monotonic() + DEADLINE_S
        while not self.ended():
            assert time.monotonic() < end, "waited in vain for the end"
            self.read()
        assert self.code is not None
        return self.code

    def hang_up(self) -> None:
        """The terminal goes away."""
        os.close(self.ours)
        self.ours = -1

    def close(self) -> None:
        if self.ours >= 0:
            self.hang_up()
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@contextlib.contextmanager
def on_a_pty(folder: Path, *options: str, size: tuple[int, int] = (80, 24)) -> Iterator[Pty]:
    """The program with these options on a terminal."""
    terminal = Pty(folder, *options, size=size)
    try:
        yield terminal
    finally:
        terminal.close()
