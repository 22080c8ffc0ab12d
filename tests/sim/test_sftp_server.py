"""The simulated SFTP server behaves as one: for paramiko's client and for OpenSSH's `sftp`."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from tests import real
from v2xsync.sim.link import LinkRules
from v2xsync.sim.sftp_server import SftpServer

BIG = bytes(range(256)) * 4096


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "served"
    (root / "data" / "inner").mkdir(parents=True)
    (root / "data" / "a.csv").write_bytes(b"one\n")
    (root / "data" / "big.bin").write_bytes(BIG)
    return root


@pytest.fixture
def server(tree: Path) -> Iterator[SftpServer]:
    with SftpServer(tree) as running:
        yield running


@contextlib.contextmanager
def client_of(server: SftpServer, password: str | None = None) -> Iterator[paramiko.SFTPClient]:
    session = paramiko.Transport((server.host, server.port))
    try:
        session.connect(username=server.username, password=password or server.password)
        client = paramiko.SFTPClient.from_transport(session)
        assert client is not None
        yield client
    finally:
        session.close()


def test_lists_gets_and_tells_size_and_time(server, tree):
    os.utime(tree / "data" / "a.csv", (1_600_000_000, 1_600_000_000))
    with client_of(server) as client:
        assert sorted(client.listdir("/data")) == ["a.csv", "big.bin", "inner"]
        told = client.stat("data/a.csv")
        assert (told.st_size, told.st_mtime) == (4, 1_600_000_000)
        taken = io.BytesIO()
        client.getfo("/data/big.bin", taken)

    assert taken.getvalue() == BIG


def test_a_read_may_start_in_the_middle(server):
    with client_of(server) as client, client.open("/data/big.bin") as file:
        file.seek(700_001)
        assert file.read(1000) == BIG[700_001:701_001]
        assert file.stat().st_size == len(BIG)


def test_puts_resumes_and_sets_times(server, tree):
    with client_of(server) as client:
        client.putfo(io.BytesIO(b"first half "), "/data/new.part")
        with client.open("/data/new.part", "r+") as file:
            file.seek(11)
            file.write(b"second half")
        client.utime("/data/new.part", (1_500_000_000, 1_500_000_000))
        client.truncate("/data/new.part", 17)

    assert (tree / "data" / "new.part").read_bytes() == b"first half second"


def test_setting_a_time_leaves_the_content_alone(server, tree):
    with client_of(server) as client:
        client.utime("/data/big.bin", (1_500_000_000, 1_500_000_000))

    assert (tree / "data" / "big.bin").read_bytes() == BIG
    assert (tree / "data" / "big.bin").stat().st_mtime == 1_500_000_000


def test_rename_never_overwrites(server, tree):
    with client_of(server) as client:
        with pytest.raises(OSError, match="Failure"):
            client.rename("/data/a.csv", "/data/big.bin")
        client.rename("/data/a.csv", "/data/inner/b.csv")

    assert (tree / "data" / "big.bin").read_bytes() == BIG
    assert (tree / "data" / "inner" / "b.csv").read_bytes() == b"one\n"


def test_rmdir_takes_only_empty_folders(server, tree):
    with client_of(server) as client:
        client.rmdir("/data/inner")
        with pytest.raises(OSError, match="Failure"):
            client.rmdir("/data")

    assert not (tree / "data" / "inner").exists()
    assert (tree / "data" / "a.csv").exists()


def test_what_is_not_there_is_said_so(server):
    with client_of(server) as client:
        for ask in (client.stat, client.remove, client.listdir, client.rmdir):
            with pytest.raises(FileNotFoundError):
                ask("/data/nothing")


def test_neither_dots_nor_links_lead_out_of_the_tree(server, tree):
    (tree.parent / "secret").write_bytes(b"mine")
    (tree / "out").symlink_to(tree.parent)
    (tree / "out.csv").symlink_to(tree.parent / "secret")
    with client_of(server) as client:
        with pytest.raises(FileNotFoundError):
            client.stat("/../secret")
        for path in ("/out/secret", "/out.csv"):
            with pytest.raises(PermissionError):
                client.open(path)
        with pytest.raises(PermissionError):
            client.remove("/out/secret")
        told = {entry.filename: entry for entry in client.listdir_attr("/")}
        client.remove("/out.csv")

    assert (told["out"].st_mode or 0) & 0o170000 == 0o120000
    assert (tree.parent / "secret").read_bytes() == b"mine"


def test_a_wrong_password_is_refused(server):
    with pytest.raises(paramiko.AuthenticationException), client_of(server, password="wrong"):
        pass


def test_a_server_told_to_refuse_takes_nobody(tree):
    with (
        SftpServer(tree, refuse_login=True) as server,
        pytest.raises(paramiko.AuthenticationException),
        client_of(server),
    ):
        pass


def test_nothing_but_sftp_is_offered(server):
    session = paramiko.Transport((server.host, server.port))
    try:
        session.connect(username=server.username, password=server.password)
        with pytest.raises(paramiko.SSHException):
            session.open_session().exec_command("true")
    finally:
        session.close()


def test_it_comes_back_under_the_same_address_and_host_key(server):
    with client_of(server):
        address, shown = (server.host, server.port), server.fingerprint
        server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    server.start()

    assert ((server.host, server.port), server.fingerprint) == (address, shown)
    with client_of(server) as client:
        assert client.listdir("/data/inner") == []


def test_stopping_breaks_open_sessions(server):
    with client_of(server) as client:
        server.stop()
        with pytest.raises((OSError, EOFError, paramiko.SSHException)):
            client.listdir("/data")


def test_a_flaky_line_breaks_after_its_bytes_and_lets_the_next_connection_in(tree):
    with SftpServer(tree, rules=LinkRules(drop_every_bytes=300_000)) as server:
        taken = io.BytesIO()
        with pytest.raises((OSError, EOFError, paramiko.SSHException)), client_of(server) as client:
            client.getfo("/data/big.bin", taken, prefetch=False)
        with client_of(server) as client, client.open("/data/big.bin") as file:
            file.seek(1000)
            again = file.read(1000)

    assert 0 < len(taken.getvalue()) < len(BIG)
    assert again == BIG[1000:2000]


@pytest.mark.real("sftp")
@pytest.mark.real("ssh")
def test_openssh_client_lists_gets_puts_renames_and_removes(server, tree, tmp_path):
    """OpenSSH's own client, batch mode, with the host key pinned."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(server.known_hosts_line + "\n", encoding="ascii")
    asking = tmp_path / "answer"
    asking.write_text(f"#!/bin/sh\necho {server.password}\n", encoding="ascii")
    asking.chmod(0o700)
    (tmp_path / "up.csv").write_bytes(b"up\n")
    orders = (
        f"get /data/big.bin {tmp_path}/got.bin\nput {tmp_path}/up.csv /data/inner/up.part\n"
        "rename /data/inner/up.part /data/inner/up.csv\nrm /data/a.csv\n"
        "ls -1 /data/inner\nmkdir /data/x\nrmdir /data/x\n"
    )
    options = {
        "UserKnownHostsFile": known_hosts,
        "StrictHostKeyChecking": "yes",
        "PreferredAuthentications": "password",
        "BatchMode": "no",
        "Port": server.port,
    }
    done = subprocess.run(
        [
            *(str(real.program("sftp")), "-S", str(real.program("ssh")), "-F", "none"),
            *(part for name, value in options.items() for part in ("-o", f"{name}={value}")),
            *("-b", "-", f"{server.username}@{server.host}"),
        ],
        input=orders,
        env={**os.environ, "SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "up.csv" in done.stdout
    assert (tmp_path / "got.bin").read_bytes() == BIG
    assert (tree / "data" / "inner" / "up.csv").read_bytes() == b"up\n"
    assert sorted(file.name for file in (tree / "data").iterdir()) == ["big.bin", "inner"]
