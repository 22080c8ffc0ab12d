"""Completion knows every command and every option, and the shells take the scripts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from v2xsync.cli.arguments import COMMANDS
from v2xsync.cli.main import main

SHELLS = ["bash", "zsh", "fish"]


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_offered(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    for command in COMMANDS:
        assert command.name in text
    for option in ("config", "json", "once", "no-ui", "since", "fingerprint", "accept", "connect"):
        assert option in text


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_takes_the_script(shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    file = tmp_path / "script"
    file.write_text(script(shell, capsys))
    subprocess.run([shell, "-n", str(file)], check=True, timeout=30)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("v2xsync hi", {"history"}),
        ("v2xsync history --s", {"--since", "--source", "--state"}),
        ("v2xsync --config x relea", {"release"}),
        ("v2xsync release --a", {"--all", "--again", "--accept", "--at"}),
        ("v2xsync completion f", {"fish"}),
        ("v2xsync --log-format j", {"json"}),
    ],
)
def test_bash_offers_what_fits(
    words: str, offered: set[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "script"
    file.write_text(script("bash", capsys))
    asked = words.split()
    ask = f'source {file}; COMP_WORDS=({words}); COMP_CWORD={len(asked) - 1}; _v2xsync; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True, timeout=30)
    assert set(done.stdout.split()) == offered
