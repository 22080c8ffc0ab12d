"""Whole runs, from the config to the removal: an FTP server as source, and as target."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.ftp_host import FtpHost
from tests.servers.pyftpd import pyftpd

CONFIG = """
[station]
name = "bench"
timezone = "UTC"
state = "{base}/state"

[store]
directory = "{base}/store"
min_free = "1 MB"

[devices.server]
type = "ftp"
host = "127.0.0.1"
port = {port}
username = "{user}"
password = {{ env = "FTP_PASSWORD" }}
ca = "{ca}"
root = "data"

[devices.folder]
type = "local"
directory = "{base}/folder"

[routes.r]
from = ["{source}"]
to = ["{target}"]
ready = {{ settle = "0s" }}
remove = {{ after = "delivered", proof = "hash", empty_folders = true }}
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FtpHost]:
    for name in ("server", "home/data/d", "folder/d"):
        (tmp_path / name).mkdir(parents=True)
    with pyftpd(tmp_path / "server", tmp_path / "home", tls="explicit") as host:
        yield host


def run(tmp_path: Path, host: FtpHost, source: str, target: str, *command: str) -> subprocess.CompletedProcess[str]:
    config = tmp_path / "v2xsync.toml"
    names = {"base": tmp_path.as_posix(), "ca": host.trust, "port": host.port, "user": host.username}
    config.write_text(CONFIG.format(source=source, target=target, **names))
    return subprocess.run(
        [sys.executable, "-m", "v2xsync", "--config", str(config), *command],
        env={"HOME": str(tmp_path), "FTP_PASSWORD": host.password, "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(("source", "target"), [("server", "folder"), ("folder", "server")])
def test_files_go_over_tls_and_are_removed_when_they_are_proven(
    tmp_path: Path, host: FtpHost, source: str, target: str
) -> None:
    places = {"server": tmp_path / "home" / "data", "folder": tmp_path / "folder"}
    for number in range(5):
        (places[source] / "d" / f"{number}.csv").write_text(f"row {number}\n")
    done = run(tmp_path, host, source, target, "--no-ui", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(places[source].iterdir()) == []
    arrived = places[target] / source / "d"
    assert {path.name: path.read_text() for path in arrived.iterdir()} == {
        f"{number}.csv": f"row {number}\n" for number in range(5)
    }


def test_what_stands_at_the_target_is_never_overwritten_and_never_sent_twice(tmp_path: Path, host: FtpHost) -> None:
    """Different content gets a versioned name and a warning, both are kept; equal content gets its receipt as it is."""
    there = tmp_path / "home" / "data" / "folder" / "d"
    there.mkdir(parents=True)
    (there / "other.csv").write_text("somebody else's")
    (there / "equal.csv").write_text("ours")
    before = (there / "equal.csv").stat()
    for name in ("other.csv", "equal.csv"):
        (tmp_path / "folder" / "d" / name).write_text("ours")
    done = run(tmp_path, host, "folder", "server", "--no-ui", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "other~" in done.stdout + done.stderr
    kept = {path.name.partition("~")[0]: path.read_text() for path in there.iterdir()}
    assert kept == {"other.csv": "somebody else's", "other": "ours", "equal.csv": "ours"}
    assert (there / "equal.csv").stat().st_ino == before.st_ino
    assert list((tmp_path / "folder").iterdir()) == []


def test_check_connect_says_how_we_are_connected(tmp_path: Path, host: FtpHost) -> None:
    done = run(tmp_path, host, "server", "folder", "check", "--connect", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TLS" in json.dumps(json.loads(done.stdout))
    assert host.password not in done.stdout
