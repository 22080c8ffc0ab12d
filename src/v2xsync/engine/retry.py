"""Trying again: errors classified by what the caller should do, and pauses that grow (invariant 11)."""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass

from v2xsync import errors
from v2xsync.errors import V2xSyncError


class Disposition(enum.Enum):
    """What to do about an error."""

    AGAIN = "again"
    """Passing trouble with this file: a try that counts, then a pause."""
    WAIT_DEVICE = "wait for the device"
    """The device is away or full: never counts against the file."""
    STOP_DEVICE = "stop the device"
    """A person is needed before the device may be used."""
    PLAN_AGAIN = "plan again"
    """The source holds something else now."""
    FETCH_AGAIN = "fetch again"
    """The content is bad: it is fetched again once, and then held."""
    HOLD = "hold"
    """Trying again will not help: set aside, a person decides."""
    PROBE = "probe"
    """The outcome is unknown: ask before anything is sent again."""
    STOP = "stop"
    """We were asked to stop, or the durable record failed."""


_DISPOSITIONS: tuple[tuple[type[V2xSyncError], Disposition], ...] = (
    (errors.AccessRefused, Disposition.STOP_DEVICE),
    (errors.HostKeyRefused, Disposition.STOP_DEVICE),
    (errors.DeviceError, Disposition.WAIT_DEVICE),
    (errors.ItemMissing, Disposition.PLAN_AGAIN),
    (errors.ItemChanged, Disposition.PLAN_AGAIN),
    (errors.ItemCorrupt, Disposition.FETCH_AGAIN),
    (errors.ItemRefused, Disposition.HOLD),
    (errors.NameTaken, Disposition.AGAIN),
    (errors.OutcomeUnknown, Disposition.PROBE),
    (errors.ItemError, Disposition.AGAIN),
    (errors.StoreError, Disposition.WAIT_DEVICE),
)


def disposition(error: V2xSyncError) -> Disposition:
    """What the caller should do about `error`."""
    for kind, answer in _DISPOSITIONS:
        if isinstance(error, kind):
            return answer
    return Disposition.STOP


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before the next try, and how many tries one sitting gives.

    Pauses grow by `factor` from `first_s` to `longest_s`; a third of each is jitter, so that many stations or items do
    not come back in step. `sitting` is the number of tries after which `--once` leaves the rest to the next run; 0
    means that there is always a next try.
    """

    first_s: float = 5.0
    factor: float = 2.0
    longest_s: float = 900.0
    sitting: int = 0

    def pause(self, tries: int, chance: random.Random) -> float:
        """Seconds before the next try, after `tries` failed ones (at least one)."""
        growth = self.factor ** min(max(tries, 1) - 1, 32)
        return min(self.first_s * growth, self.longest_s) * chance.uniform(2 / 3, 1.0)

    def exhausted(self, tries: int) -> bool:
        """Whether this sitting has had its tries."""
        return self.sitting > 0 and tries >= self.sitting


SERVICE_ITEMS = Patience()
SERVICE_DEVICES = Patience(first_s=1.0, longest_s=60.0)
"""A device that is away is probed at most every 60 s once it has been away for a while."""

ONCE_ITEMS = Patience(first_s=2.0, factor=3.0, sitting=3)
ONCE_DEVICES = Patience(first_s=2.0, factor=3.0, longest_s=60.0, sitting=3)
"""Three tries within two minutes (INTERFACE, `--once`)."""
