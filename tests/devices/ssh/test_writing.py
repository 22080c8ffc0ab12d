"""Sending against a peer with every kind of rename, of trouble, and of lost answer."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from tests.contract.ends import Contents, content
from tests.devices.ssh.peer import Peer, PeerLine, device_of, packet, status

from v2xsync.devices.base import SendRequest, partial_beside
from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.server import FSYNC, POSIX_RENAME, STATVFS
from v2xsync.errors import Cancelled, DeviceGone, ItemFailed, ItemRefused, NameTaken, NoSpace, OutcomeUnknown
from v2xsync.model.items import NS_PER_S

MIB = 1 << 20
CAREFUL, SWIFT = "SFTPGo_2.5", "OpenSSH_9.2p1"
BOTH = pytest.mark.parametrize("software", [SWIFT, CAREFUL])


def plan(path: str, size: int, token: int = 0) -> SendRequest:
    return SendRequest(token, path, partial_beside(path, f"st-{token}"), size, 1_700_000_060 * NS_PER_S)


def sent(peer: Peer, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], **line: Any) -> Contents:
    """The feed after sending `files` to `peer`."""
    feed = Contents(dict(enumerate(files.values())))
    requests = [plan(path, len(data), token) for token, (path, data) in enumerate(files.items())]
    device_of(peer, monkeypatch, **line).send(requests, feed)
    return feed


def statvfs(free: int) -> bytes:
    return struct.pack(">11Q", 4096, 4096, 1000, 0, free // 4096, 0, 0, 0, 0, 0, 255)


@BOTH
def test_files_arrive_whole_whatever_the_order_of_answers(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.extensions[FSYNC] = b"1"
    files = {f"d{n % 3}/sub/{n}": content(n * 9_000) for n in range(30)}
    feed = sent(peer, monkeypatch, files, piece=100, shuffle=random.Random(7).shuffle)
    assert feed.errors == {}
    assert {path.decode(): bytes(data) for path, data in peer.files.items()} == files
    assert feed.positions == {token: len(data) for token, data in enumerate(files.values()) if data}
    assert peer.open == {}


def test_small_files_take_three_trips_to_openssh(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.extensions[FSYNC] = b"1"
    peer.twist[wire.EXTENDED] = lambda _, number, body: [status(number, wire.OK)]
    sent(peer, monkeypatch, {"a": b"abc"})
    assert [kind for kind, _ in peer.asked] == [
        *(wire.LSTAT, wire.OPEN),
        *(wire.WRITE, wire.FSETSTAT, wire.EXTENDED, wire.CLOSE),
        wire.RENAME,
    ]


def test_elsewhere_each_step_waits_for_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(CAREFUL)
    sent(peer, monkeypatch, {"a": b"abc"})
    assert [kind for kind, _ in peer.asked] == [
        *(wire.LSTAT, wire.OPEN, wire.WRITE, wire.FSETSTAT, wire.CLOSE),
        *(wire.LSTAT, wire.RENAME),
    ]


def overwriting(peer: Peer, number: int, body: bytes) -> list[bytes]:
    """A RENAME that silently replaces."""
    (old, new), _ = wire.decode_strings(body, 2)
    peer.files[new] = peer.files.pop(old)
    return [status(number, wire.OK)]


def test_a_server_whose_rename_overwrites_is_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(CAREFUL)
    peer.twist[wire.RENAME] = overwriting
    device = device_of(peer, monkeypatch)
    device.connect()
    assert not device.capabilities.atomic_rename
    feed = Contents({0: b"new"}, lambda token, offset: peer.plant("a", b"quicker"))
    device.send([plan("a", 3)], feed)
    assert isinstance(feed.errors[0], NameTaken)
    assert peer.files[b"a"] == b"quicker"


def test_openssh_promises_an_atomic_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    device = device_of(Peer(), monkeypatch)
    assert not device.capabilities.atomic_rename
    device.connect()
    assert device.capabilities.atomic_rename


@pytest.mark.parametrize("offered", [True, False])
def test_posix_rename_is_used_only_where_there_is_no_other(offered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(CAREFUL)
    if offered:
        peer.extensions[POSIX_RENAME] = b"1"
    peer.twist[wire.RENAME] = lambda _, number, body: [status(number, wire.UNSUPPORTED)]
    peer.twist[wire.EXTENDED] = lambda peer, number, body: overwriting(peer, number, body[4 + len(POSIX_RENAME) :])
    feed = sent(peer, monkeypatch, {"a": b"new"})
    assert (0 in feed.sent) is offered
    assert (b"a" in peer.files) is offered


def test_a_taken_name_costs_no_content(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.plant("a", b"precious")
    feed = sent(peer, monkeypatch, {"a": content(MIB)})
    assert isinstance(feed.errors[0], NameTaken)
    assert feed.reads == []
    assert dict(peer.files) == {b"a": b"precious"}
    assert peer.open == {}


@BOTH
def test_an_answer_lost_after_the_rename_is_unknown(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only for the file that was being renamed; the other has no outcome at all."""
    peer = Peer(software)
    peer.twist[wire.RENAME] = lambda peer, number, body: peer.honest(wire.RENAME, number, body)[1:]
    peer.twist[wire.WRITE] = lambda peer, number, body: [] if b"other" in body else None
    feed = Contents({0: b"abc", 1: b"other"})
    with pytest.raises(DeviceGone):
        device_of(peer, monkeypatch).send([plan("a", 3), plan("b", 5, 1)], feed)
    assert isinstance(feed.errors.pop(0), OutcomeUnknown)
    assert (feed.errors, feed.sent) == ({}, {})
    assert peer.files[b"a"] == b"abc"


