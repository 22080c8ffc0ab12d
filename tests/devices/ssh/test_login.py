"""Connecting to real servers: who they are, who we are, and what is said when either is in doubt."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.real import program
from tests.servers.asyncssh_server import asyncssh_server
from tests.servers.openssh import fingerprint_of, make_key, openssh
from tests.servers.running import PASSWORD, SshHost, free_port

from v2xsync.devices.sftp import SftpDevice, SftpOptions
from v2xsync.devices.ssh.hostkeys import pin, show_host_key
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone, HostKeyRefused

pytestmark = [pytest.mark.real("sshd"), pytest.mark.real("ssh-keygen")]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with openssh(tmp_path_factory.mktemp("openssh"), key_kinds=("ed25519", "rsa", "ecdsa")) as running:
        yield running


@pytest.fixture(scope="module")
def password_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with asyncssh_server(tmp_path_factory.mktemp("asyncssh")) as running:
        yield running


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    return tmp_path / "state" / "known_hosts"


def login(options: SftpOptions) -> None:
    """Connect, probe, hang up."""
    device = SftpDevice("clay-11th", options, time.time)
    try:
        device.probe()
    finally:
        device.close()


def refusal(kind: type[DeviceError], options: SftpOptions) -> Any:
    """The error of a login that must fail."""
    with pytest.raises(kind) as caught:
        login(options)
    assert caught.value.device == "clay-11th"
    assert str(caught.value)
    return caught.value


# --- who they are ----------------------------------------------------------------------------------------------------


def test_an_unknown_host_is_refused_with_the_command_that_enrols_it(
    host: SshHost, tmp_path: Path, pinned: Path
) -> None:
    error = refusal(HostKeyRefused, host.options(tmp_path, host_key="", pinned=pinned))
    assert error.remedy == "run: v2xsync trust clay-11th"
    assert error.fingerprint == host.fingerprint
    assert host.fingerprint in str(error)


def test_a_pinned_host_is_let_in(host: SshHost, tmp_path: Path, pinned: Path) -> None:
    options = host.options(tmp_path, host_key="", pinned=pinned)
    shown = show_host_key(options)
    assert shown.fingerprint == host.fingerprint
    pin(pinned, options.known_as, shown)
    login(options)


def test_a_changed_key_is_refused_and_explained(host: SshHost, tmp_path: Path, pinned: Path) -> None:
    options = host.options(tmp_path, host_key="", pinned=pinned)
    other = make_key(tmp_path / "other")
    algorithm, key, _ = Path(f"{other}.pub").read_text().split()
    pinned.parent.mkdir()
    pinned.write_text(f"{options.known_as} {algorithm} {key}\n")
    error = refusal(HostKeyRefused, options)
    assert "another key" in str(error)
    assert error.fingerprint == host.fingerprint


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_the_one_key_that_is_known_is_asked_for(host: SshHost, tmp_path: Path, pinned: Path, kind: str) -> None:
    """A server shows one of its keys, the one that the client likes best; that must be the one that we know."""
    assert host.identity is not None
    algorithm, key, _ = (host.identity.parent / f"host_{kind}.pub").read_text().split()
    pinned.parent.mkdir()
    options = host.options(tmp_path, host_key="", pinned=pinned)
    pinned.write_text(f"{options.known_as} {algorithm} {key}\n")
    login(options)
    login(host.options(tmp_path, host_key=fingerprint_of(host.identity.parent / f"host_{kind}")))


def test_a_configured_fingerprint_wins_over_files(host: SshHost, tmp_path: Path, pinned: Path) -> None:
    options = host.options(tmp_path, host_key="", pinned=pinned)
    pin(pinned, options.known_as, show_host_key(options))
    wrong = "SHA256:" + "A" * 43
    error = refusal(HostKeyRefused, dataclasses.replace(options, host_key=wrong))
    assert "host_key" in str(error)
    assert "host_key" in error.remedy


def test_a_known_hosts_file_is_read_and_a_revoked_key_refused(host: SshHost, tmp_path: Path, pinned: Path) -> None:
    options = host.options(tmp_path, host_key="", pinned=pinned, known_hosts=tmp_path / "known")
    shown = show_host_key(options)
    (tmp_path / "known").write_text(f"{options.known_as} {shown.algorithm} {shown.key}\n")
    login(options)
    (tmp_path / "known").write_text(f"@revoked * {shown.algorithm} {shown.key}\n")
    pin(pinned, options.known_as, shown)
    assert "revoked" in str(refusal(HostKeyRefused, options))


# --- who we are ------------------------------------------------------------------------------------------------------


def test_a_password_opens(password_host: SshHost, tmp_path: Path) -> None:
    login(password_host.options(tmp_path))
    login(password_host.options(tmp_path, password=lambda: PASSWORD))


def test_a_wrong_password_is_refused_in_plain_words(password_host: SshHost, tmp_path: Path) -> None:
    error = refusal(AccessRefused, password_host.options(tmp_path, password="wrong"))
    assert "refuses the login of collector" in str(error)
    assert "password" in error.remedy
    assert "wrong" not in str(error) + error.remedy


def test_a_password_that_is_asked_for_interactively(tmp_path: Path) -> None:
    with asyncssh_server(tmp_path, way="interactive") as host:
        login(host.options(tmp_path))
        refusal(AccessRefused, host.options(tmp_path, password="wrong"))


def test_a_way_that_the_host_does_not_take(host: SshHost, tmp_path: Path) -> None:
    error = refusal(AccessRefused, host.options(tmp_path, identity=None, password="any"))
    assert "publickey" in str(error)


def test_an_identity_that_the_host_does_not_know(host: SshHost, tmp_path: Path) -> None:
    refusal(AccessRefused, host.options(tmp_path, identity=make_key(tmp_path / "stranger")))


@pytest.mark.parametrize("key_format", ["RFC4716", "PEM"])
def test_an_identity_with_a_passphrase(host: SshHost, tmp_path: Path, key_format: str) -> None:
    assert host.identity is not None
    key = make_key(tmp_path / "key", "rsa" if key_format == "PEM" else "ed25519")
    with (host.identity.parent / "authorized_keys").open("a") as authorized:
        authorized.write(Path(f"{key}.pub").read_text())
    change = [program("ssh-keygen"), "-q", "-p", "-m", key_format, "-N", "open sesame", "-f", key]
    subprocess.run([str(part) for part in change], check=True, capture_output=True)
    assert "passphrase" in str(refusal(AccessRefused, host.options(tmp_path, identity=key)))
    assert "passphrase" in str(refusal(AccessRefused, host.options(tmp_path, identity=key, passphrase="wrong")))
    login(host.options(tmp_path, identity=key, passphrase="open sesame"))
    login(host.options(tmp_path, identity=key, password=lambda: "open sesame"))


@pytest.mark.parametrize("content", [None, b"no key at all\n"], ids=["missing", "junk"])
def test_an_identity_file_that_is_none(host: SshHost, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    error = refusal(AccessRefused, host.options(tmp_path, identity=path))
    assert str(path) in str(error)
    assert "identity" in error.remedy


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A running SSH agent without keys."""
    socket_path = tmp_path / "agent"
    command = [str(program("ssh-agent")), "-D", "-a", str(socket_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not socket_path.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket_path))
    yield
    process.terminate()
    process.wait(10)


