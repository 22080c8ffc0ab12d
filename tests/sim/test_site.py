"""The rehearsal site stands up, says where everything is, and leaves nothing behind."""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
import tomllib
from collections.abc import Callable

import paramiko

from v2xsync.sim.link import LinkRules
from v2xsync.sim.site import COLLECTOR_ROOT, Site, SiteRules

QUICK = SiteRules(
    intersections=2,
    folders=1,
    folder_length=dt.timedelta(seconds=30),
    rollover=dt.timedelta(seconds=5),
    tick_s=0.02,
    line=LinkRules(),
    flaky_line=LinkRules(drop_every_bytes=1_000_000),
)


def eventually(happened: Callable[[], bool], *, within_s: float = 30.0) -> bool:
    """Ask until it happened or the time is over."""
    end, pause = time.monotonic() + within_s, threading.Event()
    while not happened() and time.monotonic() < end:
        pause.wait(0.02)
    return happened()


def test_config_names_every_machine_with_its_real_address_and_host_key():
    with Site(QUICK) as site:
        config = tomllib.loads(site.config_path.read_text(encoding="utf-8"))
        devices = config["devices"]
        intersections, targets = {"clay-11th", "market-10th"}, {"office", "disk", "px4-logs", "ingest"}
        assert set(devices) == intersections | {"drone", "collector", "flash"} | targets
        for place in site.places:
            told = devices[place.name]
            session = paramiko.Transport((told["host"], told["port"]))
            try:
                session.connect(username=told["username"], password=place.server.password)
                assert session.get_remote_server_key().fingerprint == told["host_key"]
                client = paramiko.SFTPClient.from_transport(session)
                assert client is not None
                assert len(client.listdir(told["root"])) == 1
            finally:
                session.close()
        assert config["routes"]["intersections"]["from"] == ["clay-11th", "market-10th"]


def test_traffic_grows_and_rolls_over_by_the_clock_that_was_given():
    now = [dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)]
    with Site(QUICK, clock=lambda: now[0]) as site:
        intersection = site.places[0].intersection
        live = intersection.live
        assert live is not None
        assert live.name == "clay-11th_03012026_120000"
        now[0] += dt.timedelta(seconds=3)
        (spat,) = live.glob("*_spatLog_*")
        assert eventually(lambda: len(spat.read_text(encoding="ascii").splitlines()) == 31)
        now[0] += dt.timedelta(seconds=3)
        assert eventually((intersection.archive / live.name).is_dir)
        assert eventually(lambda: intersection.live is not None and intersection.live.name.endswith("_120006"))


def test_the_drone_reports_where_the_config_listens():
    with Site(QUICK) as site:
        told = tomllib.loads(site.config_path.read_text(encoding="utf-8"))["devices"]["drone"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as station:
            station.bind(("127.0.0.1", int(told["connection"].rpartition(":")[2])))
            station.settimeout(20)
            assert station.recv(300)[:1] == b"\xfd"
        assert len(list((site.folder / "drone").joinpath(told["root"].strip("/")).rglob("*.ulg"))) == 3


def test_the_flash_drive_is_there_at_first_goes_and_comes_back_with_more():
    now = [dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)]
    with Site(QUICK, clock=lambda: now[0]) as site:
        pictures = len(list(site.flash.mount.rglob("*.jpg")))
        assert pictures == 2 * QUICK.shots
        assert eventually(lambda: site.collector.file is not None)
        now[0] += QUICK.plugged_in
        assert eventually(lambda: not site.flash.plugged_in)
        now[0] += QUICK.pulled_out
        assert eventually(lambda: site.flash.plugged_in)
        assert len(list(site.flash.mount.rglob("*.jpg"))) == 2 * pictures


def test_only_the_last_intersection_is_flaky():
    with Site(QUICK) as site:
        assert [place.flaky for place in site.places] == [False, True]


def test_description_names_every_place():
    with Site(QUICK) as site:
        text = "\n".join(site.describe())
        for word in (*(place.name for place in site.places), site.config_path, site.store, site.disk, site.office_root):
            assert str(word) in text
        for place in site.places:
            assert str(place.server.port) in text


def test_nothing_is_left_behind():
    threads = set(threading.enumerate())
    with Site(QUICK) as site:
        folder = site.folder
        assert (site.places[0].root / COLLECTOR_ROOT.strip("/") / "archive").is_dir()
    assert not folder.exists()
    assert eventually(lambda: set(threading.enumerate()) <= threads)


def test_a_given_folder_is_kept(tmp_path):
    with Site(QUICK, folder=tmp_path):
        pass
    assert (tmp_path / "v2xsync.toml").exists()
