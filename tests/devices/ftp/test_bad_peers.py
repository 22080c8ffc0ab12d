"""FTP peers that lie, stall, flood or break off: every wait ends, nothing false is believed, in plain words."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contract.ends import Collected, Contents, content
from tests.contract.target_checks import plan
from tests.servers.ftp_peer import FtpPeer, HangUp, Talk, ftp_peer
from tests.servers.running import LOOPBACK

from v2xsync.devices.base import FetchRequest, Proven, ProveRequest, RemoveRequest
from v2xsync.devices.ftp import FtpDevice
from v2xsync.devices.ftp_wire import looking
from v2xsync.devices.ftp_wire.lines import read_stamp
from v2xsync.errors import (
    AccessRefused,
    DeviceBusy,
    DeviceError,
    DeviceGone,
    IntegrityError,
    ItemChanged,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NoSpace,
    OutcomeUnknown,
    ProtocolFault,
    V2xSyncError,
)
from v2xsync.model.items import Digest, Entry, Fingerprint, Proof, Unlistable

SHORT_S = 0.6
"""The patience with peers that say nothing; others get enough for a busy machine."""
ENOUGH_S = 15.0
LONG_S = 30.0
"""Nothing here may take longer."""
WHEN_NS = read_stamp("20231114221320")[0]

Use = Callable[[FtpDevice], Any]


def using(peer: FtpPeer, use: Use, *, timeout_s: float = ENOUGH_S, **changes: Any) -> Any:
    """Let `use` work with a device that is `peer`; fails where that takes far too long."""
    began = time.monotonic()
    with ftp_peer(peer) as host:
        device = FtpDevice("box", host.options(Path("/"), timeout_s=timeout_s, **changes), time.time)
        try:
            return use(device)
        finally:
            device.close()
            assert time.monotonic() - began < LONG_S


def says(answer: str) -> Callable[[Talk, str], str]:
    return lambda talk, argument: answer


def hangs_up(talk: Talk, argument: str) -> str:
    raise HangUp


def says_soon_and_stalls(talk: Talk, argument: str) -> str:
    talk.say("150 soon")
    return talk.peer.silence(talk, argument)


def once(answer: Callable[[Talk, str], str]) -> Callable[[Talk, str], str | None]:
    """Answer so the first time only."""
    times = [answer]

    def tell(talk: Talk, argument: str) -> str | None:
        return times.pop()(talk, argument) if times else None

    return tell


def connected(device: FtpDevice) -> None:
    device.connect()


def fetched(path: str, size: int, *, proof: Proof = Proof.HASH, offset: int = 0) -> Callable[[FtpDevice], Collected]:
    def use(device: FtpDevice) -> Collected:
        sink = Collected()
        device.fetch([FetchRequest(0, path, Fingerprint(size, WHEN_NS), offset, proof)], sink)
        return sink

    return use


def sent(data: bytes, feeds: list[Contents] | None = None) -> Callable[[FtpDevice], Contents]:
    def use(device: FtpDevice) -> Contents:
        feed = Contents({0: data})
        if feeds is not None:
            feeds.append(feed)
        device.send([plan("a.bin", data)], feed)
        return feed

    return use


# --- before anything is done ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["GREETING", "USER", "PASS", "FEAT", "PWD", "CWD"])
def test_a_server_that_says_nothing_more_while_we_log_in(step: str) -> None:
    peer = FtpPeer()
    peer.on[step] = peer.silence
    with pytest.raises(DeviceGone, match="answered nothing"):
        using(peer, connected, timeout_s=SHORT_S)


@pytest.mark.parametrize("step", ["GREETING", "USER", "PASS", "FEAT", "CWD"])
def test_a_server_that_hangs_up_while_we_log_in(step: str) -> None:
    peer = FtpPeer()
    peer.on[step] = hangs_up
    with pytest.raises(DeviceGone):
        using(peer, connected)


@pytest.mark.parametrize("greeting", ["SSH-2.0-OpenSSH_9.2", "HTTP/1.1 400 Bad Request", "\xb2\xb20 hello", "\0\0\0\0"])
def test_a_server_that_is_no_ftp_server(greeting: str) -> None:
    peer = FtpPeer()
    peer.on["GREETING"] = says(greeting)
    with pytest.raises(ProtocolFault, match="does not speak FTP"):
        using(peer, connected)


@pytest.mark.parametrize(
    ("step", "answer", "error"),
    [
        ("GREETING", "421 Too many connections", DeviceBusy),
        ("GREETING", "500 go away", ProtocolFault),
        ("PASS", "530 Login incorrect.", AccessRefused),
        ("PASS", "530 Sorry, the maximum number of clients (4) is connected", DeviceBusy),
        ("PASS", "421 later", DeviceBusy),
        ("USER", "530 Non-anonymous sessions must use encryption.", AccessRefused),
        ("PASS", "332 and the account?", AccessRefused),
        ("PWD", "257 no quotes here", ProtocolFault),
        ("TYPE", "504 letters only", ProtocolFault),
        ("CWD", "550 no such folder", DeviceGone),
        ("CWD", "550 Permission denied", AccessRefused),
    ],
)
def test_a_server_that_does_not_let_us_work(step: str, answer: str, error: type[V2xSyncError]) -> None:
    peer = FtpPeer()
    peer.on[step] = says(answer)
    with pytest.raises(error) as caught:
        using(peer, connected)
    assert caught.value.what


def test_no_password_shows_in_an_error() -> None:
    peer = FtpPeer()
    peer.on["PASS"] = lambda talk, argument: f"530 not {argument}"
    with pytest.raises(AccessRefused) as caught:
        using(peer, connected, password="hush-hush")
    assert "hush-hush" not in str(caught.value)
    assert "hush-hush" not in caught.value.remedy


def test_a_line_break_in_a_password_adds_no_command() -> None:
    peer = FtpPeer()
    with pytest.raises(V2xSyncError):
        using(peer, connected, password="x\r\nDELE /a.bin")
    assert peer.count("DELE") == 0


# --- floods -----------------------------------------------------------------------------------------------------------


def flood(talk: Talk, argument: str) -> str:
    """Ten gigabytes in one line, as far as anybody listens."""
    for _ in range(10_000):
        talk.plug.sendall(b"2" * 1_000_000)
    return ""


def endless_reply(talk: Talk, argument: str) -> str:
    for _ in range(1_000_000):
        talk.plug.sendall(b"211- and more\r\n" * 1_000)
    return ""


@pytest.mark.parametrize("step", ["GREETING", "FEAT", "SIZE", "STAT"])
@pytest.mark.parametrize("kind", [flood, endless_reply])
def test_a_reply_without_end(step: str, kind: Callable[[Talk, str], str]) -> None:
    peer = FtpPeer({"a.bin": b"x"})
    peer.on[step] = kind
    with pytest.raises(ProtocolFault, match="does not speak FTP"):
        using(peer, lambda device: device.stat(["a.bin"]))


def test_a_listing_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MOST_NAMES", 2_000)
    peer = FtpPeer()

    def endless(talk: Talk, argument: str) -> str:
        talk.say("150 listen")
        with talk.data() as plug:
            for number in range(10_000_000):
                plug.sendall(f"-rw------- 1 ftp ftp 1 Nov 14  2023 {number}\r\n".encode())
        return "226 all"

    peer.on["LIST"] = endless
    (found,) = using(peer, lambda device: list(device.list()))
    assert isinstance(found, Unlistable)
    assert "more than 2,000" in found.reason


def test_a_line_of_a_listing_without_end() -> None:
    peer = FtpPeer()

    def endless(talk: Talk, argument: str) -> str:
        talk.say("150 listen")
        with talk.data() as plug:
            for _ in range(400):
                plug.sendall(b"-" * 1_000_000)
        return "226 all"

    peer.on["LIST"] = endless
    assert all(isinstance(found, Unlistable) for found in using(peer, lambda device: list(device.list())))


# --- listings that lie ------------------------------------------------------------------------------------------------

LINE = b"-rw-r--r-- 1 ftp ftp 5 Nov 14  2023 "


def listing(*lines: bytes) -> FtpPeer:
    peer = FtpPeer({"good.csv": b"good!"})
    told = LINE + b"good.csv\r\n" + b"".join(lines)
    peer.on["LIST"] = lambda talk, argument: talk.give(told)
    return peer


@pytest.mark.parametrize(
    "line",
    [
        LINE + b"../../etc/passwd\r\n",
        LINE + b"/etc/passwd\r\n",
        LINE + b"d/a.csv\r\n",
        LINE + b"nul\0.csv\r\n",
        LINE + b"break\r.csv\r\n",
        LINE + b"x" * 5_000 + b"\r\n",
        b"-rw-r--r-- 1 ftp ftp 99999999999999999999999 Nov 14  2023 huge.csv\r\n",
        b"\x1b[2J\x1b]0;owned\x07\r\n",
        b"\xff\xfe\xfd\r\n",
        b"\0" * 4_000 + b"\r\n",
        b"-rw-r--r-- " * 1_000 + b"\r\n",
    ],
)
def test_a_line_that_no_listing_has_is_told_and_the_rest_goes_on(line: bytes) -> None:
    found = using(listing(line), lambda device: list(device.list()))
    assert [entry.path for entry in found if isinstance(entry, Entry)] == ["good.csv"]
    assert len([part for part in found if isinstance(part, Unlistable)]) == 1


def test_control_characters_in_a_name_stay_in_the_name() -> None:
    """Nothing is cut or changed here: whoever shows the name makes it harmless."""
    found = using(listing(LINE + b"\x1b[31m\x07red.csv\r\n"), lambda device: list(device.list()))
    assert [entry.path for entry in found] == ["good.csv", "\x1b[31m\x07red.csv"]


def test_a_name_with_a_line_break_is_not_taken_for_the_name_before_the_break() -> None:
    found = using(listing(LINE + b"two\nlines.csv\r\n"), lambda device: list(device.list()))
    assert [part.path for part in found if isinstance(part, Unlistable)] == ["two", ""]
    assert [entry.path for entry in found if isinstance(entry, Entry)] == ["good.csv"]


def test_a_listing_that_says_it_is_cut_is_incomplete() -> None:
    """Pure-FTPd stops after 10,000 names (requirement R7)."""
    peer = listing()
    peer.on["LIST"] = lambda talk, argument: talk.give(LINE + b"good.csv\r\n") + " Output truncated to 1 matches"
    found = using(peer, lambda device: list(device.list()))
    assert [type(part) for part in found] == [Entry, Unlistable]


def test_a_listing_that_breaks_off_is_no_listing() -> None:
    peer = listing()
    peer.on["LIST"] = lambda talk, argument: (talk.give(LINE + b"good.csv\r\n"), "426 broken")[1]
    (found,) = using(peer, lambda device: list(device.list()))
    assert isinstance(found, Unlistable)


def test_a_listing_whose_end_never_comes_is_an_error() -> None:
    peer = listing()

    def never_ends(talk: Talk, argument: str) -> str:
        talk.give(LINE + b"good.csv\r\n")
        return peer.silence(talk, argument)

    peer.on["LIST"] = never_ends
    with pytest.raises(DeviceGone):
        using(peer, lambda device: list(device.list()), timeout_s=SHORT_S)


def test_folders_in_folders_without_end_end() -> None:
    peer = FtpPeer()
    peer.on["CWD"] = says("250 there")
    peer.on["LIST"] = lambda talk, argument: talk.give(b"drwxr-xr-x 1 ftp ftp 0 Nov 14  2023 " + b"d" * 200 + b"\r\n")
    found = using(peer, lambda device: list(device.list()))
    assert isinstance(found[-1], Unlistable)
    assert "too long" in found[-1].reason


# --- content ----------------------------------------------------------------------------------------------------------


def test_a_server_that_sends_less_and_says_that_was_all() -> None:
    peer = FtpPeer({"a.bin": content(1_000_000)})
    peer.sent = lambda told: told[:600_000]
    sink = using(peer, fetched("a.bin", 1_000_000))
    assert isinstance(sink.errors[0], ItemFailed)
    assert "600000 of 1000000" in sink.errors[0].what


def test_a_server_that_sends_more_than_there_is() -> None:
    peer = FtpPeer({"a.bin": content(1_000)})
    peer.sent = lambda told: told + b"more"
    assert isinstance(using(peer, fetched("a.bin", 1_000)).errors[0], ItemChanged)


def test_a_bit_that_flips_on_plain_ftp_is_found_by_the_second_read() -> None:
    peer = FtpPeer({"a.bin": content(1_000)})
    peer.sent = lambda told: told if peer.count("RETR") > 1 else b"\0" + told[1:]
    assert isinstance(using(peer, fetched("a.bin", 1_000)).errors[0], IntegrityError)


def test_a_second_read_is_paid_for_only_where_the_route_wants_it() -> None:
    peer = FtpPeer({"a.bin": content(1_000)})
    sink = using(peer, fetched("a.bin", 1_000, proof=Proof.SIZE))
    assert (sink.finished[0].proof, peer.count("RETR")) == (Proof.SIZE, 1)


def test_a_continued_fetch_is_digested_whole_by_the_second_read() -> None:
    peer = FtpPeer({"a.bin": content(300_000)})
    sink = using(peer, fetched("a.bin", 300_000, offset=200_000))
    digest = sink.finished[0].digest
    assert digest is not None
    assert digest.value == hashlib.sha256(content(300_000)).hexdigest()
    assert sink.content(0, 200_000) == content(300_000)[200_000:]


def test_a_server_that_ignores_the_offset_is_caught_by_the_count() -> None:
    peer = FtpPeer({"a.bin": content(300_000)})
    peer.on["RETR"] = lambda talk, argument: talk.give(peer.files["a.bin"])
    sink = using(peer, fetched("a.bin", 300_000, offset=200_000))
    assert isinstance(sink.errors[0], ItemChanged)


def test_a_server_that_refuses_the_offset_is_read_from_the_start() -> None:
    peer = FtpPeer({"a.bin": content(300_000)})
    peer.on["REST"] = says("501 not today")
    sink = using(peer, fetched("a.bin", 300_000, offset=200_000))
    assert sink.content(0, 200_000) == content(300_000)[200_000:]


def test_a_fetch_whose_end_is_never_told_is_no_fetch() -> None:
    peer = FtpPeer({"a.bin": content(1_000)})

    def never_ends(talk: Talk, argument: str) -> str:
        talk.give(peer.files["a.bin"])
        return peer.silence(talk, argument)

    peer.on["RETR"] = never_ends
    with pytest.raises(DeviceGone):
        using(peer, fetched("a.bin", 1_000), timeout_s=SHORT_S)


def test_a_file_of_the_same_size_and_time_but_other_content_is_not_removed() -> None:
    """A weak fingerprint asks for the content; a strong one is the time's business."""
    peer = FtpPeer({"a.bin": b"new content"})
    digest = hashlib.sha256(b"old content").hexdigest()
    request = RemoveRequest(0, "a.bin", Fingerprint(11, None), digest, prove_content=True)
    ((_, error),) = using(peer, lambda device: list(device.remove([request])))
    assert isinstance(error, ItemChanged)
    assert peer.files == {"a.bin": b"new content"}


