"""Rows of the five V2X elements, as a roadside V2X-Data-Collector writes them.

Columns and units follow the public MMITSS-AZ collector. The traffic is invented: phases run a fixed cycle, vehicles
drive straight through. Everything follows from the moment and the random numbers that are passed in.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_STAMPS: Final = ("log_timestamp_verbose", "log_timestamp_posix", "timestamp_verbose", "timestamp_posix")
_PHASES: Final = tuple(f"{kind}{number}" for kind in "vp" for number in range(1, 9))
_MOST_REQUESTS: Final = 5
_CYCLE_TENTHS: Final = 900
_COLLECTOR_DELAY: Final = dt.timedelta(microseconds=240)
_METERS_PER_DEGREE: Final = 111_320.0


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "spat": (
        *_STAMPS,
        *_words("regionalId intersectionId msgCount moy msom"),
        *(f"{phase}_{part}" for phase in _PHASES for part in _words("currState minEndTime maxEndTime elapsedTime")),
    ),
    "remoteBsm": (
        *_STAMPS,
        *_words("temporaryId secMark latitude longitude elevation speed heading type length width"),
        *_words("onmap_status position_on_map current_approach current_lane current_signal_group dist_to_stopbar"),
    ),
    "srm": (
        *_STAMPS,
        *_words("minuteOfYear msOfMinute msgCount regionalID intersectionID priorityRequestType basicVehicleRole"),
        *_words("laneID eTA_Minute eTA_Second eTA_Duration vehicleID latitude longitude elevation heading speed"),
    ),
    "ssm": (
        *_STAMPS,
        *_words("minuteOfYear msOfMinute sequenceNumber updateCount regionalID noOfRequest intersectionID"),
        *(
            f"r{number}_{part}"
            for number in range(1, _MOST_REQUESTS + 1)
            for part in _words(
                "vehicleID msgCount basicVehicleRole inBoundLaneID ETA_Minute ETA_Second ETA_Duration"
                " priorityRequestStatus"
            )
        ),
    ),
    "msgCounts": (*_STAMPS, *_words("interval_sec msg_source msg_type msg_count msg_served msg_rejected")),
}
"""Header of each kind of file, by the word that stands in its name. A row of ssm is shorter: 11 + 8 per request."""

PERIODS_S: Final[Mapping[str, float]] = {"spat": 0.1, "remoteBsm": 0.4, "srm": 7.0, "ssm": 7.0, "msgCounts": 60.0}
"""Seconds between two rows."""


@dataclass(frozen=True, slots=True)
class Junction:
    """Where an intersection is and what it is called."""

    host: str
    number: int
    latitude: float
    longitude: float


def header(kind: str) -> str:
    """The first line of a file of `kind`."""
    return ",".join(COLUMNS[kind]) + "\n"


def row(kind: str, junction: Junction, at: dt.datetime, chance: random.Random) -> str:
    """One line of a file of `kind` for the moment `at` (with a zone)."""
    values = [*_stamps(at), *_ROWS[kind](junction, at, chance)]
    return ",".join(map(str, values)) + "\n"


def _stamps(at: dt.datetime) -> Sequence[object]:
    logged = at + _COLLECTOR_DELAY
    return (
        logged.strftime("%Y-%m-%d %H:%M:%S.%f"),
        f"{logged.timestamp():.6f}",
        at.strftime("%Y-%m-%d %H:%M:%S.%f"),
        f"{at.timestamp():.6f}",
    )


def _minute_of_year(at: dt.datetime) -> int:
    new_year = at.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return int((at - new_year).total_seconds() // 60)


def _milliseconds_of_minute(at: dt.datetime) -> int:
    return at.second * 1000 + at.microsecond // 1000


def _tenths(at: dt.datetime) -> int:
    return round(at.timestamp() * 10)


def _spat(junction: Junction, at: dt.datetime, _chance: random.Random) -> Sequence[object]:
    tenths = _tenths(at)
    values: list[object] = [0, junction.number, tenths % 128, _minute_of_year(at), _milliseconds_of_minute(at)]
    for index, phase in enumerate(_PHASES):
        values.extend(_phase(phase[0], index % 8, tenths))
    return values


def _phase(kind: str, index: int, tenths: int) -> Sequence[object]:
    """State and times, in tenths of a second, of one vehicle (v) or pedestrian (p) phase; odd ones do not exist."""
    if index % 2:
        return ("inactive", -1, -1, -1)
    into_cycle = (tenths + index * _CYCLE_TENTHS // 8) % _CYCLE_TENTHS
    for word, begins, ends in _CYCLE[kind]:
        if into_cycle < ends:
            return (word, ends - into_cycle, ends - into_cycle, into_cycle - begins)
    raise AssertionError(into_cycle)


_CYCLE: Final[Mapping[str, Sequence[tuple[str, int, int]]]] = {
    "v": (("green", 0, 400), ("yellow", 400, 440), ("red", 440, _CYCLE_TENTHS)),
    "p": (("walk", 0, 250), ("ped_clear", 250, 400), ("do_not_walk", 400, _CYCLE_TENTHS)),
}


def _remote_bsm(junction: Junction, at: dt.datetime, chance: random.Random) -> Sequence[object]:
    to_stopbar_m = chance.uniform(-30.0, 180.0)
    lane = chance.randint(1, 8)
    return (
        chance.randint(1, 40) * 1000 + junction.number % 1000,
        _milliseconds_of_minute(at),
        round(junction.latitude + to_stopbar_m / _METERS_PER_DEGREE, 7),
        round(junction.longitude, 7),
        round(chance.gauss(18.0, 0.3), 1),
        round(max(0.0, chance.gauss(9.0, 4.0)), 2),
        round(chance.uniform(0.0, 359.9), 1),
        chance.choice(("car", "car", "car", "truck", "bus")),
        480,
        180,
        "True",
        "inboundLane" if to_stopbar_m > 0 else "intersectionBox",
        (lane + 1) // 2,
        lane,
        lane,
        round(max(to_stopbar_m, 0.0), 1),
    )


def _srm(junction: Junction, at: dt.datetime, chance: random.Random) -> Sequence[object]:
    eta = at + dt.timedelta(seconds=chance.randint(3, 40))
    position = (junction.latitude + 0.001, junction.longitude, 18.0)
    return (
        _minute_of_year(at),
        _milliseconds_of_minute(at),
        _tenths(at) % 128,
        0,
        junction.number,
        1,
        16,
        chance.randint(1, 8),
        _minute_of_year(eta),
        eta.second,
        2,
        chance.randint(600, 620),
        *position,
        round(chance.uniform(0.0, 359.9), 1),
        round(max(0.0, chance.gauss(9.0, 2.0)), 1),
    )


def _ssm(junction: Junction, at: dt.datetime, chance: random.Random) -> Sequence[object]:
    requests = chance.randint(1, _MOST_REQUESTS)
    count = _tenths(at) % 128
    values: list[object] = [_minute_of_year(at), _milliseconds_of_minute(at), count, count, 0, requests]
    values.append(junction.number)
    for request in range(requests):
        eta = at + dt.timedelta(seconds=chance.randint(3, 40))
        status = chance.choice((2, 4))
        values += [600 + request, count, 16, chance.randint(1, 8), _minute_of_year(eta), eta.second, 2, status]
    return values


def _msg_counts(junction: Junction, _at: dt.datetime, chance: random.Random) -> Sequence[object]:
    served, rejected = chance.randint(0, 9), chance.randint(0, 2)
    return (PERIODS_S["msgCounts"], junction.host, "SRM", served + rejected, served, rejected)


_ROWS: Final[Mapping[str, Callable[[Junction, dt.datetime, random.Random], Sequence[object]]]] = {
    "spat": _spat,
    "remoteBsm": _remote_bsm,
    "srm": _srm,
    "ssm": _ssm,
    "msgCounts": _msg_counts,
}
