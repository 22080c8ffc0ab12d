"""The shape of work: a role takes one turn at a device when its lane calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Turn:
    """How a turn went: whether anything was done, and when (wall time) there will be more to do by itself."""

    worked: bool
    next_at: float | None = None


WORKED = Turn(worked=True)


class Role(Protocol):
    """Finder, Downloader, Uploader or Remover at one device. A turn is taken by one thread at a time.

    `open_session` connects on first use; a turn that finds nothing to do never calls it. DeviceErrors go through to the
    lane; a turn leaves everything in the ledger such that it may be taken again.
    """

    @property
    def name(self) -> str:
        """The role's word: finder, downloader, uploader, remover."""

    def turn(self, open_session: Callable[[], Any]) -> Turn:
        """Do one bounded piece of work."""


def earliest(*times: float | None) -> float | None:
    """The earliest of those times that are known."""
    return min((time for time in times if time is not None), default=None)
