"""`View`: what one number key shows between the tabs and the footer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.containers import Vertical

from v2xsync.engine.facade import Facade
from v2xsync.ui.ink import Picture
from v2xsync.ui.lines import LineList


class View(Vertical):
    """A view asks for `queue_rows` rows of the queue; `labels` are its own words for keys in the footer."""

    queue_rows: ClassVar[int] = 0
    labels: ClassVar[Mapping[str, str]] = {}

    def __init__(self, facade: Facade, *, css_id: str) -> None:
        super().__init__(id=css_id)
        self.facade = facade
        self.picture: Picture | None = None

    @property
    def main(self) -> LineList[Any]:
        """The list that has the focus when the view opens."""
        raise NotImplementedError

    @property
    def active(self) -> LineList[Any]:
        """The list that keys act on: the focused one, or else the main one."""
        focused = self.screen.focused
        return focused if isinstance(focused, LineList) and self in focused.ancestors else self.main

    def show(self, picture: Picture) -> None:
        """Feed every pane."""
        self.picture = picture
        self.feed(picture)

    def feed(self, picture: Picture) -> None:
        """Pass the picture on; each view does."""
        raise NotImplementedError

    def selection_moved(self) -> None:
        """The cursor is on another row."""

    def sort(self) -> str:
        """Take the next order of the active list, which its title shows; returns why not, where it has but one."""
        lines = self.active
        if len(lines.look.sorts) == 1:
            return "This list has one order"
        lines.next_sort()
        return ""
