"""Signals as plain facts: handlers only write down what came, the main thread acts on it where it is safe."""

from __future__ import annotations

import collections
import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Final

DRAIN: Final = ("SIGTERM", "SIGINT")
"""The first of these drains, the second stops now."""

OF_TERMINALS: Final = ("SIGTSTP", "SIGCONT", "SIGWINCH")
"""What a screen listens to; behind it they must not speak to a terminal that is gone."""

RELOAD: Final = "SIGHUP"
PICTURE: Final = "SIGUSR1"


class Inbox:
    """Names of signals that came and were not looked at yet, oldest first."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._waiting: collections.deque[str] = collections.deque()
        self._then = then

    def put(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        del frame
        self._waiting.append(signal.Signals(number).name)
        self._then()

    def has_any(self) -> bool:
        """Whether a signal waits to be looked at."""
        return bool(self._waiting)

    def take(self) -> Iterator[str]:
        """Yield what came, and forget it."""
        while self._waiting:
            yield self._waiting.popleft()


@contextlib.contextmanager
def caught(names: Iterable[str], then: Callable[[], None] = lambda: None) -> Iterator[Inbox]:
    """Catch these signals (those that the platform has) while the block runs; `then` is called after each."""
    inbox = Inbox(then)
    numbers = [number for name in names if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.signal(number, inbox.put) for number in numbers}
    try:
        yield inbox
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def untouched(names: Iterable[str]) -> Iterator[None]:
    """Whatever the block does with these signals is undone at its end (those that the platform has)."""
    numbers = [number for name in names if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
