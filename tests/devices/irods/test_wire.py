"""A server that lies, garbles or attacks delays only its own lane, and nothing of it gets further."""

from __future__ import annotations

import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from tests.contract.ends import MIB, Collected, Contents, ask
from tests.devices.irods.sending import request
from tests.devices.irods.zones import ZoneFarSide, connected
from tests.servers.irods_standin import StandIn
from tests.servers.irods_standin.wire import element, fields, pack

from v2xsync.errors import DeviceError, ItemError, ProtocolFault
from v2xsync.model.items import Entry, Unlistable

QUERY, READ, SEEK, WRITE = 702, 675, 674, 676
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><GenQueryOut_PI><rowCnt>&j;</rowCnt></GenQueryOut_PI>"
)


def answer(body: str = "", status: int = 0, content: bytes = b"") -> bytes:
    return b"".join(pack("RODS_API_REPLY", status, body, content))


def header(**sizes: object) -> bytes:
    told = {"type": "RODS_API_REPLY", "msgLen": 0, "errorLen": 0, "bsLen": 0, "intInfo": 0} | sizes
    packed = element("MsgHeader_PI", fields(**told)).encode()
    return struct.pack(">i", len(packed)) + packed


def table(*columns: tuple[int, str], rows: int = 1) -> str:
    """The answer to a query, one row."""
    results = "".join(
        element("SqlResult_PI", fields(attriInx=number, reslen=1, value=value)) for number, value in columns
    )
    counts = fields(rowCnt=rows, attriCnt=len(columns), continueInx=0, totalRowCount=0)
    return element("GenQueryOut_PI", counts, results)


GARBLED = {
    "no length": struct.pack(">i", -5),
    "long header": struct.pack(">i", 2**31 - 1),
    "no header": struct.pack(">i", 4) + b"abcd",
    "huge message": header(msgLen=10 * 2**30),
    "negative message": header(msgLen=-1),
    "huge errors": header(errorLen=2**31),
    "content that nobody asked for": header(bsLen=8 * MIB),
    "not a message": answer("hello"),
    "unclosed": answer("<GenQueryOut_PI><rowCnt>1"),
    "other message": answer(element("Version_PI", fields(status=0))),
    "no number": answer(element("GenQueryOut_PI", fields(rowCnt="many", attriCnt=1, continueInx=0, totalRowCount=0))),
    "more rows than values": answer(table((501, "/x"), (510, ""), rows=3)),
    "other columns": answer(table((500, "1"), (510, ""))),
    "billion laughs": answer(BOMB),
    "not utf8": answer()[:0] + header(msgLen=9) + b"<a>\xff\xfe</a>"[:9],
    "controls that are unclosed": answer("<GenQueryOut_PI>\x01<rowCnt>"),
}


@pytest.mark.parametrize("sent", GARBLED.values(), ids=GARBLED)
def test_a_garbled_answer_is_a_fault_of_the_protocol(zone: StandIn, far: ZoneFarSide, sent: bytes):
    far.plant("a.csv", b"x")
    with connected(zone, timeout_s=3.0) as device:
        zone.faults.answer[QUERY] = [sent]
        tracemalloc.start()
        try:
            started = time.monotonic()
            with pytest.raises(ProtocolFault) as caught:
                device.probe()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert time.monotonic() - started < 2, "refused at the first sight of it"
        assert peak < 8 * MIB
        assert caught.value.device == "cyverse"
        assert isinstance(device.stat(["a.csv"])[0], Entry), "a new connection is dialled"


def test_a_read_that_brings_too_much_is_refused(zone: StandIn, far: ZoneFarSide):
    far.plant("a.csv", b"abc")
    with connected(zone) as device:
        requests = ask(device, ["a.csv"])
        zone.faults.answer[READ] = [answer(content=b"abcd", status=4)]
        sink = Collected()
        with pytest.raises(ProtocolFault):
            device.fetch(requests, sink)
        assert sink.pieces == {}


@pytest.mark.parametrize(
    ("api", "sent"),
    [(SEEK, answer(element("fileLseekOut_PI", fields(offset=5)))), (SEEK, answer("x"))],
    ids=["elsewhere", "garbled"],
)
def test_a_seek_that_leads_elsewhere_is_refused(zone: StandIn, far: ZoneFarSide, api: int, sent: bytes):
    far.plant("a.csv", b"abcdefgh")
    with connected(zone) as device:
        requests = ask(device, ["a.csv"], offset=3)
        zone.faults.answer[api] = [sent]
        with pytest.raises(ProtocolFault):
            device.fetch(requests, Collected())


