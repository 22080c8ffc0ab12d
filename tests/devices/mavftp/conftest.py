"""MAVSDK's server behind a radio, once for a module; every test opens a session of its own."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers.mavsdk_vehicle import mavsdk_vehicle
from tests.servers.radio import Air, Radio, free_udp_port

from v2xsync.devices.mavftp.device import MavftpDevice
from v2xsync.devices.mavftp.options import MavftpOptions

CLEAR = Air(beat_s=0.02)
LOG = random.Random(11).randbytes(256 * 1024)
"""The content of `log.ulg` on the vehicle's card."""

Opening = Callable[..., MavftpDevice]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    card = tmp_path_factory.mktemp("card")
    (card / "log.ulg").write_bytes(LOG)
    return card


@pytest.fixture(scope="module")
def served(card: Path) -> Iterator[Radio]:
    with Radio(free_udp_port()) as radio, mavsdk_vehicle(card, f"udpout://127.0.0.1:{radio.port}"):
        yield radio


@pytest.fixture
def radio(served: Radio) -> Radio:
    """The link, clear again."""
    served.air = CLEAR
    served.armed = served.cut = served.deaf_to_heartbeats = False
    served.armed_told_at = None
    return served


@pytest.fixture
def opening(radio: Radio) -> Iterator[Opening]:
    """Opens sessions with the vehicle; they are closed afterwards."""
    opened: list[MavftpDevice] = []

    def open_one(**changes: Any) -> MavftpDevice:
        usual: dict[str, Any] = {
            "connection": f"udpin:127.0.0.1:{radio.client_port}", "root": "/", "rest_s": 0.0, "timeout_s": 5.0,
        }  # fmt: skip
        for device in opened:
            device.close()
        device = MavftpDevice("drone", MavftpOptions(**(usual | changes)), time.monotonic)
        opened.append(device)
        return device

    yield open_one
    for device in opened:
        device.close()
