"""Fetching from servers that lie, change under us or break off; removing only what is proven to be there."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from tests.contract.ends import MIB, Collected, content
from tests.devices.webdav.sites import BRIEF_S, Site, answering, fetch, on
from tests.servers.http_peer import Exchange, Script

from v2xsync.devices.base import FetchRequest, RemoveRequest
from v2xsync.devices.webdav import WebdavDevice
from v2xsync.errors import DeviceGone, IntegrityError, ItemChanged, ItemError, ItemFailed, ItemMissing, ItemRefused
from v2xsync.model.items import Entry, Fingerprint, Proof

pytestmark = pytest.mark.real("apache2")

DATA = content(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


def version(device: WebdavDevice, path: str) -> Fingerprint:
    (entry,) = device.stat([path])
    assert isinstance(entry, Entry), entry
    return entry.fingerprint


def same_time(reply_body: bytes, **headers: str) -> Script:
    """Answer with other content, and the headers of the real file."""

    def answer(exchange: Exchange) -> bool:
        real = exchange.real()
        kept = {name.replace("-", "_"): value for name, value in real.headers if name in {"Last-Modified", "ETag"}}
        return exchange.reply(200, reply_body, **(kept | headers))

    return answer


def test_over_plain_http_the_content_counts_only_after_a_second_read(site: Site):
    site.plant("a.bin", DATA)
    with site.through(lambda exchange: False) as (device, peer):
        sink = fetch(device, "a.bin")
        assert (sink.finished[0].proof, sink.finished[0].method) == (Proof.HASH, "second read")
        assert sink.finished[0].digest is not None
        assert sink.finished[0].digest.value == SHA256
        assert peer.count("^GET") == 2
        weak = fetch(device, "a.bin", proof=Proof.SIZE)
        assert weak.finished[0].proof is Proof.SIZE
        assert peer.count("^GET") == 3


def test_a_second_read_after_a_resumed_fetch_covers_the_whole_file(site: Site):
    site.plant("a.bin", DATA)
    finished = fetch(site.device(), "a.bin", offset=100_000).finished[0]
    assert finished.digest is not None
    assert finished.digest.value == SHA256


def test_a_bit_that_flips_on_the_way_is_noticed(site: Site):
    site.plant("a.bin", DATA)
    answers = iter([same_time(b"\0" + DATA[1:]), same_time(DATA)])

    def flip(exchange: Exchange) -> bool:
        return next(answers)(exchange)

    with site.through(on("GET", "a.bin", flip)) as (device, _):
        assert isinstance(fetch(device, "a.bin").errors[0], IntegrityError)


def test_a_server_that_sends_the_whole_for_a_range_is_read_past_what_we_have(site: Site):
    site.plant("a.bin", DATA)
    with site.through(on("GET", "a.bin", same_time(DATA))) as (device, _):
        sink = fetch(device, "a.bin", offset=100_001, proof=Proof.SIZE)
    assert sink.content(0, 100_001) == DATA[100_001:]
    assert 0 in sink.finished


def test_a_server_that_sends_another_part_is_not_believed(site: Site):
    site.plant("a.bin", DATA)
    wrong = answering(206, DATA[5:], Content_Range=f"bytes 5-{len(DATA) - 1}/{len(DATA)}")
    with site.through(on("GET", "a.bin", wrong)) as (device, _):
        sink = fetch(device, "a.bin", offset=100)
    assert isinstance(sink.errors[0], ItemFailed)
    assert sink.pieces == {}


@pytest.mark.parametrize("body", [DATA + b"x", DATA[:-1], b""], ids=["longer", "shorter", "empty"])
def test_another_length_than_was_listed_is_another_version(site: Site, body):
    site.plant("a.bin", DATA)
    with site.through(on("GET", "a.bin", same_time(body))) as (device, _):
        assert isinstance(fetch(device, "a.bin").errors[0], ItemChanged)


def test_a_body_without_end_is_left_after_the_last_byte(site: Site):
    site.plant("a.bin", DATA)
    sent = 0

    def endless(exchange: Exchange) -> bool:
        nonlocal sent
        exchange.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            exchange.raw(b"10000\r\n" + bytes(65536) + b"\r\n")
            sent += 65536

    with site.through(on("GET", "a.bin", endless)) as (device, _):
        assert isinstance(fetch(device, "a.bin").errors[0], ItemChanged)
    assert sent < 64 * MIB


def test_compressed_content_is_refused_and_never_unfolded(site: Site):
    site.plant("a.bin", DATA)
    bomb = gzip.compress(bytes(8 * MIB))
    with site.through(on("GET", "a.bin", same_time(bomb, Content_Encoding="gzip"))) as (device, _):
        error = fetch(device, "a.bin").errors[0]
    assert isinstance(error, ItemFailed)
    assert "compressed" in error.what


def test_a_connection_that_breaks_in_the_middle_fails_that_file_and_keeps_its_bytes(site: Site):
    site.plant("a.bin", DATA)

    def half(exchange: Exchange) -> bool:
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(DATA) + DATA[:100_000])
        return exchange.break_off()

    with site.through(on("GET", "a.bin", half)) as (device, _):
        sink = fetch(device, "a.bin")
    assert isinstance(sink.errors[0], ItemFailed)
    assert sink.finished == {}


def test_a_server_that_dies_in_the_middle_is_gone(site: Site):
    site.plant("a.bin", DATA)
    dead = False

    def die(exchange: Exchange) -> bool:
        nonlocal dead
        if dead or exchange.method == "GET":
            dead = True
            return exchange.break_off()
        return False

    with site.through(die, timeout_s=BRIEF_S) as (device, _):
        request = FetchRequest(0, "a.bin", version(device, "a.bin"))
        with pytest.raises(DeviceGone):
            device.fetch([request], Collected())


def test_a_file_that_changes_while_it_is_read_is_told(site: Site):
    place = site.plant("a.bin", content(MIB))
    device = site.device()
    before = version(device, "a.bin")

    def rewrite(token: int, offset: int) -> bool:
        if offset == 0:
            place.write_bytes(content(MIB + 1)[1:])
        return True

    sink = Collected(rewrite)
    device.fetch([FetchRequest(0, "a.bin", before)], sink)
    assert isinstance(sink.errors[0], ItemChanged | IntegrityError)


def test_a_file_without_a_time_is_weak_and_still_fetched(site: Site):
    site.plant("a.bin", DATA)

    def timeless(exchange: Exchange) -> bool:
        real = exchange.real()
        body = real.body.replace(b"getlastmodified", b"getlastmodifiet")
        return exchange.pass_on(type(real)(real.status, real.reason, real.headers, body))

    with site.through(on("PROPFIND", "", timeless)) as (device, _):
        assert version(device, "a.bin").weak
        assert fetch(device, "a.bin").content(0) == DATA


# --- removing --------------------------------------------------------------------------------------------------------


def remove(device: WebdavDevice, path: str, fingerprint: Fingerprint, sha256: str = "", *, prove: bool = False):
    ((_, error),) = device.remove([RemoveRequest(0, path, fingerprint, sha256, prove_content=prove)])
    return error


def test_a_removal_carries_what_keeps_it_from_taking_a_folder_or_another_version(site: Site):
    """Invariant 1: the look protects; where the server works, these headers leave no gap after it."""
    site.plant("a.bin", DATA)
    headers: list[tuple[str | None, str | None]] = []

    def note(exchange: Exchange) -> bool:
        headers.append((exchange.headers.get("depth"), exchange.headers.get("if-match")))
        return False

    with site.through(on("DELETE", "a.bin", note)) as (device, _):
        assert remove(device, "a.bin", version(device, "a.bin")) is None
    ((depth, etag),) = headers
    assert depth == "0"
    assert etag is not None
    assert etag.startswith('"')
    assert site.files() == {}


def test_what_took_the_place_of_a_file_after_the_look_stays(site: Site):
    place = site.plant("a.bin", DATA)

    def another_version(exchange: Exchange) -> bool:
        place.write_bytes(DATA + b"more")
        return False

    with site.through(on("DELETE", "a.bin", another_version)) as (device, _):
        assert isinstance(remove(device, "a.bin", version(device, "a.bin")), ItemChanged)
    assert site.files() == {"a.bin": DATA + b"more"}


def test_a_folder_that_took_the_place_of_a_file_after_the_look_stays_with_all_that_is_in_it(site: Site):
    place = site.plant("a.bin", DATA)

    def becomes_a_folder(exchange: Exchange) -> bool:
        place.unlink()
        site.plant("a.bin/precious.csv", b"1")
        return False

    with site.through(on("DELETE", "a.bin", becomes_a_folder)) as (device, _):
        assert isinstance(remove(device, "a.bin", version(device, "a.bin")), ItemError)
    assert site.files() == {"a.bin/precious.csv": b"1"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, ItemRefused), (404, ItemMissing), (423, ItemFailed), (207, ItemFailed), (202, ItemFailed)],
)
def test_a_refused_removal_is_no_removal(site: Site, status, kind):
    site.plant("a.bin", DATA)
    with site.through(on("DELETE", "a.bin", answering(status, b'<multistatus xmlns="DAV:"/>'))) as (device, _):
        assert type(remove(device, "a.bin", version(device, "a.bin"))) is kind
    assert site.files() == {"a.bin": DATA}


def test_content_that_a_server_cannot_show_again_is_not_removed(site: Site):
    site.plant("a.bin", DATA)
    with site.through(on("GET", "a.bin", answering(500))) as (device, _):
        assert isinstance(remove(device, "a.bin", version(device, "a.bin"), SHA256, prove=True), ItemFailed)
    device = site.device()
    assert isinstance(remove(device, "a.bin", version(device, "a.bin"), "0" * 64, prove=True), ItemChanged)
    assert remove(device, "a.bin", version(device, "a.bin"), SHA256, prove=True) is None


def test_folders_are_never_removed(site: Site):
    """Invariant 1: DELETE of a folder takes what is in it, and nothing fails where it is not empty."""
    (site.root / "empty").mkdir()
    with site.through(lambda exchange: False) as (device, peer):
        device.connect()
        assert list(device.prune(["empty"])) == []
        assert peer.count("^DELETE") == 0
        assert not device.capabilities.folders
    assert (site.root / "empty").is_dir()
