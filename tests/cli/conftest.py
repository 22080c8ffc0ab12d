"""A small station of two folders, and a way to call the command line on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from v2xsync.cli.main import main

CONFIG = """
[station]
name = "test"
timezone = "UTC"
state = "state"
logs = "logs"

[store]
directory = "store"
min_free = 0

[devices.clay]
type = "local"
directory = "clay"

[devices.office]
type = "local"
directory = "office"

[routes.all]
from = ["clay"]
to = ["office"]
elements = "v2x"
ready = { settle = "0s" }
remove = { after = "delivered", empty_folders = true }
"""
SPAT = "live_1/clay_spatLog_01022026_030405.csv"
NASTY = "live_1/a\x1b[31m\udcff.csv"


@dataclass(frozen=True)
class Answer:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Call the command line in tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("V2XSYNC_CONFIG", str(tmp_path / "v2xsync.toml"))

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a config, a source with two files (one with a hostile name), and an empty target."""
    (tmp_path / "v2xsync.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "office").mkdir()
    for name, content in ((SPAT, b"row\n"), (NASTY, b"x")):
        file = tmp_path / "clay" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path
