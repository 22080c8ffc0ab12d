"""Listings from servers that lie: nothing leads out of the root, nothing goes on for ever, nothing is believed."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.devices.ssh.peer import FILE_MODE, FOLDER_MODE, Peer, attrs, device_of, names, packet, status

from v2xsync.devices.ssh import listing, wire
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone, ProtocolFault
from v2xsync.model.items import Entry, Kind, Unlistable

FILE = attrs(3, FILE_MODE)
FOLDER = attrs(4096, FOLDER_MODE)


def told_once(*found: tuple[bytes, bytes]) -> Peer:
    """A peer whose root holds `found`, and every other folder nothing."""
    peer = Peer()
    pieces = iter([found])

    def readdir(_: Peer, number: int, body: bytes) -> list[bytes]:
        piece = next(pieces, None)
        return [status(number, wire.EOF) if piece is None else names(number, *piece)]

    peer.twist[wire.READDIR] = readdir
    peer.twist[wire.OPENDIR] = lambda peer, number, _: [packet(102, number, wire.string(b"h"))]
    return peer


def everything(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> list[Entry | Unlistable]:
    return list(device_of(peer, monkeypatch).list())


@pytest.mark.parametrize(
    "name",
    [b"../../etc/x", b"/etc/passwd", b"a/b", b"a\0b", b"", b"..x/", b"x" * 5000],
    ids=["traversal", "absolute", "slash", "nul", "empty", "trailing slash", "over-long"],
)
def test_a_name_that_no_folder_can_hold_makes_the_folder_incomplete(
    name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = everything(told_once((b"good.csv", FILE), (name, FILE), (name + b"2", FILE)), monkeypatch)
    entries = [entry.path for entry in found if isinstance(entry, Entry)]
    assert entries in (["good.csv"], ["good.csv", "2"])
    assert [line.path for line in found if isinstance(line, Unlistable)] == [""]


def test_the_folder_itself_and_its_parent_are_no_content(monkeypatch: pytest.MonkeyPatch) -> None:
    assert everything(told_once((b".", FOLDER), (b"..", FOLDER)), monkeypatch) == []


def test_names_with_control_characters_are_carried_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    found = everything(told_once((b"red\x1b[31m\n\xff.csv", FILE)), monkeypatch)
    assert [entry.path for entry in found] == ["red\x1b[31m\n\udcff.csv"]


def test_a_name_told_twice_is_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    pieces = iter([[(b"a", FILE), (b"a", FILE)], [(b"a", FILE), (b"b", FILE)]])

    def readdir(_: Peer, number: int, body: bytes) -> list[bytes]:
        piece = next(pieces, None)
        return [status(number, wire.EOF) if piece is None else names(number, *piece)]

    peer.twist[wire.READDIR] = readdir
    assert [entry.path for entry in everything(peer, monkeypatch)] == ["a", "b"]


@pytest.mark.parametrize("piece", [[(b"a", FILE)], []], ids=["the same names", "nothing"])
def test_a_folder_that_is_told_for_ever_is_given_up(
    piece: list[tuple[bytes, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer()
    peer.twist[wire.READDIR] = lambda _, number, body: [names(number, *piece)]
    found = everything(peer, monkeypatch)
    assert isinstance(found[-1], Unlistable)
    assert peer.count(wire.READDIR) < 20
    assert peer.open == {}


def test_a_folder_with_names_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_NAMES", 1000)
    peer = Peer()
    numbers = itertools.count()
    peer.twist[wire.READDIR] = lambda _, number, body: [
        names(number, *((b"%d" % next(numbers), FILE) for _ in range(100)))
    ]
    found = everything(peer, monkeypatch)
    assert isinstance(found[-1], Unlistable)
    assert len(found) < 2000


def test_a_tree_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder holds two more: neither the depth nor the breadth has an end."""
    monkeypatch.setattr(listing, "MOST_FOLDERS", 200)
    peer = Peer()
    peer.twist[wire.OPENDIR] = lambda peer, number, body: [packet(102, number, wire.string(b"%d" % number))]
    read: set[bytes] = set()

    def readdir(_: Peer, number: int, body: bytes) -> list[bytes]:
        if body in read:
            return [status(number, wire.EOF)]
        read.add(body)
        return [names(number, (b"a" * 60, FOLDER), (b"b" * 60, FOLDER))]

    peer.twist[wire.READDIR] = readdir
    found = everything(peer, monkeypatch)
    assert sum(isinstance(entry, Entry) for entry in found) == 200
    assert any(isinstance(line, Unlistable) for line in found)


def test_a_path_longer_than_any_server_opens_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.twist[wire.OPENDIR] = lambda peer, number, body: [packet(102, number, wire.string(b"%d" % number))]
    read: set[bytes] = set()

    def readdir(_: Peer, number: int, body: bytes) -> list[bytes]:
        if body in read:
            return [status(number, wire.EOF)]
        read.add(body)
        return [names(number, (b"d" * 255, FOLDER))]

    peer.twist[wire.READDIR] = readdir
    found = everything(peer, monkeypatch)
    assert isinstance(found[-1], Unlistable)
    assert len(found) < 20


def test_an_impossible_size_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = everything(told_once((b"a", attrs(2**64 - 1, FILE_MODE))), monkeypatch)
    assert isinstance(entry, Entry)
    assert (entry.kind, entry.size) == (Kind.OTHER, 0)


