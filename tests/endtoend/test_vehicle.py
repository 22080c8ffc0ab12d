"""A whole run with a vehicle: its logs fetched, delivered, proven and removed; and nothing of it while it flies."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

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
        drone.arm(armed=False)
        capsys.readouterr()
        flown = ulogs(log)
        assert main(["--config", str(config), "--no-ui", "--once", "--json"]) == 0
        totals = json.loads(capsys.readouterr().out)["totals"]
    assert totals["removed"] == len(flown) == 4
    assert {name.removeprefix("pixracer/"): data for name, data in ulogs(tmp_path / "office").items()} == flown
    assert ulogs(log) == {}
    assert list(log.rglob("*")) == []
