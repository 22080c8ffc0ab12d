"""The pictures that the README shows are what the program draws."""

from __future__ import annotations

import pytest

from tests.ui.album import PAGES, PICTURES, draw
from tests.ui.darkroom import FOLDER
from tests.ui.test_snapshots import pytestmark  # noqa: F401 - the same versions of Textual can be compared


@pytest.mark.parametrize("name", PICTURES)
async def test_no_picture_is_stale(name):
    """After a change that is meant: scripts/screenshots, look at the pictures, commit them."""
    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == await draw(PAGES[name])


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_has_a_png(name):
    assert (FOLDER / f"{name}.png").read_bytes().startswith(b"\x89PNG")
