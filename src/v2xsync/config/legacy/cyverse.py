"""Collections of CyVerse as targets: one device where a common parent serves many sources, else one for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from v2xsync.config.legacy.draft import Draft, Option

_ENVIRONMENT = "~/.irods/irods_environment.json"
_COMMENT = "The login is the one that `iinit` left, as before."


@dataclass(frozen=True, slots=True)
class Bound:
    """A source device and the collection above its elements; an empty one means that it goes nowhere."""

    source: str
    collection: str


@dataclass(slots=True)
class Lane:
    """Sources that share one target and one path there; no target: they are only fetched."""

    target: str
    target_path: str
    sources: list[str] = field(default_factory=list)


def lanes(draft: Draft, bounds: Iterable[Bound]) -> list[Lane]:
    """Add the targets to `draft` and return which sources go to which, in the order of the file."""
    found: dict[tuple[str, str], Lane] = {}
    for bound in bounds:
        lane = _lane(draft, bound)
        found.setdefault((lane.target, lane.target_path), lane).sources.append(bound.source)
    return list(found.values())


def add_collection(draft: Draft, wanted: str, collection: str) -> str:
    """Add one collection as a device and return its name."""
    options: dict[str, Option] = {"environment": _ENVIRONMENT, "root": collection}
    draft.advise(f"log in once with `iinit`, so that {_ENVIRONMENT} and the password file beside it are there")
    return draft.add_device(wanted, "irods", options, _COMMENT)


def _lane(draft: Draft, bound: Bound) -> Lane:
    collection = bound.collection.rstrip("/")
    if not collection:
        return Lane("", "")
    parent, _slash, last = collection.rpartition("/")
    if last == bound.source and parent.strip("/"):
        return Lane(add_collection(draft, "cyverse", parent), "{source}/{element}/{name}")
    return Lane(add_collection(draft, f"cyverse-{bound.source}", collection), "{element}/{name}")