# --- sending ----------------------------------------------------------------------------------------------------------


def test_a_server_that_keeps_less_and_says_ok_is_caught_before_the_final_name() -> None:
    """Requirement R4: the liar that truncates at N bytes."""
    peer = FtpPeer()
    peer.stored = lambda told: told[:600_000]
    names: set[str] = set()

    def watch(talk: Talk, argument: str) -> None:
        names.update(peer.files)

    peer.on["RNTO"] = watch
    feed = using(peer, sent(content(1_000_000)))
    assert isinstance(feed.errors[0], IntegrityError)
    assert (names, peer.files) == (set(), {})


def test_a_server_that_forgets_the_file_after_ok() -> None:
    peer = FtpPeer()

    def forgets(talk: Talk, argument: str) -> str:
        talk.take()
        return "226 got it"

    peer.on["STOR"] = forgets
    feed = using(peer, sent(b"content"))
    assert isinstance(feed.errors[0], ItemMissing)


def test_a_server_whose_appe_truncates_is_caught_and_the_next_try_starts_over() -> None:
    peer = FtpPeer({".v2xsync-st-0.part": content(200_000)})

    def truncates(talk: Talk, argument: str) -> str:
        peer.files[argument.strip("/")] = talk.take()
        return "226 added"

    peer.on["APPE"] = truncates

    def twice(device: FtpDevice) -> list[Contents]:
        return [sent(content(300_000))(device) for _ in range(2)]

    first, second = using(peer, twice)
    assert isinstance(first.errors[0], IntegrityError)
    assert set(second.sent) == {0}
    assert peer.files == {"a.bin": content(300_000)}


