"""``trust``: an unknown key is shown, asked about, pinned; a wrong one never is. Against a real SSH server."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from v2xsync.sim.sftp_server import SftpServer

CONFIG = """
[station]
name = "test"
timezone = "UTC"
state = "state"

[store]
directory = "store"

[devices.clay]
type = "sftp"
host = "127.0.0.1"
port = {port}
username = "collector"
password = {{ env = "CLAY_PASSWORD" }}
timeout = "5s"
{more}

[routes.all]
from = ["clay"]
"""


class Terminal(io.StringIO):
    """A person at a keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    (tmp_path / "remote").mkdir()
    with SftpServer(tmp_path / "remote", password="rehearsal") as running:
        (tmp_path / "v2xsync.toml").write_text(CONFIG.format(port=running.port, more=""))
        yield running


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAY_PASSWORD", "rehearsal")
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))


def test_an_unknown_key_is_refused_with_the_command_that_enrols_it(run: Run, server: SftpServer, person: None) -> None:
    answer = run("check", "--connect")
    assert answer.code == 3
    assert "v2xsync trust clay" in answer.out


def test_a_person_looks_says_yes_and_the_device_can_be_used(run: Run, server: SftpServer, person: None) -> None:
    answer = run("trust", "clay", "--json")
    assert answer.code == 0, answer
    assert answer.document["fingerprint"] == server.fingerprint
    assert server.fingerprint in answer.err
    assert run("check", "--connect").code == 0
    assert "is pinned already" in run("trust", "clay").out


def test_anything_but_yes_pins_nothing(
    run: Run, server: SftpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run("trust", "clay").code == 3
    assert not (tmp_path / "state" / "known_hosts").exists()


def test_without_a_terminal_the_fingerprint_must_be_said(
    run: Run, server: SftpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    answer = run("trust", "clay")
    assert answer.code == 2
    assert "--fingerprint" in answer.err
    assert run("trust", "clay", "--fingerprint", "SHA256:" + "A" * 43).code == 3
    assert not (tmp_path / "state" / "known_hosts").exists()
    assert run("trust", "clay", "--fingerprint", server.fingerprint).code == 0
    assert (tmp_path / "state" / "known_hosts").exists()
    assert run("trust", "clay", "--fingerprint", "SHA256:" + "A" * 43).code == 3, "pinned or not, it is another key"


def test_a_changed_key_is_said_aloud(run: Run, server: SftpServer, person: None, tmp_path: Path) -> None:
    assert run("trust", "clay").code == 0
    with SftpServer(tmp_path / "remote") as other:
        pinned = (tmp_path / "state" / "known_hosts").read_text()
        (tmp_path / "state" / "known_hosts").write_text(pinned.replace(str(server.port), str(other.port)))
        (tmp_path / "v2xsync.toml").write_text(CONFIG.format(port=other.port, more=""))
        assert run("check", "--connect").code == 3
        sys.stdin.seek(0)
        answer = run("trust", "clay")
    assert answer.code == 0
    assert "ANOTHER key was pinned before" in answer.err


def test_the_key_in_the_config_wins(run: Run, server: SftpServer, person: None, tmp_path: Path) -> None:
    more = f'host_key = "SHA256:{"A" * 43}"'
    (tmp_path / "v2xsync.toml").write_text(CONFIG.format(port=server.port, more=more))
    answer = run("trust", "clay")
    assert answer.code == 3
    assert not (tmp_path / "state" / "known_hosts").exists()


def test_devices_without_keys_and_unknown_ones_are_named(run: Run, server: SftpServer, tmp_path: Path) -> None:
    text = (tmp_path / "v2xsync.toml").read_text()
    (tmp_path / "v2xsync.toml").write_text(text + '[devices.disk]\ntype = "local"\ndirectory = "disk"\n')
    assert run("trust", "disk").code == 2
    assert 'did you mean "clay"?' in run("trust", "cley").err


def test_a_wrong_password_is_told_in_plain_words_and_never_shown(
    run: Run, server: SftpServer, person: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("trust", "clay").code == 0
    monkeypatch.setenv("CLAY_PASSWORD", "wrong-secret")
    for command in (["check", "--connect"], ["--once"]):
        answer = run(*command)
        assert answer.code == 3, answer
        assert "wrong-secret" not in answer.out + answer.err
        assert "Traceback" not in answer.err
