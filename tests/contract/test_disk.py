"""A flash drive keeps the contract; its medium is a plain folder here, its plug and mounts are played."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.suite import FarSide, FolderFarSide, SourceContract, TargetContract
from tests.devices.disk.port import Port, Stick, session
from v2xsync.devices.drives.drive import Wanted


class OnDrive:
    """A stick that is plugged in."""

    adapter, server = "disk", "folder as drive"

    @pytest.fixture
    def far(self, tmp_path: Path) -> FarSide:
        port, stick = Port(), Stick(tmp_path / "root", fs="ext4")
        port.plug(stick)
        dock = port.dock(Wanted(uuid=stick.uuid), tmp_path / "point")
        return FolderFarSide(stick.root, lambda: session(dock))


class TestSource(OnDrive, SourceContract):
    pass


class TestTarget(OnDrive, TargetContract):
    pass