def test_a_server_that_refuses_appe_gets_the_whole_file() -> None:
    peer = FtpPeer({".v2xsync-st-0.part": content(200_000)})
    peer.on["APPE"] = says("451 Append/Restart not permitted, try again")
    feed = using(peer, sent(content(300_000)))
    assert set(feed.sent) == {0}
    assert peer.files == {"a.bin": content(300_000)}


@pytest.mark.parametrize("answer", ["552 quota exceeded", "452 no room", "451 write: No space left on device"])
@pytest.mark.parametrize("when", ["at once", "at the end"])
def test_a_full_server_is_told_as_full(answer: str, when: str) -> None:
    peer = FtpPeer()
    peer.on["STOR"] = lambda talk, argument: answer if when == "at once" else (talk.take(), answer)[1]
    with pytest.raises(NoSpace):
        using(peer, sent(b"content"))
    assert "a.bin" not in peer.files


def test_a_server_that_runs_full_in_the_middle_still_says_why() -> None:
    peer = FtpPeer()

    def runs_full(talk: Talk, argument: str) -> str:
        talk.say("150 go on")
        with talk.data() as plug:
            plug.recv(1_000)
        return "552 quota exceeded"

    peer.on["STOR"] = runs_full
    with pytest.raises(NoSpace):
        using(peer, sent(content(8_000_000)))


