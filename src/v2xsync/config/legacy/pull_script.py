"""The SFTP pull script (``v2x-data-sftp-client``): intersections to a local tree, in the later shape on to CyVerse."""

from __future__ import annotations

from typing import Final

from v2xsync.config.legacy.intersections import add_intersection, add_pulls
from v2xsync.config.legacy.reading import Old

SYSTEM: Final = "the SFTP pull script (v2x-data-sftp-client)"


def fits(raw: object) -> bool:
    """Whether a file's value has the shape of this system."""
    return isinstance(raw, dict) and bool({"intersections", "data_transfer_start_24h"} & raw.keys())


def carry(old: Old) -> None:
    """Put what the config says into the draft: both shapes of the start time are known."""
    draft = old.draft
    draft.keep_in(old.folder("local_data_directory"), old.file)
    times = old.table("data_transfer_start_24h")
    staged = times.has("from_intersections") or times.has("to_cyverse")
    fetch = times.clock("from_intersections") if staged else old.clock("data_transfer_start_24h")
    deliver = times.clock("to_cyverse")
    if staged:
        times.rest()
    bounds = [add_intersection(entry) for entry in old.tables("intersections")]
    if not bounds:
        old.wrong("intersections", "no intersection is written")
    if not fetch:
        old.note("data_transfer_start_24h", "no time is written: ours looks every five minutes until you write `fetch`")
    if deliver and deliver == fetch:
        old.note("data_transfer_start_24h.to_cyverse", SAME_TIME)
    draft.store_empties = draft.store_empties or any(bound.collection for bound in bounds)
    add_pulls(draft, bounds, fetch=fetch, deliver=deliver)
    old.rest()


SAME_TIME: Final = (
    "both steps started at the same time and raced; ours delivers each file as soon as it is stored"
    " (write `deliver` for a time of its own)"
)
