"""``v2xsync service``: the unit, what it may touch, systemd's own judgement of it, and how it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG, Run
from tests.real import find

from v2xsync.cli import service
from v2xsync.cli.unit import quoted

pytestmark = pytest.mark.skipif(os.name != "posix", reason="systemd is of Linux")

SECRETS = """
[devices.far]
type = "ftp"
host = "127.0.0.1"
username = "u"
password = { credential = "far" }

[devices.form]
type = "post"
url = "http://127.0.0.1/"
form = "multipart"
fields = { key = { env = "FORM_KEY" } }
token = { credential = "form token" }
"""


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def unit_of(run: Run, *more: str) -> str:
    return str(run("service", "--json", *more).document["unit"])


def values(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


def test_the_unit_is_printed_and_nothing_else(run: Run, site: Path) -> None:
    answer = run("service")
    assert answer.code == 0
    assert answer.out.startswith("[Unit]\n")
    assert "--install" in answer.err
    assert {path.name for path in site.iterdir()} == {"v2xsync.toml", "clay", "office"}


@pytest.mark.usefixtures("as_root")
def test_it_speaks_to_systemd_is_watched_and_closed(run: Run, site: Path) -> None:
    unit = unit_of(run, "--user", "nobody")
    assert values(unit, "Type") == ["notify"]
    assert values(unit, "User") == ["nobody"]
    assert int(values(unit, "WatchdogSec")[0]) > 60
    assert values(unit, "ProtectSystem") == ["strict"]
    assert values(unit, "NoNewPrivileges") == ["yes"]
    assert values(unit, "CapabilityBoundingSet") == [""]
    assert values(unit, "ExecReload") == ["/bin/kill -HUP $MAINPID"]
    touched = {path.removeprefix("-") for path in values(unit, "ReadWritePaths")}
    assert touched == {str(site / name) for name in ("state", "store", "logs", "clay", "office")}


@pytest.mark.usefixtures("as_root")
def test_secrets_come_as_credentials_and_never_stand_in_the_unit(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORM_KEY", "hunter2")
    text = CONFIG.replace('to = ["office"]', 'to = ["office", "far", "form"]').replace(
        'remove = { after = "delivered", empty_folders = true }', ""
    )
    (site / "v2xsync.toml").write_text(text + SECRETS)
    answer = run("service", "--json")
    assert answer.code == 0, answer
    unit = answer.document["unit"]
    assert values(unit, "LoadCredential") == [
        "far:/etc/v2xsync/credentials/far", '"form token:/etc/v2xsync/credentials/form token"',
    ]  # fmt: skip
    assert values(unit, "EnvironmentFile") == ["-/etc/v2xsync/environment"]
    assert "hunter2" not in unit


@pytest.mark.usefixtures("as_root")
def test_a_station_with_drives_shares_the_systems_view_of_mounts(run: Run, site: Path) -> None:
    """Else a drive that it unmounts, and calls safe to remove, would still be mounted for everybody else."""
    drive = '\n[devices.stick]\ntype = "disk"\nlabel = "FLIR"\n'
    (site / "v2xsync.toml").write_text(CONFIG.replace('["clay"]', '["clay", "stick"]') + drive)
    unit = unit_of(run, "--user", "root")
    for key in ("ProtectSystem", "ReadWritePaths", "PrivateTmp", "PrivateDevices", "ProtectClock", "SystemCallFilter"):
        assert values(unit, key) == []
    assert values(unit, "NoNewPrivileges") == ["yes"]


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(("identity", "home"), [("/people/dana/.ssh/id", "read-only"), ("/etc/v2xsync/id", "yes")])
def test_homes_are_hidden_unless_something_there_is_needed(
    identity: str, home: str, run: Run, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("v2xsync.cli.unit._HOMES", ("/people",))
    far = f'\n[devices.far]\ntype = "sftp"\nhost = "127.0.0.1"\nusername = "u"\nidentity = "{identity}"\n'
    (site / "v2xsync.toml").write_text(CONFIG.replace('["clay"]', '["clay", "far"]') + far)
    assert values(unit_of(run, "--user", "daemon"), "ProtectHome") == [home]


def test_words_are_quoted_as_systemd_takes_them() -> None:
    assert quoted("/srv/a b%c") == '"/srv/a b%%c"'
    assert quoted('a"b\\', command=False) == '"a\\"b\\\\"'
    assert quoted("$HOME", command=True) == "$$HOME"


@pytest.mark.usefixtures("as_root")
@pytest.mark.skipif(find("systemd-analyze") is None, reason="this machine has no systemd")
@pytest.mark.parametrize("user", ["root", "daemon"])
def test_systemd_finds_nothing_wrong_with_it(user: str, run: Run, site: Path, tmp_path: Path) -> None:
    unit = tmp_path / "v2xsync.service"
    unit.write_text(unit_of(run, "--user", user))
    done = subprocess.run(
        [str(find("systemd-analyze")), "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "v2xsync.service" not in done.stderr


# --- install ----------------------------------------------------------------------------------------------------------

_SYSTEMCTL = """#!{python}
import pathlib, sys
with pathlib.Path({log!r}).open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
sys.exit({code})
"""


@pytest.fixture
def systemctl(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that only writes down what it was told; units go into the test's folder."""
    return make_systemctl(site, monkeypatch, 0)


def make_systemctl(site: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> Path:
    log = site / "systemctl.log"
    folder = site / "bin"
    folder.mkdir()
    stand_in = folder / "systemctl"
    stand_in.write_text(_SYSTEMCTL.format(python=sys.executable, log=str(log), code=code))
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(service, "SYSTEM_UNITS", site / "units")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(site / "config-home"))
    return log


def test_installing_shows_asks_and_without_a_person_needs_a_yes(run: Run, site: Path, systemctl: Path) -> None:
    answer = run("service", "--install")
    assert answer.code == 2
    assert "will write" in answer.err
    assert "will run: systemctl" in answer.err
    assert "--yes" in answer.err
    assert not systemctl.exists()
    assert not (site / "state").exists()


def test_installing_writes_makes_folders_enables_and_starts(run: Run, site: Path, systemctl: Path) -> None:
    answer = run("service", "--install", "--yes", "--json", "--name", "second")
    assert answer.code == 0, answer
    unit = Path(answer.document["file"])
    assert unit.name == "second.service"
    assert unit.read_text() == answer.document["unit"]
    told = systemctl.read_text().replace("--user ", "").splitlines()
    assert told == ["daemon-reload", "enable second.service", "restart second.service"]
    assert (site / "state").stat().st_mode & 0o777 == 0o700


def test_a_step_that_fails_is_said(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_systemctl(site, monkeypatch, 3)
    answer = run("service", "--install", "--yes")
    assert answer.code == 1
    assert "daemon-reload" in answer.err


def test_only_root_installs_for_another_user(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert run("service", "--user", "nobody").code == 2