def test_a_cancel_while_another_file_is_renamed_leaves_that_one_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.twist[wire.RENAME] = lambda *_: []
    big = content(6 * MIB)

    def stop(token: int, offset: int) -> None:
        if token == 1 and offset >= 4 * MIB:
            raise Cancelled("stop")

    feed = Contents({0: b"abc", 1: big}, stop)
    with pytest.raises(Cancelled):
        device_of(peer, monkeypatch).send([plan("a", 3), plan("b", len(big), 1)], feed)
    assert isinstance(feed.errors.pop(0), OutcomeUnknown)
    assert feed.errors == {}


@BOTH
@pytest.mark.parametrize(
    ("code", "words"), [(14, ""), (15, ""), (wire.FAILURE, "No space left on device"), (wire.FAILURE, "Quota exceeded")]
)
def test_a_disk_that_the_server_calls_full_pauses_the_target(
    software: str, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer(software)
    peer.twist[wire.WRITE] = lambda _, number, body: [status(number, code, words)]
    with pytest.raises(NoSpace):
        sent(peer, monkeypatch, {"a": b"abc", "b": b"abc"})
    assert b"a" not in peer.files


@pytest.mark.parametrize(("free", "full"), [(0, True), (1 << 30, False)])
def test_a_bare_failure_is_looked_into(free: int, full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSH says no more than "Failure" of a full disk."""
    peer = Peer()
    peer.extensions[STATVFS] = b"2"
    peer.twist[wire.EXTENDED] = lambda _, number, body: [packet(201, number, statvfs(free))]
    peer.twist[wire.WRITE] = lambda _, number, body: [status(number, wire.FAILURE, "Failure")]
    if full:
        with pytest.raises(NoSpace):
            sent(peer, monkeypatch, {"a": b"abc"})
    else:
        assert isinstance(sent(peer, monkeypatch, {"a": b"abc"}).errors[0], ItemFailed)
    assert peer.open == {}


@BOTH
def test_a_write_that_fails_in_the_middle_gets_no_name(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.twist[wire.WRITE] = lambda peer, number, body: (
        [status(number, wire.FAILURE)] if peer.count(wire.WRITE) == 9 else None
    )
    feed = sent(peer, monkeypatch, {"a": content(MIB), "b": b"fine"})
    assert isinstance(feed.errors[0], ItemFailed)
    assert 1 in feed.sent
    assert set(peer.files) == {b".v2xsync-st-0.part", b"b"}
    assert (peer.open, peer.strays) == ({}, [])


@BOTH
def test_a_disk_that_cannot_make_it_durable_gets_no_name(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.extensions[FSYNC] = b"1"
    peer.twist[wire.EXTENDED] = lambda _, number, body: [status(number, wire.FAILURE)]
    feed = sent(peer, monkeypatch, {"a": b"abc"})
    assert isinstance(feed.errors[0], ItemFailed)
    assert b"a" not in peer.files


def test_a_close_that_fails_gets_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Network disks tell at the close that a quota was exceeded."""
    peer = Peer()

    def close(peer: Peer, number: int, body: bytes) -> list[bytes]:
        peer.honest(wire.CLOSE, number, body)
        return [status(number, wire.FAILURE)]

    peer.twist[wire.CLOSE] = close
    feed = sent(peer, monkeypatch, {"a": b"abc"})
    assert isinstance(feed.errors[0], ItemFailed)
    assert b"a" not in peer.files


@BOTH
def test_nothing_reaches_a_handle_after_its_close(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers give a closed handle's number to the next file; a late WRITE would land in there."""
    peer = Peer(software)
    files = {str(number): content(MIB + number) for number in range(12)}

    def trouble(token: int, offset: int) -> None:
        if token % 3 == 0 and offset > MIB // 2:
            raise ItemFailed(str(token), "a bad sector")

    def fail_some(_: Peer, number: int, body: bytes) -> list[bytes] | None:
        return [status(number, wire.FAILURE)] if number % 50 == 0 else None

    peer.twist[wire.WRITE] = fail_some
    feed = Contents(dict(enumerate(files.values())), trouble)
    requests = [plan(path, len(data), token) for token, (path, data) in enumerate(files.items())]
    device_of(peer, monkeypatch, piece=40, shuffle=random.Random(8).shuffle).send(requests, feed)
    assert len(feed.errors) >= 4
    assert len(feed.errors) + len(feed.sent) == 12
    assert all(bytes(peer.files[str(token).encode()]) == files[str(token)] for token in feed.sent)
    assert (peer.open, peer.strays) == ({}, [])


def test_times_that_cannot_be_set_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.twist[wire.FSETSTAT] = lambda _, number, body: [status(number, wire.PERMISSION_DENIED)]
    assert 0 in sent(peer, monkeypatch, {"a": b"abc"}).sent


@pytest.mark.parametrize("kind", [wire.OPEN, wire.RENAME])
def test_a_permission_that_is_missing_waits_for_a_person(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.twist[kind] = lambda _, number, body: [status(number, wire.PERMISSION_DENIED)]
    error = sent(peer, monkeypatch, {"a": b"abc"}).errors[0]
    assert isinstance(error, ItemRefused)
    assert error.remedy


def test_a_root_that_is_gone_is_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be an unmounted disk; writing into its mount point would fill the wrong one."""
    peer = Peer()
    peer.folders.clear()
    for path in ("a", "d/a"):
        with pytest.raises(DeviceGone, match="not there"):
            sent(peer, monkeypatch, {path: b"abc"})
    assert peer.folders == set()


def test_folders_that_cannot_be_made_fail_only_their_files(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.twist[wire.MKDIR] = lambda _, number, body: [status(number, wire.PERMISSION_DENIED)]
    feed = sent(peer, monkeypatch, {"d/a": b"abc", "b": b"abc"})
    assert isinstance(feed.errors[0], ItemRefused)
    assert 1 in feed.sent


def test_a_folder_that_vanishes_between_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    device = device_of(peer, monkeypatch)
    first = Contents({0: b"abc", 1: b"abc"}, lambda token, offset: peer.folders.discard(b"d") if token == 0 else None)
    device.send([plan("d/a", 3), plan("d/b", 3, 1)], first)
    again = Contents({0: b"abc"})
    device.send([plan("d/c", 3)], again)
    assert 0 in again.sent


def test_a_partial_whose_tail_cannot_be_read_back_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.plant(".v2xsync-st-0.part", content(MIB))
    peer.twist[wire.READ] = lambda _, number, body: [status(number, wire.EOF)]
    feed = sent(peer, monkeypatch, {"a": content(2 * MIB)})
    assert peer.files[b"a"] == content(2 * MIB)
    assert feed.positions[0] == 2 * MIB
    assert peer.open == {}


def test_a_partial_that_cannot_be_opened_for_more_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.plant(".v2xsync-st-0.part", content(MIB))

    def deny(_: Peer, number: int, body: bytes) -> list[bytes] | None:
        (flags,) = struct.unpack_from(">I", body, len(body) - 8)
        return None if flags & wire.OPEN_CREATE else [status(number, wire.PERMISSION_DENIED)]

    peer.twist[wire.OPEN] = deny
    sent(peer, monkeypatch, {"a": content(2 * MIB)})
    assert peer.files[b"a"] == content(2 * MIB)


def test_something_else_under_the_partial_s_name_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.links[b".v2xsync-st-0.part"] = b"precious"
    error = sent(peer, monkeypatch, {"a": b"abc"}).errors[0]
    assert isinstance(error, ItemRefused)
    assert b".v2xsync-st-0.part" in peer.links


def test_progress_is_told_while_content_is_still_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing may be slow (a bandwidth limit); what is acknowledged shows before the next piece is drawn."""
    size = MIB
    behind: list[int] = []
    feed = Contents({0: content(size)}, lambda token, offset: behind.append(offset - feed.positions.get(0, 0)))
    device_of(Peer(), monkeypatch).send([plan("a", size)], feed)
    assert max(behind) <= 32 * 1024


def test_a_dead_line_is_told_once_and_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    lines: list[PeerLine] = []
    device = device_of(peer, monkeypatch)

    def open_line(*_: object) -> PeerLine:
        lines.append(PeerLine(peer))
        return lines[-1]

    monkeypatch.setattr("v2xsync.devices.ssh.connect.open_line", open_line)
    device.connect()
    lines[0].alive = False
    device.connect()
    assert [line.closed for line in lines] == [True, False]
    device.close()
    device.close()
    assert lines[1].closed
