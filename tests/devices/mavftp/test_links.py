"""MAVSDK's server over bad links: every file comes whole, whatever the link does, and goes on where it stopped."""

from __future__ import annotations

import contextlib
import random
import threading
from pathlib import Path

import pytest
from tests.contract.ends import Collected, ask
from tests.devices.mavftp.conftest import CLEAR, LOG, Opening
from tests.servers.cable import Cable
from tests.servers.mavsdk_vehicle import mavsdk_vehicle
from tests.servers.radio import Air, Radio

from v2xsync.devices.base import OVERLAP_BYTES, RemoveRequest, Source
from v2xsync.devices.mavftp.pace import Reading
from v2xsync.errors import Cancelled, DeviceGone
from v2xsync.model.crc32 import crc32, written
from v2xsync.model.items import Digest, Entry, Proof

BAD = {
    "5% loss": Air(beat_s=0.05, loss=0.05, seed=5),
    "20% loss": Air(beat_s=0.05, loss=0.20, seed=20),
    "doubled, out of order": Air(beat_s=0.05, doubled=0.1, jitter_s=0.004),
    "115,200 baud": Air(beat_s=0.2, bytes_s=11_520),
}


def fetched(source: Source, path: str = "log.ulg", offset: int = 0) -> bytes:
    """The content of a file as it came; fails where it did not come whole and proven."""
    sink = Collected()
    source.fetch(ask(source, [path], offset=offset), sink)
    assert sink.errors == {}
    assert sink.finished[0].proof is Proof.HASH
    return sink.content(0, offset)


@pytest.mark.parametrize("reading", [Reading.BURST, Reading.PLAIN], ids=["bursts", "plain reads"])
@pytest.mark.parametrize("air", [BAD["5% loss"], BAD["20% loss"], BAD["doubled, out of order"]], ids=list(BAD)[:3])
def test_a_file_comes_whole_over_a_bad_link(radio: Radio, opening: Opening, air: Air, reading: Reading):
    radio.air = air
    assert fetched(opening(reading=reading, timeout_s=20.0)) == LOG


@pytest.mark.slow
def test_a_file_comes_whole_over_a_slow_radio(radio: Radio, opening: Opening):
    radio.air = BAD["115,200 baud"]
    device = opening()
    assert fetched(device) == LOG


def test_the_vehicles_crc_is_the_proof_and_is_told(opening: Opening):
    device = opening()
    sink = Collected()
    device.fetch(ask(device, ["log.ulg"]), sink)
    assert sink.finished[0].method == "mavlink crc32"
    assert sink.finished[0].digest == Digest("mavlink-crc32", written(crc32(LOG)))


@pytest.mark.parametrize("size", [0, 1, 239, 2_390, 239 * 150, 239 * 150 + 1, 23_900])
@pytest.mark.parametrize("reading", [Reading.BURST, Reading.PLAIN], ids=["bursts", "plain reads"])
def test_sizes_at_the_edges_of_packets_and_bursts(card: Path, opening: Opening, size: int, reading: Reading):
    """MAVSDK tells the end of a burst with offset 0: multiples of the packet size hung another client for good."""
    (card / "edge.ulg").write_bytes(LOG[:size])
    assert fetched(opening(reading=reading), "edge.ulg") == LOG[:size]


def stop_and_go_on(opening: Opening, stop: int, overlap: int) -> bytes:
    """What comes of a fetch that is stopped at `stop` and continued a little before it, by another session."""

    def until(token: int, offset: int) -> bool:
        if offset >= stop:
            raise Cancelled("enough")
        return True

    device, sink = opening(timeout_s=20.0), Collected(until)
    with contextlib.suppress(Cancelled):
        device.fetch(ask(device, ["log.ulg"]), sink)
    offset = max(0, len(sink.content(0)) - overlap)
    return sink.content(0)[:offset] + fetched(opening(timeout_s=20.0), offset=offset)


