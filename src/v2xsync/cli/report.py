"""``v2xsync report``: what arrived, by date, source and element, and who was silent for longer than expected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.moments import shown, size
from v2xsync.cli.records import reading
from v2xsync.errors import ConfigError
from v2xsync.model.localtime import wall_time

if TYPE_CHECKING:
    from v2xsync.engine.reporting import Arrivals, Silence

DAYS: Final = 7
"""Without ``--day`` so many dates are told, today the last."""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))

_HEAD = ("day", "files", "size", "first", "last", "element", "source")


def run(call: Call) -> int:
    """Print the arrivals and the silences; a silent source is told, and is no failure."""
    from v2xsync.engine.reporting import arrivals, bounds, silences

    config = call.config(opens_devices=False)
    now = call.now()
    first, last = _days(call.arguments.day, wall_time(now, config.zone).date())
    start, end = bounds(first, last, config.zone)
    with reading(config) as reader:
        arrived = arrivals(reader, config.routes, config.zone, start, end)
        silent = list(silences(reader, config.routes, min(now, end)))
    if call.out.as_json:
        call.out.document({"start": start, "end": end, "arrived": arrived, "silent": silent})
        return DONE
    call.out.table(_HEAD, (_row(one, config.zone) for one in arrived))
    for one in silent:
        call.out.line(_sentence(one, config.zone))
    days = str(first) if first == last else f"{first} to {last}"
    total = size(sum(one.size for one in arrived))
    call.out.talk(f"v2xsync: {days}: {sum(one.count for one in arrived)} files ({total}), {len(silent)} silent")
    return DONE


def _days(word: str, today: dt.date) -> tuple[dt.date, dt.date]:
    """The first and the last date that are meant. Raises ConfigError for a word that is no date."""
    named = {"today": today, "yesterday": today - dt.timedelta(days=1)}
    if not word:
        return today - dt.timedelta(days=DAYS - 1), today
    try:
        day = named[word] if word in named else dt.date.fromisoformat(word)
    except ValueError as error:
        remedy = "write e.g. 2026-05-01, today or yesterday"
        raise ConfigError(f'"{word}" is no date', key="--day", remedy=remedy) from error
    return day, day


def _row(one: Arrivals, zone: ZoneInfo) -> Sequence[str]:
    times = (shown(at, zone)[11:] for at in (one.first, one.last))
    return (one.day, str(one.count), size(one.size), *times, one.element or "-", one.source)


def _sentence(one: Silence, zone: ZoneInfo) -> str:
    who = f"{one.source}: {one.element}" if one.element else one.source
    since = f"silent since {shown(one.last, zone)}" if one.last is not None else "nothing ever came"
    return f"MISSING  {who}: {since} (route {one.route} expects something every {_span(one.expect_s)})"


def _span(seconds: float) -> str:
    """So many seconds in the largest unit that fits a whole number of times."""
    length, word = next((length, word) for length, word in _UNITS if seconds % length == 0 or length == 1)
    return f"{seconds / length:.0f} {word}"
