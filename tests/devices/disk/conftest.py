"""A stick in a port, and its dock."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.devices.disk.port import Port, Stick

from v2xsync.devices.drives.dock import Dock
from v2xsync.devices.drives.drive import Wanted


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
def stick(tmp_path: Path, port: Port) -> Stick:
    one = Stick(tmp_path / "card")
    port.plug(one)
    return one


@pytest.fixture
def dock(tmp_path: Path, port: Port, stick: Stick) -> Dock:
    return port.dock(Wanted(uuid=stick.uuid), tmp_path / "point")