@pytest.mark.parametrize("end", ["silence", "hang-up"])
def test_an_upload_whose_end_is_never_told_has_no_outcome_and_no_final_name(end: str) -> None:
    """Server answers after 30 s, or closes after the last byte without an answer."""
    peer = FtpPeer()

    def never_says(talk: Talk, argument: str) -> str:
        peer.files[argument.strip("/")] = talk.take()
        return (peer.silence if end == "silence" else hangs_up)(talk, argument)

    peer.on["STOR"] = once(never_says)
    feeds: list[Contents] = []
    with pytest.raises(DeviceGone):
        using(peer, sent(b"content", feeds), timeout_s=SHORT_S if end == "silence" else ENOUGH_S)
    assert (feeds[0].sent, feeds[0].errors) == ({}, {})
    assert "a.bin" not in peer.files


@pytest.mark.parametrize("end", ["silence", "hang-up"])
def test_a_rename_whose_answer_is_lost_has_an_unknown_outcome(end: str) -> None:
    """Invariant 7 (requirement R11)."""
    peer = FtpPeer()

    def renames_and_ends(talk: Talk, argument: str) -> str:
        talk.do_rnto(argument)
        return (peer.silence if end == "silence" else hangs_up)(talk, argument)

    peer.on["RNTO"] = renames_and_ends
    feeds: list[Contents] = []
    with pytest.raises(DeviceGone):
        using(peer, sent(b"content", feeds), timeout_s=SHORT_S if end == "silence" else ENOUGH_S)
    assert isinstance(feeds[0].errors[0], OutcomeUnknown)
    assert peer.files == {"a.bin": b"content"}


