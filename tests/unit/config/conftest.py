"""A config that is right, to be made wrong in one place at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from v2xsync.config.load import load
from v2xsync.config.schema import StationConfig

GOOD = """
[station]
name = "test"
timezone = "America/Los_Angeles"
state = "state"

[store]
directory = "store"

[devices.clay]
type = "sftp"
host = "10.1.2.3"
username = "collector"
password = { env = "CLAY_PASSWORD" }
root = "/data/archive"

[devices.spool]
type = "local"
directory = "spool"

[devices.office]
type = "local"
directory = "office"

[routes.all]
from = ["clay"]
to = ["office"]
fetch = { daily = "00:30" }
"""
ENVIRON = {"CLAY_PASSWORD": "s3cret", "HOME": "/home/tester"}

LoadText = Callable[..., StationConfig]


@pytest.fixture
def load_text(tmp_path: Path) -> LoadText:
    """Load a text as tmp_path/v2xsync.toml."""

    def load_it(text: str, environ: dict[str, str] | None = None, *, check_secrets: bool = True) -> StationConfig:
        file = tmp_path / "v2xsync.toml"
        file.write_text(text, encoding="utf-8")
        return load(file, ENVIRON if environ is None else environ, check_secrets=check_secrets)

    return load_it


@pytest.fixture
def good() -> str:
    """The text of a config without any mistake."""
    return GOOD
