"""Servers with manners of their own: none makes a file wrong, and trouble with one file is no trouble with the rest."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymavlink.dialects.v20 import common as mavlink
from tests.contract.ends import Collected, ask
from tests.devices.mavftp.odd_vehicle import OddVehicle, ack, nak
from tests.servers.cable import Cable
from tests.servers.mavsdk_vehicle import mavsdk_vehicle
from tests.servers.radio import free_udp_port

from v2xsync.devices.base import FetchRequest, RemoveRequest
from v2xsync.devices.mavftp.device import MavftpDevice
from v2xsync.devices.mavftp.options import MavftpOptions
from v2xsync.devices.mavftp.pace import Reading
from v2xsync.devices.mavftp.payload import MOST_DATA, Opcode, Payload, Trouble
from v2xsync.errors import (
    DeviceBusy,
    DeviceError,
    DeviceGone,
    IntegrityError,
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    ProtocolFault,
)
from v2xsync.model.items import Entry, Fingerprint, Unlistable

LOG = random.Random(12).randbytes(60_000)
WAYS = pytest.mark.parametrize("reading", [Reading.BURST, Reading.PLAIN], ids=["bursts", "plain reads"])


@contextmanager
def vehicle_and_device(*, beats: bool = True, **options: Any) -> Iterator[tuple[OddVehicle, MavftpDevice]]:
    port = free_udp_port()
    usual: dict[str, Any] = {"connection": f"udpin:127.0.0.1:{port}", "root": "/log", "rest_s": 0.0, "timeout_s": 1.0}
    with OddVehicle(port, {"/log/a.ulg": LOG, "/log/b.ulg": b"second"}, beats=beats) as vehicle:
        device = MavftpDevice("drone", MavftpOptions(**(usual | options)), time.monotonic)
        try:
            yield vehicle, device
        finally:
            device.close()


@pytest.fixture
def pair() -> Iterator[tuple[OddVehicle, MavftpDevice]]:
    with vehicle_and_device() as both:
        yield both


Pair = tuple[OddVehicle, MavftpDevice]


def fetch(device: MavftpDevice, *paths: str) -> Collected:
    sink = Collected()
    device.fetch(ask(device, paths or ["a.ulg"]), sink)
    return sink


# --- reading ---------------------------------------------------------------------------------------------------------


@WAYS
def test_a_burst_that_ends_by_a_refusal_without_an_offset(reading: Reading):
    with vehicle_and_device(reading=reading) as (_vehicle, device):
        assert fetch(device).content(0) == LOG


@WAYS
def test_stale_answers_of_another_file_are_dropped(reading: Reading):
    """What is left of an earlier session carries old numbers, the right offsets, and the wrong bytes."""

    def stale(vehicle: OddVehicle, request: Payload) -> None:
        if request.opcode in (Opcode.READ, Opcode.BURST_READ):
            for back in (1, 2, 300, 900):
                wrong = ack(request, b"\0" * MOST_DATA, request.offset)
                vehicle.answer_with(replace(wrong, sequence=(request.sequence - back) % 65_536))

    with vehicle_and_device(reading=reading) as (vehicle, device):
        vehicle.manner = stale
        assert fetch(device).content(0) == LOG


def test_an_answer_with_another_offset_than_was_asked_for_is_not_believed(pair: Pair):
    vehicle, device = pair
    chance = random.Random(1)

    def misplaced(vehicle: OddVehicle, request: Payload) -> Iterable[Payload] | None:
        if request.opcode == Opcode.READ and chance.random() < 0.1:
            return [ack(request, b"\0" * MOST_DATA, request.offset + MOST_DATA)]
        return None

    vehicle.manner = misplaced
    assert fetch(device).content(0) == LOG


@WAYS
def test_short_answers_are_not_the_end(reading: Reading):
    def short(vehicle: OddVehicle, request: Payload) -> Iterable[Payload] | None:
        if request.opcode == Opcode.READ:
            request = replace(request, size=min(request.size, 100))
            return vehicle.usual(request)
        return None

    with vehicle_and_device(reading=reading) as (vehicle, device):
        vehicle.manner = short
        assert fetch(device).content(0) == LOG


@WAYS
def test_a_reboot_in_the_middle_costs_nothing_but_time(reading: Reading):
    reads = 0

    def reboot_once(vehicle: OddVehicle, request: Payload) -> Iterable[Payload] | None:
        nonlocal reads
        reads += request.opcode in (Opcode.READ, Opcode.BURST_READ)
        if reads == (60 if reading is Reading.PLAIN else 1):
            reads += 1
            vehicle.opened = None
        return None

    with vehicle_and_device(reading=reading) as (vehicle, device):
        vehicle.manner = reboot_once
        assert fetch(device).content(0) == LOG
        assert sum(request.opcode == Opcode.OPEN_READ for request in vehicle.asked) == 2


def test_another_file_after_the_reboot_is_another_version(pair: Pair):
    vehicle, device = pair
    reads = 0

    def swap(vehicle: OddVehicle, request: Payload) -> Iterable[Payload] | None:
        nonlocal reads
        reads += request.opcode == Opcode.READ
        if reads == 50:
            vehicle.files["/log/a.ulg"] = LOG[:-1]
            vehicle.opened = None
        return None

    vehicle.manner = swap
    assert isinstance(fetch(device).errors[0], ItemChanged)


def test_a_session_that_is_lost_again_and_again_is_this_files_trouble(pair: Pair):
    vehicle, device = pair
    vehicle.manner = lambda _v, request: [nak(request, Trouble.FAIL)] if request.opcode == Opcode.READ else None
    sink = fetch(device, "a.ulg", "b.ulg")
    assert isinstance(sink.errors[0], ItemFailed)


def test_a_vehicle_without_bursts_is_read_plainly():
    with vehicle_and_device(reading=Reading.BURST) as (vehicle, device):
        vehicle.manner = lambda _v, request: (
            [nak(request, Trouble.UNKNOWN_COMMAND)] if request.opcode == Opcode.BURST_READ else None
        )
        assert fetch(device).content(0) == LOG


def test_a_vehicle_that_says_nothing_to_bursts_is_read_plainly():
    with vehicle_and_device(reading=Reading.BURST, timeout_s=4.0) as (vehicle, device):
        vehicle.manner = lambda _v, request: [] if request.opcode == Opcode.BURST_READ else None
        assert fetch(device).content(0) == LOG


def test_a_file_that_ends_before_its_size():
    with vehicle_and_device(reading=Reading.PLAIN) as (vehicle, device):
        vehicle.manner = lambda _v, request: (
            [nak(request, Trouble.END)] if request.opcode == Opcode.READ and request.offset > 20_000 else None
        )
        sink = fetch(device, "a.ulg", "b.ulg")
        assert isinstance(sink.errors[0], ItemFailed)
        assert sink.content(1) == b"second"


def test_a_sink_that_takes_its_time_is_not_overrun():
    """A limit on bandwidth: while it holds us up nothing more is asked for, and heartbeats are heard afterwards."""
    with vehicle_and_device(reading=Reading.BURST) as (_vehicle, device):
        slow = threading.Event()
        sink = Collected(lambda _token, _offset: not slow.wait(0.3))
        device.fetch(ask(device, ["a.ulg"]), sink)
        assert sink.content(0) == LOG


# --- opening and proving ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [*range(1, 11), 99])
def test_every_refusal_to_open_is_about_that_file(pair: Pair, code: int):
    vehicle, device = pair
    requests = ask(device, ["a.ulg", "b.ulg"])
    vehicle.manner = lambda _v, request: (
        [nak(request, code, 13)] if request.opcode == Opcode.OPEN_READ and request.data == b"/log/a.ulg" else None
    )
    sink = Collected()
    device.fetch(requests, sink)
    assert isinstance(sink.errors[0], ItemError)
    assert sink.content(1) == b"second"


@pytest.mark.parametrize("refusal", [(Trouble.NOT_FOUND,), (Trouble.ERRNO, 2)], ids=["not found", "errno 2"])
def test_a_file_that_vanished_after_the_listing_is_missing(pair: Pair, refusal: tuple[int, ...]):
    vehicle, device = pair
    requests = ask(device, ["a.ulg"])
    vehicle.manner = lambda _v, request: [nak(request, *refusal)] if request.opcode == Opcode.OPEN_READ else None
    sink = Collected()
    device.fetch(requests, sink)
    assert isinstance(sink.errors[0], ItemMissing)


def test_a_session_that_another_client_left_open_is_reset(pair: Pair):
    vehicle, device = pair
    busy = True

    def one_session(vehicle: OddVehicle, request: Payload) -> Iterable[Payload] | None:
        nonlocal busy
        if request.opcode == Opcode.RESET:
            busy = False
        if request.opcode == Opcode.OPEN_READ and busy:
            return [nak(request, Trouble.NO_SESSION)]
        return None

    requests = ask(device, ["a.ulg"])
    busy = True
    vehicle.manner = one_session
    sink = Collected()
    device.fetch(requests, sink)
    assert sink.content(0) == LOG


@pytest.mark.parametrize(
    "answer", [lambda request: [nak(request, Trouble.UNKNOWN_COMMAND)], lambda _request: []], ids=["refused", "silent"]
)
def test_without_a_checksum_the_file_is_read_twice(pair: Pair, answer: Callable[[Payload], Iterable[Payload]]):
    vehicle, device = pair
    vehicle.manner = lambda _v, request: answer(request) if request.opcode == Opcode.CRC32 else None
    assert fetch(device).finished[0].method == "second read"


def test_a_checksum_that_does_not_fit_is_damage(pair: Pair):
    vehicle, device = pair
    vehicle.manner = lambda _v, request: [ack(request, b"\1\2\3\4")] if request.opcode == Opcode.CRC32 else None
    assert isinstance(fetch(device).errors[0], IntegrityError)


def test_files_that_ardupilot_makes_up_are_measured_by_reading_them():
    """Their listed size is a placeholder of 100,000; they are read whole, and cannot be removed."""
    with vehicle_and_device(root="@SYS") as (vehicle, device):
        vehicle.files = {"@SYS/threads.txt": b"t" * 500, "@SYS/tasks.txt": b""}
        vehicle.manner = lambda v, request: (
            [ack(request, b"Fthreads.txt\t100000\0Ftasks.txt\t100000\0")]
            if request.opcode == Opcode.LIST and not request.offset
            else None
        )
        sizes = {entry.path: entry.size for entry in device.list() if isinstance(entry, Entry)}
        assert sizes == {"threads.txt": 500, "tasks.txt": 0}
        sink = fetch(device, "threads.txt", "tasks.txt")
        assert (sink.content(0), sink.content(1)) == (b"t" * 500, b"")
        ((_, error),) = device.remove([RemoveRequest(0, "threads.txt", Fingerprint(500))])
        assert isinstance(error, ItemRefused)
        assert "@SYS/threads.txt" in vehicle.files


# --- listings --------------------------------------------------------------------------------------------------------


def test_entries_that_are_skipped_count_for_the_next_page(pair: Pair):
    vehicle, device = pair
    lines = [b"S", b"Fone\t1", b"?what", b"S", b"S", b"Ftwo\t2", b"D.", b"D..", b"Fbroken", b"Fthree\t3"]
    vehicle.lines = lambda folder: lines  # type: ignore[method-assign]
    found = {entry.path: entry.size for entry in device.list() if isinstance(entry, Entry)}
    assert found == {"one": 1, "two": 2, "three": 3}


def test_an_empty_folder_may_also_be_an_empty_yes(pair: Pair):
    vehicle, device = pair
    vehicle.manner = lambda _v, request: [ack(request)] if request.opcode == Opcode.LIST else None
    assert list(device.list()) == []


def test_a_listing_without_an_end_is_a_broken_vehicle(pair: Pair):
    vehicle, device = pair
    vehicle.manner = lambda _v, request: [ack(request, b"Fa\t1\0")] if request.opcode == Opcode.LIST else None
    with pytest.raises(ProtocolFault):
        list(device.list())


def test_names_that_lead_elsewhere_are_told_and_never_asked_for(pair: Pair):
    vehicle, device = pair
    vehicle.lines = lambda folder: [b"F../out\t1", b"D/etc", b"Fgood\t1"] if folder == "/log" else []  # type: ignore[method-assign]
    found = list(device.list())
    assert [entry.path for entry in found if isinstance(entry, Entry)] == ["good"]
    assert {entry.path for entry in found if isinstance(entry, Unlistable)} == {"../out", "/etc"}
    assert {request.data for request in vehicle.asked if request.opcode == Opcode.LIST} <= {b"/log"}


def test_a_removal_that_was_only_acknowledged_is_none(pair: Pair):
    vehicle, device = pair
    vehicle.manner = lambda _v, request: [ack(request)] if request.opcode == Opcode.REMOVE_FILE else None
    ((_, error),) = device.remove([RemoveRequest(0, "b.ulg", Fingerprint(6))])
    assert isinstance(error, ItemFailed)


def test_a_removal_that_was_refused_although_done_is_one(pair: Pair):
    vehicle, device = pair

    def done_and_denied(vehicle: OddVehicle, request: Payload) -> Iterable[Payload] | None:
        if request.opcode == Opcode.REMOVE_FILE:
            list(vehicle.usual(request))
            return [nak(request, Trouble.FAIL)]
        return None

    vehicle.manner = done_and_denied
    assert list(device.remove([RemoveRequest(0, "b.ulg", Fingerprint(6))])) == [(0, None)]


# --- who is on the line ----------------------------------------------------------------------------------------------


def test_a_vehicle_without_file_transfer_is_told_so(pair: Pair):
    vehicle, device = pair
    vehicle.manner = lambda _v, _request: []
    with pytest.raises(DeviceGone, match="does not answer file requests"):
        device.connect()


def test_a_line_without_heartbeats_is_no_vehicle():
    with vehicle_and_device(beats=False, timeout_s=0.3) as (vehicle, device):
        with pytest.raises(DeviceGone, match="heartbeat"):
            device.connect()
        assert vehicle.asked == []


def test_the_vehicle_that_the_config_names_is_chosen_among_several():
    with vehicle_and_device(system=7) as (first, device):
        with OddVehicle(first.client_port, {"/log/seven.ulg": b"7"}, system=7):
            assert [entry.path for entry in device.list()] == ["seven.ulg"]
        assert first.asked == []


def test_a_ground_station_or_camera_on_the_line_is_not_taken_for_the_vehicle():
    with vehicle_and_device(beats=False) as (first, device):
        camera = mavlink.MAVLink(None, srcSystem=9, srcComponent=100)
        for _ in range(3):
            first.say_raw(bytes(mavlink.MAVLink_heartbeat_message(30, 8, 0, 0, 3, 3).pack(camera)))
        first.beats = True
        assert {entry.path for entry in device.list()} == {"a.ulg", "b.ulg"}


def test_an_order_to_arm_counts_before_the_vehicle_says_that_it_is_armed(pair: Pair):
    """Invariant 10: arming is enough."""
    vehicle, device = pair
    requests = ask(device, ["a.ulg"])
    reads = 0

    def order(vehicle: OddVehicle, request: Payload) -> None:
        nonlocal reads
        reads += request.opcode == Opcode.READ
        if reads == 20:
            vehicle.beats = False
            vehicle.say(mavlink.MAVLink_command_ack_message(400, 0))

    vehicle.manner = order
    with pytest.raises(DeviceBusy):
        device.fetch(requests, Collected())


def test_a_port_that_is_not_there_says_what_to_do(tmp_path: Path):
    for connection in (str(tmp_path / "ttyACM0"), str(tmp_path / "ttyACM*")):
        device = MavftpDevice("drone", MavftpOptions(connection=connection), time.monotonic)
        with pytest.raises(DeviceGone) as caught:
            device.connect()
        assert "plug the vehicle in" in caught.value.remedy


def test_a_pattern_finds_the_vehicle_under_whatever_name_it_comes_back(tmp_path: Path):
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "a.ulg").write_bytes(b"log")
    options = MavftpOptions(connection=str(tmp_path / "ttyACM*"), root="/", rest_s=0.0)
    for name in ("ttyACM0", "ttyACM3"):
        device = MavftpDevice("drone", options, time.monotonic)
        with Cable() as cable, mavsdk_vehicle(tmp_path / "card", f"serial://{cable.far}:57600"):
            (tmp_path / name).symlink_to(cable.near)
            assert [entry.path for entry in device.list()] == ["a.ulg"]
        device.close()
        (tmp_path / name).unlink()


# --- anything at all -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy() -> Iterator[Pair]:
    with vehicle_and_device(timeout_s=0.5) as both:
        yield both


@given(
    noise=st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=251)), min_size=1, max_size=12),
    raw=st.binary(max_size=300),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_over_the_wire_ends_in_the_right_file_or_an_error_of_ours(noisy: Pair, noise, raw):
    vehicle, device = noisy

    def babble(vehicle: OddVehicle, request: Payload) -> None:
        code, data = noise[len(vehicle.asked) % len(noise)]
        vehicle.say_raw(raw)
        vehicle.say(mavlink.MAVLink_file_transfer_protocol_message(0, 0, 0, data.ljust(251, b"\0")))
        head = Payload(
            (request.sequence + code) % 65_536, code, 0, len(data) % 240, request.opcode, False, 7, data[:239]
        )
        vehicle.answer_with(head)

    vehicle.manner = babble
    sink = Collected()
    try:
        device.fetch([FetchRequest(0, "b.ulg", Fingerprint(6))], sink)
    except DeviceError:
        return
    if 0 in sink.finished:
        assert sink.content(0) == b"second"
