"""Layouts: where an item stands in the store and at the targets, as a template with fields.

``{source}/{element}/{name}`` and the like. What `render` returns is *not* safe yet: it still holds the wire's own
characters, and goes through `naming.safe_relative`.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo

from v2xsync.model.elements import stamp_of
from v2xsync.model.items import NS_PER_S
from v2xsync.model.localtime import wall_time
from v2xsync.model.naming import OUR_PREFIX, proper_parts, split_suffix

LAYOUT_FIELDS: Final = frozenset(
    {"source", "element", "path", "dir", "name", "stem", "suffix", "date", "year", "month", "day", "route"}
)

_EARLIEST_S: Final = 946_684_800
"""2000-01-01 UTC; a device that tells an earlier time has no working clock (requirement R13)."""

_ONE_DAY_S: Final = 86_400.0

_DRIVE: Final = re.compile(r"[A-Za-z]:")


# --- the template -----------------------------------------------------------------------------------------------------


def layout_problem(template: str, *, has_elements: bool) -> str | None:
    """What is wrong with a template, in plain words; None where nothing is."""
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError as error:
        return f"the braces do not fit together: {error}"
    if any(spec or conversion for _text, _field, spec, conversion in pieces):
        return "only the name of a field may stand between braces"
    fields = [field for _text, field, _spec, _conversion in pieces if field is not None]
    return _field_problem(fields, has_elements=has_elements) or _folder_problem(template)


def _field_problem(fields: Sequence[str], *, has_elements: bool) -> str | None:
    for field in fields:
        if field not in LAYOUT_FIELDS:
            return f"unknown field {{{field}}}; {_meant(field)}"
    if "element" in fields and not has_elements:
        return "{element} needs `elements` in the route"
    tells_apart = {"path", "name"} & set(fields) or {"stem", "suffix"} <= set(fields)
    return None if tells_apart else "nothing tells files apart; use {path} or {name}"


def _meant(field: str) -> str:
    close = get_close_matches(field, sorted(LAYOUT_FIELDS), n=1)
    return f"did you mean {{{close[0]}}}?" if close else f"the fields are {', '.join(sorted(LAYOUT_FIELDS))}"


def _folder_problem(template: str) -> str | None:
    parts = template.split("/")
    if template.startswith("/") or _DRIVE.match(template):
        return "the layout is absolute; it begins below the store or the target's root"
    if ".." in parts or "." in parts:
        return "the layout may not use . or .. as a folder"
    if "\\" in template:
        return "folders are separated by /"
    if not template.isprintable():
        return "the layout holds a character that cannot be printed"
    if any(part.casefold().startswith(OUR_PREFIX) for part in parts):
        return f"names that begin with {OUR_PREFIX} are kept for work in progress"
    return None


# --- the fields -------------------------------------------------------------------------------------------------------


def item_date(path: str, mtime_ns: int | None, arrival_s: float, zone: ZoneInfo) -> dt.date:
    """The local date that an item is filed under.

    That is the date of the stamp in its name, else of the source's time `mtime_ns` (nanoseconds since the epoch) where
    that lies between 2000 and a day after the arrival, else of the arrival (seconds since the epoch).
    """
    stamp = stamp_of(path)
    if stamp is not None:
        return stamp.date()
    told_s = mtime_ns / NS_PER_S if mtime_ns is not None else 0.0
    believable = _EARLIEST_S <= told_s <= arrival_s + _ONE_DAY_S
    return wall_time(told_s if believable else arrival_s, zone).date()


@dataclass(frozen=True, slots=True)
class LayoutFields:
    """What a template may speak of; the other fields follow from these. `path` is the wire path below the root."""

    source: str
    element: str
    path: str
    date: dt.date
    route: str


def render(template: str, fields: LayoutFields) -> str:
    """Fill a template that has no problem; the result has no empty parts and is not made safe yet.

    Only ``{path}`` and ``{dir}`` bring folders with them: a slash in another value becomes ``_``. Raises ItemRefused
    for a wire path that is no proper relative one, for nothing here may turn it into one in silence.
    """
    proper_parts(fields.path)
    filled = "".join(piece if value is None else value(fields) for piece, value in _pieces(template))
    return "/".join(part for part in filled.split("/") if part)


def layout_values(fields: LayoutFields) -> Mapping[str, str]:
    """Return the text of every layout field. Raises ItemRefused as `render`."""
    proper_parts(fields.path)
    return {field: value(fields) for field, value in _VALUES.items()}


@functools.cache
def _pieces(template: str) -> Sequence[tuple[str, Callable[[LayoutFields], str] | None]]:
    """A template as literal text and what fills the gaps; a config has few, and thousands of files go through each."""
    pieces: list[tuple[str, Callable[[LayoutFields], str] | None]] = []
    for text, field, _spec, _conversion in string.Formatter().parse(template):
        pieces.append((text, None))
        if field is not None:
            pieces.append(("", _VALUES[field]))
    return pieces


def _one_part(value: str) -> str:
    return value.replace("/", "_")


def _name(fields: LayoutFields) -> str:
    return fields.path.rpartition("/")[2]


_VALUES: Final[Mapping[str, Callable[[LayoutFields], str]]] = {
    "source": lambda fields: _one_part(fields.source),
    "element": lambda fields: _one_part(fields.element),
    "route": lambda fields: _one_part(fields.route),
    "path": lambda fields: fields.path,
    "dir": lambda fields: fields.path.rpartition("/")[0],
    "name": _name,
    "stem": lambda fields: split_suffix(_name(fields))[0],
    "suffix": lambda fields: split_suffix(_name(fields))[1],
    "date": lambda fields: fields.date.isoformat(),
    "year": lambda fields: f"{fields.date.year:04}",
    "month": lambda fields: f"{fields.date.month:02}",
    "day": lambda fields: f"{fields.date.day:02}",
}
