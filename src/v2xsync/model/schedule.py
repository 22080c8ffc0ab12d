"""When things run: schedules as values, computed with a named zone. No clock is read here (invariant 12)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrival:
    """As soon as there is something."""


@dataclass(frozen=True, slots=True)
class Every:
    """Every `seconds`, counted from the end of the last run."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Daily:
    """Once per local date at `at`; nothing new starts after `until` (which may lie past midnight)."""

    at: dt.time
    until: dt.time | None = None
    catch_up: bool = True


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in the station's zone."""

    expression: str
    catch_up: bool = True


Schedule = Arrival | Every | Daily | Cron
