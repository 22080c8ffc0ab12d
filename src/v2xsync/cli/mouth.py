"""Speaking on stdout without ever waiting for it: lines go to a sideline of their own, and are dropped with a count.

A terminal that is stopped (Ctrl+S), or a reader that is stuck, would otherwise stop whoever writes a log line:
a transfer.
"""

from __future__ import annotations

import collections
import contextlib
import os
import threading
from typing import Final, TextIO

from v2xsync.engine.sideline import Sideline

MOST_LINES: Final = 10_000
"""Lines that wait; older ones give way to newer."""

END_S: Final = 2.0
"""What is left is waited for so long at the end."""

_WIPE: Final = "\r\x1b[2K"
"""Back to the left, and clear the line (ECMA-48: EL 2)."""


class Mouth:
    """Lines, and on a terminal one progress line below them that is drawn over and over."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._lines: collections.deque[str] = collections.deque()
        self._progress = ""
        self._drawn = ""
        self._dropped = 0
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._ending = False
        self._dead = False
        with contextlib.suppress(OSError, ValueError):
            stream.flush()  # what was printed before comes first
        self._sideline = Sideline("stdout", self._speak)
        self._sideline.start()

    def say(self, line: str) -> None:
        """Say a line, soon."""
        with self._lock:
            if len(self._lines) >= MOST_LINES:
                self._lines.popleft()
                self._dropped += 1
            self._lines.append(line)
        self._bell.set()

    def show(self, progress: str) -> None:
        """Let the progress line (one line, ready to be drawn) be this from now on; empty takes it away."""
        with self._lock:
            self._progress = progress
        self._bell.set()

    def close(self) -> None:
        """Say what is left, as far as it is taken at once."""
        self.show("")
        self._ending = True
        self._bell.set()
        self._sideline.join(END_S)

    def _speak(self) -> None:
        ending = False
        while not ending:
            self._bell.wait()
            self._bell.clear()
            ending = self._ending
            text = self._take()
            if text and not self._dead:
                self._write(text)

    def _take(self) -> str:
        """All that waits, with the progress line wiped before and drawn after."""
        with self._lock:
            lines, progress, dropped = list(self._lines), self._progress, self._dropped
            self._lines.clear()
            self._dropped = 0
        if dropped:
            lines.insert(0, f"... {dropped} lines were left out: nobody took them ...")
        if not lines and progress == self._drawn:
            return ""
        wipe = _WIPE if self._drawn else ""
        self._drawn = progress
        return wipe + "".join(f"{line}\n" for line in lines) + progress

    def _write(self, text: str) -> None:
        """Write past the stream's own buffer, whose lock the end of the process would wait for."""
        try:
            if self._fd is None:
                self._stream.write(text)
                self._stream.flush()
                return
            left = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
            while left:
                left = left[os.write(self._fd, left) :]
        except (OSError, ValueError):  # closed, or nobody reads any more: the station works on in silence
            self._dead = True


def _descriptor(stream: TextIO) -> int | None:
    """The stream's number in the system; None for one that is only in memory."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None
