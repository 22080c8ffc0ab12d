"""The driver that survives its terminal."""

from __future__ import annotations

import io
import sys
import threading
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("terminals are of another kind there", allow_module_level=True)

from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from v2xsync.ui.driver import SurvivingDriver


class Leaving:
    """Stands for the app: remembers that it was asked to end."""

    def __init__(self) -> None:
        self.asked = 0

    def exit(self) -> None:
        self.asked += 1


def driver_with_dead_writer() -> tuple[Any, Leaving]:
    """A driver whose writer has died with a full queue, as it does when the terminal goes away under it."""
    writer = WriterThread(io.StringIO())  # never started: as dead as one that failed
    for _ in range(MAX_QUEUED_WRITES):
        writer.write("x")
    driver: Any = SurvivingDriver.__new__(SurvivingDriver)
    driver._writer_thread = writer
    driver._app = Leaving()
    return driver, driver._app


def test_a_write_to_a_terminal_that_is_gone_returns_and_ends_the_screen() -> None:
    """Textual's own driver would wait here for ever, and with it everybody who wants to close the screen."""
    driver, app = driver_with_dead_writer()
    driver.write("one more picture")
    assert app.asked == 1


def test_closing_does_not_wait_for_a_dead_writer() -> None:
    driver, _app = driver_with_dead_writer()
    driver.close()
    assert driver._writer_thread is None


def test_a_live_writer_gets_every_word_in_order() -> None:
    taken = io.StringIO()
    writer = WriterThread(taken)
    writer.start()
    driver: Any = SurvivingDriver.__new__(SurvivingDriver)
    driver._writer_thread, driver._app = writer, Leaving()
    for word in map(str, range(200)):
        driver.write(word)
    driver.close()
    assert taken.getvalue() == "".join(map(str, range(200)))


class Stuck(io.StringIO):
    """A terminal that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()

    def write(self, text: str, /) -> int:
        self.reached.set()
        self.go.wait(30)
        return super().write(text)


def test_a_terminal_is_behind_while_it_leaves_a_picture_waiting() -> None:
    terminal = Stuck()
    driver: Any = SurvivingDriver.__new__(SurvivingDriver)
    driver._writer_thread, driver._app = WriterThread(terminal), Leaving()
    driver._writer_thread.start()
    driver.write("a picture")
    assert terminal.reached.wait(30)
    assert not driver.behind
    driver.write("a newer one")
    assert driver.behind
    terminal.go.set()
    driver.close()
    assert not driver.behind


def test_a_terminal_that_is_gone_is_not_behind_so_that_the_next_write_finds_out() -> None:
    driver, _app = driver_with_dead_writer()
    assert not driver.behind
