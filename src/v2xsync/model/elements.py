"""Elements of V2X data and time stamps, read from names alone.

The names are those of the V2X data collector (``<host>_<element>Log_MMDDYYYY_HHMMSS.csv``, local time), of FLIR Duo
cards (``YYYYMMDD_HHMMSS[_mmm]...``) and of PX4 (``YYYY-MM-DD/HH_MM_SS.ulg``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from v2xsync.model.rules import ElementRules

V2X_ELEMENTS: Final = ("spat", "remoteBsm", "hostBsm", "srm", "ssm", "msgCount")
"""Every element that the collector writes; `hostBsm` on vehicles only."""

OTHER: Final = "other"
"""The element of a file that fits none."""

_BY_WORD_IN_NAME: Final = {**{element: element for element in V2X_ELEMENTS}, "msgCounts": "msgCount"}
"""The collector writes ``msgCountsLog``, with a plural."""

_V2X_NAME: Final = re.compile(r".+_([A-Za-z]+)Log_[0-9]{8}_[0-9]{6}\.csv", re.DOTALL)

_TIME: Final = r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})(?![0-9])"
_STAMPS_IN_NAME: Final = (
    re.compile(r"_(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?P<year>[0-9]{4})_" + _TIME),
    re.compile(
        r"(?<![0-9])(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})_"
        + _TIME
        + r"(?:_(?P<milli>[0-9]{3})(?![0-9]))?"
    ),
)
_STAMP_WITH_FOLDER: Final = re.compile(
    r"(?:.*/)?(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})/"
    r"(?P<hour>[0-9]{2})_(?P<minute>[0-9]{2})_(?P<second>[0-9]{2})(?![0-9])[^/]*",
    re.DOTALL,
)
_PLAUSIBLE_YEARS: Final = range(1970, 2100)
"""Keeps the two orders of digits apart: no YYYYMMDD of these years is an MMDDYYYY of these years."""


def element_of(name: str, rules: ElementRules) -> str:
    """The element of a file by its name (of a path the last part counts); `other` where none fits.

    The patterns are tried first, in their order, then the built-in V2X rule: the exact word right before ``Log_``.
    """
    bare = name.rpartition("/")[2]
    for element, pattern in rules.patterns:
        if fnmatchcase(bare, pattern):
            return element
    found = _V2X_NAME.fullmatch(bare) if rules.v2x else None
    return _BY_WORD_IN_NAME.get(found[1], OTHER) if found else OTHER


def stamp_of(path: str) -> dt.datetime | None:
    """The naive local time that the writer put into the name, None where there is none or it is impossible."""
    name = path.rpartition("/")[2]
    in_name = (found for pattern in _STAMPS_IN_NAME for found in pattern.finditer(name))
    with_folder = _STAMP_WITH_FOLDER.fullmatch(path)
    return _first_possible((*in_name, *([with_folder] if with_folder else [])))


def _first_possible(stamps: Iterable[re.Match[str]]) -> dt.datetime | None:
    for stamp in stamps:
        read = {unit: int(digits) for unit, digits in stamp.groupdict().items() if digits is not None}
        if read["year"] not in _PLAUSIBLE_YEARS:
            continue
        try:
            date = dt.date(read["year"], read["month"], read["day"])
            time = dt.time(read["hour"], read["minute"], read["second"], 1000 * read.get("milli", 0))
        except ValueError:
            continue
        return dt.datetime.combine(date, time)
    return None