@pytest.mark.real("ssh-agent")
@pytest.mark.usefixtures("agent")
def test_every_key_of_the_agent_is_tried_also_where_the_server_hangs_up_between(tmp_path: Path) -> None:
    """The server takes one attempt for each connection; the key that it knows is the agent's second."""
    with asyncssh_server(tmp_path, way="key") as host:
        for name in ("stranger", "friend"):
            subprocess.run([program("ssh-add"), "-q", make_key(tmp_path / name)], check=True)
        (tmp_path / "known_keys").write_text((tmp_path / "friend.pub").read_text())
        login(host.options(tmp_path, password=None))


@pytest.mark.real("ssh-agent")
@pytest.mark.usefixtures("agent")
def test_the_agent_is_asked_when_nothing_else_is_given(host: SshHost, tmp_path: Path) -> None:
    options = host.options(tmp_path, identity=None)
    assert "agent" in str(refusal(AccessRefused, options))
    subprocess.run([program("ssh-add"), "-q", make_key(tmp_path / "stranger")], check=True)
    refusal(AccessRefused, options)
    subprocess.run([program("ssh-add"), "-q", host.identity or ""], check=True)
    login(options)


def test_without_agent_and_keys_there_is_nothing_to_log_in_with(
    host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    error = refusal(AccessRefused, host.options(tmp_path, identity=None))
    assert "identity" in error.remedy


def test_secrets_are_in_no_repr() -> None:
    options = SftpOptions(host="h", username="u", pinned=Path("p"), password="hunter2", passphrase="hunter3")
    device = SftpDevice("box", options, time.time)
    assert "hunter" not in repr(options) + repr(device) + str(vars(device))


# --- whether anybody is there ----------------------------------------------------------------------------------------


def test_nobody_listens(tmp_path: Path) -> None:
    host = SshHost(port=free_port(), username="u", password="p", fingerprint="")
    assert "refuses connections" in str(refusal(DeviceGone, host.options(tmp_path)))


def test_a_name_that_does_not_exist(tmp_path: Path) -> None:
    host = SshHost(port=22, username="u", password="p", fingerprint="", host="no-such-host.invalid")
    assert "cannot be resolved" in str(refusal(DeviceGone, host.options(tmp_path)))


def test_a_server_that_comes_back_is_used_again(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.csv").write_bytes(b"abc")
    with openssh(tmp_path) as host:
        device = SftpDevice("box", host.options(tmp_path / "root"), time.time)
        assert len(list(device.list())) == 1
    with pytest.raises(DeviceGone):
        _until_it_is_noticed(device)
    with openssh(tmp_path, port=host.port):
        assert len(list(device.list())) == 1
    device.close()


def _until_it_is_noticed(device: SftpDevice) -> None:
    """Sessions outlive the listening sshd; end them the hard way, then ask."""
    session = device._session
    assert session is not None
    session.line._plug.shutdown(2)
    device.probe()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_gcm_is_agreed_on(host: SshHost, tmp_path: Path) -> None:
    device = SftpDevice("box", host.options(tmp_path), time.time)
    device.connect()
    assert device._session is not None
    assert "aes128-gcm@openssh.com" in repr(device._session.line._transport)
    device.close()
