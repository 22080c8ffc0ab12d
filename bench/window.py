"""A program in a pseudo-terminal whose far end we are: counts what it paints, reads as slowly as we like."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
DEADLINE_S = 60.0
END_S = 10.0
KEPT = 20_000
"""So much of the newest paint is searched for words."""

PLAIN = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
NOT_OURS = ("PYTHON", "TEXTUAL", "NO_COLOR", "SSH_CONNECTION", "COVERAGE", "PYTEST")
"""A caller's settings for these would be measured too."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the program: everything is a sum since its start, but for the memory."""

    at: float
    painted: int
    cpu_s: float
    rss: int


class Window:
    """`command` in a terminal of 80x24, or `size`."""

    def __init__(self, command: Sequence[str], folder: Path, size: tuple[int, int] = (80, 24)) -> None:
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=folder, env=environ(), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.painted = 0
        self.newest = b""

    def read(self, most: int = 65536, wait_s: float = 0.05) -> bytes:
        """What was painted since, at most so many bytes."""
        if not select.select([self.ours], [], [], wait_s)[0]:
            return b""
        try:
            data = os.read(self.ours, most)
        except OSError:  # the other end is closed
            return b""
        self.painted += len(data)
        self.newest = (self.newest + data)[-KEPT:]
        return data

    def wait_for(self, words: bytes) -> float:
        """Read until the words stand on the screen; seconds since the start of the program."""
        end = time.monotonic() + DEADLINE_S
        while words not in self.newest:
            if time.monotonic() > end or self.process.poll() is not None:
                raise TimeoutError(f"{words!r} was never painted: {self.newest[-1500:]!r}")
            self.read()
        return time.monotonic() - self.started

    def drain(self, seconds: float, bytes_per_s: float | None = None, until: Callable[[], bool] = bool) -> None:
        """Read for so long, or until something is true, as fast as it comes or at a rate; 0 reads nothing."""
        begun, taken = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds and not until():
            room = 65536 if bytes_per_s is None else int(passed * bytes_per_s) - taken
            if room > 0:
                taken += len(self.read(min(room, 65536)))
            else:
                select.select([], [], [], 0.05)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.ours, keys)

    def look(self) -> Look:
        """How the program stands now, with the processes that it started; the memory is the largest one's."""
        cpu_s, rss = 0.0, 0
        for folder in self.processes():
            with contextlib.suppress(OSError):  # it has ended
                cpu_s += sum(int((task / "schedstat").read_text().split()[0]) for task in folder.glob("task/*")) / 1e9
                rss = max(rss, int((folder / "statm").read_text().split()[1]) * PAGE)
        return Look(time.monotonic(), self.painted, cpu_s, rss)

    def processes(self) -> list[Path]:
        """The /proc folders of the program and of what it started: its whole session."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                state, _, _, session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(session) == self.process.pid and state != "Z":
                    found.append(folder)
        return found

    def close(self) -> None:
        """End the program and what it started, at once: a station that drains would serve the next window."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        end = time.monotonic() + END_S
        while self.processes() and time.monotonic() < end:
            select.select([], [], [], 0.02)
        os.close(self.ours)


def environ() -> Mapping[str, str]:
    """This environment, with a plain terminal and without what would change the figures."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
    return kept | PLAIN
