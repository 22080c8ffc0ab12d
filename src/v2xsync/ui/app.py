"""`CourierApp`: pulls pictures, shows them, and passes on what a person asks. The station's state is not its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.screen import Screen

from v2xsync.engine.facade import Facade
from v2xsync.ledger.base import Hold, LogLine
from v2xsync.model.views import DeviceView, EventView, QueueRow, StationState, TransferView
from v2xsync.ui import deeds, glyphs, keys, themes
from v2xsync.ui.camera import Camera
from v2xsync.ui.commands import commands, runner
from v2xsync.ui.ink import Picture
from v2xsync.ui.lines import LineList
from v2xsync.ui.options import QuitChoice, UiOptions
from v2xsync.ui.pace import Pace, wanted_fps
from v2xsync.ui.screens import questions
from v2xsync.ui.screens.dialog import Dialog
from v2xsync.ui.screens.main import MainScreen
from v2xsync.ui.screens.story import DeviceScreen, HelpScreen, WhyScreen


@runtime_checkable
class Behind(Protocol):
    """A driver that knows whether its terminal keeps up."""

    @property
    def behind(self) -> bool:
        """Whether the terminal has not taken yet what was painted before."""
        ...


class CourierApp(App[QuitChoice]):
    """The window onto a station."""

    TITLE = "v2xsync"
    CSS_PATH = "v2xsync.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.label, show=False, tooltip=key.tells, id=key.id, priority=key.at_once)
        for key in keys.KEYS
    ]
    NOTIFICATION_TIMEOUT = 5.0

    def __init__(self, facade: Facade, options: UiOptions) -> None:
        super().__init__(driver_class=_driver())
        self.facade = facade
        self.options = options
        self.animation_level = "none"
        ascii_only = options.low_bandwidth or None if options.ascii is None else options.ascii
        signs = glyphs.chosen(ascii_only=ascii_only, environ=os.environ)
        self.set_class(signs.ascii, "-ascii")
        self.camera = Camera(facade, options, signs)
        self.pace = Pace(wanted_fps(options, os.environ))
        self.title = "v2xsync (attached)" if options.attached else self.TITLE
        self.main = MainScreen(facade, options.keys)
        self.choice: QuitChoice | None = None
        self._drawn: tuple[object, ...] = ()
        self._due: float | None = None
        self._repeats: tuple[str, int] = ("", 0)
        self._event_loop: asyncio.AbstractEventLoop | None = None
        for theme in themes.THEMES:
            self.register_theme(theme)
        wanted = themes.name_for(options.theme, low_bandwidth=options.low_bandwidth)
        self.set_reactive(App.theme, wanted if wanted in self.available_themes else themes.DARK)
        self.stylesheet.set_variables(self.get_css_variables())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give our own colour names a value in themes that are not ours."""
        return themes.our_names(self.current_theme)

    def get_default_screen(self) -> Screen[Any]:
        """Start with the main screen."""
        return self.main

    def on_mount(self) -> None:
        """Take on the user's keys, show the first picture, and begin to pull."""
        self._event_loop = asyncio.get_running_loop()
        if self.options.keys:
            self.set_keymap(self.options.keys)
            for problem in keys.problems(self.options.keys):
                self.say(f"Key map: {problem}", "warning")
        self.call_after_refresh(self._tick)

    def _tick(self) -> None:
        now = self.options.ticks()
        late = max(0.0, now - (now if self._due is None else self._due))
        period = self.pace.tick(max(late, self.pace.period) if self._behind() else late)
        self.pull()
        self._due = self.options.ticks() + period
        self.set_timer(period, self._tick)

    def pull(self, *, at_once: bool = False) -> None:
        """Show a picture to the screen in front, where anything can have changed or a person waits (`at_once`)."""
        if not self.screen_stack:  # a last tick while the application closes
            return
        front = self.screen
        picture = self.camera.take(self.main.view.queue_rows, slow=self.pace.slow, at_once=at_once)
        if picture.view.state is StationState.STOPPED or (self.choice and picture.view.state is StationState.AWAY):
            self.exit(self.choice or QuitChoice.ENDED)
            return
        # once a second even where nothing changed, for words like "away 2 h"
        drawn = (front, picture.view.generation, int(picture.ink.moment.now))
        if isinstance(front, MainScreen | Dialog) and (at_once or (drawn != self._drawn and not self._behind())):
            self._drawn = drawn
            with self.batch_update():
                front.show(picture)

    def _behind(self) -> bool:
        """Whether the terminal still has to take an older picture: a newer one behind it would only come late."""
        return isinstance(self._driver, Behind) and self._driver.behind

    def look_again(self) -> None:
        """Show a picture now: something was asked, or another screen is in front."""
        self.pull(at_once=True)

    def close_from_outside(self) -> None:
        """End the screen from any thread; the station goes on."""
        if self._event_loop is not None and not self._event_loop.is_closed():
            self._event_loop.call_soon_threadsafe(self.exit, QuitChoice.ENDED)

    # -- saying

    def say(self, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """Show a notice; the same one again counts instead of piling up."""
        before, count = self._repeats
        self._repeats = (text, count + 1 if text == before else 1)
        times = f"  (x{self._repeats[1]})" if self._repeats[1] > 1 else ""
        self.clear_notifications()
        self.notify(f"{text}{times}", severity=severity, markup=False)

    # -- doing

    def action_deed(self, name: str) -> None:
        """Ask the engine for `name` on the selected row, or say why not; questions first where something is lost."""
        row = self.main.selected
        picture = self._picture()
        if name == "retry" and isinstance(row, Hold) and not self.options.read_only:
            self._ask_release(row, picture)
        elif why := deeds.refusal(name, row, picture.view, read_only=self.options.read_only):
            self.say(why[0].upper() + why[1:], "warning")
        elif name == "cancel" and (question := deeds.cancel_question(row)):
            self._ask_cancel(question, row, picture)
        else:
            self._do(name, row, picture)

    def _do(self, name: str, row: object, picture: Picture) -> None:
        said = deeds.DEEDS[name](self.facade, row, picture.view)
        self.camera.mark(said.marks)
        if len(said.marks) != 1 or self.main.current not in {"live", "queue", "devices"}:
            self.say(said.text)
        self.look_again()

    def _ask_cancel(self, question: str, row: object, picture: Picture) -> None:
        def answered(answer: str | None) -> None:
            if answer == questions.YES:
                self._do("cancel", row, picture)

        self.push_screen(questions.stop_transfer(question, picture), answered)

    def _ask_release(self, hold: Hold, picture: Picture) -> None:
        def answered(answer: str | None) -> None:
            if answer in {questions.AGAIN, questions.ACCEPT}:
                accept = answer == questions.ACCEPT
                count = self.facade.release(
                    (hold.item_id,), accept=accept, by=self.options.user, devices=(hold.device,)
                )
                self.say(deeds.release_said(count, accept=accept))
                self.look_again()

        self.push_screen(questions.how_to_release(hold, picture), answered)

    async def action_quit(self) -> None:
        """Ask how to leave; a read-only window just closes."""
        if self.options.read_only:
            self.exit(QuitChoice.ENDED)
        elif not isinstance(self.screen, Dialog):
            picture = self._picture()
            can_leave = self.options.can_leave
            attached = self.options.attached
            ask = questions.how_to_close(picture) if attached else questions.how_to_quit(picture, can_leave=can_leave)
            self.push_screen(ask, self._leave)

    def action_help_quit(self) -> None:
        """Ctrl+C is what people try first."""
        self.call_later(self.action_quit)

    def _leave(self, answer: str | None) -> None:
        if answer == questions.FINISH:
            self.choice = QuitChoice.FINISHED
            self.facade.drain()
            self.say("Finishing the files in motion; this window closes when they are done")
            self.look_again()
        elif answer == questions.LEAVE:
            self.exit(QuitChoice.LEFT)
        elif answer == questions.STOP:
            self.facade.stop()
            self.exit(QuitChoice.STOPPED)

    # -- looking

    def action_open(self) -> None:
        """Open the page of the selected row."""
        row = self.main.selected
        picture = self._picture()
        if isinstance(row, DeviceView):
            self.push_screen(DeviceScreen(row.name, picture))
        elif isinstance(row, TransferView | QueueRow | Hold | LogLine | EventView) and row.item_id is not None:
            self.push_screen(WhyScreen(self.facade, row.item_id, picture))
        elif isinstance(row, EventView) and row.device:
            self.push_screen(DeviceScreen(row.device, picture))
        else:
            self.say("Nothing more is known about this row" if row is not None else "Nothing is selected", "warning")

    def on_line_list_opened(self) -> None:
        """A double click opens, too."""
        self.action_open()

    async def action_show(self, name: str) -> None:
        """Go to a view."""
        await self.main.open_view(name)
        self.look_again()

    async def action_back(self) -> None:
        """Clear the filter, or go back to Live."""
        if not self.main.clear_filter() and self.main.current != "live":
            await self.action_show("live")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The filter's key is a letter like any other where one types, and does nothing behind a dialog."""
        del parameters
        return action != "filter" or (self.screen is self.main and isinstance(self.focused, LineList))

    def action_filter(self) -> None:
        """Type a filter for the active list."""
        self.main.open_filter()

    def action_sort(self) -> None:
        """Take the next order of the active list."""
        if trouble := self.main.view.sort():
            self.say(trouble, "warning")

    def action_help(self) -> None:
        """Show every key and sign."""
        self.push_screen(HelpScreen(self._picture(), dict(self.options.keys)))

    def action_picture(self) -> None:
        """Save this screen as an SVG."""
        moment = self._picture().ink.moment
        name = f"v2xsync-{self.main.current}-{moment.local(moment.now):%Y%m%d-%H%M%S}.svg"
        folder = self.options.pictures or Path.cwd()
        try:
            self.save_screenshot(name, str(folder))
            self.say(f"Saved {name} in {folder}")
        except OSError as error:
            self.say(f"The picture could not be saved: {error.strerror}", "error")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action by name."""
        del screen
        row, view, read_only = self.main.selected, self._picture().view, self.options.read_only
        for command in commands(self.options.keys, lambda name: deeds.refusal(name, row, view, read_only=read_only)):
            yield SystemCommand(command.title, command.help, runner(self.run_action, command.action))

    def _picture(self) -> Picture:
        return self.main.picture or self.camera.take(0, slow=False)


def _driver() -> type[Driver] | None:
    """The driver that survives its terminal, where terminals are of that kind; None: Textual's own choice."""
    if sys.platform == "win32":
        return None
    from v2xsync.ui.driver import SurvivingDriver

    return SurvivingDriver
