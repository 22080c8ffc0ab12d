"""Whom we believe: certificates are verified, on both connections, and a wrong one stops the device in plain words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.ends import Collected, ask
from tests.servers.certificates import Authority, Signed
from tests.servers.ftp_host import FtpHost
from tests.servers.ftp_peer import FtpPeer, ftp_peer
from tests.servers.proftpd_ftp import proftpd_ftp
from tests.servers.pyftpd import pyftpd
from tests.servers.running import LOOPBACK

from v2xsync.devices.ftp import FtpDevice
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone, HostKeyRefused, ProtocolFault
from v2xsync.model.items import Proof


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "authority"
    folder.mkdir()
    return Authority(folder)


def connect(tmp_path: Path, signed: Signed, **options: Any) -> str:
    """Connect to a server that shows `signed`; returns what its health says."""
    folder, home = tmp_path / "server", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    with pyftpd(folder, home, tls="explicit", signed=signed) as host:
        device = FtpDevice("office", host.options(home, **options), time.time)
        try:
            device.connect()
            return device.probe().detail
        finally:
            device.close()


def test_a_good_certificate(tmp_path: Path, authority: Authority) -> None:
    assert "TLS" in connect(tmp_path, authority.sign(LOOPBACK), ca=authority.trust)


def test_an_expired_certificate(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(HostKeyRefused, match="has expired"):
        connect(tmp_path, authority.sign(LOOPBACK, first_day=-9, last_day=-1), ca=authority.trust)


def test_a_certificate_of_tomorrow(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(HostKeyRefused, match="not valid yet") as caught:
        connect(tmp_path, authority.sign(LOOPBACK, first_day=1), ca=authority.trust)
    assert "clock" in caught.value.remedy


def test_a_certificate_for_another_name(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(HostKeyRefused, match=r"is not for 127\.0\.0\.1") as caught:
        connect(tmp_path, authority.sign("ftp.example.org"), ca=authority.trust)
    assert "tls_name" in caught.value.remedy


def test_the_name_that_a_certificate_carries_can_be_told(tmp_path: Path, authority: Authority) -> None:
    connect(tmp_path, authority.sign("ftp.example.org"), ca=authority.trust, tls_name="ftp.example.org")


def test_a_certificate_of_an_unknown_authority(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(HostKeyRefused, match=r"vouched for by nobody|cannot be believed") as caught:
        connect(tmp_path, authority.sign(LOOPBACK), ca=None)
    assert "`ca`" in caught.value.remedy


def test_the_servers_own_certificate_can_be_trusted(tmp_path: Path, authority: Authority) -> None:
    signed = authority.sign(LOOPBACK)
    connect(tmp_path, signed, ca=signed.certificate)


def test_without_verifying_whoever_answers_is_believed(tmp_path: Path, authority: Authority) -> None:
    connect(tmp_path, authority.sign("ftp.example.org", last_day=0), ca=None, tls_verify=False)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_file_of_certificates_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    ca = tmp_path / "ca.pem"
    if content is not None:
        ca.write_bytes(content)
    with ftp_peer(FtpPeer()) as host, pytest.raises(AccessRefused, match="cannot be read"):
        FtpDevice("office", host.options(Path("/"), tls="explicit", ca=ca), time.time).connect()


def test_a_server_without_tls_gets_no_password() -> None:
    """`tls = "explicit"` is the default: nothing goes in the clear by mistake."""
    peer = FtpPeer()
    with ftp_peer(peer) as host, pytest.raises(AccessRefused, match="offers no TLS") as caught:
        FtpDevice("office", host.options(Path("/"), tls="explicit"), time.time).connect()
    assert 'tls = "none"' in caught.value.remedy
    assert (peer.count("USER"), peer.count("PASS")) == (0, 0)


def test_a_server_that_talks_tls_only_when_asked_is_no_implicit_one() -> None:
    with ftp_peer(FtpPeer()) as host, pytest.raises(ProtocolFault, match="does not speak TLS") as caught:
        FtpDevice("office", host.options(Path("/"), tls="implicit"), time.time).connect()
    assert "990" in caught.value.remedy


def test_a_server_that_says_yes_to_tls_and_then_nothing() -> None:
    peer = FtpPeer()
    peer.on["AUTH"] = lambda talk, argument: "234 go ahead"
    with ftp_peer(peer) as host, pytest.raises(DeviceError) as caught:
        FtpDevice("office", host.options(Path("/"), tls="explicit", timeout_s=0.6), time.time).connect()
    assert isinstance(caught.value, DeviceGone | ProtocolFault)
    assert peer.count("PASS") == 0


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[FtpHost]:
    """ProFTPD that lets a data connection live only where it continues the session of the control connection."""
    folder, home = tmp_path / "server", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    with proftpd_ftp(folder, home, tls="implicit") as host:
        yield host


@pytest.mark.real("proftpd")
def test_implicit_tls_and_continued_sessions(strict: FtpHost) -> None:
    """A fetch over TLS is hashed in line, and read once."""
    (strict.home / "a.bin").write_bytes(b"content")
    device = FtpDevice("office", strict.options(strict.home), time.time)
    sink = Collected()
    device.fetch(ask(device, ["a.bin"]), sink)
    device.close()
    assert sink.content(0) == b"content"
    assert (sink.finished[0].proof, sink.finished[0].method) == (Proof.HASH, "tls channel")
