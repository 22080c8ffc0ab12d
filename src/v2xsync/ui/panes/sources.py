"""The Sources pane: where files come from."""

from __future__ import annotations

from v2xsync.model.views import DeviceView
from v2xsync.ui.ink import Picture
from v2xsync.ui.panes.devices import DeviceLook
from v2xsync.ui.panes.pane import Pane
from v2xsync.ui.panes.tally import tally


class SourcesPane(Pane[DeviceView]):
    """One row per source."""

    TITLE = "Sources"

    def __init__(self, *, css_id: str = "sources") -> None:
        super().__init__(DeviceLook("no source in the config"), css_id=css_id)

    def show(self, picture: Picture) -> None:
        """Show the sources of the picture."""
        rows = tuple(device for device in picture.view.devices if device.is_source)
        self.show_rows(rows, picture.ink, tally(rows))
