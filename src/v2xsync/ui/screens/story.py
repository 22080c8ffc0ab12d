"""Full-height pages: a file's whole life (`why`), a device, the help."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import ComposeResult

from v2xsync.engine.facade import Facade
from v2xsync.ui.ink import Ink, Line, Picture, Piece
from v2xsync.ui.page import Page
from v2xsync.ui.screens.dialog import Dialog
from v2xsync.ui.stories.device_story import device_story
from v2xsync.ui.stories.file_story import file_story
from v2xsync.ui.stories.help_story import help_story

RETELL_S = 1.0


class StoryScreen(Dialog[None]):
    """A page in a tall box."""

    TALL: ClassVar[bool] = True
    HINTS = (("Esc", "Close"), ("j k PgUp PgDn", "Scroll"))

    def body(self) -> ComposeResult:
        """The page."""
        yield Page(css_id="page")

    def on_mount(self) -> None:
        """Tell the story, and let the keys scroll it."""
        self.tell()
        self.set_focus(self.query_one(Page))

    def tell(self) -> None:
        """Write the page; each story does."""
        raise NotImplementedError

    def write(self, story: Callable[[int], Iterable[Line]]) -> None:
        """Put a story on the page."""
        self.query_one(Page).tell(story, self.ink)


class WhyScreen(StoryScreen):
    """The whole life of one file: where it is, what it waits for, what happens next and when."""

    def __init__(self, facade: Facade, item_id: int, picture: Picture) -> None:
        super().__init__("Why is this file where it is?", picture)
        self._facade = facade
        self._item_id = item_id
        self._told: tuple[int, float] = (-1, 0.0)

    def show(self, picture: Picture) -> None:
        """Ask again when something changed, once a second at most."""
        super().show(picture)
        generation, at = self._told
        if picture.view.generation != generation and abs(picture.ink.moment.now - at) >= RETELL_S:
            self.tell()

    def tell(self) -> None:
        """Ask the engine and write its answer."""
        self._told = (self.picture.view.generation, self.picture.ink.moment.now)
        why, ink = self._facade.why(self._item_id), self.ink
        if why is None:
            self.write(lambda _: ((Piece("The ledger knows nothing of this file any more.", "quiet"),),))
        else:
            self.write(lambda width: file_story(why, ink, width))


class DeviceScreen(StoryScreen):
    """All about one device."""

    def __init__(self, name: str, picture: Picture) -> None:
        super().__init__("Device", picture)
        self._device = name

    def show(self, picture: Picture) -> None:
        """Tell it anew with every picture; only changed lines are repainted."""
        super().show(picture)
        self.tell()

    def tell(self) -> None:
        """Write the device's page."""
        found = next((device for device in self.picture.view.devices if device.name == self._device), None)
        if found is None:
            self.write(lambda _: ((Piece(f"{self._device} is not in the config any more.", "quiet"),),))
        else:
            self.write(lambda width: device_story(found, self.picture, width))


class HelpScreen(StoryScreen):
    """Every key and every sign."""

    def __init__(self, picture: Picture, remapped: dict[str, str]) -> None:
        super().__init__("Help", picture)
        self._remapped = remapped

    def tell(self) -> None:
        """Write the help."""
        ink: Ink = self.ink
        self.write(lambda width: help_story(self._remapped, ink, width))
