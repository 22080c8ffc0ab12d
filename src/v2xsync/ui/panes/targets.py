"""The Targets pane: where files go."""

from __future__ import annotations

from v2xsync.model.views import DeviceView
from v2xsync.ui.ink import Picture
from v2xsync.ui.panes.devices import DeviceLook
from v2xsync.ui.panes.pane import Pane
from v2xsync.ui.panes.tally import tally


class TargetsPane(Pane[DeviceView]):
    """One row per target."""

    TITLE = "Targets"

    def __init__(self, *, css_id: str = "targets") -> None:
        super().__init__(DeviceLook("files stay in the store"), css_id=css_id)

    def show(self, picture: Picture) -> None:
        """Show the targets of the picture."""
        rows = tuple(device for device in picture.view.devices if device.is_target)
        self.show_rows(rows, picture.ink, tally(rows))
