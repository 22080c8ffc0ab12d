"""The flights of the simulated drone: when it is armed, and the log that PX4 writes from arming to disarming."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from v2xsync.sim.drone.ulog import ROWS_PER_S, head, rows

LOG_FOLDER: Final = "fs/microsd/log"
_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightPlan:
    """When it flies by itself, in seconds since it was switched on; without `every_s` never."""

    first_s: float = 40.0
    every_s: float = 0.0
    flight_s: float = 12.0

    def flies_at(self, since_start_s: float) -> bool:
        """Whether a flight is under way."""
        into = since_start_s - self.first_s
        return bool(self.every_s) and into >= 0 and into % self.every_s < self.flight_s


class Logger:
    """Writes logs to the card below `root`; moments need a zone and are told with each call."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self._folder = root / LOG_FOLDER
        self._chance = chance
        self._file: Path | None = None
        self._began: dt.datetime | None = None
        self._rows = 0

    def prefill(self, flights: int, length: dt.timedelta, until: dt.datetime) -> None:
        """Leave so many finished logs on the card: the first from before the clock was set, the others hours apart."""
        for number in range(flights):
            at = until - (flights - number) * dt.timedelta(hours=5)
            self.begin(at, self._folder / "sess001" / "log001.ulg" if number == 0 else None)
            self.advance(at + length * (0.5 + self._chance.random()))
            self.end()

    def begin(self, at: dt.datetime, file: Path | None = None) -> Path:
        """Open a log, as at arming; returns its place."""
        utc = at.astimezone(dt.UTC)
        self._file = file or self._folder / f"{utc:%Y-%m-%d}" / f"{utc:%H_%M_%S}.ulg"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_bytes(head(self._started_us(utc)))
        self._began, self._rows = utc, 0
        return self._file

    def advance(self, to: dt.datetime) -> None:
        """Append what was logged until `to`; nothing without an open log."""
        if self._file is None or self._began is None:
            return
        due = int((to - self._began).total_seconds() * ROWS_PER_S)
        with self._file.open("ab") as growing:
            growing.write(rows(self._started_us(self._began), self._rows, due - self._rows, self._chance))
        self._rows = max(due, self._rows)

    def end(self) -> None:
        """Close the log, as at disarming. May be repeated."""
        self._file = None

    @staticmethod
    def _started_us(at: dt.datetime) -> int:
        """The autopilot's own clock counts from its start; a minute is as good as any."""
        return 60 * _US_PER_S + at.microsecond
