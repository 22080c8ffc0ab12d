"""The headless service and the screen, as processes with signals: drain, stop, reload, picture, hang-up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG, SPAT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of Unix")
DEADLINE_S = 30.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    never = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        never.wait(0.02)


class Station:
    """A running ``v2xsync --no-ui`` and what it has printed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._stdout = folder / "stdout"
        self._stderr = folder / "stderr"
        command = [sys.executable, "-m", "v2xsync", "-c", "v2xsync.toml", "--no-ui", *options]
        with self._stdout.open("wb") as out, self._stderr.open("wb") as err:
            self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    @property
    def out(self) -> str:
        return self._stdout.read_text()

    @property
    def err(self) -> str:
        return self._stderr.read_text()

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        return self.process.wait(timeout=DEADLINE_S)


@pytest.fixture
def start(site: Path) -> Iterator[Callable[..., Station]]:
    stations: list[Station] = []

    def begin(*options: str) -> Station:
        station = Station(site, *options)
        stations.append(station)
        wait_for(lambda: "started" in station.out or station.process.poll() is not None, "the start")
        return station

    yield begin
    for station in stations:
        if station.process.poll() is None:
            station.process.kill()
            station.process.wait()


def test_it_works_through_what_is_there_and_sigterm_drains(start: Callable[..., Station], site: Path) -> None:
    station = start()
    wait_for(lambda: not (site / "clay" / SPAT).exists(), "the removal")
    station.tell(signal.SIGTERM)
    assert station.end() == 0
    assert station.err == ""
    assert "finishing the files in motion" in station.out


def test_ctrl_c_drains_too_and_says_so_by_130(start: Callable[..., Station]) -> None:
    station = start()
    station.tell(signal.SIGINT)
    assert station.end() == 130


def test_sigusr1_prints_the_view_on_one_line(start: Callable[..., Station]) -> None:
    station = start()
    station.tell(signal.SIGUSR1)
    wait_for(lambda: '"command": "view"' in station.out and station.out.endswith("\n"), "the view")
    line = next(line for line in station.out.splitlines() if line.startswith("{"))
    assert json.loads(line)["view"]["name"] == "test"


def test_sighup_takes_a_new_config_and_keeps_the_old_one_where_the_new_is_wrong(
    start: Callable[..., Station], site: Path
) -> None:
    station = start()
    (site / "v2xsync.toml").write_text(CONFIG.replace('to = ["office"]', 'to = ["ofice"]'))
    station.tell(signal.SIGHUP)
    wait_for(lambda: 'did you mean "office"?' in station.err, "the refusal")
    assert station.process.poll() is None
    (site / "v2xsync.toml").write_text(CONFIG.replace('name = "test"', 'name = "renamed"'))
    station.tell(signal.SIGHUP)
    wait_for(lambda: "station renamed started" in station.out, "the reload")
    station.tell(signal.SIGTERM)
    assert station.end() == 0


def test_log_lines_may_be_json(start: Callable[..., Station]) -> None:
    station = start("--log-format", "json")
    station.tell(signal.SIGTERM)
    assert station.end() == 0
    assert all("text" in json.loads(line) for line in station.out.splitlines())


