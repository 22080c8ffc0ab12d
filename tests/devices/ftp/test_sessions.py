"""Several devices at once, sessions that end, active mode, and servers' own ways, against real servers."""

from __future__ import annotations

import hashlib
import os
import select
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.ends import Collected, Contents, ask, content
from tests.contract.target_checks import plan
from tests.servers.ftp_host import FtpHost
from tests.servers.proftpd_ftp import proftpd_ftp
from tests.servers.pyftpd import pyftpd
from tests.servers.vsftpd import vsftpd

from v2xsync.devices.base import Proven, ProveRequest, RemoveRequest
from v2xsync.devices.ftp import FtpDevice
from v2xsync.devices.ftp_wire.control import FtpLine
from v2xsync.devices.ftp_wire.replies import Reply
from v2xsync.errors import AccessRefused, DeviceGone, ItemChanged, ItemRefused
from v2xsync.model.items import Digest, Entry, Fingerprint, Proof, Unlistable

Server = Callable[[Path, Path], AbstractContextManager[FtpHost]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a server has its own files; its home is `home` beside it."""
    (tmp_path / "home").mkdir()
    folder = tmp_path / "server"
    folder.mkdir()
    return folder


@pytest.fixture
def host(folder: Path) -> Iterator[FtpHost]:
    with pyftpd(folder, folder.parent / "home") as host:
        yield host


def device(host: FtpHost, root: Path | None = None, **changes: object) -> FtpDevice:
    return FtpDevice("office", host.options(root or host.home, **changes), time.time)


def test_devices_share_nothing(host: FtpHost) -> None:
    """The older system kept one connection for all FTP devices."""
    roots = [host.home / name for name in ("north", "south")]
    for root in roots:
        root.mkdir()
        (root / "a.csv").write_text(root.name)
    north, south = (device(host, root) for root in roots)
    north.connect()
    south.connect()
    listing = north.list()
    first = next(iter(listing))
    south.close()
    assert isinstance(first, Entry)
    sink = Collected()
    north.fetch(ask(north, ["a.csv"]), sink)
    assert sink.content(0) == b"north"
    north.close()


def test_a_login_that_is_refused_names_the_remedy(host: FtpHost) -> None:
    with pytest.raises(AccessRefused) as caught:
        device(host, password="wrong").connect()
    assert "`password`" in caught.value.remedy


def test_a_target_folder_that_is_missing_is_never_made(host: FtpHost) -> None:
    """It may be a disk that is not mounted."""
    target = device(host, host.home / "absent")
    with pytest.raises(DeviceGone, match="is not there"):
        target.connect()
    with pytest.raises(DeviceGone, match="is not there"):
        target.send([plan("a.csv", b"x")], Contents({0: b"x"}))
    assert list(host.home.iterdir()) == []
    target.close()


@pytest.mark.parametrize("root", [".", "~", "d/", "./d", "~/d", "/d"])
def test_ways_to_write_the_root(host: FtpHost, root: str) -> None:
    (host.home / "d").mkdir()
    (host.home / "d" / "a.csv").write_bytes(b"x")
    source = FtpDevice("office", replace(host.options(host.home), root=root), time.time)
    names = {entry.path for entry in source.list()}
    source.close()
    assert names == ({"d", "d/a.csv"} if root in (".", "~") else {"a.csv"})


def test_active_mode_both_ways(host: FtpHost) -> None:
    (host.home / "a.bin").write_bytes(content(600_000))
    both = device(host, passive=False)
    sink, feed = Collected(), Contents({0: content(300_000)})
    both.fetch(ask(both, ["a.bin"]), sink)
    both.send([plan("b.bin", content(300_000))], feed)
    both.close()
    assert sink.content(0) == content(600_000)
    assert (host.home / "b.bin").read_bytes() == content(300_000)


@pytest.mark.real("proftpd")
def test_a_session_that_the_server_ended_is_replaced_by_connect(folder: Path) -> None:
    home = folder.parent / "home"
    (home / "a.csv").write_bytes(b"x")
    with proftpd_ftp(folder, home, lines=["TimeoutIdle 1"]) as host:
        source = device(host)
        source.connect()
        first = source._session
        assert first is not None
        told, _, _ = select.select([first.line._client.control], [], [], 20)
        assert told, "the server ends an idle session"
        source.connect()
        assert source._session is not first
        assert [entry.path for entry in source.list()] == ["a.csv"]
        source.close()


@pytest.mark.real("proftpd")
def test_a_server_that_allows_no_overwriting_and_no_appending(folder: Path) -> None:
    """ProFTPD's own defaults."""
    home = folder.parent / "home"
    (home / ".v2xsync-st-0.part").write_bytes(content(200_000))
    with proftpd_ftp(folder, home, lines=["AllowOverwrite off", "AllowStoreRestart off"]) as host:
        target = device(host)
        feed = Contents({0: content(300_000)})
        target.send([plan("a.bin", content(300_000))], feed)
        target.close()
    assert feed.errors == {}
    assert [path.name for path in home.iterdir()] == ["a.bin"]
    assert (home / "a.bin").read_bytes() == content(300_000)


@pytest.mark.real("vsftpd")
def test_files_that_only_their_owner_may_read(folder: Path) -> None:
    """Vsftpd writes them so, and lists them so."""
    home = folder.parent / "home"
    with vsftpd(folder, home) as host:
        target = device(host)
        target.send([plan("a.bin", b"content")], Contents({0: b"content"}))
        (listed,) = target.list()
        target.close()
    assert (home / "a.bin").stat().st_mode & 0o777 == 0o600
    assert isinstance(listed, Entry)
    assert not listed.fingerprint.weak, "MDTM tells the seconds that LIST does not"


@pytest.mark.real("vsftpd")
def test_times_are_asked_again_only_for_what_may_have_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing of vsftpd shows minutes; the seconds cost a question for each file."""
    home = folder.parent / "home"
    for number in range(30):
        (home / f"{number}.csv").write_bytes(b"x")
        os.utime(home / f"{number}.csv", (1_700_000_000 + 60 * number,) * 2)
    asked: list[str] = []
    honest = FtpLine.ask

    def noted(line: FtpLine, command: str) -> Reply:
        asked.append(command)
        return honest(line, command)

    monkeypatch.setattr(FtpLine, "ask", noted)
    with vsftpd(folder, home) as host:
        source = device(host)
        first = list(source.list())
        asked.clear()
        (home / "7.csv").write_bytes(b"newer")
        second = {entry.path: entry for entry in source.list() if isinstance(entry, Entry)}
        source.close()
    assert len(first) == len(second) == 30
    assert second["7.csv"].size == 5
    questions = [command for command in asked if command.startswith("MDTM")]
    assert len(questions) <= 3, "the new one, and those of the last two minutes that were known then"


@pytest.mark.real("vsftpd")
def test_a_weak_fingerprint_goes_only_after_its_content_was_read_again(folder: Path) -> None:
    home = folder.parent / "home"
    (home / "a.csv").write_bytes(b"content")
    (home / "b.csv").write_bytes(b"changed")
    weak = Fingerprint(7, None)
    known = hashlib.sha256(b"content").hexdigest()
    with vsftpd(folder, home) as host:
        source = device(host)
        requests = [
            RemoveRequest(token, path, weak, digest, prove_content=True)
            for token, (path, digest) in enumerate([("a.csv", known), ("b.csv", known), ("b.csv", "")])
        ]
        answers = dict(source.remove(requests))
        source.close()
    assert answers[0] is None
    assert isinstance(answers[1], ItemChanged)
    assert isinstance(answers[2], ItemRefused)
    assert [path.name for path in home.iterdir()] == ["b.csv"]


@pytest.mark.parametrize("server", [pytest.param(proftpd_ftp, marks=pytest.mark.real("proftpd")), pyftpd])
def test_a_name_with_a_line_break_is_told_and_left_alone(folder: Path, server: Server) -> None:
    home = folder.parent / "home"
    (home / "two\nlines.csv").write_bytes(b"x")
    (home / "good.csv").write_bytes(b"x")
    with server(folder, home) as host:
        source = device(host)
        found = list(source.list())
        source.close()
    assert [entry.path for entry in found if isinstance(entry, Entry)] == ["good.csv"]
    assert [part.path for part in found if isinstance(part, Unlistable)] == ["two", ""]


@pytest.mark.real("proftpd")
def test_byte_255_goes_through_telnet_unharmed(folder: Path) -> None:
    """ProFTPD takes a single one for a command of Telnet, and answers with one."""
    home = folder.parent / "home"
    name = b"\xff\xff\xfb.csv".decode("utf-8", "surrogateescape")
    with proftpd_ftp(folder, home) as host:
        target = device(host)
        feed = Contents({0: b"x"})
        target.send([plan(name, b"x")], feed)
        (listed,) = target.list()
        target.close()
    assert set(feed.sent) == {0}
    assert [path.name for path in home.iterdir()] == [name]
    assert listed.path == name


@pytest.mark.real("proftpd")
def test_a_server_that_digests_is_asked_instead_of_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ProFTPD's mod_digest."""
    home = folder.parent / "home"
    (home / "a b.bin").write_bytes(content(300_000))
    known = Digest("sha256", hashlib.sha256(content(300_000)).hexdigest())
    read: list[str] = []
    honest = FtpLine.receive

    def noted(line: FtpLine, command: str, offset: int = 0, size: int = 0) -> Generator[bytes]:
        read.append(command)
        return honest(line, command, offset, size)

    monkeypatch.setattr(FtpLine, "receive", noted)
    with proftpd_ftp(folder, home, lines=["LoadModule mod_digest.c"]) as host:
        both = device(host)
        sink = Collected()
        both.fetch(ask(both, ["a b.bin"]), sink)
        ((_, proven),) = both.prove([ProveRequest(0, "a b.bin", 300_000, Proof.HASH)])
        assert both.capabilities.server_digests == ("sha256",)
        both.close()
    assert (sink.finished[0].proof, sink.finished[0].digest) == (Proof.HASH, known)
    assert isinstance(proven, Proven)
    assert (proven.digest, proven.method) == (known, "server's digest")
    assert len([command for command in read if command.startswith("RETR")]) == 1
