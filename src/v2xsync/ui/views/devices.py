"""Devices: every device as one row of figures, and all about the selected one below."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from v2xsync.model.views import DeviceView
from v2xsync.ui.ink import Picture
from v2xsync.ui.lines import LineList
from v2xsync.ui.page import Page
from v2xsync.ui.panes.fleet import FleetPane
from v2xsync.ui.stories.device_story import device_brief
from v2xsync.ui.views.view import View


class DevicesView(View):
    """State, clock, space, backlog and trouble of every device."""

    def compose(self) -> ComposeResult:
        """The table above, the selected device below."""
        yield FleetPane(css_id="fleet")
        yield Page(css_id="device-brief")

    @property
    def main(self) -> LineList[Any]:
        """The table."""
        return self.query_one(FleetPane).lines

    def feed(self, picture: Picture) -> None:
        """Feed the table and the page."""
        self.query_one(FleetPane).show(picture)
        self.selection_moved()

    def selection_moved(self) -> None:
        """Tell of the selected device."""
        if self.picture is not None and isinstance(row := self.main.selected, DeviceView):
            ink = self.picture.ink
            self.query_one(Page).tell(lambda width: device_brief(row, ink, width), ink)
