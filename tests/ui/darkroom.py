"""Makes `screenshots/`: SVGs of the scripted scenes, and PNGs of those where a browser is installed.

    scripts/screenshots            every picture
    scripts/screenshots --check    only say which SVGs are stale (exit code 1)
    scripts/screenshots --demo     also one of the running demo, which looks different every time

A browser draws the PNGs because others lose leading spaces of a line, or the signs that a font lacks.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.ui.album import PAGES, PICTURES, draw
from tests.ui.terminal import Terminal

FOLDER = Path(__file__).parents[2] / "screenshots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PLAIN_TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
F8 = b"\x1b[19~"


def current(name: str) -> str:
    """Return the SVG as the program draws it now."""
    return asyncio.run(draw(PAGES[name]))


def stale() -> list[str]:
    """Return the names whose SVG is missing or differs from what the program draws now."""
    return [name for name in PICTURES if not _same(FOLDER / f"{name}.svg", current(name))]


def _same(path: Path, svg: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == svg


def develop() -> None:
    """Write every SVG, and its PNG where a browser is installed."""
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        path = FOLDER / f"{name}.svg"
        path.write_text(current(name), encoding="utf-8")
        enlarge(path)


def enlarge(svg: Path) -> None:
    """Draw the PNG beside an SVG."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print(f"no browser, so no PNG of {svg.name}", file=sys.stderr)
        return
    text = svg.read_text(encoding="utf-8")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert box is not None, svg
    width, height = (int(float(side)) + 1 for side in box.groups())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(f'<meta charset="utf-8"><body style="margin:0">{text}', encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size, target = f"--window-size={width},{height}", f"--screenshot={svg.with_suffix('.png')}"
        subprocess.run([*command, size, target, page.as_uri()], check=True, capture_output=True)


def photograph_the_demo() -> None:
    """Run the demo in a pseudo-terminal, and press its own key for a screenshot once its bad line came back."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "v2xsync", "demo"]
        terminal = Terminal(command, Path(folder), (120, 36), os.environ | PLAIN_TERMINAL)
        try:
            terminal.wait_for(b"is back")
            terminal.type(F8)
            terminal.wait_for(b"Saved")
            terminal.type(b"q")
            terminal.wait_for(b"Stop now")
            terminal.type(b"s")
            terminal.process.wait(60)
        finally:
            terminal.close()
        (taken,) = Path(folder).glob("*.svg")
        shutil.move(taken, FOLDER / "demo.svg")
    enlarge(FOLDER / "demo.svg")


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots")
    parser.add_argument("--check", action="store_true", help="only say which SVGs are stale")
    parser.add_argument("--demo", action="store_true", help="also one of the running demo")
    args = parser.parse_args()
    os.environ.update(PLAIN_TERMINAL)
    os.environ.pop("NO_COLOR", None)
    if args.check:
        names = stale()
        print("\n".join(names) if names else "every picture is what the program draws")
        return 1 if names else 0
    develop()
    if args.demo:
        photograph_the_demo()
    return 0


if __name__ == "__main__":
    sys.exit(main())
