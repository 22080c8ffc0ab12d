"""Sizes, rates, durations and times of day as people write them: ``"5 GiB"``, ``"2 MB/s"``, ``"30s"``, ``"00:30"``.

Every function takes what TOML gave and raises `Misfit`, which says what is allowed. Nothing is ever guessed: a bad time
never becomes midnight.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final

from v2xsync.config.problems import Misfit

SIZE_UNITS: Final[Mapping[str, int]] = {
    "B": 1,
    "KB": 10**3,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
DURATION_UNITS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_S: Final = 36_500 * 86_400
"""A hundred years: longer spans are typing errors and would not fit into dates."""

_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]*)")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")

_SIZE_REMEDY = 'write a number and a unit, e.g. "5 GiB" (KB MB GB TB KiB MiB GiB TiB)'
_RATE_REMEDY = 'write e.g. "2 MB/s" (KB MB GB KiB MiB GiB, then /s) or "unlimited"'
_DURATION_REMEDY = 'write a number and a unit, e.g. "30s", "5m", "12h", "30d"'
_CLOCK_REMEDY = 'write a time of day as "HH:MM" from "00:00" to "23:59"'


def size_bytes(value: object) -> int:
    """Return a size in bytes; the number 0 needs no unit."""
    if value == 0 and not isinstance(value, bool):
        return 0
    return int(_amount(value, SIZE_UNITS, "a size", _SIZE_REMEDY))


def rate_bytes_per_s(value: object) -> float | None:
    """Return a rate in bytes per second; None stands for ``"unlimited"``."""
    if value == "unlimited":
        return None
    if not isinstance(value, str) or not value.endswith("/s"):
        raise Misfit(f"{_shown(value)} is not a rate", remedy=_RATE_REMEDY)
    rate = _amount(value.removesuffix("/s").rstrip(), SIZE_UNITS, "a rate", _RATE_REMEDY)
    if rate < 1:
        raise Misfit("a rate of zero would stop everything for good", remedy='write "unlimited" or a rate above zero')
    return rate


def duration_s(value: object) -> float:
    """Return a duration in seconds; the number 0 needs no unit."""
    if value == 0 and not isinstance(value, bool):
        return 0.0
    seconds = _amount(value, DURATION_UNITS, "a duration", _DURATION_REMEDY)
    if seconds > LONGEST_S:
        raise Misfit(f"{_shown(value)} is longer than a hundred years", remedy=_DURATION_REMEDY)
    return seconds


def clock_time(value: object) -> dt.time:
    """Return a time of day without a zone; TOML's own times (``00:30:00``) are taken where they have no seconds."""
    if isinstance(value, dt.time):
        if value.second or value.microsecond:
            raise Misfit(f"{value} has seconds", remedy=_CLOCK_REMEDY)
        return value
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Misfit(f"{_shown(value)} is not a time of day", remedy=_CLOCK_REMEDY)
    hour, minute = int(found[1]), int(found[2])
    if hour > 23 or minute > 59:
        raise Misfit(f"{_shown(value)} does not exist on a clock", remedy=_CLOCK_REMEDY)
    return dt.time(hour, minute)


def _amount(value: object, units: Mapping[str, int], kind: str, remedy: str) -> float:
    found = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise Misfit(f"{_shown(value)} is not {kind}", remedy=remedy)
    number, unit = float(found[1]), found[2]
    if unit not in units:
        missing = f'unknown unit "{unit}"' if unit else "the unit is missing"
        raise Misfit(f"{_shown(value)} is not {kind}: {missing}", remedy=remedy)
    return number * units[unit]


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
