"""A fresh zone for every test, and the far side of a device in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.devices.irods.zones import ZoneFarSide
from tests.servers.irods_standin import StandIn


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[StandIn]:
    with StandIn(tmp_path / "zone") as standin:
        yield standin


@pytest.fixture
def far(zone: StandIn) -> ZoneFarSide:
    return ZoneFarSide(zone)
