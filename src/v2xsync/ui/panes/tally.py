"""A pane's remark on its devices: how many there are, and what is wrong with some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from v2xsync.model.views import DeviceState, DeviceView
from v2xsync.ui.ink import Line, Piece, joined
from v2xsync.ui.states import DEVICE

TROUBLES = (DeviceState.REFUSED, DeviceState.FULL, DeviceState.AWAY)


def tally(rows: Sequence[DeviceView]) -> Line:
    """Return ``5``, or where something is wrong ``1 refused, 2 away``."""
    counts = Counter(row.state for row in rows)
    wrong = [Piece(f"{counts[state]} {DEVICE[state].word}", DEVICE[state].tone) for state in TROUBLES if counts[state]]
    return joined(wrong, ", ") or ((Piece(str(len(rows)), "quiet"),) if rows else ())