def test_a_second_instance_ends_with_4_and_says_who_has_the_folder(start: Callable[..., Station], site: Path) -> None:
    first = start()
    command = [sys.executable, "-m", "v2xsync", "-c", "v2xsync.toml", "--once"]
    done = subprocess.run(command, cwd=site, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert str(first.process.pid) in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_run_ends_with_130_and_goes_on_at_the_next(
    number: signal.Signals, start: Callable[..., Station], site: Path
) -> None:
    big = site / "clay" / "big_spatLog_01022026_030405.csv"
    big.write_bytes(os.urandom(300_000))
    (site / "v2xsync.toml").write_text(CONFIG + '[limits]\nbandwidth = "20 KB/s"\n')
    station = start("--once")
    wait_for(lambda: any((site / "store").rglob("*.part")), "the transfer")
    station.tell(number)
    assert station.end() == 130
    assert "goes on at the next run" in station.err
    assert big.exists()
    (site / "v2xsync.toml").write_text(CONFIG)
    assert start("--once").end() == 0
    assert not big.exists()
    assert (site / "office/clay/spat" / big.name).stat().st_size == 300_000


def test_without_a_terminal_the_bare_command_is_headless(site: Path) -> None:
    command = [sys.executable, "-m", "v2xsync", "-c", "v2xsync.toml"]
    with subprocess.Popen(command, cwd=site, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "started" in process.stdout.readline()
        process.terminate()
        assert process.wait(timeout=DEADLINE_S) == 0


# --- with a terminal --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def on_a_terminal(folder: Path) -> Iterator[tuple[int, int]]:
    """The bare command on a terminal of its own; gives its process id and our side of the terminal."""
    import pty

    pid, ours = pty.fork()
    if pid == 0:
        os.chdir(folder)
        environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        command = [sys.executable, "-m", "v2xsync", "-c", "v2xsync.toml"]
        os.execve(command[0], command, environ)  # noqa: S606 - this very interpreter
    try:
        yield pid, ours
    finally:
        with contextlib.suppress(OSError):
            os.close(ours)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def read_until(terminal: int, words: bytes) -> bytes:
    import select

    seen, end = b"", time.monotonic() + DEADLINE_S
    while words not in seen:
        assert time.monotonic() < end, seen[-500:]
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65_536)
    return seen


def ended(pid: int) -> int | None:
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def wait_for_end(pid: int, terminal: int | None) -> int:
    import select

    end = time.monotonic() + DEADLINE_S
    while (code := ended(pid)) is None:
        assert time.monotonic() < end, "waited in vain for the end"
        if terminal is not None and select.select([terminal], [], [], 0.05)[0]:
            with contextlib.suppress(OSError):
                os.read(terminal, 65_536)
    return code


def test_a_frozen_terminal_that_then_goes_away_leaves_a_station_that_ends_when_told(site: Path) -> None:
    """The screen's output is not taken for a while, then the terminal dies: nothing waits for it for ever."""
    with on_a_terminal(site) as (pid, terminal):
        read_until(terminal, b"Quit")
        os.write(terminal, b"?\x1b2346123461234612346123461234612346" * 20)  # pictures that nobody reads
        wait_for(lambda: not (site / "clay" / SPAT).exists(), "the first removal")
        os.close(terminal)
        (site / "clay" / "late_spatLog_01022026_030405.csv").write_text("late")
        wait_for((site / "office/clay/spat/late_spatLog_01022026_030405.csv").exists, "the late file")
        os.kill(pid, signal.SIGTERM)
        assert wait_for_end(pid, None) == 0


def test_the_engine_outlives_its_terminal(site: Path) -> None:
    """`on_hangup = "continue"`: the terminal goes, a file that comes later is still taken."""
    with on_a_terminal(site) as (pid, terminal):
        read_until(terminal, b"Quit")
        os.close(terminal)
        wait_for(lambda: not (site / "clay" / SPAT).exists(), "the first removal")
        (site / "clay" / "late_spatLog_01022026_030405.csv").write_text("late")
        wait_for((site / "office/clay/spat/late_spatLog_01022026_030405.csv").exists, "the late file")
        assert ended(pid) is None
        os.kill(pid, signal.SIGTERM)
        assert wait_for_end(pid, None) == 0


@pytest.mark.parametrize("word", ["drain", "stop"])
def test_the_engine_ends_with_its_terminal_where_the_config_says_so(word: str, site: Path) -> None:
    (site / "v2xsync.toml").write_text(CONFIG.replace('state = "state"', f'state = "state"\non_hangup = "{word}"'))
    with on_a_terminal(site) as (pid, terminal):
        read_until(terminal, b"Quit")
        os.close(terminal)
        assert wait_for_end(pid, None) == 0


def test_sigterm_closes_the_screen_and_drains(site: Path) -> None:
    with on_a_terminal(site) as (pid, terminal):
        read_until(terminal, b"Quit")
        os.kill(pid, signal.SIGTERM)
        assert wait_for_end(pid, terminal) == 0


def test_the_log_is_written_while_the_screen_is_shown(site: Path) -> None:
    with on_a_terminal(site) as (_pid, terminal):
        read_until(terminal, b"Quit")
        wait_for(lambda: "station test started" in (site / "logs" / "v2xsync.log").read_text(), "the log line")
