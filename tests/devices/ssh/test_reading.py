"""Fetching, proving and removing against a peer that answers late, short, in any order, or falsely."""

from __future__ import annotations

import hashlib
import random
import struct
from typing import Any

import pytest
from tests.contract.ends import Collected, content
from tests.devices.ssh.peer import DATA, FILE_MODE, WHEN, Peer, attrs, device_of, names, packet, status

from v2xsync.devices.base import FetchRequest, Proven, ProveRequest, RemoveRequest
from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.server import CHECK_FILE_NAME, LIMITS
from v2xsync.errors import (
    DeviceGone,
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemRefused,
    ProtocolFault,
)
from v2xsync.model.items import NS_PER_S, Digest, Fingerprint, Proof

MIB = 1 << 20
CAREFUL, SWIFT = "SFTPGo_2.5", "OpenSSH_9.2p1"
BOTH = pytest.mark.parametrize("software", [SWIFT, CAREFUL])


def wanted(size: int, mtime: int = WHEN) -> Fingerprint:
    return Fingerprint(size, mtime * NS_PER_S)


def fetched(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, *requests: FetchRequest, piece: int = 50_000, stirred: bool = False
) -> Collected:
    """What a sink holds after fetching from `peer`; `stirred` answers come in no order."""
    shuffle = random.Random(3).shuffle if stirred else None
    sink = Collected()
    device_of(peer, monkeypatch, piece=piece, shuffle=shuffle).fetch(requests, sink)
    return sink


def short_answers(peer: Peer, number: int, body: bytes) -> list[bytes] | None:
    """READs are answered with a third of what was asked for."""
    (handle,), rest = wire.decode_strings(body, 1)
    offset, length = struct.unpack_from(">QI", rest)
    if handle not in peer.open:
        return None
    data = bytes(peer.files[peer.open[handle]][offset : offset + (length + 2) // 3])
    return [packet(DATA, number, wire.string(data))]


@BOTH
@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 32 * 1024 + 1, 300_000, 3 * MIB])
def test_content_is_whole_whatever_the_order_of_answers(
    software: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer(software)
    peer.plant("a", content(size))
    peer.plant("b", content(size + 1)[1:])
    requests = [FetchRequest(0, "a", wanted(size)), FetchRequest(1, "b", wanted(size))]
    sink = fetched(peer, monkeypatch, *requests, stirred=True)
    assert sink.content(0) == content(size)
    assert sink.content(1) == content(size + 1)[1:]
    assert sink.finished[0].fingerprint == wanted(size)
    assert peer.open == {}


@BOTH
@pytest.mark.parametrize("size", [1, 100_000, 2 * MIB])
def test_short_answers_are_asked_for_again(software: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.plant("a", content(size))
    peer.twist[wire.READ] = short_answers
    sink = fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(size)), stirred=True)
    assert sink.content(0) == content(size)
    assert 0 in sink.finished
    assert peer.open == {}


@BOTH
def test_a_file_that_ends_early_has_changed(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.plant("a", content(MIB))
    peer.twist[wire.READ] = lambda peer, number, body: [status(number, wire.EOF)] if peer.count(wire.READ) > 5 else None
    sink = fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(MIB)))
    assert isinstance(sink.errors[0], ItemChanged)
    assert (peer.open, peer.strays) == ({}, [])


@BOTH
def test_data_without_a_byte_ends_the_file_and_does_not_loop(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.plant("a", content(100))
    peer.twist[wire.READ] = lambda _, number, body: [packet(DATA, number, wire.string(b""))]
    sink = fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(100)))
    assert isinstance(sink.errors[0], ItemChanged)
    assert peer.count(wire.READ) == 1


@BOTH
@pytest.mark.parametrize("abandon", [False, True])
def test_nothing_reaches_a_handle_after_its_close(
    software: str, abandon: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer(software)
    for number in range(12):
        peer.plant(str(number), content(3 * MIB))

    def fail_some(_: Peer, number: int, body: bytes) -> list[bytes] | None:
        return [status(number, wire.FAILURE)] if number % 90 == 0 and not abandon else None

    peer.twist[wire.READ] = fail_some
    sink = Collected(lambda token, offset: not (abandon and token % 2 and offset > MIB))
    requests = [FetchRequest(number, str(number), wanted(3 * MIB)) for number in range(12)]
    device_of(peer, monkeypatch, piece=40_000, shuffle=random.Random(9).shuffle).fetch(requests, sink)
    assert len(sink.abandoned if abandon else sink.errors) >= 4
    assert sink.ended == 12
    assert (peer.open, peer.strays) == ({}, [])


@BOTH
def test_more_data_than_asked_for_is_a_fault(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.plant("a", content(100))
    peer.twist[wire.READ] = lambda _, number, body: [packet(DATA, number, wire.string(b"x" * 101))]
    with pytest.raises(ProtocolFault):
        fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(100)))


