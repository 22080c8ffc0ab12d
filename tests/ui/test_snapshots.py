"""Every screen and state, compared with pictures that a person has looked at.

After a change that is meant: ``pytest tests/ui/test_snapshots.py --snapshot-update``, look at them, commit them.
"""

from __future__ import annotations

import pytest
import textual

from tests.ui.album import PAGES, Clock

MADE_WITH = "8.2.8"
"""Other versions of Textual draw the same screens in other SVGs."""

pytestmark = pytest.mark.skipif(
    textual.__version__ != MADE_WITH, reason=f"snapshots were made with Textual {MADE_WITH}, not {textual.__version__}"
)


@pytest.mark.parametrize("name", PAGES)
def test_the_screen_looks_as_it_was_approved(name, snap_compare):
    page, clock = PAGES[name], Clock()
    assert snap_compare(page.app(clock), terminal_size=page.size, run_before=lambda pilot: page.turn(pilot, clock)), (
        name
    )
