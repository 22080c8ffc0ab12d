"""A program in a pseudo-terminal, with a deadline on everything that it is waited for."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

DEADLINE_S = 60.0


class Terminal:
    """A pseudo-terminal of `size` (columns, lines) with `command` in it."""

    def __init__(self, command: Sequence[str], folder: Path, size: tuple[int, int], environ: Mapping[str, str]) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.seen = b""

    def wait_for(self, words: bytes) -> None:
        """Read until the words were painted."""
        deadline = time.monotonic() + DEADLINE_S
        while words not in self.seen:
            assert time.monotonic() < deadline, self.seen[-2000:]
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += self._read()

    def _read(self) -> bytes:
        try:
            return os.read(self.master, 65536)
        except OSError:  # the other end is closed: what was painted is all there is
            return b""

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.master, keys)

    def close(self) -> None:
        """End the program and the terminal."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
