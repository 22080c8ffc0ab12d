"""A scripted station in a real terminal: ``python -m tests.ui.played``; prints how the screen ended."""

from __future__ import annotations

import sys

from tests.ui import scenes
from v2xsync.ui.launch import run

if __name__ == "__main__":
    ended: list[str] = []
    choice = run(scenes.busy(), scenes.options(), on_exit=lambda choice: ended.append(choice.value))
    sys.stdout.write(f"the screen ended: {choice.value} {ended}\n")
