"""The contract against real SFTP servers: OpenSSH, ProFTPD's mod_sftp, asyncssh."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.suite import FarSide, FolderFarSide, SourceContract, TargetContract
from tests.servers.asyncssh_server import asyncssh_server
from tests.servers.openssh import openssh
from tests.servers.proftpd import proftpd
from tests.servers.running import SshHost
from v2xsync.devices.sftp import SftpDevice


def far_side(host: SshHost, folder: Path) -> FarSide:
    """The folder `folder` as a device of `host`."""
    root = folder / "root"
    root.mkdir()
    return FolderFarSide(root, lambda: SftpDevice("box", host.options(root), time.time, monotonic=time.monotonic))


@pytest.fixture(scope="module")
def openssh_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with openssh(tmp_path_factory.mktemp("openssh")) as host:
        yield host


@pytest.fixture(scope="module")
def proftpd_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with proftpd(tmp_path_factory.mktemp("proftpd"), tmp_path_factory.getbasetemp()) as host:
        yield host


@pytest.fixture(scope="module")
def asyncssh_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with asyncssh_server(tmp_path_factory.mktemp("asyncssh")) as host:
        yield host


@pytest.mark.real("sshd")
class TestOpenSsh(SourceContract, TargetContract):
    adapter, server = "sftp", "OpenSSH"

    @pytest.fixture
    def far(self, openssh_host: SshHost, tmp_path: Path) -> FarSide:
        return far_side(openssh_host, tmp_path)


@pytest.mark.real("proftpd")
class TestProftpd(SourceContract, TargetContract):
    adapter, server = "sftp", "ProFTPD"

    @pytest.fixture
    def far(self, proftpd_host: SshHost, tmp_path: Path) -> FarSide:
        return far_side(proftpd_host, tmp_path)


class TestAsyncssh(SourceContract, TargetContract):
    adapter, server = "sftp", "asyncssh"

    @pytest.fixture
    def far(self, asyncssh_host: SshHost, tmp_path: Path) -> FarSide:
        return far_side(asyncssh_host, tmp_path)
