"""The main screen: header, tabs, one view, the filter line, the batch and the footer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.screen import Screen
from textual.widgets import Input

from v2xsync.engine.facade import Facade
from v2xsync.ui.bars import Bar
from v2xsync.ui.deeds import refusal
from v2xsync.ui.ink import Picture, Piece
from v2xsync.ui.keys import FOOTER
from v2xsync.ui.lines import LineList
from v2xsync.ui.panes.header import BatchBar, Header, KeyLine, Tabs
from v2xsync.ui.views.devices import DevicesView
from v2xsync.ui.views.history import HistoryView
from v2xsync.ui.views.holds import HoldsView
from v2xsync.ui.views.live import LiveView
from v2xsync.ui.views.log import LogView
from v2xsync.ui.views.queue import QueueView
from v2xsync.ui.views.view import View

VIEWS: Mapping[str, Callable[..., View]] = {
    "live": LiveView,
    "queue": QueueView,
    "history": HistoryView,
    "devices": DevicesView,
    "holds": HoldsView,
    "log": LogView,
}

LEAST_WIDTH = 60
LEAST_HEIGHT = 16


class MainScreen(Screen[None]):
    """Views are made when they are first opened; only the one on screen is fed."""

    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - declared so by Textual
        (0, "-tiny"), (LEAST_WIDTH, "-narrow"), (76, "-normal"), (110, "-wide"), (176, "-huge"),
    ]  # fmt: skip
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - declared so by Textual
        (0, "-flat"), (LEAST_HEIGHT, "-short"), (22, "-middle"), (34, "-tall"),
    ]  # fmt: skip

    def __init__(self, facade: Facade, remapped: Mapping[str, str]) -> None:
        super().__init__()
        self._facade = facade
        self._remapped = remapped
        self.current = "live"
        self._views: dict[str, View] = {"live": LiveView(facade, css_id="view-live")}
        self.picture: Picture | None = None
        self._filtered: LineList[Any] | None = None

    def compose(self) -> ComposeResult:
        """Put the bars around the views, and the notice that hides them all where there is no room."""
        yield Header(css_id="header")
        yield Tabs(css_id="tabs")
        with Container(id="views"):
            yield self.view
        with Horizontal(id="filter-line"):
            yield Bar(css_id="filter-name")
            yield Input(id="filter", compact=True, select_on_focus=False, placeholder="words that rows must have")
            yield Bar(css_id="filter-keys")
        yield BatchBar(css_id="batch")
        yield KeyLine(css_id="keys")
        with Container(id="too-small"):
            yield Bar(css_id="too-small-needs")
            yield Bar(css_id="too-small-has")

    @property
    def view(self) -> View:
        """The view on screen."""
        return self._views[self.current]

    @property
    def selected(self) -> object:
        """The row under the cursor of the active list."""
        return self.view.active.selected

    def on_mount(self) -> None:
        """Start with the cursor in the first list."""
        self.query_one("#filter-line").display = False
        self.query_one("#filter", Input).cursor_blink = False
        self.query_one("#filter-name", Bar).show((Piece(" Filter ", "quiet"), Piece("/", "key")))
        keys = (Piece("Enter", "key"), Piece(" Keep  ", "quiet"), Piece("Esc", "key"), Piece(" Show all ", "quiet"))
        self.query_one("#filter-keys", Bar).show(keys)
        self.set_focus(self.view.main)

    def on_resize(self) -> None:
        """Fill what the new size has uncovered, and say what is missing on a small terminal."""
        size = self.size
        needs = f"v2xsync needs {LEAST_WIDTH} x {LEAST_HEIGHT} cells"
        self.query_one("#too-small-needs", Bar).show((Piece(needs, "strong"),))
        self.query_one("#too-small-has", Bar).show(
            (
                Piece("this terminal has ", "quiet"),
                Piece(str(size.width), "bad" if size.width < LEAST_WIDTH else "good"),
                Piece(" x ", "quiet"),
                Piece(str(size.height), "bad" if size.height < LEAST_HEIGHT else "good"),
            )
        )

        self.call_after_refresh(self._show_again)

    def _show_again(self) -> None:
        if self.picture is not None:
            self.show(self.picture)

    def show(self, picture: Picture) -> None:
        """Feed the bars and the view."""
        self.picture = picture
        self.query_one(Header).show_picture(picture)
        self.query_one(Tabs).show_picture(picture, self.current, self._remapped)
        self.query_one(BatchBar).show_picture(picture)
        self.view.show(picture)
        self.show_keys()

    def show_keys(self) -> None:
        """Write the footer for the selected row."""
        if self.picture is None:
            return
        row, view, read_only = self.selected, self.picture.view, self.picture.read_only
        refusals = {name: refusal(name, row, view, read_only=read_only) for name in FOOTER}
        self.query_one(KeyLine).show_keys(refusals, self._remapped, self.view.labels)

    async def open_view(self, name: str) -> None:
        """Show the view `name`, made now if it was never open, with the cursor in its main list."""
        self.close_filter()
        self.view.display = False
        self.current = name
        if name in self._views:
            self.view.display = True
        else:
            self._views[name] = VIEWS[name](self._facade, css_id=f"view-{name}")
            await self.query_one("#views").mount(self.view)
        self.set_focus(self.view.main)

    # -- the filter line

    def open_filter(self) -> None:
        """Type the words that rows of the active list must have."""
        field = self.query_one("#filter", Input)
        self._filtered = self.view.active
        field.value = self._filtered.needle
        self.query_one("#filter-line").display = True
        self.set_focus(field)

    def close_filter(self) -> None:
        """Put the filter line away; the filter stays in force."""
        lines, self._filtered = self._filtered, None
        if lines is not None:
            self.query_one("#filter-line").display = False
            self.set_focus(lines)

    def clear_filter(self) -> bool:
        """Show all rows again; returns whether there was a filter, or its line, to clear."""
        lines = self._filtered or self.view.active
        was_open = self._filtered is not None
        self.close_filter()
        if lines.needle:
            lines.search("")
            return True
        return was_open

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        if self._filtered is not None:
            self._filtered.search(event.value)

    def on_input_submitted(self) -> None:
        """Keep the filter, go back to the list."""
        self.close_filter()

    # -- the cursor

    def on_line_list_moved(self) -> None:
        """Another row is selected: the detail line and the footer speak of it."""
        self.view.selection_moved()
        self.show_keys()

    def on_descendant_focus(self) -> None:
        """Another list is active."""
        self.on_line_list_moved()
