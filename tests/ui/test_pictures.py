"""The pictures that the README shows are what the program draws.

`test_snapshots` holds the program to its snapshots; here the pictures are held to the same snapshots, so that nothing
is drawn twice.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ui.album import PICTURES
from tests.ui.darkroom import FOLDER

SNAPSHOTS = Path(__file__).parent / "__snapshots__" / "test_snapshots"


def drawing(svg: str) -> str:
    """The picture without the names that differ from one drawing to the next."""
    return re.sub(r"\b(terminal|v2xsync)-", "", svg)


@pytest.mark.parametrize("name", PICTURES)
def test_no_picture_is_stale(name):
    """After a change that is meant: scripts/screenshots, look at the pictures, commit them."""
    approved = SNAPSHOTS / f"test_the_screen_looks_as_it_was_approved[{name}].svg"
    shown = FOLDER / f"{name}.svg"
    assert drawing(shown.read_text(encoding="utf-8")) == drawing(approved.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_has_a_png_of_its_size(name):
    svg, png = (FOLDER / f"{name}.svg").read_text(encoding="utf-8"), (FOLDER / f"{name}.png").read_bytes()
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None
    assert [int(float(side)) + 1 for side in box.groups()] == [
        int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    ]  # fmt: skip