@BOTH
@pytest.mark.parametrize("told", [attrs(101, FILE_MODE), attrs(100, FILE_MODE, WHEN + 5)], ids=["size", "time"])
def test_what_changes_while_it_is_read_is_told(software: str, told: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.plant("a", content(100))
    peer.twist[wire.FSTAT] = lambda _, number, body: [packet(105, number, told)]
    sink = fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(100)))
    assert isinstance(sink.errors[0], ItemChanged)


@BOTH
def test_without_fstat_the_path_is_asked_again(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.plant("a", content(100))
    peer.twist[wire.FSTAT] = lambda _, number, body: [status(number, wire.UNSUPPORTED)]
    sink = fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(100)))
    assert sink.finished[0].fingerprint == wanted(100)
    assert peer.count(wire.LSTAT) == 2


def test_not_a_byte_of_another_version_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.plant("a", content(100), WHEN + 60)
    sink = fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(100)))
    assert isinstance(sink.errors[0], ItemChanged)
    assert peer.count(wire.READ) == 0
    assert peer.open == {}


def test_a_server_whose_lstat_follows_links_is_asked_by_readlink(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer("mod_sftp")
    peer.plant("a", content(100))
    peer.twist[wire.READLINK] = lambda _, number, body: [names(number, (b"secret", attrs(None, None, None)))]
    sink = fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(100)))
    assert isinstance(sink.errors[0], ItemChanged)
    assert peer.count(wire.READ) == 0


@BOTH
def test_no_more_files_are_open_than_the_server_allows(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.extensions[LIMITS] = b"1"
    peer.twist[wire.EXTENDED] = lambda _, number, body: [
        packet(201, number, struct.pack(">QQQQ", 262144, 100_000, 50_000, 24))
    ]
    for number in range(100):
        peer.plant(str(number), content(number))
    sink = fetched(peer, monkeypatch, *(FetchRequest(n, str(n), wanted(n)) for n in range(100)), stirred=True)
    assert len(sink.finished) == 100
    assert peer.most_open <= 24


@pytest.mark.parametrize("told", [(0, 0, 0, 0), (1, 1, 1, 1), (2**64 - 1,) * 4])
def test_limits_that_make_no_sense_still_work(told: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.extensions[LIMITS] = b"1"
    peer.twist[wire.EXTENDED] = lambda _, number, body: [packet(201, number, struct.pack(">QQQQ", *told))]
    peer.plant("a", content(MIB))
    sink = fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(MIB)))
    assert sink.content(0) == content(MIB)


def test_small_files_take_two_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    """LSTAT and OPEN leave together, then READ, FSTAT and CLOSE."""
    peer = Peer()
    peer.plant("a", content(20_000))
    fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(20_000)))
    assert [kind for kind, _ in peer.asked] == [wire.LSTAT, wire.OPEN, wire.READ, wire.FSTAT, wire.CLOSE]


def test_silence_in_the_middle_is_the_device_s_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.plant("a", content(100))
    peer.twist[wire.READ] = lambda *_: []
    with pytest.raises(DeviceGone, match="answered nothing"):
        fetched(peer, monkeypatch, FetchRequest(0, "a", wanted(100)))


# --- proving and removing --------------------------------------------------------------------------------------------


def proof_of(peer: Peer, monkeypatch: pytest.MonkeyPatch, size: int, **line: Any) -> Proven | ItemError:
    ((_, answer),) = device_of(peer, monkeypatch, **line).prove([ProveRequest(0, "a", size, Proof.HASH)])
    return answer


