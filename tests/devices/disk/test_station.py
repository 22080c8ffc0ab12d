"""Whole stations with a flash drive: what the screen and the log say of it, and that it is true."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.devices.disk.port import Port, Stick

from v2xsync.cli.main import main
from v2xsync.config.load import load
from v2xsync.devices.drives import mounts, udev
from v2xsync.devices.drives.drive import Wanted
from v2xsync.engine.service import Service
from v2xsync.engine.wiring import build
from v2xsync.ledger.sqlite import open_ledger
from v2xsync.model.views import DeviceState

CONFIG = """
[station]
name = "drone"
timezone = "UTC"
state = "{base}/state"

[store]
directory = "{base}/store"
min_free = 0

[devices.flir]
type = "disk"
uuid = "D1C6-0146"
{options}

[devices.office]
type = "local"
directory = "{base}/office"

[routes.cards]
{route}
ready = {{ settle = "0s" }}
"""
FROM_CARD = 'from = ["flir"]\nto = ["office"]\n'
REMOVING = f'{FROM_CARD}remove = {{ after = "delivered" }}\n'
TO_CARD = 'from = ["office"]\nto = ["flir"]\n'


class PlayedHints:
    """Hints that the test gives."""

    def __init__(self) -> None:
        self.news = threading.Event()

    def start(self) -> None:
        """Nothing to do."""

    def wait(self, timeout_s: float) -> bool:
        heard = self.news.wait(timeout_s)
        self.news.clear()
        return heard

    def stop(self) -> None:
        """Nothing to do."""


class Bench:
    """A port with a stick, and a station whose drives are in that port."""

    def __init__(self, base: Path, port: Port, stick: Stick) -> None:
        self.base = base
        self.port = port
        self.stick = stick
        self.hints = PlayedHints()
        (base / "office").mkdir()

    def write(self, route: str = FROM_CARD, options: str = "") -> Path:
        path = self.base / "v2xsync.toml"
        path.write_text(CONFIG.format(base=self.base.as_posix(), route=route, options=options))
        return path

    @contextmanager
    def station(self, route: str = FROM_CARD, options: str = "", *, once: bool = False) -> Iterator[Service]:
        config = load(self.write(route, options), {})
        ledger = open_ledger(config.state)
        service = build(config, ledger, once=once)
        try:
            yield service
        finally:
            service.stop()
            if not once:
                service.join(30)
            ledger.close()

    def plug(self, stick: Stick | None = None) -> None:
        self.port.plug(stick or self.stick)
        self.hints.news.set()

    def yank(self) -> None:
        self.port.yank(self.stick)
        self.hints.news.set()

    def at(self, folder: str) -> dict[str, bytes]:
        root = self.base / folder
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and ".v2xsync" not in path.as_posix()
        }


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    port, stick = Port(), Stick(tmp_path / "card")
    bench = Bench(tmp_path, port, stick)
    monkeypatch.setattr(udev, "plugged_in", port.drives)
    monkeypatch.setattr(mounts, "mounted", port.mounts)
    monkeypatch.setattr("v2xsync.engine.docking.mounter", lambda: port)
    monkeypatch.setattr(udev, "DriveHints", lambda device, wanted: bench.hints)
    return bench


LONG_S = 30.0


def until(holds: Callable[[], bool], what: str) -> None:
    """Look until something holds; fails with `what` after a long time."""
    ends, pause = time.monotonic() + LONG_S, threading.Event()
    while not holds():
        assert time.monotonic() < ends, what
        pause.wait(0.02)


def state(service: Service) -> DeviceState:
    return next(device.state for device in service.view().devices if device.name == "flir")


def said(service: Service) -> str:
    return "\n".join(event.text for event in service.events_since(0))


def reaches(service: Service, wanted: DeviceState) -> Callable[[], bool]:
    return lambda: state(service) is wanted


def test_once_with_no_drive_is_no_failure_and_with_one_it_ends_safe_to_remove(bench: Bench) -> None:
    with bench.station(once=True) as service:
        report = service.run_once()
        assert not report.causes
        assert state(service) is DeviceState.ABSENT
    bench.port.plug(bench.stick)
    bench.stick.put("DCIM/a.jpg", b"picture")
    with bench.station(once=True) as service:
        report = service.run_once()
        assert not report.causes
        (flir,) = (device for device in report.view.devices if device.name == "flir")
        assert flir.state is DeviceState.SAFE
        assert "safe to remove" in said(service)
    assert bench.at("office") == {"flir/DCIM/a.jpg": b"picture"}
    assert bench.at("card") == {"DCIM/a.jpg": b"picture"}
    assert bench.port.asked == ["mount ro,nodev,nosuid,noexec,utf8", "unmount"]


def test_a_card_comes_is_emptied_by_receipts_is_safe_goes_and_comes_again(bench: Bench) -> None:
    with bench.station(REMOVING) as service:
        service.start()
        until(reaches(service, DeviceState.ABSENT), "nothing is plugged in")
        bench.stick.put("a.jpg", b"first")
        bench.plug()
        until(reaches(service, DeviceState.SAFE), "the first card is done")
        assert bench.at("card") == {}
        assert bench.at("office") == {"flir/a.jpg": b"first"}
        assert bench.port.table == []
        bench.yank()
        until(reaches(service, DeviceState.ABSENT), "the card is out")
        bench.plug()
        bench.stick.put("b.jpg", b"second")
        bench.hints.news.set()
        until(lambda: len(bench.at("office")) == 2 and state(service) is DeviceState.SAFE, "the second flight is done")
        assert bench.at("card") == {}
        assert "was taken out" in said(service)


def test_a_card_that_is_pulled_before_its_work_is_done_is_told_and_taken_up_again(bench: Bench) -> None:
    bench.port.plug(bench.stick)
    bench.stick.put("a.jpg", b"first")
    with bench.station(REMOVING) as service:
        (bench.base / "office").rename(bench.base / "office-away")
        service.start()
        until(lambda: "flir/a.jpg" in bench.at("store"), "it is stored")
        bench.yank()
        until(reaches(service, DeviceState.ABSENT), "the card is out")
        assert "was taken out" in said(service)
        (bench.base / "office-away").rename(bench.base / "office")
        service.retry()
        until(lambda: "flir/a.jpg" in bench.at("office"), "it is delivered")
        bench.plug()
        until(reaches(service, DeviceState.SAFE), "the card is done")
    assert bench.at("card") == {}


def test_an_archive_to_a_drive_waits_for_the_drive_and_ends_safe_to_remove(bench: Bench) -> None:
    (bench.base / "office" / "a.csv").write_bytes(b"row")
    with bench.station(TO_CARD, 'root = "archive"') as service:
        service.start()
        until(lambda: "office/a.csv" in bench.at("store"), "it is stored")
        until(reaches(service, DeviceState.ABSENT), "the drive is not there")
        bench.plug()
        until(reaches(service, DeviceState.SAFE), "the drive is done")
        assert bench.at("card") == {"archive/office/a.csv": b"row"}
        assert bench.port.asked[-1] == "unmount"
        (bench.base / "office" / "b.csv").write_bytes(b"more")
        until(lambda: "archive/office/b.csv" in bench.at("card"), "new work mounts it again")
        until(reaches(service, DeviceState.SAFE), "and it is let go again")
    assert bench.port.table == []


def test_a_drive_that_cannot_be_unmounted_is_never_called_safe(bench: Bench) -> None:
    bench.port.busy = True
    bench.port.plug(bench.stick)
    bench.stick.put("a.jpg")
    with bench.station() as service:
        service.start()
        until(lambda: "busy" in said(service), "the trouble is told")
        (flir,) = (device for device in service.view().devices if device.name == "flir")
        assert flir.state is not DeviceState.SAFE
        assert "busy" in flir.trouble
        bench.port.busy = False
        service.force(["flir"])
        until(reaches(service, DeviceState.SAFE), "it is let go")


def test_the_end_of_the_station_unmounts_the_drive(bench: Bench) -> None:
    bench.port.plug(bench.stick)
    bench.stick.put("a.jpg")
    bench.stick.put("a.jpg.lock")
    with bench.station() as service:
        service.start()
        until(lambda: bool(bench.port.asked), "it is mounted")
    assert bench.port.table == []


def test_plan_mounts_for_reading_only_and_lets_go(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.port.plug(bench.stick)
    bench.stick.put("a.jpg")
    assert main(["--config", str(bench.write(REMOVING)), "plan"]) == 0
    assert "a.jpg" in capsys.readouterr().out
    assert bench.port.asked == ["mount ro,nodev,nosuid,noexec,utf8", "unmount"]


def test_two_cards_with_one_label_need_a_person_and_go_on_when_one_is_out(bench: Bench) -> None:
    twin = Stick(bench.base / "twin", uuid="D1C6-0146")
    bench.port.plug(bench.stick)
    bench.port.plug(twin)
    with bench.station() as service:
        service.start()
        until(reaches(service, DeviceState.REFUSED), "two fit")
        bench.port.yank(twin)
        bench.hints.news.set()
        until(reaches(service, DeviceState.SAFE), "one fits")


def test_the_stick_is_known_by_what_the_config_says(bench: Bench) -> None:
    assert Wanted(uuid="D1C6-0146").fits(bench.port.plug(bench.stick))
