"""What the command line and the config tell the screen; standard library only, so that the cli may import it."""

from __future__ import annotations

import datetime as dt
import enum
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOCAL_FPS = 4.0
"""Pictures per second on a local terminal; more only costs bytes."""

REMOTE_FPS = 2.0
"""Pictures per second over SSH."""

LOW_BANDWIDTH_FPS = 1.0


class QuitChoice(enum.Enum):
    """How the screen ended."""

    FINISHED = "finished"
    """The files in motion were finished first."""
    STOPPED = "stopped"
    """Stopped at once; partials are kept."""
    LEFT = "left"
    """A person left the station running without this screen."""
    ENDED = "ended"
    """The station stopped by itself, or the screen was closed from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UiOptions:
    """How the screen looks and behaves; None means "find out by yourself"."""

    fps: float | None = None
    """Pictures per second at most; None: 4, over SSH 2, in low bandwidth 1."""
    low_bandwidth: bool = False
    """16 colours, ASCII, one picture per second, no throughput curve."""
    mouse: bool = True
    ascii: bool | None = None
    """Glyphs of plain ASCII; None: as the locale and the terminal allow."""
    theme: str = ""
    """Name of a theme; empty: our own."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys by binding id (`[keys]` in the config), several separated by commas."""
    read_only: bool = False
    attached: bool = False
    """The station runs in another process: closing this window leaves it alone."""
    can_leave: bool = False
    """The station can go on without this screen."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    ticks: Callable[[], float] = time.monotonic
    """Seconds that never jump; measures how late a picture is."""
    zone: dt.tzinfo | None = None
    """Zone of every time on screen; None: the station's own."""
    user: str = ""
    """Who releases holds; empty: the user of this process."""
    pictures: Path | None = None
    """Folder for screenshots; None: the working folder."""