def test_a_refused_rename_is_a_failure_and_nothing_is_lost() -> None:
    peer = FtpPeer()
    peer.on["RNTO"] = says("553 not so")
    feed = using(peer, sent(b"content"))
    assert isinstance(feed.errors[0], ItemFailed)
    assert peer.files == {".v2xsync-st-0.part": b"content"}


def test_free_text_after_226_is_accepted() -> None:
    """The older system wanted pyftpdlib's very words."""
    peer = FtpPeer()
    words = "226-Danke!\r\n 150 500 550\r\n226 Tsch\xfc\xdf"
    peer.on["STOR"] = lambda talk, argument: (talk.do_stor(argument), words)[1]
    assert set(using(peer, sent(b"content")).sent) == {0}


def test_a_proof_reads_back_what_is_there() -> None:
    peer = FtpPeer({"a.bin": b"other"})
    ((_, proven),) = using(peer, lambda device: list(device.prove([ProveRequest(0, "a.bin", 5, Proof.HASH)])))
    assert isinstance(proven, Proven)
    assert proven.digest is not None
    assert proven.digest.value == hashlib.sha256(b"other").hexdigest()


@pytest.mark.parametrize(
    "answer", ["213 SHA-256 0-3 {} a.bin", "213 MD5 0-5 {} a.bin", "213 SHA-256 0-5 no a.bin", "550 not now"]
)
def test_a_digest_that_is_not_of_the_whole_file_is_not_believed(answer: str) -> None:
    peer = FtpPeer({"a.bin": b"other"}, features="SIZE,MDTM,REST STREAM,HASH SHA-1;SHA-256*")
    peer.on["OPTS"] = says("200 SHA-256")
    peer.on["HASH"] = says(answer.format("0" * 64))
    ((_, proven),) = using(peer, lambda device: list(device.prove([ProveRequest(0, "a.bin", 5, Proof.HASH)])))
    assert isinstance(proven, Proven)
    assert proven.digest == Digest("sha256", hashlib.sha256(b"other").hexdigest())
    assert proven.method == "read back"


