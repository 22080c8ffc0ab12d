"""Wall clocks of a named zone against the one time line: what a schedule needs and `datetime` alone does not give.

A zone's clock is not a straight line: in spring it jumps (a *gap*), in autumn it shows an hour twice (an *overlap*),
and once in a while an island leaves out a whole date (Apia, 2011-12-30). One definition covers all of it: a wall time
is reached at the *first instant at which the clock shows it or something later*. So a time inside a gap is the gap's
end, and a time that is shown twice is its first showing.
"""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo

ONE_DAY = dt.timedelta(days=1)


def wall_time(moment: float, zone: ZoneInfo) -> dt.datetime:
    """What the clock of `zone` shows at `moment` (seconds since the epoch), as a naive time."""
    return dt.datetime.fromtimestamp(moment, zone).replace(tzinfo=None, fold=0)


def first_instant(wall: dt.datetime, zone: ZoneInfo) -> float:
    """The first moment (seconds since the epoch) at which the clock of `zone` shows the naive `wall` or later."""
    moment = wall.replace(tzinfo=zone, fold=0).timestamp()
    if wall_time(moment, zone) == wall:
        return moment
    before = math.floor(wall.replace(tzinfo=zone, fold=1).timestamp())
    return _end_of_gap(wall, zone, before, math.ceil(moment))


def _end_of_gap(wall: dt.datetime, zone: ZoneInfo, before: int, after: int) -> float:
    """Bisect to the second: the clock shows less than `wall` at `before` and more at `after`."""
    while after - before > 1:
        middle = (before + after) // 2
        if wall_time(middle, zone) < wall:
            before = middle
        else:
            after = middle
    return float(after)


def latest_reading(moment: float, zone: ZoneInfo) -> dt.datetime:
    """A naive time that is not before any that the clock of `zone` has shown up to `moment`.

    It is what the clock shows, except in the second half of an overlap, where the clock has been ahead already.
    """
    shown = dt.datetime.fromtimestamp(moment, zone)
    ahead = (shown.replace(fold=0).utcoffset() or dt.timedelta()) - (shown.utcoffset() or dt.timedelta())
    return shown.replace(tzinfo=None, fold=0) + ahead


def date_exists(date: dt.date, zone: ZoneInfo) -> bool:
    """Whether the calendar of `zone` has that date at all."""
    return wall_time(first_instant(dt.datetime.combine(date, dt.time()), zone), zone).date() == date


def date_after(date: dt.date, zone: ZoneInfo) -> dt.date:
    """The next date that exists in `zone`."""
    following = date + ONE_DAY
    return following if date_exists(following, zone) else date_after(following, zone)


def date_before(date: dt.date, zone: ZoneInfo) -> dt.date:
    """The previous date that exists in `zone`."""
    previous = date - ONE_DAY
    return previous if date_exists(previous, zone) else date_before(previous, zone)
