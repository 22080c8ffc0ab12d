"""Who may import whom, judged on the real import graph and on real runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from tests.house.reading import ROOT
from v2xsync.config.device_options import DEVICE_TYPES

HEAVY = {
    "croniter",
    "cryptography",
    "irods",
    "keyring",
    "paramiko",
    "pydantic",
    "pymavlink",
    "pyudev",
    "rich",
    "serial",
    "sqlalchemy",
    "textual",
    "watchdog",
}
"""Libraries that a run may load only when it needs them."""

_RUN = """
import json, sys
from v2xsync.cli.main import main
try:
    code = main({argv!r})
except SystemExit as leaving:
    code = leaving.code
loaded = sorted({{name.partition(".")[0] for name in sys.modules}})
print("LOADED " + json.dumps([code or 0, loaded]), file=sys.stderr)
"""


def loaded_by(argv: Sequence[str], tmp_path: Path) -> tuple[int, set[str]]:
    """Exit code and top-level modules of ``v2xsync ARGV`` in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(argv=list(argv))],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state-home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("LOADED ")] or [done.stderr]
    code, names = json.loads(line.removeprefix("LOADED "))
    return code, set(names)


@pytest.fixture
def local_config(tmp_path: Path) -> Path:
    """A route from one folder to another, with one file to carry."""
    return write_local_config(tmp_path)


def write_local_config(base: Path) -> Path:
    """Lay out a source with one file, an empty target and a config below `base`; returns the config's path."""
    for folder in ("in", "out"):
        (base / folder).mkdir()
    (base / "in" / "a.csv").write_text("a\n", encoding="ascii")
    config = base / "v2xsync.toml"
    config.write_text(LOCAL_CONFIG.format(base=base.as_posix()), encoding="utf-8")
    return config


LOCAL_CONFIG = """
[station]
name = "house"
timezone = "UTC"
state = "{base}/state"

[store]
directory = "{base}/store"
min_free = "1 MB"

[devices.spool]
type = "local"
directory = "{base}/in"

[devices.disk]
type = "local"
directory = "{base}/out"

[routes.r]
from = ["spool"]
to = ["disk"]
ready = {{ settle = "0s" }}
"""


def test_the_arrows_of_the_house_go_down_only(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert lint_imports(is_debug_mode=False, show_timings=False, verbose=False, cache_dir=None) == 0


def test_help_loads_nothing_heavy(tmp_path):
    code, loaded = loaded_by(["--help"], tmp_path)
    assert code == 0
    assert not loaded & HEAVY


def test_no_headless_run_ever_loads_the_screen(tmp_path, local_config):
    code, loaded = loaded_by(["--config", str(local_config), "--no-ui", "--once"], tmp_path)
    assert code == 0
    assert (tmp_path / "out" / "spool" / "a.csv").read_text(encoding="ascii") == "a\n"
    assert not loaded & {"textual", "rich"}


def test_a_run_loads_only_the_protocols_that_its_config_names(tmp_path, local_config):
    code, loaded = loaded_by(["--config", str(local_config), "--no-ui", "--once"], tmp_path)
    assert code == 0
    assert not loaded & {"paramiko", "irods", "pymavlink", "pyudev", "keyring"}


def test_check_loads_no_protocol_and_no_screen(tmp_path, local_config):
    code, loaded = loaded_by(["--config", str(local_config), "check"], tmp_path)
    assert code == 0
    assert not loaded & {"textual", "rich", "irods", "pymavlink", "pyudev"}


def test_every_device_type_stands_in_the_contract_of_independence():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (independent,) = [contract["modules"] for contract in contracts if contract["type"] == "independence"]
    assert {f"v2xsync.devices.{kind}" for kind in DEVICE_TYPES} <= set(independent)
