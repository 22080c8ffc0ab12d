"""The story of one hold: what is held, why, and what a person can do."""

from __future__ import annotations

from collections.abc import Iterator

from v2xsync.ledger.base import Hold
from v2xsync.model.custody import Step
from v2xsync.ui.ink import Ink, Line, Piece
from v2xsync.ui.stories.telling import fact, paragraph

HOP = {Step.STORED: "fetching it", Step.DELIVERED: "delivering it", Step.REMOVED: "removing it from its source"}


def hold_story(hold: Hold, ink: Ink, width: int) -> Iterator[Line]:
    """Yield the reason and the advice."""
    yield from paragraph(hold.path, width, "strong")
    yield from paragraph(hold.reason, width, "bad", indent="  ")
    yield from fact("on hold", f"{HOP.get(hold.step, hold.step.value)} ({hold.device}, route {hold.route})", width, ink)
    yield from fact("since", f"{ink.moment.full(hold.since)} ({ink.moment.since(hold.since)})", width, ink)
    yield from paragraph(advice(hold), width, "accent", sign=f"{ink.glyphs.to} ")
    yield (Piece("  Nothing of it is deleted while it is on hold.", "quiet"),)


def advice(hold: Hold) -> str:
    """Return what to do, in one sentence."""
    if hold.may_accept:
        return (
            f"Look at {hold.device}: if the file is there and whole, accept it; if not, let it be sent again. "
            "Press r to choose."
        )
    if hold.step is Step.REMOVED:
        return "Look at the source, then press r to let the removal be judged again."
    return "Mend the cause, then press r to let this step be done again."