def test_a_server_that_claims_more_than_was_written_is_refused(zone: StandIn, far: ZoneFarSide):
    with connected(zone) as device:
        zone.faults.answer[WRITE] = [answer(status=99)]
        with pytest.raises(ProtocolFault, match="took 99 of 3 bytes"):
            device.send([request("a.csv", b"abc")], Contents({0: b"abc"}))


OBJECT = ((404, "0"), (407, "3"), (413, "1"), (415, ""), (420, "01700000000"), (409, "r"))


@pytest.mark.parametrize("name", ["..", ".", "a/b", "", "../../etc/passwd"])
def test_names_that_are_none_are_holes_in_the_listing(zone: StandIn, far: ZoneFarSide, name: str):
    """Invariant 9: names from the wire are hostile."""
    (found,) = listing(zone, None, answer(table((403, name), *OBJECT)))
    assert isinstance(found, Unlistable)


@pytest.mark.parametrize("where", ["/etc", "/tempZone/home/alice", "/tempZone/home/alice/v2xx/a", ""])
def test_collections_that_lie_elsewhere_break_the_listing(zone: StandIn, far: ZoneFarSide, where: str):
    with pytest.raises(ProtocolFault, match="elsewhere"):
        listing(zone, None, None, answer(table((501, where), (510, ""))))


@pytest.mark.parametrize("name", ["a/b", "..", ".", ""])
def test_collections_with_names_that_are_none_are_not_entered(zone: StandIn, far: ZoneFarSide, name: str):
    found = listing(zone, None, None, answer(table((501, f"{far.root}/{name}"), (510, ""))))
    assert [entry.path for entry in found if isinstance(entry, Unlistable)] == [name]
    assert zone.faults.calls[QUERY] == 3


def test_a_tree_without_an_end_has_one(zone: StandIn, far: ZoneFarSide):
    """A collection that lists itself inside of itself, for ever."""
    nested = [f"{far.root}/{'/'.join(['loop' * 50] * depth)}" for depth in range(1, 12)]
    plan: list[bytes | None] = [None]
    for inner in nested:
        plan += [None, answer(table((501, inner), (510, "")))]
    found = listing(zone, *plan)
    assert isinstance(found[-1], Unlistable)
    assert "1023" in found[-1].reason


@pytest.mark.parametrize("value", ["12a", "", "9" * 5_000])
def test_sizes_that_are_none_break_the_listing(zone: StandIn, far: ZoneFarSide, value: str):
    columns = [(number, value if number == 407 else told) for number, told in OBJECT]
    with pytest.raises(ProtocolFault):
        listing(zone, None, answer(table((403, "a.csv"), *columns)))


def test_a_name_with_control_characters_arrives_unchanged(zone: StandIn, far: ZoneFarSide):
    names = {"two\r\nlines.csv", "bell\x07.csv", "a\rb", "amp&lt;.csv", "<x>.csv", "`tick'"}
    for name in names:
        far.plant(name, b"x")
    with connected(zone) as device:
        assert {entry.path for entry in device.list() if isinstance(entry, Entry)} == names


def test_nothing_of_the_client_library_escapes(zone: StandIn, far: ZoneFarSide):
    """Any byte of an answer may be wrong: what comes out is an error of ours, or an honest answer."""
    far.plant("a.csv", b"x")
    good = answer(table((403, "a.csv"), *OBJECT))
    with connected(zone, timeout_s=0.2) as device:
        for place in range(0, len(good), 5):
            broken = good[:place] + bytes([good[place] ^ 0x15]) + good[place + 1 :]
            zone.faults.answer[QUERY] = [broken]
            try:
                answers = device.stat(["a.csv"])
            except DeviceError:
                continue
            assert all(isinstance(one, Entry | ItemError) for one in answers)


def listing(zone: StandIn, *answers: bytes | None) -> list[Entry | Unlistable]:
    """What is listed where its questions are answered so: the root, then objects and collections of each collection."""
    with connected(zone) as device:
        zone.faults.calls.clear()
        zone.faults.answer[QUERY] = list(answers)
        return list(device.list())


def test_the_log_of_the_client_stays_silent(zone: StandIn, far: ZoneFarSide, caplog: pytest.LogCaptureFixture):
    """At DEBUG it would write whole packets, PAM passwords too."""
    with caplog.at_level("DEBUG"), connected(zone) as device:
        device.probe()
    assert not [record for record in caplog.records if record.name.startswith("irods")]


def test_the_stand_in_shares_no_code_with_the_product():
    folder = Path(__file__).parents[2] / "servers" / "irods_standin"
    for path in folder.glob("*.py"):
        assert "import v2xsync" not in path.read_text(encoding="utf-8")
        assert "from v2xsync" not in path.read_text(encoding="utf-8")
