"""Every screen and state as a picture: what the snapshot tests compare and `scripts/screenshots` draws."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from textual.pilot import Pilot

from tests.ui import cast, scenes
from tests.ui.facade import ScriptedFacade
from tests.ui.pilot import settle
from v2xsync.ui.app import CourierApp
from v2xsync.ui.options import QuitChoice


class Clock:
    """A clock that only the page turns."""

    def __init__(self) -> None:
        self.now = cast.NOW

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Page:
    """One picture: a scene in a terminal of some size, after some keys."""

    scene: Callable[[], ScriptedFacade]
    size: tuple[int, int] = (80, 24)
    keys: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    late: bool = False
    """The terminal could not keep up."""

    def app(self, clock: Clock) -> CourierApp:
        """The application, not running yet."""
        return CourierApp(self.scene(), scenes.options(clock=clock, **self.options))

    async def turn(self, pilot: Pilot[QuitChoice], clock: Clock) -> None:
        """Let half a minute of throughput pass, then press the keys."""
        app = pilot.app
        assert isinstance(app, CourierApp)
        await settle(pilot, looks=2)
        _let_time_pass(app, clock)
        if self.late:
            for _ in range(3):
                app.pace.tick(9.0)
        app.look_again()
        await settle(pilot, looks=2)
        for key in self.keys:
            await pilot.press(key)
            await settle(pilot)
        await settle(pilot, looks=2)


def _let_time_pass(app: CourierApp, clock: Clock) -> None:
    """Give the throughput curve something to show."""
    station = app.facade
    assert isinstance(station, ScriptedFacade)
    totals = station.scene.totals
    for second in range(24):
        clock.now = cast.NOW - 24 + second
        share = 0.2 + 0.8 * abs((second * 5 % 13) / 6.5 - 1)
        rates = replace(totals, rate_in=totals.rate_in * share, rate_out=totals.rate_out * (1.2 - share))
        station.scene = replace(station.scene, totals=replace(rates, rate_in=rates.rate_in * (1 + second % 3)))
        app.camera.take(0, slow=False)
    clock.now = cast.NOW
    station.scene = replace(station.scene, totals=totals)


QUEUE = ("tab", "tab")
"""From the sources to the queue."""

PAGES: Mapping[str, Page] = {
    "live": Page(scenes.busy),
    "live-wide": Page(scenes.busy, (120, 36)),
    "live-very-wide": Page(scenes.busy, (160, 44)),
    "live-huge": Page(scenes.busy, (200, 50), QUEUE),
    "live-narrow": Page(scenes.busy, (60, 16)),
    "starting": Page(scenes.starting),
    "resting": Page(scenes.resting),
    "resting-wide": Page(scenes.resting, (120, 36)),
    "failing": Page(scenes.failing),
    "paused": Page(scenes.paused),
    "empty": Page(scenes.empty),
    "slow-link": Page(scenes.busy, late=True),
    "read-only": Page(scenes.busy, options={"read_only": True}),
    "attached": Page(scenes.busy, options={"attached": True}),
    "attached-read-only": Page(scenes.busy, options={"attached": True, "read_only": True}),
    "service-away": Page(scenes.away, options={"attached": True}),
    "close-attached": Page(scenes.busy, keys=("q",), options={"attached": True}),
    "close-while-away": Page(scenes.away, keys=("q",), options={"attached": True}),
    "too-small": Page(scenes.busy, (50, 12)),
    "wide-names": Page(scenes.wide_names),
    "wide-names-wide": Page(scenes.wide_names, (120, 36)),
    "long-queue": Page(scenes.long_queue, keys=("2", "pagedown", "pagedown")),
    "queue-wide": Page(scenes.busy, (140, 36), ("2",)),
    "queue-sorted-and-filtered": Page(scenes.busy, keys=("2", "o", "slash", *"clay", "enter")),
    "filter-typing": Page(scenes.busy, keys=(*QUEUE, "slash", *"spat")),
    "requested": Page(scenes.busy, keys=("S",)),
    "refused-key": Page(scenes.busy, keys=("x",)),
    "history": Page(scenes.busy, keys=("h",)),
    "history-wide": Page(scenes.busy, (120, 36), ("h",)),
    "devices": Page(scenes.busy, keys=("4", "down", "down")),
    "devices-wide": Page(scenes.busy, (160, 36), ("4", "down", "down")),
    "safe-to-remove": Page(scenes.unplugged),
    "devices-safe-to-remove": Page(scenes.unplugged, keys=("4",)),
    "devices-wide-safe-to-remove": Page(scenes.unplugged, (160, 36), ("4",)),
    "help-signs": Page(scenes.busy, keys=("question_mark", "G")),
    "holds": Page(scenes.busy, keys=("e",)),
    "no-holds": Page(scenes.resting, keys=("e",)),
    "log": Page(scenes.busy, keys=("l",)),
    "why": Page(scenes.busy, keys=(*QUEUE, "down", "down", "down", "enter")),
    "why-wide": Page(scenes.busy, (120, 44), (*QUEUE, "down", "down", "down", "enter")),
    "device": Page(scenes.busy, keys=("down", "down", "enter")),
    "help": Page(scenes.busy, keys=("question_mark",)),
    "help-wide": Page(scenes.busy, (120, 60), ("question_mark",)),
    "palette": Page(scenes.busy, keys=("ctrl+p",)),
    "quit": Page(scenes.busy, keys=("q",), options={"can_leave": True}),
    "quit-without-leaving": Page(scenes.busy, keys=("q",)),
    "quit-while-finishing": Page(scenes.busy, keys=("q", "f", "q")),
    "cancel": Page(scenes.busy, keys=(*QUEUE, "x")),
    "release": Page(scenes.busy, keys=("e", "r")),
    "light": Page(scenes.busy, options={"theme": "courier-light"}),
    "nord": Page(scenes.busy, options={"theme": "nord"}),
    "low-bandwidth": Page(scenes.busy, options={"low_bandwidth": True, "ascii": None}),
    "ascii": Page(scenes.busy, options={"ascii": True}),
    "ascii-quit": Page(scenes.busy, keys=("q",), options={"ascii": True}),
}


async def draw(page: Page) -> str:
    """Return the page as an SVG that is the same every time."""
    clock = Clock()
    app = page.app(clock)
    async with app.run_test(size=page.size, notifications=True) as pilot:
        await page.turn(pilot, clock)
        svg = app.export_screenshot(title="v2xsync", simplify=True)
    return re.sub(r"terminal-\d+", "v2xsync", svg)


PICTURES = ("live", "live-wide", "why", "holds", "devices-wide", "history", "quit", "help", "light", "low-bandwidth")
"""The pages that `screenshots/` shows."""
