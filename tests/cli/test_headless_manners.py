"""The headless twin beside signals, journals, terminals and systemd: what it says, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG, NASTY, SPAT, Run
from tests.cli.stations import COMMAND, DEADLINE_S, Station, on_a_pty, wait_for

from v2xsync.cli import headless
from v2xsync.cli.signals import Inbox
from v2xsync.control.notify import Notifier

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of Unix")


@pytest.fixture
def big(site: Path) -> Path:
    """A file that takes half a minute each way."""
    (site / "v2xsync.toml").write_text(CONFIG + '[limits]\nbandwidth = "400 KB/s"\n')
    for name in (SPAT, NASTY):
        (site / "clay" / name).unlink()
    file = site / "clay" / "big_spatLog_01022026_030405.csv"
    file.write_bytes(os.urandom(12_000_000))
    return file


@pytest.fixture
def start(site: Path) -> Iterator[Callable[..., Station]]:
    stations: list[Station] = []

    def begin(*options: str) -> Station:
        stations.append(Station(site, *options))
        stations[-1].wait_until_attachable()
        return stations[-1]

    yield begin
    for station in stations:
        station.kill()


def under_way(site: Path) -> bool:
    return any(part.stat().st_size > 0 for part in (site / "store").rglob("*.part"))


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_second_interrupt_stops_now_and_keeps_the_partial(
    start: Callable[..., Station], big: Path, site: Path
) -> None:
    station = start()
    wait_for(lambda: under_way(site), "the transfer")
    station.tell(signal.SIGINT)
    wait_for(lambda: "finishing the files in motion" in station.out, "the drain")
    assert station.process.poll() is None
    station.tell(signal.SIGINT)
    assert station.end() == 130
    assert under_way(site)
    assert big.exists()


def test_an_interrupted_once_tells_totals_and_devices(start: Callable[..., Station], big: Path, site: Path) -> None:
    process = subprocess.Popen([*COMMAND, "--once", "--json"], cwd=site, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: under_way(site), "the transfer")
        process.send_signal(signal.SIGTERM)
        out, _err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()
    document = json.loads(out)
    assert process.returncode == 130
    assert document["interrupted"] is True
    assert document["totals"]["found"] == 1
    assert {device["name"] for device in document["devices"]} == {"clay", "office"}


class Stubborn:
    """A service that never finishes by itself."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.beats = True

    def join(self, timeout_s: float) -> bool:
        return "stop" in self.asked

    def drain(self) -> None:
        self.asked.append("drain")

    def stop(self) -> None:
        self.asked.append("stop")

    def tell(self, level: object, text: str) -> None:
        self.asked.append(text)

    def view(self) -> None:
        """Never looked at here."""


def watch(service: Stubborn, inbox: Inbox, notifier: Notifier | None = None) -> headless.Watch:
    config = type("Config", (), {"name": "t"})()
    return headless.Watch(None, config, service, inbox, notifier=notifier)  # type: ignore[arg-type]  # stand-ins


def test_sigterm_drains_with_a_deadline_and_then_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headless, "DRAIN_S", 0.0)
    service, inbox = Stubborn(), Inbox(lambda: None)
    inbox.put(signal.SIGTERM, None)
    end, _config = watch(service, inbox).until_end()
    assert end is headless.End.DRAINED
    assert service.asked == ["drain", "the time to finish is over: stopping; partials are kept", "stop"]


def test_an_interrupt_drains_without_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headless, "DRAIN_S", 0.0)
    service, inbox = Stubborn(), Inbox(lambda: None)
    inbox.put(signal.SIGINT, None)
    inbox.put(signal.SIGINT, None)
    end, _config = watch(service, inbox).until_end()
    assert end is headless.End.INTERRUPTED
    assert service.asked == ["drain", "stop"]


