"""Other peers: iRODS catalogs, FTP servers' replies, whoever listens at a control socket, and names from anywhere."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st

from tests.contract.ends import MIB, bounded_memory
from tests.fuzz.tries import EVERY_CHARACTER, JSON, PASSWORD, fuzzed, spoiled, told_well, tries
from tests.servers.running import LOOPBACK
from tests.servers.silent import listening
from v2xsync.control.caller import Caller
from v2xsync.control.line import Line
from v2xsync.control.messages import Greeting, Misheard, read_request
from v2xsync.devices import irods as irods_device
from v2xsync.devices.ftp import FtpDevice
from v2xsync.devices.ftp_wire.options import FtpOptions
from v2xsync.devices.irods_catalog import Catalog
from v2xsync.devices.irods_line import Line as IrodsLine
from v2xsync.devices.irods_refusals import Refused
from v2xsync.errors import ControlError, DeviceError, V2xSyncError
from v2xsync.model.items import Entry
from v2xsync.model.naming import original, printable, safe_relative
from v2xsync.model.views import StationView

LARGEST = (1 << 63) - 1


# --- control: what stands at the other end of the socket --------------------------------------------------------------


class Said:
    """A connection at whose other end stands a fixed text."""

    def __init__(self, answer: bytes) -> None:
        self._left = answer

    def settimeout(self, seconds: float) -> None:
        """Nothing is waited for."""

    def sendall(self, data: bytes) -> None:
        """Taken."""

    def recv(self, most: int) -> bytes:
        piece, self._left = self._left[:most], self._left[most:]
        return piece

    def close(self) -> None:
        """Nothing to close."""


ASKED: tuple[tuple[Callable[[Line], object], type], ...] = (
    (lambda line: line.ask(Greeting, "hello", 1.0), Greeting),
    (lambda line: Caller(line).view(), StationView),
    (lambda line: Caller(line).holds(), tuple),
    (lambda line: Caller(line).retry(), int),
)


@fuzzed(450, 10_000)
def test_whatever_a_service_answers_is_understood_or_an_error_of_ours(examples: int) -> None:
    usual = json.dumps({"v": 1, "id": 1, "ok": {"station": "s", "version": "1", "pid": 3}})
    fits = st.fixed_dictionaries({"v": st.just(1), "id": st.just(1)}, optional={"ok": JSON, "fault": JSON})
    told = st.binary(max_size=80) | (spoiled(usual) | fits.map(json.dumps)).map(lambda text: text.encode() + b"\n")

    @tries(examples, told)
    def judged(answer: bytes) -> None:
        for ask, kind in ASKED:
            with contextlib.suppress(ControlError):
                assert isinstance(ask(Line(Said(answer), lambda: 0.0)), kind)  # type: ignore[arg-type]


def test_an_answer_without_content_is_no_answer() -> None:
    with pytest.raises(ControlError, match="something else"):
        Caller(Line(Said(b'{"v":1,"id":1}\n'), lambda: 0.0)).view()  # type: ignore[arg-type]


def test_an_answer_without_an_end_is_given_up_in_bounded_memory() -> None:
    class Endless(Said):
        def recv(self, most: int) -> bytes:
            return b"x" * most

    with bounded_memory(100 * MIB), pytest.raises(ControlError):
        Line(Endless(b""), lambda: 0.0).ask(Greeting, "hello", 1.0)  # type: ignore[arg-type]


def test_a_key_of_a_request_is_never_repeated_raw() -> None:
    with pytest.raises(Misheard, match=r"\\x1b\[2J"):
        read_request(b'{"v": 1, "id": 1, "do": "pause", "\\u001b[2J": 1}')


@fuzzed(300, 10_000)
def test_a_request_with_strange_keys_is_refused_in_words_that_can_be_drawn(examples: int) -> None:
    @tries(examples, st.text(EVERY_CHARACTER, max_size=20), JSON)
    def judged(key: str, value: object) -> None:
        line = json.dumps({"v": 1, "id": 1, "do": "pause", key: value}).encode()
        try:
            read_request(line)
        except Misheard as error:
            told_well(error)


# --- iRODS: the client is a library; what its answers may do to us is ours --------------------------------------------


class Catalogued:
    """A socket at whose other end every request gets the same answer."""

    def __init__(self, body: bytes) -> None:
        header = (
            f"<MsgHeader_PI><type>RODS_API_REPLY</type><msgLen>{len(body)}</msgLen><errorLen>0</errorLen>"
            "<bsLen>0</bsLen><intInfo>0</intInfo></MsgHeader_PI>"
        ).encode()
        self._answer = struct.pack(">i", len(header)) + header + body
        self._left = b""
        self.requests = 0

    def settimeout(self, seconds: float) -> None:
        """Nothing is waited for."""

    def sendall(self, data: bytes) -> None:
        self.requests += 1
        self._left = self._answer if self.requests < 20 else b""

    def recv(self, most: int) -> bytes:
        piece, self._left = self._left[:most], self._left[most:]
        return piece

    def close(self) -> None:
        """Nothing to close."""


COLUMNS = (403, 404, 407, 413, 415, 420, 409)
VALUES = ["a.csv", "0", "12", "1", "sha2:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "01700000000", "demoResc"]
ODD = st.sampled_from(["", "..", "a/b", "9" * 25, "-1", "\u0663", "1e9", "sha2:ü", "\x1b[2J", "'"]) | st.text(
    max_size=6
)


def rows(values: list[str], count: int, following: int) -> bytes:
    columns = "".join(
        f"<SqlResult_PI><attriInx>{column}</attriInx><reslen>9</reslen><value>{value}</value></SqlResult_PI>"
        for column, value in zip(COLUMNS, values, strict=True)
    )
    head = f"<rowCnt>{count}</rowCnt><attriCnt>7</attriCnt><continueInx>{following}</continueInx>"
    return f"<GenQueryOut_PI>{head}<totalRowCount>0</totalRowCount>{columns}</GenQueryOut_PI>".encode(errors="replace")


@fuzzed(360, 5_000)
def test_whatever_a_catalog_tells_is_entries_or_an_error_of_ours(examples: int) -> None:
    values = st.tuples(*(st.just(value) | ODD for value in VALUES)).map(list)
    body = st.builds(rows, values, st.sampled_from([1, 1, 1, 0, -1, 2, 10**9]), st.sampled_from([0, 0, 1, -1]))
    whole = rows(VALUES, 1, 0).decode()

    @tries(examples, body | spoiled(whole).map(lambda text: text.encode(errors="replace")) | st.binary(max_size=50))
    def judged(answer: bytes) -> None:
        connection = SimpleNamespace(socket=Catalogued(answer), server_version=(4, 3, 0))
        line = IrodsLine("cyverse", None, connection, SimpleNamespace(tls=None), 1.0)  # type: ignore[arg-type]
        catalog = Catalog(line, "cyverse", "/zone/home/u")
        try:
            found = [told for one in catalog.objects_in("in") for told in irods_device._listed(one)]
            list(catalog.collections_in("in"))
        except (DeviceError, Refused):
            return
        for entry in found:
            assert ".." not in entry.path.split("/") or not isinstance(entry, Entry)
            assert not isinstance(entry, Entry) or 0 <= entry.size <= LARGEST >= abs(entry.mtime_ns or 0)


# --- FTP: the whole conversation --------------------------------------------------------------------------------------


@fuzzed(75, 1_000)
def test_whatever_an_ftp_server_replies_the_session_ends_with_an_error_or_a_listing(examples: int) -> None:
    line = st.sampled_from(
        ["220 hi", "331 pw", "230 in", "211-Features:", " MLST type*;size*;", " SIZE", "211 End", "200 ok", '257 "/" x',
         "227 Entering Passive Mode (127,0,0,1,0,9)", "229 Entering Extended Passive Mode (|||9|)", "150 comes",
         "226 done", "550 no", "421 bye", "250-x", " type=file;size=9;modify=20230101000000; a", "250 End", "", "213 x"]
    )  # fmt: skip
    told: list[bytes] = [b""]

    def serve(plug: socket.socket) -> None:
        plug.sendall(told[0])
        plug.shutdown(socket.SHUT_WR)
        while plug.recv(4096):
            pass
        plug.close()

    with listening(serve) as port:

        @tries(examples, st.lists(line | line.flatmap(spoiled), max_size=12), st.sampled_from(["\r\n", "\n"]))
        def judged(lines: list[str], end: str) -> None:
            told[0] = end.join([*lines, ""]).encode("utf-8", "surrogatepass")
            options = FtpOptions(host=LOOPBACK, port=port, username="u", password=PASSWORD, timeout_s=2.0, tls="none")
            with contextlib.closing(FtpDevice("box", options, time.time)) as session:
                try:
                    assert all(".." not in entry.path.split("/") for entry in session.list())
                except V2xSyncError as error:
                    told_well(error)


# --- names ------------------------------------------------------------------------------------------------------------


@fuzzed(450, 20_000)
def test_no_name_leaves_the_store_or_steers_a_terminal(examples: int, tmp_path: Path) -> None:
    steering = st.sampled_from(
        ["..", "/", "\\", "\0", "\x1b]0;t\x07", "\u202e", "\u200b", "%2E%2E", "\udcff", ".v2xsync", "C:"]
    )

    @tries(examples, st.lists(steering | st.text(EVERY_CHARACTER, max_size=4), max_size=6).map("".join))
    def judged(path: str) -> None:
        assert printable(printable(path)) == printable(path)
        assert not any(letter in printable(path) for letter in "\0\x1b\u202e\u200b\n")
        try:
            mapped = safe_relative(path)
        except V2xSyncError as error:
            told_well(error)
            return
        place = (tmp_path / mapped).resolve()
        assert tmp_path in place.parents
        assert original(mapped) == path
