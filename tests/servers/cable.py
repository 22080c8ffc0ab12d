"""A serial cable on this machine: two pseudo-terminals, and a thread that carries bytes from one to the other."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import tty
from types import TracebackType
from typing import Final, Self

_MOST_BYTES: Final = 4096
_LOOK_S: Final = 0.05


class Cable:
    """`near` and `far` are paths of serial ports; `unplug` is what happens when somebody pulls it out."""

    def __init__(self) -> None:
        self._masters: list[int] = []
        self._slaves: list[int] = []
        for _ in range(2):
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._masters.append(master)
            self._slaves.append(slave)
        self.near, self.far = (os.ttyname(slave) for slave in self._slaves)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cable", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.unplug()

    def unplug(self) -> None:
        """Both ends are gone; whoever reads gets an error. May be repeated."""
        self._stopping.set()
        self._thread.join()
        for end in (*self._masters, *self._slaves):
            os.close(end)
        self._masters, self._slaves = [], []

    def _run(self) -> None:
        other = dict(zip(self._masters, reversed(self._masters), strict=True))
        while not self._stopping.is_set():
            for ready in select.select(self._masters, [], [], _LOOK_S)[0]:
                with contextlib.suppress(BlockingIOError):
                    self._carry(os.read(ready, _MOST_BYTES), other[ready])

    def _carry(self, data: bytes, to: int) -> None:
        while data and not self._stopping.is_set():
            select.select([], [to], [], _LOOK_S)
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(to, data) :]
