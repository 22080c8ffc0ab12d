"""`v2xsync demo`: the whole site once to the end, and each machine alone with a snippet that our own config takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from v2xsync.cli.arguments import DEMO_PARTS
from v2xsync.cli.main import main
from v2xsync.config.load import load
from v2xsync.sim.alone import PARTS, Alone

SERVED = {"ftp": 10, "sftp": 10, "writer": 2, "drone": 4}
"""Parts that files come from, and how many wait there at the start."""


def test_the_whole_rehearsal_ends_well(capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 0: no file failed, none is held, and every machine did its part."""
    assert main(["demo", "--once", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["exit_code"], told["causes"]) == (0, [])
    assert told["totals"]["failed"] == told["totals"]["held"] == 0
    assert told["totals"]["removed"] > 60


def test_the_parts_of_the_command_line_are_those_that_there_are() -> None:
    assert PARTS == DEMO_PARTS


@pytest.mark.parametrize("part", PARTS)
def test_a_snippet_is_a_config_that_we_take(part: str, tmp_path: Path) -> None:
    with Alone(part) as alone:
        folder = alone.folder
        config = load(station(tmp_path, alone.config, part), {})
        assert all(name.startswith("sim-") or name == "disk" for name in config.devices)
        if part in SERVED:
            assert main(["-c", str(config.source_file), "--no-ui", "--once", "r"]) == 0
            assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == SERVED[part]
    assert not folder.exists()


def station(folder: Path, snippet: str, part: str) -> Path:
    """Write a config around the snippet: a route `r` from its device, or to it, or to a folder."""
    ends = {"post": 'from = ["disk"]\nto = ["sim-review"]'}.get(part, f'from = ["sim-{part}"]\nto = ["disk"]')
    ready = 'ready = { settle = "0s", lock = "{name}.lock" }'
    path = folder / "v2xsync.toml"
    path.write_text(
        f'[station]\ntimezone = "UTC"\nstate = "state"\n[store]\ndirectory = "store"\nmin_free = 0\n\n{snippet}\n'
        f'[devices.disk]\ntype = "local"\ndirectory = "out"\n\n[routes.r]\n{ends}\n{ready}\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
def test_a_machine_alone_tells_how_to_reach_it_until_a_signal_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "v2xsync", "demo", "--only", "post"]
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        head = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert head == "[devices.sim-review]\n"
        assert "http://127.0.0.1:" in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="pipes of Unix")
@pytest.mark.parametrize("number", ["SIGINT", "SIGHUP"])
def test_nothing_is_left_behind_however_a_machine_alone_ends(number: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "v2xsync", "demo", "--only", "writer"]
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.Signals[number])
        assert process.wait(30) == (130 if number == "SIGINT" else 0)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_ends_it_without_a_word_about_ports(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "v2xsync", "demo", "--only", "writer"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=environ, timeout=30, check=False)
    os.close(writing)
    assert b"--port" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [["--only", "ftp", "--once"], ["--only", "ftp", "--no-ui"], ["--only", "ftp", "--port", "70000"], ["--port", "1"]],
    ids=" ".join,
)
def test_options_that_do_not_fit_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *options]) == 2
    assert " -- " in capsys.readouterr().err


def test_a_taken_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with Alone("post") as other:
        port = other.config.rpartition(":")[2].partition("/")[0]
        assert main(["demo", "--only", "post", "--port", port]) == 2
    assert "give another --port" in capsys.readouterr().err
