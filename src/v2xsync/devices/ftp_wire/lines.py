"""Lines about files: facts as MLSD and MLST tell them (RFC 3659), and LIST as Unix and DOS servers print it.

LIST was made for eyes: its times have no zone, no seconds, and no year while they are fresh; after six months they lose
the time of day. So `step_ns` is a minute or a day there, and a fingerprint made of it is weak.

Lines are text of single bytes (Latin-1), whatever the names' real encoding is. No line can take long to be judged.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from v2xsync.model.items import NS_PER_S, Kind

MINUTE_NS: Final = 60 * NS_PER_S
DAY_NS: Final = 24 * 60 * MINUTE_NS
LARGEST: Final = (1 << 63) - 1
"""No file system holds a larger file."""

_SELF = frozenset({"cdir", "pdir"})
_LINK_TYPES = ("os.unix=slink", "os.unix=symlink")
_KINDS: Final = {"-": Kind.FILE, "d": Kind.FOLDER, "l": Kind.LINK}
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTH_NUMBER: Final[Mapping[str, int]] = {name: number for number, name in enumerate(_MONTHS.split(), 1)}

_STAMP = re.compile(r"(\d{14})(?:\.(\d{1,9}))?", re.ASCII)
_NOISE = re.compile(r"\s*(?:total \d+.*)?", re.ASCII)
_MODE = re.compile(r"[-dlbcpsDC][-rwxsStTlL]{9}[+.@]?\s", re.ASCII)
_WORD = re.compile(r"\S+", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})", re.ASCII)
_DOS = re.compile(
    r"(\d{2})-(\d{2})-(\d{2}|\d{4}) {1,4}(\d{1,2}):(\d{2})([AP]M)? {1,24}"
    r"(?:<(DIR|JUNCTION|SYMLINKD?)> {1,24}|([\d,]{1,26}) )(.+)",
    re.ASCII | re.DOTALL,
)
_MOST_WORDS = 14
"""More words never stand before a name."""


class Senseless(ValueError):
    """A line that no listing has."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one line tells of a name; `size` is None where it tells none."""

    name: str
    kind: Kind
    size: int | None = None
    mtime_ns: int | None = None
    step_ns: int = NS_PER_S


# --- facts -----------------------------------------------------------------------------------------------------------


def read_facts(line: str) -> Told | None:
    """Return what a line of MLSD or MLST tells; None for the folder itself and its parent. Raises Senseless."""
    front, blank, name = line.partition(" ")
    facts = {key.lower(): value for key, _, value in (fact.partition("=") for fact in front.split(";"))}
    if not blank or not name or "type" not in facts:
        raise Senseless(line)
    kind = facts["type"].lower()
    if kind in _SELF:
        return None
    mtime_ns, step_ns = read_stamp(facts.get("modify", ""))
    return Told(name, _kind_of(kind), _size(facts.get("size", "")), mtime_ns, step_ns)