@BOTH
def test_content_read_back_in_any_order_has_its_digest(software: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(software)
    peer.plant("a", content(MIB))
    peer.twist[wire.READ] = short_answers
    proven = proof_of(peer, monkeypatch, MIB, piece=5_000, shuffle=random.Random(4).shuffle)
    expected = Digest("sha256", hashlib.sha256(content(MIB)).hexdigest())
    assert proven == Proven(MIB, Proof.HASH, "read back", expected)


def digest_reply(number: int, algorithm: bytes, value: bytes, *, named: bool = False) -> list[bytes]:
    front = wire.string(b"check-file") if named else b""
    return [packet(201, number, front + wire.string(algorithm) + value)]


@pytest.mark.parametrize("named", [True, False])
def test_a_digest_of_the_server_saves_reading_back(named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer("mod_sftp")
    peer.plant("a", content(MIB))
    value = hashlib.sha256(content(MIB)).digest()
    peer.twist[wire.EXTENDED] = lambda _, number, body: digest_reply(number, b"sha256", value, named=named)
    proven = proof_of(peer, monkeypatch, MIB)
    assert proven == Proven(MIB, Proof.HASH, "check-file sha256", Digest("sha256", value.hex()))
    assert peer.count(wire.READ) == 0


@pytest.mark.parametrize("reply", [(b"md5", b"x" * 16), (b"sha256", b"short"), (b"sha256", b"x" * 64)])
def test_another_digest_than_asked_for_is_not_taken(
    reply: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer()
    peer.extensions[CHECK_FILE_NAME] = b"1"
    peer.plant("a", content(100))
    peer.twist[wire.EXTENDED] = lambda _, number, body: digest_reply(number, *reply)
    proven = proof_of(peer, monkeypatch, 100)
    assert isinstance(proven, Proven)
    assert proven.method == "read back"


def test_a_digest_that_could_take_long_in_silence_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer("mod_sftp")
    peer.plant("a", b"")
    told = attrs(10_000_000_000, FILE_MODE)
    peer.twist[wire.LSTAT] = lambda _, number, body: [packet(105, number, told)]
    peer.twist[wire.OPEN] = lambda _, number, body: [status(number, wire.PERMISSION_DENIED)]
    assert isinstance(proof_of(peer, monkeypatch, 10_000_000_000), ItemRefused)
    assert peer.count(wire.EXTENDED) == 0


def test_each_removal_follows_its_own_look(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    for number in range(20):
        peer.plant(str(number), content(number))
    requests = [RemoveRequest(number, str(number), wanted(number)) for number in range(20)]
    shuffle = random.Random(5).shuffle
    answers = dict(device_of(peer, monkeypatch, piece=60, shuffle=shuffle).remove(requests))
    assert answers == dict.fromkeys(range(20))
    looked: set[bytes] = set()
    for kind, body in peer.asked:
        assert kind != wire.REMOVE or body in looked
        looked |= {body} if kind == wire.LSTAT else set()
    assert peer.files == {}


def test_a_removal_that_the_server_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.plant("a", b"abc")
    peer.plant("b", b"abc")
    peer.twist[wire.REMOVE] = lambda _, number, body: [
        status(number, wire.PERMISSION_DENIED if body.endswith(b"a") else wire.FAILURE, "busy")
    ]
    requests = [RemoveRequest(0, "a", wanted(3)), RemoveRequest(1, "b", wanted(3))]
    answers = dict(device_of(peer, monkeypatch).remove(requests))
    assert isinstance(answers[0], ItemRefused)
    assert answers[0].remedy
    assert isinstance(answers[1], ItemFailed)
    assert "busy" in answers[1].what


def test_content_that_changes_while_it_is_proven_is_not_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.plant("a", b"abc")

    def change(peer: Peer, number: int, body: bytes) -> None:
        peer.times[b"a"] = WHEN + 60

    peer.twist[wire.CLOSE] = change
    sha256 = hashlib.sha256(b"abc").hexdigest()
    request = RemoveRequest(0, "a", wanted(3), sha256, prove_content=True)
    ((_, error),) = device_of(peer, monkeypatch).remove([request])
    assert isinstance(error, ItemChanged)
    assert b"a" in peer.files


def test_proving_before_removal_reads_only_so_much_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    for number in range(40):
        peer.plant(str(number), content(MIB))
    sha256 = hashlib.sha256(content(MIB)).hexdigest()
    requests = [RemoveRequest(n, str(n), wanted(MIB), sha256, prove_content=True) for n in range(40)]
    answers = dict(device_of(peer, monkeypatch, piece=MIB).remove(requests))
    assert set(answers.values()) == {None}
    assert peer.most_open <= 6


def test_folders_of_one_branch_are_pruned_from_the_leaf_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the server answers in no order: a parent is asked for only after its child is gone."""
    peer = Peer()
    peer.folders |= {b"a", b"a/b", b"a/b/c", b"d", b"d/e"}
    shuffle = random.Random(6).shuffle
    removed = device_of(peer, monkeypatch, shuffle=shuffle).prune(["a/b/c", "d/e", "a/b", "a", "d", ""])
    assert list(removed) == ["a/b/c", "d/e", "a/b", "a", "d"]
    assert peer.folders == {b"."}