def test_a_reader_that_goes_away_does_not_end_the_service(site: Path) -> None:
    """``v2xsync --no-ui | head -1``: SIGPIPE ends the talking, not the work."""
    reading, writing = os.pipe()
    process = subprocess.Popen([*COMMAND, "--no-ui"], cwd=site, stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        assert b"started" in os.read(reading, 200)
        os.close(reading)
        wait_for(lambda: not (site / "clay" / SPAT).exists(), "the first removal")
        process.send_signal(signal.SIGUSR1)
        late = site / "clay" / "late_spatLog_01022026_030405.csv"
        late.write_text("late")
        wait_for(lambda: not late.exists(), "the late file")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()


# --- reload -----------------------------------------------------------------------------------------------------------


def test_a_reload_finishes_the_file_in_motion_first(start: Callable[..., Station], big: Path, site: Path) -> None:
    big.write_bytes(big.read_bytes()[:1_000_000])
    station = start()
    wait_for(lambda: under_way(site), "the transfer")
    (site / "v2xsync.toml").write_text(CONFIG.replace('name = "test"', 'name = "renamed"'))
    station.tell(signal.SIGHUP)
    wait_for(lambda: "station renamed started" in station.out, "the new config")
    assert "it takes over once the files in motion are done" in station.out
    wait_for(lambda: not big.exists(), "the removal")
    assert (site / "office/clay/spat" / big.name).stat().st_size == 1_000_000
    assert "cut off" not in station.out
    assert "again" not in station.out.replace("was read again", "")


def test_a_wrong_config_is_told_in_the_log_and_on_every_screen(
    run: Run, start: Callable[..., Station], site: Path
) -> None:
    station = start()
    (site / "v2xsync.toml").write_text(CONFIG.replace('to = ["office"]', 'to = ["ofice"]'))
    station.tell(signal.SIGHUP)
    wait_for(lambda: "the new config is not taken" in station.out, "the log line")
    assert "ofice" in (site / "logs" / "v2xsync.log").read_text()
    (site / "v2xsync.toml").write_text(CONFIG)
    assert run("status", "--json").document["view"]["errors_unseen"] == 1
    with on_a_pty(site) as screen:
        screen.wait_for(b"new config is not taken")


# --- what it says -----------------------------------------------------------------------------------------------------


def test_lines_for_the_journal_carry_their_level_and_no_time(site: Path) -> None:
    with (site / "journal").open("wb") as journal:
        found = os.fstat(journal.fileno())
        environ = {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        subprocess.run(
            [*COMMAND, "--once"],
            cwd=site,
            env=environ,
            stdout=journal,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=True,
        )
    lines = (site / "journal").read_text().splitlines()
    assert lines[0] == "<6>station test started"
    assert all(re.match(r"<[3-7]>\S", line) for line in lines)


@pytest.mark.slow
def test_an_inherited_journal_that_is_not_this_stdout_changes_nothing(run: Run, site: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--once"], cwd=site, env={**os.environ, "JOURNAL_STREAM": "1:2"}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert not done.stdout.startswith("<")


@pytest.mark.slow
def test_json_lines_say_their_schema(site: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--no-ui", "--log-format", "json", "--once"], cwd=site, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["schema"] for line in lines} == {"v2xsync-log/1"}
    assert {"at", "level", "text"} <= set(lines[0])


@pytest.mark.slow
def test_on_a_terminal_it_draws_a_line_of_progress(big: Path, site: Path) -> None:
    with on_a_pty(site, "--no-ui") as screen:
        screen.wait_for(b"station test started")
        screen.wait_for(b"0/1 files")
        screen.wait_for(b"KB/s")
        screen.type(b"\x03")
        screen.wait_for(b"finishing the files in motion")
        screen.type(b"\x03")
        assert screen.end() == 130


@pytest.mark.slow
def test_a_single_run_on_a_terminal_draws_it_too(big: Path, site: Path) -> None:
    with on_a_pty(site, "--no-ui", "--once") as screen:
        screen.wait_for(b"0/1 files")
        screen.type(b"\x03")
        assert screen.end() == 130


# --- systemd ----------------------------------------------------------------------------------------------------------


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "notify")
        self._post = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._post.bind(self.path)
        self._post.setblocking(False)
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        try:
            while True:
                self.heard += self._post.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self.heard

    def close(self) -> None:
        self._post.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path)
    yield systemd
    systemd.close()


def test_systemd_hears_ready_alive_reload_and_stopping(
    systemd: Systemd, start: Callable[..., Station], site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.path)
    monkeypatch.setenv("WATCHDOG_USEC", "600000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    station = start()
    wait_for(lambda: "READY=1" in systemd.listen(), "ready")
    assert f"MAINPID={station.process.pid}" in systemd.heard
    wait_for(lambda: systemd.listen().count("WATCHDOG=1") >= 3, "the watchdog")
    station.tell(signal.SIGHUP)
    wait_for(lambda: "RELOADING=1" in systemd.listen(), "the reload")
    wait_for(lambda: systemd.listen().count("READY=1") == 2, "ready again")
    station.tell(signal.SIGTERM)
    assert station.end() == 0
    assert "STOPPING=1" in systemd.listen()


def test_an_engine_without_a_heartbeat_does_not_stroke_the_watchdog(systemd: Systemd) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.path, "WATCHDOG_USEC": "1"}, lambda: 1.0)
    service, inbox = Stubborn(), Inbox(lambda: None)
    service.beats = False
    inbox.put(signal.SIGINT, None)
    inbox.put(signal.SIGINT, None)
    watch(service, inbox, notifier).until_end()
    assert "READY=1" in systemd.listen()
    assert "WATCHDOG=1" not in systemd.heard


def test_outside_of_systemd_nothing_is_said_and_a_watchdog_of_another_process_is_not_ours(systemd: Systemd) -> None:
    Notifier({}, lambda: 0.0).ready("x")
    other = Notifier({"NOTIFY_SOCKET": systemd.path, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}, lambda: 1.0)
    other.alive()
    Notifier({"NOTIFY_SOCKET": systemd.path + "-gone"}, lambda: 0.0).stopping()
    assert systemd.listen() == []
