"""Moments as people write and read them, in the station's zone."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from v2xsync.errors import ConfigError
from v2xsync.model.amounts import in_bytes

_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def since(text: str, now: float, zone: ZoneInfo) -> float:
    """Return the moment that `text` means: ``2h`` or ``3d`` ago, a date, or a date and time in the zone.

    Seconds since the epoch. Raises ConfigError (exit code 2) for anything else.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError) as error:
        remedy = 'write e.g. 2h, 3d, 2026-05-01 or "2026-05-01 13:30"'
        raise ConfigError(f'"{text}" is no moment', key="--since", remedy=remedy) from error


def shown(at: float | None, zone: ZoneInfo) -> str:
    """Return ``2026-05-01 13:30:05`` in the zone; empty for None."""
    return "" if at is None else dt.datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S")


def size(count: int | None) -> str:
    """Return bytes in words; empty for None."""
    return "" if count is None else in_bytes(count)
