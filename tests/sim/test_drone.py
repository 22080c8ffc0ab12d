"""The simulated drone on its line: heartbeats, flights, loss; and MAVSDK's own client, which is nobody's code here."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymavlink.dialects.v20 import common as mavlink

from v2xsync.sim.drone.flight import FlightPlan, Logger
from v2xsync.sim.drone.payload import Opcode, Payload
from v2xsync.sim.drone.ulog import MAGIC
from v2xsync.sim.drone.vehicle import Drone, DroneRules

HOST = "127.0.0.1"
SMALL = DroneRules(flights=2, flight_length=dt.timedelta(seconds=5))


class GroundStation:
    """A UDP port where a drone may report, and what it said there."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.port = int(self.socket.getsockname()[1])

    def hears(self, wanted: Callable[[Any], bool], *, within_s: float = 20.0) -> Any:
        """The first message that is wanted; None where none comes."""
        end = time.monotonic() + within_s
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                for message in mavlink.MAVLink(None).parse_buffer(self.socket.recv(4096)) or ():
                    if wanted(message):
                        return message
        return None

    def heartbeat(self, *, armed: bool) -> Any:
        flag = mavlink.MAV_MODE_FLAG_SAFETY_ARMED
        return self.hears(lambda m: m.get_type() == "HEARTBEAT" and bool(m.base_mode & flag) is armed)

    def asks(self, drone: Drone, payload: Payload, *, system: int = 1) -> None:
        message = mavlink.MAVLink_file_transfer_protocol_message(0, system, 1, payload.pack())
        self.socket.sendto(message.pack(mavlink.MAVLink(None, srcSystem=255, srcComponent=190)), (HOST, drone.port))


@pytest.fixture
def ground() -> Iterator[GroundStation]:
    station = GroundStation()
    yield station
    station.socket.close()


@pytest.fixture
def drone(tmp_path: Path, ground: GroundStation) -> Iterator[Drone]:
    with Drone(tmp_path / "card", SMALL, station=ground.port) as flying:
        yield flying


def logs_of(card: Path) -> list[Path]:
    return sorted((card / "fs" / "microsd" / "log").rglob("*.ulg"))


def test_it_says_that_it_lives_and_is_an_autopilot(drone, ground):
    heard = ground.heartbeat(armed=False)
    assert (heard.type, heard.autopilot) == (mavlink.MAV_TYPE_QUADROTOR, mavlink.MAV_AUTOPILOT_PX4)
    assert (heard.get_srcSystem(), heard.get_srcComponent()) == (1, 1)


def test_who_speaks_to_it_gets_heartbeats_too(drone):
    stranger = GroundStation()
    stranger.asks(drone, Payload(opcode=Opcode.NONE))
    assert stranger.heartbeat(armed=False) is not None
    stranger.socket.close()


def test_requests_are_answered_to_who_asked_and_other_vehicles_requests_are_not(drone, ground):
    ground.asks(drone, Payload(sequence=8, opcode=Opcode.RESET_SESSIONS), system=2)
    ground.asks(drone, Payload(sequence=5, opcode=Opcode.RESET_SESSIONS))
    answer = ground.hears(lambda message: message.get_type() == "FILE_TRANSFER_PROTOCOL")
    assert (answer.target_system, answer.target_component) == (255, 190)
    assert Payload.parse(bytes(answer.payload)).sequence == 6


def test_arming_is_told_at_once_and_its_log_grows_until_it_is_disarmed(drone, ground, tmp_path):
    before = logs_of(tmp_path / "card")
    drone.arm()
    assert ground.heartbeat(armed=True) is not None
    (new,) = set(logs_of(tmp_path / "card")) - set(before)
    size = new.stat().st_size
    assert ground.heartbeat(armed=True) is not None
    assert new.stat().st_size > size
    ground.asks(drone, Payload(opcode=Opcode.NONE))
    assert ground.hears(lambda message: message.get_type() == "FILE_TRANSFER_PROTOCOL") is not None
    assert drone.heard_while_armed == 1
    drone.arm(armed=False)
    assert ground.heartbeat(armed=False) is not None


