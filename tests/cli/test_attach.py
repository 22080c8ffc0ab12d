"""Screens beside a running service, and stations that outlive their screen: the real program on real terminals."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG, NASTY, SPAT, Run
from tests.cli.stations import Station, on_a_pty, wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of Unix")

LATE = "live_1/late_spatLog_01022026_030405.csv"
SLOW = CONFIG + '[limits]\nbandwidth = "400 KB/s"\n'


@pytest.fixture
def service(site: Path) -> Iterator[Station]:
    station = Station(site)
    station.wait_until_attachable()
    yield station
    station.kill()


def put_late(site: Path) -> None:
    (site / "clay" / LATE).parent.mkdir(exist_ok=True)
    (site / "clay" / LATE).write_text("late")


def only_a_big_one(site: Path) -> Path:
    """A file that takes six seconds each way; returns it."""
    (site / "v2xsync.toml").write_text(SLOW)
    for name in (SPAT, NASTY):
        (site / "clay" / name).unlink()
    big = site / "clay" / "big_spatLog_01022026_030405.csv"
    big.write_bytes(os.urandom(2_500_000))
    return big


def running_process(run: Run) -> bool:
    return bool(run("status", "--json").document["live"])


def test_a_screen_attaches_sees_a_restart_through_and_leaves_the_service_alone(service: Station, site: Path) -> None:
    with on_a_pty(site) as one, on_a_pty(site, "--read-only") as other:
        for screen in (one, other):
            screen.wait_for(b"attached")
        other.wait_for(b"Quit")
        other.type(b"q")
        assert other.end() == 0

        service.tell(signal.SIGTERM)
        assert service.end() == 0
        one.wait_for(b"reconnecting")
        again = Station(site)
        try:
            one.wait_for(b"resting")
            put_late(site)
            wait_for(lambda: not (site / "clay" / LATE).exists(), "the late file")
            one.type(b"q")
            one.wait_for(b"Close this window")
            one.type(b"l")
            assert one.end() == 0
            assert again.process.poll() is None
            assert "Traceback" not in again.err
        finally:
            again.kill()


@pytest.mark.slow
def test_an_attached_screen_can_end_the_service(service: Station, site: Path) -> None:
    with on_a_pty(site) as screen:
        screen.wait_for(b"attached")
        screen.wait_for(b"Quit")
        screen.type(b"q")
        screen.wait_for(b"Drain the service")
        screen.type(b"f")
        assert screen.end() == 0
    assert service.end() == 0


@pytest.mark.slow
def test_a_window_that_loses_its_terminal_leaves_the_service_alone(service: Station, site: Path) -> None:
    with on_a_pty(site) as screen:
        screen.wait_for(b"Quit")
        screen.hang_up()
        assert screen.end() in {0, -signal.SIGHUP}
    assert service.process.poll() is None


@pytest.mark.parametrize("option", ["--attach", "--read-only"])
def test_attaching_to_nobody_is_said_and_starts_nothing(option: str, site: Path) -> None:
    with on_a_pty(site, option) as screen:
        assert screen.end() == 1
        assert b"no service is running here" in screen.seen
    assert not (site / "state").exists()


@pytest.mark.skipif(not hasattr(signal, "sigwaitinfo"), reason="the keeper needs it")
def test_left_running_the_shell_is_back_and_the_engine_never_stopped(run: Run, site: Path) -> None:
    """A transfer goes on while the screen is left; the next screen attaches to the very same process."""
    big = only_a_big_one(site)
    with on_a_pty(site) as screen:
        screen.wait_for(b"Quit")
        wait_for(lambda: running_process(run), "the socket")
        wait_for(lambda: bool(run("status", "--json").document["view"]["transfers"]), "the transfer")
        started = run("status", "--json").document["view"]["started"]
        screen.type(b"q")
        screen.wait_for(b"Leave it running")
        screen.type(b"l")
        assert screen.end() == 0
        assert b"goes on in the background" in screen.seen
    number = int((site / "state" / "lock").read_text())
    try:
        os.kill(number, signal.SIGSTOP)
        os.kill(number, signal.SIGCONT)  # a screen's own answer to this would speak to a terminal that is gone
        view = run("status", "--json").document["view"]
        assert view["started"] == started
        assert [moving["path"] for moving in view["transfers"]] == [big.name]
        with on_a_pty(site) as again:
            again.wait_for(b"attached")
            again.wait_for(b"Quit")
            wait_for(lambda: not big.exists(), "the end of the transfer")
            again.type(b"q")
            again.wait_for(b"Stop the service")
            again.type(b"s")
            assert again.end() == 0
        wait_for(lambda: not running_process(run), "the end")
    finally:
        end_by_number(number)
    assert (site / "office/clay/spat" / big.name).stat().st_size == 2_500_000


def end_by_number(number: int) -> None:
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_a_lost_session_in_mid_transfer_loses_nothing_and_stalls_nothing(run: Run, site: Path) -> None:
    """`on_hangup = "continue"`: the terminal stands still, then dies, while a file is on its way."""
    big = only_a_big_one(site)
    with on_a_pty(site) as screen:
        screen.wait_for(b"Quit")
        wait_for(lambda: running_process(run), "the socket")
        wait_for(lambda: bool(run("status", "--json").document["view"]["transfers"]), "the transfer")
        (before,) = run("status", "--json").document["view"]["transfers"]
        screen.type(b"?\x1b2346" * 100)  # pictures that nobody reads any more
        wait_for(lambda: position(run) > before["position"], "progress behind a frozen terminal")
        screen.hang_up()
        wait_for(lambda: not big.exists(), "the end of the transfer")
        lines = [line["step"] for line in run("history", "--json").document["lines"] if line["path"] == big.name]
        assert lines == ["found", "stored", "delivered", "removed"], "one fetch, never cut off"
        os.kill(screen.pid, signal.SIGTERM)
        assert screen.end() == 0


def position(run: Run) -> int:
    view = run("status", "--json").document["view"]
    moving = [transfer["position"] for transfer in view["transfers"]]
    return int(moving[0]) if moving else 10**9


@pytest.mark.slow
def test_a_killed_keeper_takes_its_station_along(run: Run, site: Path) -> None:
    if not hasattr(signal, "sigwaitinfo"):
        pytest.skip("no keeper here")
    with on_a_pty(site) as screen:
        screen.wait_for(b"Quit")
        wait_for(lambda: running_process(run), "the socket")
        number = int((site / "state" / "lock").read_text())
        assert number != screen.pid
        os.kill(screen.pid, signal.SIGKILL)
        try:
            wait_for(lambda: not running_process(run), "the end of the station")
        finally:
            end_by_number(number)
    assert not (site / "clay" / SPAT).exists()
