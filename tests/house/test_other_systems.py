"""What is only on Linux is never needed to start: the package lives without it.

This is not Windows or macOS: it shows that nothing outside their reach is imported on the way of a local route.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.house.reading import modules
from tests.house.test_doors import write_local_config

BLOCKED = ("fcntl", "termios", "tty", "pty", "pyudev", "pwd", "grp", "resource")

_WITHOUT_UNIX = """
import signal, socket, sys
for name in {blocked!r}:
    sys.modules[name] = None
for owner, names in ((socket, ["AF_UNIX"]), (signal, ["SIGHUP", "SIGUSR1", "SIGUSR2"])):
    for name in names:
        delattr(owner, name)
from v2xsync.cli.main import main
sys.exit(main({argv!r}))
"""


def run_without_unix(argv: Sequence[str], home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_UNIX.format(blocked=BLOCKED, argv=list(argv))],
        cwd=home,
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_local_config(tmp_path)


def test_help_answers(tmp_path):
    done = run_without_unix(["--help"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--no-ui" in done.stdout


def test_check_judges_a_config(tmp_path, config):
    done = run_without_unix(["--config", str(config), "check"], tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_local_route_runs(tmp_path, config):
    done = run_without_unix(["--config", str(config), "--no-ui", "--once"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "spool" / "a.csv").read_text(encoding="ascii") == "a\n"


def test_two_instances_never_share_a_state_folder_there_either(tmp_path, config):
    """The lock that the ledger falls back to is a lock."""
    holding = _WITHOUT_UNIX.format(blocked=BLOCKED, argv=["--config", str(config), "--no-ui"])
    with subprocess.Popen(
        [sys.executable, "-c", holding], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as first:
        try:
            assert first.stdout is not None
            for line in first.stdout:
                if "started" in line:
                    break
            done = run_without_unix(["--config", str(config), "--no-ui", "--once"], tmp_path)
            assert done.returncode == 4, done.stderr
        finally:
            first.terminate()
            first.communicate(timeout=60)


EVERY_MODULE = [
    "v2xsync." + module.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    for module in modules()
    if module.name not in {"__init__.py", "__main__.py"}
]


def test_every_module_can_be_imported(tmp_path):
    lines = [f"import sys; [sys.modules.__setitem__(name, None) for name in {BLOCKED!r}]"]
    lines += [f"import {name}" for name in EVERY_MODULE if not name.startswith("v2xsync.ui")]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