def test_a_digest_of_the_server_that_differs_is_trouble_with_the_content() -> None:
    peer = FtpPeer({"a.bin": b"other"}, features="SIZE,MDTM,REST STREAM,HASH SHA-256*")
    peer.on["OPTS"] = says("200 SHA-256")
    peer.on["HASH"] = says(f"213 SHA-256 0-5 {'0' * 64} a.bin")
    assert isinstance(using(peer, fetched("a.bin", 5)).errors[0], IntegrityError)


def test_a_file_that_is_told_twice_is_one_file() -> None:
    found = using(listing(LINE + b"good.csv\r\n"), lambda device: list(device.list()))
    assert [entry.path for entry in found] == ["good.csv"]


@pytest.mark.parametrize("path", ["a\r\nDELE b", "a\nb", "a\rb"])
def test_a_line_break_in_a_name_adds_no_command(path: str) -> None:
    peer = FtpPeer({"b": b"precious"})

    def everything(device: FtpDevice) -> None:
        (answer,) = device.stat([path])
        assert isinstance(answer, ItemRefused)
        sink, feed = Collected(), Contents({0: b"x"})
        device.fetch([FetchRequest(0, path, Fingerprint(1))], sink)
        assert isinstance(sink.errors[0], ItemRefused)
        device.send([plan(path, b"x")], feed)
        assert isinstance(feed.errors[0], ItemRefused)
        ((_, error),) = device.remove([RemoveRequest(0, path, Fingerprint(1))])
        assert isinstance(error, ItemRefused)
        assert list(device.prune([path])) == []
        assert list(device.sweep([path], frozenset())) == []

    using(peer, everything)
    assert peer.count("DELE") == 0
    assert peer.files == {"b": b"precious"}


# --- where the data goes ----------------------------------------------------------------------------------------------


def test_an_address_in_pasv_is_ignored() -> None:
    peer = FtpPeer({"a.bin": b"content"})

    def elsewhere(talk: Talk, argument: str) -> str:
        return talk.do_pasv(argument).replace("127,0,0,1", "192,0,2,7")

    peer.on["PASV"] = elsewhere
    assert using(peer, fetched("a.bin", 7)).content(0) == b"content"


@pytest.mark.parametrize("answer", ["227 no numbers", "227 (127,0,0,1,999,1)", "227 (1,2,3)", "200 fine"])
def test_a_senseless_answer_to_pasv(answer: str) -> None:
    peer = FtpPeer({"a.bin": b"content"})
    peer.on["PASV"] = says(answer)
    with pytest.raises(DeviceError):
        using(peer, fetched("a.bin", 7))


def test_a_server_without_pasv_is_asked_for_epsv() -> None:
    peer = FtpPeer({"a.bin": b"content"})
    peer.on["PASV"] = says("502 old-fashioned")

    def extended(talk: Talk, argument: str) -> str:
        numbers = talk.do_pasv(argument).partition("(")[2].rstrip(")").split(",")
        return f"229 go (|||{int(numbers[4]) * 256 + int(numbers[5])}|)"

    peer.on["EPSV"] = extended
    assert using(peer, fetched("a.bin", 7)).content(0) == b"content"