def test_it_comes_back_under_the_same_port_and_forgot_its_session(drone, ground):
    log = logs_of(drone_card(drone))[0]
    path = f"/{log.relative_to(drone_card(drone)).as_posix()}"
    request = Payload(opcode=Opcode.OPEN_FILE_RO, data=path.encode(), size=len(path))
    ground.asks(drone, request)
    assert ground.hears(lambda message: message.get_type() == "FILE_TRANSFER_PROTOCOL") is not None
    port = drone.port
    drone.stop()
    drone.start()
    assert drone.port == port
    ground.asks(drone, request.after(9))
    answer = ground.hears(lambda message: message.get_type() == "FILE_TRANSFER_PROTOCOL")
    assert Payload.parse(bytes(answer.payload)).opcode == Opcode.ACK


def drone_card(drone: Drone) -> Path:
    return drone._files._card.root


def test_a_plan_says_when_it_flies():
    plan = FlightPlan(first_s=40, every_s=60, flight_s=12)
    assert [second for second in range(0, 180, 4) if plan.flies_at(second)] == [
        40,
        44,
        48,
        100,
        104,
        108,
        160,
        164,
        168,
    ]
    assert not FlightPlan().flies_at(41)


def test_logs_are_ulog_files_in_folders_by_date_and_one_from_before_the_clock_was_set(tmp_path):
    Logger(tmp_path, random.Random(1)).prefill(3, dt.timedelta(seconds=4), dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC))
    logs = logs_of(tmp_path)
    names = [log.relative_to(tmp_path).as_posix().removeprefix("fs/microsd/log/") for log in logs]
    assert names == ["2026-11-19/18_00_00.ulg", "2026-11-19/23_00_00.ulg", "sess001/log001.ulg"]
    assert all(log.read_bytes().startswith(MAGIC) for log in logs)
    assert all(messages_of(log.read_bytes())[:6] == [b"B", b"I", b"I", b"F", b"A", b"D"] for log in logs)


def messages_of(log: bytes) -> list[bytes]:
    """The kinds of a ULog's messages; their sizes must lead exactly to its end."""
    kinds, at = [], 16
    while at < len(log):
        kinds.append(log[at + 2 : at + 3])
        at += 3 + int.from_bytes(log[at : at + 2], "little")
    assert at == len(log)
    return kinds


@contextlib.contextmanager
def mavsdk_client(port: int) -> Iterator[Any]:
    import mavsdk
    from mavsdk.plugins.ftp import Ftp

    courier = mavsdk.Mavsdk(mavsdk.Configuration.create_manual(255, 190, True))
    try:
        courier.add_any_connection(f"udpin://{HOST}:{port}")
        client = Ftp(courier.first_autopilot(20.0))
        yield client
        client.destroy()
    finally:
        courier.destroy()


def download(client: Any, path: str, folder: Path, *, burst: bool) -> int:
    """Wait for the end of a download; returns its result (1: success, 2 would be progress)."""
    ended, results = threading.Event(), []

    def told(result: int, *_progress: object) -> None:
        if int(result) != 2:
            results.append(int(result))
            ended.set()

    client.download_async(path, str(folder), burst, told)
    assert ended.wait(60)
    return results[0]


@pytest.mark.parametrize(("loss", "ways"), [(0.0, (True, False)), (0.05, (True,))], ids=["clean", "5 % lost"])
def test_mavsdk_lists_downloads_compares_and_removes(tmp_path, ground, loss, ways):
    """MAVSDK's client (C++) finds what the card holds, byte for byte, by bursts and by plain reads."""
    ground.socket.close()
    card = tmp_path / "card"
    rules = DroneRules(flights=2, flight_length=dt.timedelta(seconds=5), loss=loss)
    with Drone(card, rules, station=ground.port), mavsdk_client(ground.port) as client:
        told = {entry.name for entry in client.list_directory("/fs/microsd/log").entries}
        assert told == {place.name for place in (card / "fs" / "microsd" / "log").iterdir()}
        for burst in ways:
            for log in logs_of(card):
                path = f"/{log.relative_to(card).as_posix()}"
                assert download(client, path, tmp_path, burst=burst) == 1
                assert (tmp_path / log.name).read_bytes() == log.read_bytes()
                assert client.are_files_identical(str(tmp_path / log.name), path)
        gone = logs_of(card)[0]
        client.remove_file(f"/{gone.relative_to(card).as_posix()}")
        assert not gone.exists()
