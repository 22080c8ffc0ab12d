"""The screen in a real pseudo-terminal, through the door that the command line uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.terminal import DEADLINE_S, Terminal
from v2xsync.ui.launch import DEFAULTS, set_defaults

ROOT = Path(__file__).parents[2]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A scripted station on screen."""
    pytest.importorskip("pty", reason="pseudo-terminals are a Unix thing")
    terminal = Terminal([sys.executable, "-m", "tests.ui.played"], ROOT, (80, 24), os.environ)
    yield terminal
    terminal.close()


def test_the_screen_comes_up_asks_and_gives_the_terminal_back(terminal):
    terminal.wait_for(b"clay-11th")
    terminal.wait_for(b"11 min left")
    terminal.type(b"q")
    terminal.wait_for(b"Stop now")
    terminal.type(b"s")
    terminal.wait_for(b"the screen ended: stopped ['stopped']")
    assert b"\x1b[?1049h" in terminal.seen
    assert b"\x1b[?1049l" in terminal.seen
    assert terminal.process.wait(DEADLINE_S) == 0


def test_what_the_user_set_in_the_environment_stays():
    environ = {"TEXTUAL_FPS": "30"}
    set_defaults(environ, low_bandwidth=False)
    assert environ == DEFAULTS | {"TEXTUAL_FPS": "30"}
    thrifty: dict[str, str] = {}
    set_defaults(thrifty, low_bandwidth=True)
    assert thrifty["TEXTUAL_COLOR_SYSTEM"] == "standard"
