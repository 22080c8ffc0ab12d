"""The terminal's driver, made to survive its terminal.

Textual hands its output to a thread through a short queue and waits while that is full. When the terminal dies the
thread dies with it, and a loop that waits for room in the queue would wait for ever: nobody could close the screen.
"""

from __future__ import annotations

from queue import Full

from textual.drivers.linux_driver import LinuxDriver

LOOK_S = 0.2
"""While the terminal takes nothing, it is looked at so often whether it is still there."""


class SurvivingDriver(LinuxDriver):
    """Writes wait for a slow terminal, and are dropped once there is none; then the screen ends."""

    def write(self, data: str) -> None:
        """Queue `data`, as long as somebody takes it away."""
        writer = self._writer_thread
        while writer is not None and writer.is_alive():
            try:
                writer._queue.put(data, timeout=LOOK_S)  # noqa: SLF001 - its own `write` waits without a limit
            except Full:
                continue
            return
        self._app.exit()

    @property
    def behind(self) -> bool:
        """Whether the terminal has not taken yet what was painted before; one that is gone is found out by `write`."""
        writer = self._writer_thread
        return writer is not None and writer.is_alive() and not writer._queue.empty()  # noqa: SLF001 - no public name

    def close(self) -> None:
        """Let go of the terminal; a writer that has died cannot be told to stop."""
        if self._writer_thread is not None and not self._writer_thread.is_alive():
            self._writer_thread = None
        super().close()
