"""Sending to servers that lie, stop, refuse or are full: nothing half stands under a final name, nothing is lost."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import pytest
from tests.contract.ends import MIB, Contents, content
from tests.contract.target_checks import plan
from tests.devices.webdav.sites import BRIEF_S, Site, answering, on, send
from tests.servers.apache import apache
from tests.servers.dav_host import open_up
from tests.servers.http_peer import Exchange
from tests.servers.wsgidav_server import wsgidav

from v2xsync.devices.base import Proven, ProveRequest
from v2xsync.errors import (
    AccessRefused,
    Cancelled,
    DeviceBusy,
    DeviceError,
    DeviceGone,
    IntegrityError,
    ItemFailed,
    ItemRefused,
    NameTaken,
    NoSpace,
    OutcomeUnknown,
)
from v2xsync.model.items import Proof

pytestmark = pytest.mark.real("apache2")

PARTIAL = ".v2xsync-st-0.part"
BIG = content(3 * MIB)


def truncate(exchange: Exchange) -> bool:
    """Store the first thousand bytes, and say that all is well."""
    return exchange.pass_on(exchange.real(exchange.body()[:1000]))


def test_a_server_that_truncates_and_says_ok_is_caught_before_the_final_name(site: Site):
    """Requirement R4, invariant 4."""
    with site.through(on("PUT", PARTIAL, truncate)) as (device, _):
        error = send(device, "a.bin", BIG[:5000]).errors[0]
    assert isinstance(error, IntegrityError)
    assert (error.expected, error.got) == ("5000 bytes", "1000 bytes")
    assert site.finals() == {}
    assert 0 in send(site.device(), "a.bin", BIG[:5000]).sent
    assert site.files() == {"a.bin": BIG[:5000]}


def test_a_server_that_stores_nothing_and_says_ok_is_caught(site: Site):
    with site.through(on("PUT", PARTIAL, answering(201))) as (device, _):
        error = send(device, "a.bin", b"12345").errors[0]
    assert isinstance(error, IntegrityError)
    assert error.got == "nothing"


def test_a_file_that_was_truncated_after_the_move_is_caught_by_proof(site: Site):
    device = site.device()
    send(device, "a.bin", b"12345")
    (site.root / "a.bin").write_bytes(b"1234")
    ((_, answer),) = device.prove([ProveRequest(0, "a.bin", 5, Proof.HASH)])
    assert isinstance(answer, Proven)
    assert answer.size == 4


def test_an_answer_after_the_timeout_leaves_the_outcome_unknown_and_one_object(site: Site):
    """Requirement R11, invariant 7."""

    def late(exchange: Exchange) -> bool:
        exchange.real()
        return exchange.hang()

    with site.through(on("MOVE", PARTIAL, late), timeout_s=BRIEF_S) as (device, peer):
        error = send(device, "a.bin", b"12345").errors[0]
        assert isinstance(error, OutcomeUnknown)
        assert peer.count("^MOVE") == 1, "never asked for twice"
    assert site.files() == {"a.bin": b"12345"}
    again = site.device()
    assert isinstance(send(again, "a.bin", b"12345").errors[0], NameTaken)
    assert site.finals() == {"a.bin": b"12345"}


def test_a_connection_closed_instead_of_the_answer_to_move_is_unknown_too(site: Site):
    with site.through(on("MOVE", PARTIAL, lambda exchange: exchange.break_off())) as (device, _):
        assert isinstance(send(device, "a.bin", b"12345").errors[0], OutcomeUnknown)
    assert set(site.files()) == {PARTIAL}


def test_a_connection_closed_after_the_last_byte_costs_nothing(site: Site):
    """The whole partial is there: the next try only gives it its name."""

    def close_after_it(exchange: Exchange) -> bool:
        exchange.real()
        return exchange.break_off()

    data = BIG[:MIB]
    with site.through(on("PUT", PARTIAL, close_after_it)) as (device, _):
        assert isinstance(send(device, "a.bin", data).errors[0], ItemFailed)
    assert site.files() == {PARTIAL: data}
    with site.through(lambda exchange: False) as (device, peer):
        assert 0 in send(device, "a.bin", data).sent
        assert peer.count("^PUT") == 0
    assert site.files() == {"a.bin": data}


def test_a_server_that_is_silent_for_one_file_does_not_keep_the_others_waiting(site: Site):
    """Invariant 8, and 11: the file waits, the lane goes on."""
    feed = Contents({0: b"slow", 1: b"fine"})
    with site.through(on("PUT", "st-0", lambda exchange: exchange.hang()), timeout_s=BRIEF_S) as (device, _):
        device.send([plan("slow.bin", b"slow"), plan("fine.bin", b"fine", 1)], feed)
    assert isinstance(feed.errors[0], ItemFailed)
    assert site.finals() == {"fine.bin": b"fine"}


def test_a_server_that_is_silent_altogether_is_gone(site: Site):
    with (
        site.through(lambda exchange: exchange.hang(), timeout_s=BRIEF_S) as (device, _),
        pytest.raises(DeviceGone, match="silent"),
    ):
        device.connect()


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (507, b"", NoSpace),
        (413, b"You are over quota", NoSpace),
        (429, b"", DeviceBusy),
        (503, b"", DeviceBusy),
        (413, b"Too Large", ItemRefused),
        (414, b"", ItemRefused),
        (423, b"", ItemFailed),
        (409, b"", ItemFailed),
        (500, b"", ItemFailed),
        (418, b"", ItemRefused),
        (202, b"", ItemFailed),
        (207, b"", ItemFailed),
    ],
)
def test_what_a_refused_upload_means(site: Site, status, body, kind):
    feed = Contents({0: b"12345"})
    with site.through(on("PUT", PARTIAL, answering(status, body))) as (device, _):
        if issubclass(kind, DeviceError):
            with pytest.raises(kind):
                device.send([plan("a.bin", b"12345")], feed)
        else:
            device.send([plan("a.bin", b"12345")], feed)
            assert type(feed.errors[0]) is kind
    assert site.finals() == {}


def test_a_full_server_that_answers_at_once_and_hangs_up_is_full(site: Site):
    def full(exchange: Exchange) -> bool:
        exchange.body(1000)
        exchange.raw(b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        while exchange.plug.recv(65536):
            pass
        raise EOFError

    with site.through(on("PUT", PARTIAL, full)) as (device, _), pytest.raises(NoSpace):
        send(device, "a.bin", BIG)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(412, NameTaken), (202, OutcomeUnknown), (207, OutcomeUnknown), (502, OutcomeUnknown), (504, OutcomeUnknown),
     (403, ItemRefused), (404, ItemFailed), (409, ItemFailed), (500, ItemFailed), (301, ItemFailed)],
)  # fmt: skip
def test_what_a_refused_move_means(site: Site, status, kind):
    with site.through(on("MOVE", PARTIAL, answering(status))) as (device, _):
        assert type(send(device, "a.bin", b"12345").errors[0]) is kind
    assert set(site.files()) == {PARTIAL}


def test_a_server_that_overwrites_although_told_not_to_finds_no_chance(site: Site):
    """Invariant 3: no header is trusted with what stands there; what appears meanwhile is seen before MOVE."""

    def overwriting(exchange: Exchange) -> bool:
        return exchange.pass_on(exchange.real(overwrite="T"))

    def appears(token: int, offset: int) -> None:
        site.plant("a.bin", b"quicker")

    feed = Contents({0: b"12345"}, appears)
    with site.through(on("MOVE", PARTIAL, overwriting)) as (device, peer):
        device.send([plan("a.bin", b"12345")], feed)
        assert peer.count("^MOVE") == 0
    assert isinstance(feed.errors[0], NameTaken)
    assert site.finals() == {"a.bin": b"quicker"}


def test_a_large_file_whose_name_is_taken_is_not_sent_at_all(site: Site):
    site.plant("a.bin", b"precious")
    device = site.device()
    feed = send(device, "a.bin", BIG)
    assert isinstance(feed.errors[0], NameTaken)
    assert feed.reads == []


def test_a_server_that_gives_another_name_is_found_out(site: Site):
    """Wsgidav cuts names at ``;`` and ``?`` and says 201."""

    def cut(exchange: Exchange) -> bool:
        return exchange.pass_on(exchange.real(destination=exchange.headers["destination"].partition("%3B")[0]))

    with site.through(on("MOVE", PARTIAL, cut)) as (device, _):
        error = send(device, "a;b.bin", b"12345").errors[0]
    assert isinstance(error, ItemRefused)
    assert "another one" in error.what


READ_ONLY = (
    '<Location "/">', "<LimitExcept GET HEAD OPTIONS PROPFIND>", "Require all denied", "</LimitExcept>", "</Location>",
)  # fmt: skip


def test_a_share_that_may_only_be_read_stops_the_device_and_no_file_is_to_blame():
    with (
        apache(lines=READ_ONLY) as host,
        contextlib.closing(Site(host, host.home)) as site,
        pytest.raises(AccessRefused, match="nothing may be written"),
    ):
        send(site.device(), "d.bin", b"12345")


def test_a_server_that_keeps_the_ending_part_for_itself_gets_another_one(site: Site):
    """OwnCloud and Nextcloud answer 400 or 403 to PUT of any name with that ending."""
    site.plant("d/.v2xsync-st-8.unfinished", b"in use")
    site.plant("d/.v2xsync-st-9.unfinished", b"stale")

    def reserved(exchange: Exchange) -> bool:
        return exchange.target.endswith(".part") and exchange.reply(400)

    with site.through(on("PUT", "", reserved)) as (device, peer):
        assert 0 in send(device, "d/a.bin", BIG).sent
        assert 0 in send(device, "d/b.bin", b"12345").sent
        assert peer.count(r"^PUT .*\.part$") == 2, "the file's, and one to find out"
        assert list(device.sweep(["d"], frozenset({"d/.v2xsync-st-8.part"}))) == ["d/.v2xsync-st-9.unfinished"]
    assert set(site.files()) == {"d/a.bin", "d/b.bin", "d/.v2xsync-st-8.unfinished"}
    assert site.files()["d/a.bin"] == BIG


def test_one_folder_that_may_not_be_written_is_that_file_s_trouble(site: Site):
    site.plant("closed/x", b"x")
    with site.through(on("PUT", "/closed/", answering(403))) as (device, _):
        assert isinstance(send(device, "closed/a.bin", b"12345").errors[0], ItemRefused)
        assert 0 in send(device, "open/a.bin", b"12345").sent
        assert device._known.ending == ".part"
    assert set(site.files()) == {"closed/x", "open/a.bin"}


def test_a_folder_that_went_away_is_made_again(site: Site):
    device = site.device()
    send(device, "d/e/a.bin", b"1")
    (site.root / "d/e/a.bin").unlink()
    (site.root / "d/e").rmdir()
    assert isinstance(send(device, "d/e/b.bin", b"2").errors[0], ItemFailed)
    assert 0 in send(device, "d/e/b.bin", b"2").sent


def test_folders_are_made_down_to_the_file(site: Site):
    device = site.device()
    assert 0 in send(device, "a/b/c/d.bin", b"deep").sent
    assert 0 in send(device, "a/b/e.bin", b"less").sent
    assert site.files() == {"a/b/c/d.bin": b"deep", "a/b/e.bin": b"less"}


def test_a_missing_root_is_never_made(site: Site):
    """The bad input "target folder missing"; also when it goes while we are connected."""
    with pytest.raises(DeviceGone, match="not there"):
        site.device(root=f"{site.root.name}/nothing").connect()
    device = site.device()
    device.connect()
    site.root.rename(site.root.with_name("elsewhere-" + site.root.name))
    with pytest.raises(DeviceGone, match="not there"):
        device.stat(["a.bin"])
    assert not site.root.exists()


def test_a_root_that_is_a_file_is_no_target(site: Site):
    site.plant("file", b"x")
    with pytest.raises(DeviceError):
        site.device(root=f"{site.root.name}/file").connect()


def test_a_locked_name_waits(site: Site):
    site.plant("d/x", b"x")
    lock = (
        b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype>'
        b"<owner>another program</owner></lockinfo>"
    )
    device = site.device()
    device.connect()
    assert device._line is not None
    with device._line.answer("LOCK", "d", folder=True, headers={"Depth": "infinity"}, content=lock) as response:
        assert response.status_code == 200
    error = send(device, "d/a.bin", b"12345").errors[0]
    assert isinstance(error, ItemFailed)
    assert "locked" in error.what


# --- pieces ----------------------------------------------------------------------------------------------------------


def test_a_server_that_continues_partials_is_sent_pieces(site: Site):
    with site.through(lambda exchange: False) as (device, peer):
        assert 0 in send(device, "a.bin", BIG).sent
        assert peer.count("^PUT") == 3
        assert device.capabilities.resumable_write
    assert site.files() == {"a.bin": BIG}


def test_a_stream_is_sent_in_one_piece_and_read_once(site: Site):
    with site.through(lambda exchange: False) as (device, peer):
        feed = send(device, "a.bin", BIG, resume=False)
        assert peer.count("^PUT") == 1
    assert [offset for _, offset, _ in feed.reads] == sorted({offset for _, offset, _ in feed.reads})
    assert site.files() == {"a.bin": BIG}


def ranged(exchange: Exchange) -> bool:
    return "content-range" in exchange.headers


def as_the_whole(exchange: Exchange) -> bool:
    """Pass over Content-Range, as RFC 7231 feared: the piece becomes the file."""
    return ranged(exchange) and exchange.pass_on(exchange.real(content_range=""))


def over_zeros(exchange: Exchange) -> bool:
    """Put the piece where it belongs in an emptied file: right size, lost head."""
    if not ranged(exchange):
        return False
    start = int(exchange.headers["content-range"].partition(" ")[2].partition("-")[0])
    return exchange.pass_on(exchange.real(bytes(start) + exchange.body(), content_range=""))


def refuse(status: int):
    return lambda exchange: ranged(exchange) and exchange.reply(status)


@pytest.mark.parametrize(
    "manner", [as_the_whole, over_zeros, refuse(400), refuse(501), refuse(405), refuse(416)],
    ids=["as-the-whole", "over-zeros", "400", "501", "405", "416"],
)  # fmt: skip
def test_a_server_that_cannot_continue_partials_is_found_out_and_sent_the_whole(site: Site, manner):
    """Requirement R6."""
    with site.through(on("PUT", PARTIAL, manner)) as (device, peer):
        assert 0 in send(device, "a.bin", BIG).sent
        assert not device.capabilities.resumable_write
        tries = peer.count("^PUT")
        assert 0 in send(device, "b.bin", BIG).sent
        assert peer.count("^PUT") == tries + 1, "known by now"
    assert site.files() == {"a.bin": BIG, "b.bin": BIG}


def test_what_a_broken_link_left_is_continued(site: Site):
    def break_at_two(token: int, offset: int) -> None:
        if offset >= 2 * MIB:
            raise Cancelled("stop")

    device = site.device()
    with pytest.raises(Cancelled):
        device.send([plan("a.bin", BIG)], Contents({0: BIG}, break_at_two))
    assert len(site.files()[PARTIAL]) >= 2 * MIB
    feed = send(device, "a.bin", BIG)
    assert feed.first_offset(0) > MIB
    assert site.files() == {"a.bin": BIG}


# --- proof -----------------------------------------------------------------------------------------------------------


def test_proof_reads_back_by_a_fresh_request_that_no_cache_may_answer(site: Site):
    asked = []

    def note(exchange: Exchange) -> bool:
        asked.append(exchange.headers.get("cache-control"))
        return False

    site.plant("a.bin", b"12345")
    with site.through(on("GET", "a.bin", note)) as (device, _):
        ((_, proven),) = device.prove([ProveRequest(0, "a.bin", 5, Proof.HASH)])
    assert isinstance(proven, Proven)
    assert proven.digest is not None
    assert proven.digest.value == hashlib.sha256(b"12345").hexdigest()
    assert asked == ["no-cache"]


def test_a_server_that_reads_back_other_bytes_tells_another_digest(site: Site):
    site.plant("a.bin", b"12345")

    def other(exchange: Exchange) -> bool:
        return exchange.reply(200, b"54321", Last_Modified="Thu, 01 Jan 1970 00:00:00 GMT")

    with site.through(on("GET", "a.bin", other)) as (device, _):
        ((_, proven),) = device.prove([ProveRequest(0, "a.bin", 5, Proof.HASH)])
    assert isinstance(proven, Proven)
    assert proven.digest is not None
    assert proven.digest.value != hashlib.sha256(b"12345").hexdigest()


def test_sweep_deletes_files_only_and_only_ours(site: Site):
    site.plant("d/.v2xsync-st-1.part", b"stale")
    site.plant("d/data.part", b"theirs")
    folder = site.root / "d/.v2xsync-st-2.part"
    folder.mkdir()
    open_up(folder)
    with site.through(lambda exchange: False) as (device, peer):
        assert list(device.sweep(["d", "nothing"], frozenset())) == ["d/.v2xsync-st-1.part"]
        assert peer.count("^DELETE") == 1
    assert set(site.files()) == {"d/data.part"}
    assert folder.is_dir()


def test_a_host_is_told_with_its_clock(site: Site):
    health = site.device().probe()
    assert health.clock_offset_s is not None
    assert abs(health.clock_offset_s) < 5
    assert "Apache" in health.detail


def test_free_space_is_told_where_the_server_tells_it(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    with wsgidav(tmp_path, home) as host, contextlib.closing(Site(host, home)) as site:
        assert (site.device().probe().free_bytes or 0) > 0
