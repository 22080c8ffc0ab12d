"""How rows of one kind are told apart, searched, sorted and drawn: pure, so that a test needs no terminal."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from v2xsync.ui.ink import Ink, Line

R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)


class Sort(NamedTuple):
    """An order of rows: its name on screen, and the key; no key leaves them as they come."""

    name: str
    key: Callable[[Any], Any] | None = None


class Look(Protocol[R_contra]):
    """What a `LineList` asks about its rows."""

    sorts: Sequence[Sort]
    """At least one; the first is in force at the start."""

    def key(self, row: R_contra) -> Hashable:
        """What stays the same while the row's figures change; the cursor holds on to it."""

    def text(self, row: R_contra) -> str:
        """What the filter searches."""

    def draw(self, row: R_contra, width: int, ink: Ink) -> Line:
        """Return the row in at most `width` cells."""

    def empty(self, ink: Ink) -> Line:
        """What stands there when there is no row."""


def matching(look: Look[R], rows: Sequence[R], needle: str) -> Sequence[R]:
    """Return the rows that hold every word of `needle`, whatever its case."""
    words = needle.casefold().split()
    if not words:
        return rows
    return [row for row in rows if all(word in look.text(row).casefold() for word in words)]


def arranged(look: Look[R], rows: Sequence[R], needle: str, sort: int) -> Sequence[R]:
    """Return the rows that match, in the order of sort number `sort`."""
    kept = matching(look, rows, needle)
    key = look.sorts[sort % len(look.sorts)].key
    return kept if key is None else sorted(kept, key=key)
