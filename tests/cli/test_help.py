"""Help is there at once, and nothing heavy is imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from v2xsync.cli.arguments import COMMANDS
from v2xsync.cli.main import main

HEAVY = (
    "paramiko",
    "textual",
    "rich",
    "sqlalchemy",
    "pydantic",
    "watchdog",
    "irods",
    "pymavlink",
    "croniter",
    "asyncio",
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["history", "--help"], ["completion", "bash"], ["--version"]])
def test_nothing_heavy_is_imported_for_help_and_completion(arguments: list[str]) -> None:
    done = python(
        f"import sys\nfrom v2xsync.cli.main import main\nmain({arguments!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    assert done.stderr == "[]\n"
    assert done.stdout


def test_help_answers_quickly() -> None:
    """The promise is 100 ms on a quiet machine; this room is wide enough for a busy one."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        done = python("from v2xsync.cli.main import main; main(['--help'])")
        times.append(time.perf_counter() - began)
        assert done.returncode == 0
    assert min(times) < 1.0


def test_every_command_has_help_and_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    overview = " ".join(capsys.readouterr().out.split())
    for command in COMMANDS:
        assert f"{command.name} {command.does}" in overview
        assert main([command.name, "--help"]) == 0
        assert command.does in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("arguments", [["--nonsense"], ["histroy"], ["history", "--limit", "x"], ["why"]])
def test_a_wrong_command_line_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: v2xsync" in captured.err


@pytest.mark.parametrize("arguments", [["--nonsense", "--json"], ["histroy", "--json"], ["why", "--json"]])
def test_a_wrong_command_line_is_data_where_data_was_asked_for(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["exit_code"] == 2
    (error,) = document["errors"]
    assert error["kind"] == "UsageError"
    assert error["what"]
    assert "usage: v2xsync" in captured.err