def test_a_fetch_goes_on_after_a_stop_at_a_random_place(radio: Radio, opening: Opening):
    chance = random.Random(2)
    radio.air = BAD["5% loss"]
    for _ in range(5):
        assert stop_and_go_on(opening, chance.randrange(len(LOG)), 1_000) == LOG


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("air", [BAD["5% loss"], BAD["20% loss"]], ids=list(BAD)[:2])
def test_a_fetch_goes_on_after_a_stop_at_twenty_random_places(radio: Radio, opening: Opening, air: Air):
    chance = random.Random(3)
    radio.air = air
    for _ in range(20):
        assert stop_and_go_on(opening, chance.randrange(len(LOG)), OVERLAP_BYTES) == LOG


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_fetch_goes_on_after_twenty_blackouts_at_random_places(radio: Radio, opening: Opening):
    chance = random.Random(4)
    for stop in (chance.randrange(len(LOG)) for _ in range(20)):
        radio.air, radio.cut = CLEAR, False
        device = opening(timeout_s=1.0)

        def until(token: int, offset: int, stop: int = stop) -> bool:
            radio.cut = radio.cut or offset >= stop
            return True

        sink = Collected(until)
        requests = ask(device, ["log.ulg"])
        try:
            device.fetch(requests, sink)
        except DeviceGone:
            radio.cut = False
        first = sink.content(0)
        offset = max(0, len(first) - OVERLAP_BYTES)
        assert first[:offset] + fetched(opening(), offset=offset) == LOG


def test_eight_seconds_of_blackout_cost_eight_seconds(radio: Radio, opening: Opening):
    """Nothing is asked for while the vehicle's state is unknown; then the file goes on by itself."""
    device = opening(timeout_s=20.0)
    requests = ask(device, ["log.ulg"])
    back = threading.Timer(8.0, lambda: setattr(radio, "cut", False))

    def darken(token: int, offset: int) -> bool:
        if offset and back.ident is None:
            radio.cut = True
            back.start()
        return True

    sink = Collected(darken)
    device.fetch(requests, sink)
    back.join()
    assert sink.content(0) == LOG


def test_a_removed_file_is_gone_from_the_next_listing(card: Path, opening: Opening):
    (card / "old.ulg").write_bytes(LOG[:5_000])
    device = opening()
    (entry,) = device.stat(["old.ulg"])
    assert isinstance(entry, Entry)
    good, bad = (Digest("mavlink-crc32", written(crc32(data))) for data in (LOG[:5_000], b"other"))
    ((_, refused),) = device.remove([RemoveRequest(0, "old.ulg", entry.fingerprint, "", bad, prove_content=True)])
    assert refused is not None
    assert (card / "old.ulg").exists()
    ((_, error),) = device.remove([RemoveRequest(0, "old.ulg", entry.fingerprint, "", good, prove_content=True)])
    assert error is None
    assert not (card / "old.ulg").exists()


def test_a_removal_is_told_as_done_although_its_answer_was_lost(card: Path, radio: Radio, opening: Opening):
    radio.air = Air(beat_s=0.02, loss=0.2, seed=9)
    device = opening(timeout_s=20.0)
    for number in range(3):
        (card / f"{number}.ulg").write_bytes(b"x")
    (first, *_) = answers = device.stat([f"{number}.ulg" for number in range(3)])
    assert isinstance(first, Entry)
    requests = [RemoveRequest(number, f"{number}.ulg", first.fingerprint) for number in range(len(answers))]
    assert [error for _, error in device.remove(requests)] == [None] * 3
    assert not list(card.glob("[0-2].ulg"))


def test_a_serial_cable_carries_the_same_and_a_pulled_one_is_a_vehicle_that_is_away(card: Path, opening: Opening):
    with Cable() as cable, mavsdk_vehicle(card, f"serial://{cable.far}:57600"):
        device = opening(connection=cable.near, baud=57_600)
        assert fetched(device) == LOG

        def pull_out(token: int, offset: int) -> bool:
            if offset:
                cable.unplug()
            return True

        sink = Collected(pull_out)
        with pytest.raises(DeviceGone):
            device.fetch(ask(device, ["log.ulg"]), sink)
        device = opening(connection=cable.near)
        with pytest.raises(DeviceGone):
            device.connect()
