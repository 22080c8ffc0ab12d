"""What only a real server shows: its limits, its digests, its rights, and its death in the middle."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.ends import Collected, Contents, ask, content
from tests.servers.openssh import openssh
from tests.servers.proftpd import proftpd
from tests.servers.running import SshHost

from v2xsync.devices.base import Proven, ProveRequest, RemoveRequest, SendRequest, partial_beside
from v2xsync.devices.sftp import SftpDevice
from v2xsync.errors import DeviceError, DeviceGone, ItemRefused
from v2xsync.model.items import Digest, Entry, Proof

pytestmark = pytest.mark.real("sshd")
MIB = 1 << 20


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with openssh(tmp_path_factory.mktemp("openssh")) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def device_at(host: SshHost, root: Path | str) -> SftpDevice:
    return SftpDevice("box", host.options(root), time.time, monotonic=time.monotonic)


def test_openssh_tells_its_limits_and_they_are_used(host: SshHost, root: Path) -> None:
    device = device_at(host, root)
    device.connect()
    assert device._session is not None
    server = device._session.server
    assert server.read_length == server.write_length == 255 * 1024
    assert server.handles > 64
    assert server.in_order
    assert device.capabilities.atomic_rename
    assert "OpenSSH" in device.probe().detail
    assert (device.probe().free_bytes or 0) > 0
    device.close()


def test_ten_thousand_files_in_one_folder(host: SshHost, root: Path) -> None:
    for number in range(10_000):
        (root / f"host_spatLog_{number:06}.csv").touch()
    device = device_at(host, root)
    found = list(device.list())
    assert len({entry.path for entry in found}) == 10_000
    device.close()


@pytest.mark.parametrize("told", [".", "", "~", "box", "./box", "~/box", "box/"])
def test_a_root_relative_to_where_a_login_begins(tmp_path: Path, told: str) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "a.csv").write_bytes(b"abc")
    start = f"ForceCommand internal-sftp -d {tmp_path}"
    with openssh(tmp_path, lines=(start,)) as host:
        device = device_at(host, told)
        paths = {entry.path for entry in device.list()}
        assert ("a.csv" if "box" in told else "box/a.csv") in paths
        device.close()


def test_a_server_that_only_lets_us_read(tmp_path: Path, root: Path) -> None:
    (root / "a.csv").write_bytes(b"abc")
    with openssh(tmp_path, lines=("ForceCommand internal-sftp -R",)) as host:
        device = device_at(host, root)
        (entry,) = device.stat(["a.csv"])
        assert isinstance(entry, Entry)
        ((_, removal),) = device.remove([RemoveRequest(0, "a.csv", entry.fingerprint)])
        feed = Contents({0: b"abc"})
        device.send([SendRequest(0, "b.csv", ".v2xsync-st-0.part", 3)], feed)
        assert list(device.prune(["a.csv"])) == []
        device.close()
    for error in (removal, feed.errors[0]):
        assert isinstance(error, ItemRefused)
        assert "permission" in error.what
        assert error.remedy
    assert (root / "a.csv").exists()


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the session's process in /proc")
def test_a_session_that_is_killed_in_the_middle_of_a_fetch(tmp_path: Path, root: Path) -> None:
    (root / "big.bin").write_bytes(content(64 * MIB))
    with openssh(tmp_path) as host:
        device = device_at(host, root)
        requests = ask(device, ["big.bin"])

        def kill(token: int, offset: int) -> bool:
            for child in children(host.pid) if offset >= 8 * MIB else []:
                os.kill(child, signal.SIGKILL)
            return True

        with pytest.raises(DeviceGone):
            device.fetch(requests, Collected(kill))
        sink = Collected()
        device.fetch(ask(device, ["big.bin"], offset=8 * MIB), sink)
        assert sink.content(0, 8 * MIB) == content(64 * MIB)[8 * MIB :]
        device.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the session's process in /proc")
def test_a_session_that_is_killed_in_the_middle_of_a_send_is_resumed(tmp_path: Path, root: Path) -> None:
    data = content(16 * MIB)
    request = SendRequest(0, "d/big.bin", partial_beside("d/big.bin", "st-1"), len(data))
    with openssh(tmp_path) as host:
        device = device_at(host, root)

        def kill(token: int, offset: int) -> None:
            for child in children(host.pid) if offset >= 8 * MIB else []:
                os.kill(child, signal.SIGKILL)

        with pytest.raises(DeviceError):
            device.send([request], Contents({0: data}, kill))
        assert not (root / "d" / "big.bin").exists()
        feed = Contents({0: data})
        device.send([request], feed)
        assert feed.first_offset(0) > 0
        assert (root / "d" / "big.bin").read_bytes() == data
        device.close()


def test_many_files_leave_no_file_open_at_the_server(host: SshHost, root: Path) -> None:
    """More files than a server opens at once, three times over: handles are given back."""
    for number in range(1_500):
        (root / f"{number}.csv").write_bytes(b"x" * number)
    device = device_at(host, root)
    requests = ask(device, [f"{number}.csv" for number in range(1_500)])
    for _ in range(3):
        sink = Collected()
        device.fetch(requests, sink)
        assert len(sink.finished) == 1_500
    device.close()


@pytest.mark.real("proftpd")
def test_proftpd_digests_for_us(tmp_path: Path, root: Path) -> None:
    (root / "a.bin").write_bytes(content(MIB))
    with proftpd(tmp_path, root) as host:
        device = device_at(host, root)
        ((_, proven),) = device.prove([ProveRequest(0, "a.bin", MIB, Proof.HASH)])
        assert device.capabilities.server_digests == ("sha256",)
        device.close()
    expected = Digest("sha256", hashlib.sha256(content(MIB)).hexdigest())
    assert proven == Proven(MIB, Proof.HASH, "check-file sha256", expected)
