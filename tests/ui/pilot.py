"""Running the screen in a test: no threads of ours, no sleeps; time stands still unless the test moves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual._compositor import LayoutUpdate
from textual.pilot import Pilot
from textual.screen import Screen

from tests.ui.facade import ScriptedFacade
from tests.ui.scenes import options
from v2xsync.ui.app import CourierApp
from v2xsync.ui.options import QuitChoice

Size = tuple[int, int]


class Hand:
    """A person at the keyboard: the application, the scripted station, and what stands on the screen."""

    def __init__(self, app: CourierApp, station: ScriptedFacade, pilot: Pilot[QuitChoice]) -> None:
        self.app = app
        self.station = station
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, each in a settled screen."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def pull(self) -> None:
        """Do what the timer does."""
        self.app.look_again()
        await self.settle()

    async def settle(self) -> None:
        """Wait until the screen reads the same twice (layout takes a few rounds of messages)."""
        await settle(self.pilot)

    @property
    def screen(self) -> str:
        """The whole screen as text, dialogs and notices included."""
        return "\n".join(lines_of(self.app))

    @property
    def in_front(self) -> Screen[Any]:
        """The screen that has the keys."""
        return self.app.screen

    def line(self, words: str) -> str:
        """The first line of the screen that holds `words`; fails where none does."""
        return next(line for line in self.screen.splitlines() if words in line)

    @property
    def asked(self) -> list[tuple[object, ...]]:
        """What the station was asked."""
        return self.station.asked


def lines_of(app: CourierApp) -> list[str]:
    """The lines of the screen as they are painted, with what shows through from behind a dialog."""
    if not (app.is_running and app.screen_stack):
        return []
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(update, LayoutUpdate)
    return ["".join(strip.text for strip in row) for row in update.strips]


async def settle(pilot: Pilot[QuitChoice], *, looks: int = 1) -> None:
    """Wait until so many looks at the screen in a row agree with the one before."""
    app = pilot.app
    assert isinstance(app, CourierApp)
    before, agreed = lines_of(app), 0
    for _ in range(20):
        await pilot.pause()
        now = lines_of(app)
        agreed = agreed + 1 if now == before else 0
        if agreed == looks:
            return
        before = now


@asynccontextmanager
async def station_on_screen(station: ScriptedFacade, size: Size = (80, 24), **changes: object) -> AsyncIterator[Hand]:
    """Show a scene in a terminal of that size; `changes` are options."""
    app = CourierApp(station, options(**changes))
    async with app.run_test(size=size, notifications=True) as pilot:
        hand = Hand(app, station, pilot)
        await settle(pilot, looks=3)
        yield hand
