"""A whole run with a vehicle: its logs fetched, delivered, proven and removed; and nothing of it while it flies."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers.cable import Cable
from tests.servers.mavsdk_vehicle import mavsdk_vehicle
from tests.servers.radio import free_udp_port

from v2xsync.cli.main import main
from v2xsync.sim.drone import vehicle as simulated
from v2xsync.sim.drone.vehicle import Drone, DroneRules

CONFIG = """
[station]
timezone = "UTC"
state = "{base}/state"

[store]
directory = "{base}/store"
min_free = "1 MB"

[devices.pixracer]
type = "mavftp"
connection = "udpout:127.0.0.1:{port}"

[devices.office]
type = "local"
directory = "{base}/office"

[routes.logs]
from = ["pixracer"]
to = ["office"]
include = ["*.ulg"]
ready = {{ settle = "0s" }}
remove = {{ after = "delivered", empty_folders = true }}
"""


def ulogs(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.ulg"))}


def test_logs_are_removed_from_the_vehicle_once_they_are_proven_and_never_while_it_flies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(simulated, "HEARTBEAT_S", 0.2)
    (tmp_path / "office").mkdir()
    rules = DroneRules(flights=3, flight_length=dt.timedelta(seconds=5), loss=0.02)
    with Drone(tmp_path / "card", rules) as drone:
        config = tmp_path / "v2xsync.toml"
        config.write_text(CONFIG.format(base=tmp_path.as_posix(), port=drone.port), encoding="utf-8")
        log = tmp_path / "card" / "fs" / "microsd" / "log"
        before = ulogs(log)
        drone.arm()
        assert main(["--config", str(config), "--no-ui", "--once", "--json"]) == 0
        assert (ulogs(log).keys() >= before.keys(), ulogs(tmp_path / "office")) == (True, {})
        assert drone.heard_while_armed == 0
        states = {device["name"]: device["state"] for device in json.loads(capsys.readouterr().out)["devices"]}
        assert states["pixracer"] == "armed"
        drone.arm(armed=False)
        flown = ulogs(log)
        assert main(["--config", str(config), "--no-ui", "--once", "--json"]) == 0
        totals = json.loads(capsys.readouterr().out)["totals"]
    assert totals["removed"] == len(flown) == 4
    assert {name.removeprefix("pixracer/"): data for name, data in ulogs(tmp_path / "office").items()} == flown
    assert ulogs(log) == {}
    assert list(log.rglob("*")) == []


def test_a_vehicle_that_comes_and_goes_is_found_without_a_restart(tmp_path: Path):
    """Under whatever port's name it comes back; a log that was not there before is fetched."""
    (tmp_path / "office").mkdir()
    log = tmp_path / "card" / "fs" / "microsd" / "log"
    log.mkdir(parents=True)
    config = tmp_path / "v2xsync.toml"
    text = CONFIG.format(base=tmp_path.as_posix(), port=1)
    config.write_text(text.replace("udpout:127.0.0.1:1", f"{tmp_path.as_posix()}/ttyACM*"), encoding="utf-8")
    command = [sys.executable, "-m", "v2xsync", "--config", str(config), "--no-ui"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as station:
        try:
            assert station.stdout is not None
            assert any("started" in line for line in station.stdout)
            for name in ("ttyACM0", "ttyACM3"):
                with Cable() as cable, mavsdk_vehicle(tmp_path / "card", f"serial://{cable.far}:57600"):
                    (log / f"{name}.ulg").write_bytes(name.encode() * 100)
                    (tmp_path / name).symlink_to(cable.near)
                    assert any("removed" in line and "pixracer" in line for line in station.stdout)
                    (tmp_path / name).unlink()
        finally:
            station.terminate()
            station.communicate(timeout=60)
    assert set(ulogs(tmp_path / "office")) == {"pixracer/ttyACM0.ulg", "pixracer/ttyACM3.ulg"}
    assert ulogs(log) == {}


def test_logs_stream_from_a_vehicle_to_a_target_without_a_copy_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(simulated, "HEARTBEAT_S", 0.2)
    (tmp_path / "office").mkdir()
    port, rules = free_udp_port(), DroneRules(flights=2, flight_length=dt.timedelta(seconds=3))
    with Drone(tmp_path / "card", rules, station=port):
        logs = ulogs(tmp_path / "card" / "fs" / "microsd" / "log")
        config = tmp_path / "v2xsync.toml"
        text = CONFIG.format(base=tmp_path.as_posix(), port=port).replace("udpout", "udpin")
        config.write_text(f"{text}\nstage = false\n", encoding="utf-8")
        assert main(["--config", str(config), "--no-ui", "--once", "--json"]) == 0
    assert {name.removeprefix("pixracer/"): data for name, data in ulogs(tmp_path / "office").items()} == logs
    assert not ulogs(tmp_path / "store")