@pytest.mark.parametrize("step", ["PASV", "RETR"])
def test_a_server_that_stalls_before_content_comes_is_not_blamed_on_a_firewall(step: str) -> None:
    peer = FtpPeer({"a.bin": b"content"})
    peer.on[step] = peer.silence
    with pytest.raises(DeviceGone, match="answered nothing"):
        using(peer, fetched("a.bin", 7), timeout_s=SHORT_S)


def test_a_server_that_never_connects_back_in_active_mode() -> None:
    peer = FtpPeer({"a.bin": b"content"})
    peer.on["PORT"] = says("200 fine")
    peer.on["RETR"] = says_soon_and_stalls
    with pytest.raises(DeviceGone, match="no data connection"):
        using(peer, fetched("a.bin", 7), timeout_s=SHORT_S, passive=False)


def test_a_stranger_who_connects_in_active_mode_is_no_peer() -> None:
    peer = FtpPeer({"a.bin": b"content"})

    def connects(talk: Talk, argument: str) -> str:
        numbers = argument.split(",")
        port = int(numbers[4]) * 256 + int(numbers[5])
        with socket.create_connection((LOOPBACK, port), source_address=("127.0.0.2", 0)) as stranger:
            stranger.sendall(b"evil")
        return "200 fine"

    peer.on["PORT"] = connects
    peer.on["RETR"] = says_soon_and_stalls
    sink = Collected()
    request = FetchRequest(0, "a.bin", Fingerprint(7, WHEN_NS))
    with pytest.raises(ProtocolFault, match=r"127\.0\.0\.2 connected instead"):
        using(peer, lambda device: device.fetch([request], sink), timeout_s=SHORT_S, passive=False)
    assert sink.pieces == {}


@pytest.mark.parametrize("features", ["MLST Type*;Size;Modify*;", "211-MLST type*;size*;modify*;"])
def test_facts_that_are_not_told_unasked_are_asked_for(features: str) -> None:
    peer = FtpPeer(features=features)
    using(peer, connected)
    assert ("OPTS MLST type;size;modify;" in peer.heard) is ("Size;" in features)


def test_a_data_port_that_nobody_listens_at() -> None:
    peer = FtpPeer({"a.bin": b"content"})
    peer.on["PASV"] = says("227 Entering Passive Mode (127,0,0,1,0,9)")
    with pytest.raises(DeviceGone, match="no data connection") as caught:
        using(peer, fetched("a.bin", 7))
    assert "firewall" in caught.value.remedy


# --- sessions that end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["530 Please login with USER and PASS.", "421 Timeout.", "hang-up"])
def test_a_session_that_is_over_is_found_out_by_connect_which_logs_in_again(answer: str) -> None:
    """The older system met 530 after a reconnect and never got over it."""
    peer = FtpPeer({"a.bin": b"content"})

    def use(device: FtpDevice) -> Collected:
        device.connect()
        peer.on["CWD"] = once(hangs_up if answer == "hang-up" else says(answer))
        device.connect()
        return fetched("a.bin", 7)(device)

    assert using(peer, use).content(0) == b"content"
    assert peer.logins == 2


@pytest.mark.parametrize("answer", ["530 Please login with USER and PASS.", "421 Timeout."])
def test_a_session_that_ends_in_the_middle_is_trouble_with_the_device_and_the_next_one_works(answer: str) -> None:
    peer = FtpPeer({"a.bin": b"content"})
    peer.on["SIZE"] = once(says(answer))

    def use(device: FtpDevice) -> Collected:
        with pytest.raises(DeviceGone):
            fetched("a.bin", 7)(device)
        return fetched("a.bin", 7)(device)

    assert using(peer, use).content(0) == b"content"


def test_a_root_that_is_gone_is_not_taken_for_missing_files() -> None:
    """Invariant 5."""
    peer = FtpPeer({"a.bin": b"content"})

    def use(device: FtpDevice) -> None:
        device.connect()
        peer.files.clear()
        peer.on["CWD"] = says("550 nothing here")
        for verb in (
            lambda: device.stat(["a.bin"]),
            lambda: list(device.remove([RemoveRequest(0, "a.bin", Fingerprint(7, WHEN_NS))])),
            lambda: fetched("a.bin", 7)(device),
            lambda: list(device.list()),
        ):
            with pytest.raises(DeviceGone, match="is not there"):
                verb()

    using(peer, use)
