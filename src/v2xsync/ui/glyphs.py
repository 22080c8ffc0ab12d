"""The signs on the screen: one set for terminals that speak Unicode, one of plain ASCII. None stands alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

SPARK_UNICODE = "▁▂▃▄▅▆▇█"
SPARK_ASCII = "_.-=+*#@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """One set of signs; each takes one cell unless its name says otherwise."""

    ascii: bool
    up: str
    busy: str
    away: str
    alarm: str
    paused: str
    absent: str
    waiting: str
    listing: str
    down_arrow: str
    up_arrow: str
    proving: str
    removing: str
    retry: str
    requested: str
    done: str
    held: str
    note: str
    cursor: str
    to: str
    dot: str
    bar_done: str
    bar_edge: str
    bar_rest: str
    rule: str
    upright: str
    thumb: str
    spark: str
    """Eight levels, low to high."""

    def bar(self, fraction: float, width: int) -> tuple[str, str]:
        """Return the done and the open part of a progress bar that takes `width` cells together."""
        halves = int(max(0.0, min(1.0, fraction)) * width * 2)
        done = self.bar_done * (halves // 2) + self.bar_edge * (halves % 2)
        return done, self.bar_rest * (width - len(done))

    def curve(self, values: tuple[float, ...]) -> str:
        """Return one sign per value, scaled to the highest; a sign of the lowest level for nothing."""
        top = max(values, default=0.0)
        last = len(self.spark) - 1
        return "".join(self.spark[0 if top <= 0 else min(last, int(value / top * last + 0.5))] for value in values)


UNICODE = Glyphs(
    ascii=False,
    up="●",
    busy="◉",
    away="○",
    alarm="▲",
    paused="□",
    absent="·",
    waiting="·",
    listing="≡",
    down_arrow="↓",
    up_arrow="↑",
    proving="≈",
    removing="×",
    retry="!",
    requested="»",
    done="✓",
    held="■",
    note="•",
    cursor="▌",
    to="→",
    dot="·",
    bar_done="━",
    bar_edge="╸",
    bar_rest="─",
    rule="─",
    upright="│",
    thumb="▐",
    spark=SPARK_UNICODE,
)

ASCII = Glyphs(
    ascii=True,
    up="*",
    busy="%",
    away="o",
    alarm="X",
    paused="=",
    absent=".",
    waiting=".",
    listing="l",
    down_arrow="v",
    up_arrow="^",
    proving="?",
    removing="x",
    retry="!",
    requested="+",
    done="+",
    held="#",
    note="-",
    cursor=">",
    to=">",
    dot="-",
    bar_done="#",
    bar_edge="=",
    bar_rest=".",
    rule="-",
    upright="|",
    thumb="#",
    spark=SPARK_ASCII,
)


def chosen(*, ascii_only: bool | None, environ: Mapping[str, str]) -> Glyphs:
    """Return the set that was asked for, or else the one that this locale and terminal can draw."""
    if ascii_only is None:
        ascii_only = not speaks_unicode(environ)
    return ASCII if ascii_only else UNICODE


def speaks_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the locale is UTF-8 and the terminal has more than a console's few letters."""
    if environ.get("TERM", "") in {"linux", "dumb"}:
        return False
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := environ.get(name):
            return "utf" in value.lower()
    return "utf" in sys.getfilesystemencoding() and sys.platform != "linux"