def read_stamp(text: str) -> tuple[int | None, int]:
    """Return the time that MDTM and ``modify`` write (UTC, perhaps with a fraction) and its step, in nanoseconds."""
    found = _STAMP.fullmatch(text)
    if found is None:
        return None, NS_PER_S
    whole, fraction = found[1], found[2] or ""
    try:
        when = dt.datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
    except ValueError:
        return None, NS_PER_S
    seconds = (when - _EPOCH) // dt.timedelta(seconds=1)
    return seconds * NS_PER_S + int(fraction.ljust(9, "0")), 10 ** (9 - len(fraction))


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def write_stamp(mtime_ns: int) -> str:
    """Return a time as MFMT wants it. Raises OverflowError outside the years 1 to 9999."""
    return (_EPOCH + dt.timedelta(seconds=mtime_ns // NS_PER_S)).strftime("%Y%m%d%H%M%S").rjust(14, "0")


def _kind_of(kind: str) -> Kind:
    if kind.startswith(_LINK_TYPES):
        return Kind.LINK
    return {"file": Kind.FILE, "dir": Kind.FOLDER}.get(kind, Kind.OTHER)


def _size(digits: str) -> int | None:
    size = int(digits) if len(digits) <= 19 and digits.isascii() and digits.isdigit() else None
    return size if size is not None and size <= LARGEST else None


# --- LIST ------------------------------------------------------------------------------------------------------------


def read_list(line: str, now_s: float, zone: ZoneInfo) -> Told | None:
    """Return what a line of LIST tells; None where it tells of no file. Raises Senseless.

    `now_s` (seconds since the epoch) gives fresh times their year; `zone` is what the server's clock shows.
    """
    if _NOISE.fullmatch(line):
        return None
    told = _read_unix(line, now_s, zone) if _MODE.match(line) else _read_dos(line, zone)
    return None if told.name in (".", "..") else told


def _read_unix(line: str, now_s: float, zone: ZoneInfo) -> Told:
    """Rights, links, owner, group, size, three words of date, one blank, the name. Owner and group may be missing."""
    words = list(islice(_WORD.finditer(line), _MOST_WORDS))
    texts = [word[0] for word in words]
    for place in range(2, len(words)):
        date = _unix_date(texts, place) if texts[place - 1].isdigit() else None
        if date is None:
            continue
        count, parts = date
        name = line[words[place + count - 1].end() + 1 :]
        kind = _KINDS.get(line[0], Kind.OTHER)
        mtime_ns, step_ns = parts.moment(now_s, zone)
        return Told(_without_target(name, kind), kind, _size(texts[place - 1]), mtime_ns, step_ns)
    raise Senseless(line)


def _without_target(name: str, kind: Kind) -> str:
    name = name.partition(" -> ")[0] if kind is Kind.LINK else name
    if not name:
        raise Senseless("a line without a name")
    return name


@dataclass(frozen=True, slots=True)
class _Date:
    """A date as it stands in a line; `year` None: the last such day. `clock` None: no time of day."""

    year: int | None
    month: int | None
    day: int
    clock: tuple[int, int, int] | None
    offset: dt.timezone | None = None
    """The zone, where the line itself tells it."""

    def moment(self, now_s: float, zone: ZoneInfo) -> tuple[int | None, int]:
        """Nanoseconds since the epoch and their step; no time where the date is none."""
        step_ns = DAY_NS if self.clock is None else MINUTE_NS
        for year in (self.year,) if self.year is not None else _years_back(now_s, zone):
            moment_s = self._in_year(year, zone)
            if moment_s is not None and (self.year is not None or moment_s <= now_s + DAY_NS / NS_PER_S):
                return moment_s * NS_PER_S, step_ns
        return None, step_ns

    def _in_year(self, year: int, zone: ZoneInfo) -> int | None:
        hour, minute, second = self.clock or (0, 0, 0)
        try:
            return int(
                dt.datetime(
                    year, self.month or 0, self.day, hour, minute, second, tzinfo=self.offset or zone
                ).timestamp()
            )
        except (ValueError, OverflowError):
            return None


def _years_back(now_s: float, zone: ZoneInfo) -> Iterator[int]:
    """Next year first (the server's new year may have come), then back to the last leap year at least."""
    this = dt.datetime.fromtimestamp(now_s, zone).year
    return iter(range(this + 1, this - 8, -1))


def _unix_date(words: list[str], place: int) -> tuple[int, _Date] | None:
    """Return how many words from `place` on are a date, and the date."""
    written = _DATE.fullmatch(words[place])
    if written:
        clock = _clock(words[place + 1]) if place + 1 < len(words) else None
        year, month, day = map(int, written.groups())
        if clock is None:
            return None
        zoned = _OFFSET.fullmatch(words[place + 2]) if place + 2 < len(words) else None
        return (3 if zoned else 2), _Date(year, month, day, clock, zoned and _offset(zoned))
    if place + 2 >= len(words):
        return None
    return _worded_date(*words[place : place + 3])


def _worded_date(first: str, second: str, last: str) -> tuple[int, _Date] | None:
    month, day = (first, second) if second.rstrip(".").isdigit() else (second, first)
    day = day.rstrip(".")
    clock, year = _clock(last), last if re.fullmatch(r"\d{4}", last, re.ASCII) else ""
    if not re.fullmatch(r"\d{1,2}", day, re.ASCII) or month.isdigit() or (clock is None and not year):
        return None
    number = _MONTH_NUMBER.get(month[:3].lower())
    return 3, _Date(int(year) if year else None, number, int(day), clock)


def _clock(word: str) -> tuple[int, int, int] | None:
    found = _CLOCK.fullmatch(word)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _offset(found: re.Match[str]) -> dt.timezone:
    ahead = dt.timedelta(hours=int(found[2]) % 24, minutes=int(found[3]) % 60)
    return dt.timezone(-ahead if found[1] == "-" else ahead)


def _read_dos(line: str, zone: ZoneInfo) -> Told:
    """Month-day-year, a time, ``<DIR>`` or a size, the name."""
    found = _DOS.fullmatch(line)
    if found is None:
        raise Senseless(line)
    month, day, year, hour, minute, half, special, size, name = found.groups()
    hours = int(hour) if half is None else int(hour) % 12 + (12 if half == "PM" else 0)
    date = _Date(_full_year(int(year)), int(month), int(day), (hours, int(minute), 0))
    mtime_ns, step_ns = date.moment(0.0, zone)
    kind = {None: Kind.FILE, "DIR": Kind.FOLDER}.get(special, Kind.LINK)
    name = name.partition(" [")[0] if kind is Kind.LINK else name
    return Told(name, kind, _size((size or "").replace(",", "")), mtime_ns, step_ns)


def _full_year(year: int) -> int:
    """Two digits mean 1970 to 2069."""
    if year >= 100:
        return year
    return 2000 + year if year < 70 else 1900 + year