def test_what_a_listing_leaves_open_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers may leave attributes out; then the file itself is asked, and a link is still told as one."""
    nothing = attrs(None, None, None)
    peer = told_once((b"file", nothing), (b"folder", nothing), (b"link", nothing), (b"gone", nothing))
    peer.plant("file", b"abc")
    peer.folders.add(b"folder")
    peer.links[b"link"] = b"file"
    found = {entry.path: entry for entry in everything(peer, monkeypatch)}
    assert isinstance(found["gone"], Unlistable)
    kinds = {path: entry.kind for path, entry in found.items() if isinstance(entry, Entry)}
    assert kinds == {"file": Kind.FILE, "folder": Kind.FOLDER, "link": Kind.LINK}
    assert b"folder" in {body[4:] for kind, body in peer.asked if kind == wire.OPENDIR}


def test_the_first_letter_of_a_long_name_tells_the_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = told_once()
    pieces = iter([b"lrwxrwxrwx 1 a b 3 link"])

    def readdir(_: Peer, number: int, body: bytes) -> list[bytes]:
        longname = next(pieces, None)
        told = (b"link", attrs(3, None))
        return [status(number, wire.EOF) if longname is None else names(number, told, longname=longname)]

    peer.twist[wire.READDIR] = readdir
    (entry,) = everything(peer, monkeypatch)
    assert isinstance(entry, Entry)
    assert entry.kind is Kind.LINK


def test_links_are_told_and_never_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.links[b"loop"] = b"."
    peer.plant("a.csv", b"abc")
    found = {entry.path: entry for entry in everything(peer, monkeypatch)}
    assert set(found) == {"loop", "a.csv"}
    assert peer.count(wire.OPENDIR) == 1


def test_a_folder_that_may_not_be_read_is_told_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.plant("closed/a.csv", b"abc")
    peer.plant("open/b.csv", b"abc")

    def opendir(_: Peer, number: int, body: bytes) -> list[bytes] | None:
        return [status(number, wire.PERMISSION_DENIED)] if b"closed" in body else None

    peer.twist[wire.OPENDIR] = opendir
    found = {entry.path: entry for entry in everything(peer, monkeypatch)}
    assert set(found) == {"closed", "open", "open/b.csv"} | {"closed"}
    assert isinstance(found["closed"], Unlistable)
    assert "permission" in found["closed"].reason


def test_a_folder_that_breaks_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    peer.plant("sub/a.csv", b"abc")
    peer.twist[wire.READDIR] = lambda peer, number, body: (
        [status(number, wire.FAILURE, "bad \x1b[31m disk")] if peer.open[body[4:]] == b"sub" else None
    )
    found = everything(peer, monkeypatch)
    assert found[0] == Entry("sub", Kind.FOLDER, 4096, 1_700_000_000_000_000_000)
    assert found[1] == Unlistable("sub", "the server failed to list this folder: bad ?[31m disk")


@pytest.mark.parametrize(("code", "error"), [(wire.PERMISSION_DENIED, AccessRefused), (wire.NO_SUCH_FILE, DeviceGone)])
def test_a_root_that_cannot_be_listed_is_the_device_s_trouble(
    code: int, error: type[DeviceError], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer()
    peer.twist[wire.OPENDIR] = lambda _, number, body: [status(number, code)]
    with pytest.raises(error):
        everything(peer, monkeypatch)


def test_answers_of_the_wrong_kind_are_no_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = told_once((b"a", FILE))
    honest = peer.twist[wire.READDIR]
    peer.twist[wire.READDIR] = lambda peer, number, body: (
        honest(peer, number, body) if peer.count(wire.READDIR) == 1 else [packet(102, number, wire.string(b"h"))]
    )
    found = everything(peer, monkeypatch)
    assert isinstance(found[0], Entry)
    assert isinstance(found[-1], Unlistable)


def test_a_root_that_is_refused_with_its_first_piece_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some servers open whatever they are asked to, and find out later."""
    peer = Peer()
    peer.twist[wire.READDIR] = lambda _, number, body: [status(number, wire.NO_SUCH_FILE)]
    with pytest.raises(DeviceGone):
        everything(peer, monkeypatch)


def test_listing_left_early_hangs_up_and_the_next_connects_again(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    for number in range(300):
        peer.plant(f"d{number}/a.csv", b"abc")
    device = device_of(peer, monkeypatch, piece=500)
    first = device.list()
    next(first)
    first.close()  # type: ignore[attr-defined]
    assert len(list(device.list())) == 600


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_a_peer_that_answers_noise_ends_in_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, seed: int, every: int
) -> None:
    """Every so many answers are garbage; whatever comes of it is an entry, an Unlistable or a DeviceError."""
    noise = random.Random(seed)
    peer = Peer()
    for number in range(20):
        peer.plant(f"d{number}/a.csv", b"abc")

    def twist(_: Peer, number: int, body: bytes) -> list[bytes] | None:
        if noise.randrange(every):
            return None
        return [packet(noise.choice([101, 102, 103, 104, 105, 201, 7]), number, noise.randbytes(noise.randrange(60)))]

    peer.twist = dict.fromkeys((wire.OPENDIR, wire.READDIR, wire.LSTAT, wire.CLOSE), twist)
    try:
        found = everything(peer, monkeypatch)
    except (ProtocolFault, DeviceGone):
        return
    assert all(".." not in entry.path.split("/") for entry in found)
