"""The contract against vehicles: a simulated one with PX4's server in the default run, MAVSDK's own server in the slow.

A vehicle's files are many round trips away, so the largest checks are slow ones.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.contract.ends import MIB, PatternSink, ask, bounded_memory, content
from tests.contract.far import WHEN_NS
from tests.contract.suite import FarSide, FolderFarSide, SourceContract
from tests.servers.mavsdk_vehicle import mavsdk_vehicle
from tests.servers.radio import Air, Radio, free_udp_port
from v2xsync.devices.base import Source
from v2xsync.devices.mavftp.device import MavftpDevice
from v2xsync.devices.mavftp.options import MavftpOptions
from v2xsync.errors import Cancelled, StoreFull
from v2xsync.sim.drone import vehicle as simulated
from v2xsync.sim.drone.vehicle import Drone, DroneRules

OFTEN_S = 0.02
"""Heartbeats of these vehicles: a check that opens a session waits for one."""


class CardFarSide(FolderFarSide):
    """A folder that a vehicle shows as its card."""

    def __init__(self, root: Path, connection: str, top: str, cannot_name: str) -> None:
        options = MavftpOptions(connection=connection, root=top, rest_s=0.0, timeout_s=2.0)
        super().__init__(root, lambda: MavftpDevice("drone", options, time.monotonic))
        self._cannot_name = re.compile(cannot_name)

    def plant(self, path: str, content: bytes, mtime_ns: int = WHEN_NS) -> None:
        if self._cannot_name.search(path) or len(path.encode("utf-8", "surrogateescape")) > 200:
            pytest.skip("far side: MAVLink FTP, or this server, cannot carry such a name")
        super().plant(path, content, mtime_ns)

    def plant_link(self, path: str, to: str) -> None:
        pytest.skip("far side: a vehicle's card holds no links")


class OnVehicle(SourceContract):
    """Checks whose sizes fit a vehicle; the full sizes are slow."""

    adapter = "mavftp"

    @pytest.mark.slow
    def test_fetches_are_drawn_as_room_comes_free(self, far: FarSide, source: Source) -> None:
        super().test_fetches_are_drawn_as_room_comes_free(far, source)

    @pytest.mark.slow
    def test_many_files_in_one_folder(self, far: FarSide, source: Source) -> None:
        super().test_many_files_in_one_folder(far, source)

    @pytest.mark.slow
    def test_fetch_of_many_small_files(self, far: FarSide, source: Source) -> None:
        super().test_fetch_of_many_small_files(far, source)

    @pytest.mark.slow
    @pytest.mark.parametrize("error", [Cancelled("stop"), StoreFull("full")], ids=["cancelled", "store-full"])
    def test_a_raising_sink_ends_the_fetch_and_the_session_goes_on(
        self, far: FarSide, source: Source, error: Exception
    ) -> None:
        super().test_a_raising_sink_ends_the_fetch_and_the_session_goes_on(far, source, error)

    @pytest.mark.slow
    def test_an_abandoned_file_is_not_spoken_of_again(self, far: FarSide, source: Source) -> None:
        super().test_an_abandoned_file_is_not_spoken_of_again(far, source)

    @pytest.mark.slow
    @pytest.mark.parametrize("size", [MIB, 4 * MIB], ids=["shrinks", "grows"])
    def test_a_file_that_changes_while_read_is_told(self, far: FarSide, source: Source, size: int) -> None:
        super().test_a_file_that_changes_while_read_is_told(far, source, size)

    @pytest.mark.slow
    def test_memory_stays_bounded_while_fetching(self, far: FarSide, source: Source) -> None:
        size = 16 * MIB
        far.plant("big.bin", content(size))
        requests = ask(source, ["big.bin"])
        sink = PatternSink()
        with bounded_memory(4 * MIB):
            source.fetch(requests, sink)
        assert (sink.bytes, sink.finished) == (size, 1)


class TestDrone(OnVehicle):
    server = "a simulated PX4"
    cannot_name: ClassVar[str] = r"[\t\\]"

    @pytest.fixture
    def far(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarSide]:
        monkeypatch.setattr(simulated, "HEARTBEAT_S", OFTEN_S)
        with Drone(tmp_path / "card", DroneRules(flights=0)) as drone:
            root = tmp_path / "card" / "log"
            root.mkdir()
            yield CardFarSide(root, f"udpout:127.0.0.1:{drone.port}", "/log", self.cannot_name)


@pytest.mark.slow
class TestMavsdk(OnVehicle):
    server = "MAVSDK's server"

    @pytest.fixture
    def far(self, tmp_path: Path) -> Iterator[FarSide]:
        root = tmp_path / "card" / "log"
        root.mkdir(parents=True)
        port = free_udp_port()
        with (
            Radio(port, Air(beat_s=OFTEN_S)) as radio,
            mavsdk_vehicle(tmp_path / "card", f"udpout://127.0.0.1:{radio.port}"),
        ):
            yield CardFarSide(root, f"udpin:127.0.0.1:{port}", "/log", r"\n\n")
