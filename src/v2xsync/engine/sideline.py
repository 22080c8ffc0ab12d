"""A sideline: a thread beside the lanes that serves people (a socket, a line of the log), and never counts as work."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Sideline:
    """One daemon thread around `body`, which has to end by itself once it is told to in its own way."""

    def __init__(self, name: str, body: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=body, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end, at most so long; whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()
