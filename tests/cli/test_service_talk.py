"""Commands beside a running service talk to it; without one they act by themselves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG, SPAT, Run
from tests.cli.stations import Station, wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Unix sockets")

NIGHTLY = CONFIG.replace("ready =", 'fetch = { daily = "03:00" }\nready =').replace('"UTC"', '"Etc/GMT+12"')
LATE = "live_1/late_spatLog_01022026_030405.csv"


@pytest.fixture
def service(site: Path) -> Iterator[Station]:
    """A running service whose schedule is far away, so that only what is asked for is done."""
    (site / "v2xsync.toml").write_text(CONFIG)
    station = Station(site)
    station.wait_until_attachable()
    wait_for(lambda: not (site / "clay" / SPAT).exists(), "the first removal")
    yield station
    station.kill()


def test_status_is_live_beside_a_service_and_remembered_without(run: Run, service: Station) -> None:
    live = run("status", "--json").document
    assert live["live"] is True
    assert live["view"]["totals"]["removed"] == 2
    assert "as last written down" not in run("status").out
    service.tell(signal.SIGTERM)
    assert service.end() == 0
    after = run("status", "--json").document
    assert after["live"] is False
    assert "as last written down" in run("status").out


def test_a_pause_holds_back_what_comes_outlives_a_restart_and_is_taken_back(
    run: Run, service: Station, site: Path
) -> None:
    assert run("pause", "clay", "--json").document == {
        "schema": "v2xsync/1", "command": "pause", "paused": ["clay"], "everything": False, "service": True,
    }  # fmt: skip
    assert "paused: clay" in service.out
    (site / "clay" / LATE).parent.mkdir(exist_ok=True)
    (site / "clay" / LATE).write_text("late")
    assert run("sync", "clay").code == 0
    service.tell(signal.SIGTERM)
    assert service.end() == 0

    assert run("status", "--json").document["paused"] == ["clay"]
    once = run("--once")
    assert once.code == 0
    assert "paused" in once.err
    assert (site / "clay" / LATE).exists()

    again = Station(site)
    try:
        again.wait_until_attachable()
        (device,) = [d for d in run("status", "--json").document["view"]["devices"] if d["name"] == "clay"]
        assert device["paused"] is True
        assert run("resume").out == "test: nothing is paused\n"
        wait_for(lambda: not (site / "clay" / LATE).exists(), "the late file")
    finally:
        again.kill()


def test_a_pause_without_a_service_is_noted_for_the_next(run: Run, site: Path) -> None:
    answer = run("pause")
    assert (answer.code, answer.out) == (0, "test: everything is paused\n")
    assert "no service is running" in answer.err
    assert run("--once", "--json").document["totals"]["found"] == 0
    assert run("resume", "clay").err.startswith("everything is paused; v2xsync resume, without a name")
    assert run("resume").code == 0
    assert run("--once", "--json").document["totals"]["removed"] == 2


def test_sync_waits_for_the_service_to_finish_and_counts_what_it_did(run: Run, service: Station, site: Path) -> None:
    (site / "clay" / LATE).parent.mkdir(exist_ok=True)
    (site / "clay" / LATE).write_text("late")
    answer = run("sync", "--wait", "--json")
    assert answer.code == 0, answer
    assert answer.document["causes"] == []
    assert not (site / "clay" / LATE).exists()
    assert (site / "office/clay/spat" / Path(LATE).name).read_text() == "late"


@pytest.mark.slow
def test_sync_tells_what_the_service_could_not_do(run: Run, service: Station, site: Path) -> None:
    (site / "office").rename(site / "gone")
    (site / "clay" / LATE).parent.mkdir(exist_ok=True)
    (site / "clay" / LATE).write_text("late")
    command = ["sync", "--json"]
    answer = run(*command)
    assert answer.code == 0
    assert answer.document["waited"] is False
    wait_for(lambda: "office" in _in_trouble(run), "the trouble")
    (site / "gone").rename(site / "office")
    assert run("retry", "--json").code == 0
    assert run("sync", "--wait").code == 0
    assert not (site / "clay" / LATE).exists()


def _in_trouble(run: Run) -> set[str]:
    return {d["name"] for d in run("status", "--json").document["view"]["devices"] if d["trouble"]}


@pytest.mark.slow
def test_what_a_read_config_does_not_know_is_refused_by_both_ends(run: Run, service: Station, site: Path) -> None:
    assert run("pause", "clai").code == 2
    more = '\n[devices.new]\ntype = "local"\ndirectory = "new"\n'
    (site / "v2xsync.toml").write_text(CONFIG.replace('["clay"]', '["clay", "new"]') + more)
    answer = run("pause", "new")
    assert answer.code == 1
    assert "knows no route or device" in answer.err
    assert "reload" in answer.err
