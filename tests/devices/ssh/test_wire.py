"""The wire: what we send is what the protocol says, and nothing that a peer sends does more than be refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.devices.ssh.peer import ATTRS, DATA, EXTENDED_REPLY, HANDLE, NAME, STATUS, attrs, names, packet, status

from v2xsync.devices.ssh import wire

BYTES = st.binary(max_size=40)
REPLY_KINDS = st.sampled_from([2, STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED_REPLY, 0, 100, 255])


def body(whole: bytes) -> bytes:
    """A packet without its length."""
    return whole[4:]


def test_requests_are_encoded_as_the_draft_says() -> None:
    assert wire.hello() == bytes.fromhex("00000005 01 00000003")
    assert wire.header(wire.read(b"h", 1, 2), 7) == bytes.fromhex("00000016 05 00000007 00000001 68") + bytes.fromhex(
        "0000000000000001 00000002"
    )
    write = wire.write(b"h", 0, b"abc")
    assert wire.header(write, 1) + write.data == bytes.fromhex("00000019 06 00000001 00000001 68") + bytes.fromhex(
        "0000000000000000 00000003 616263"
    )
    assert wire.header(wire.rename(b"a", b"b"), 2) == bytes.fromhex("0000000f 12 00000002 00000001 61 00000001 62")


def test_replies_are_decoded_as_the_draft_says() -> None:
    assert wire.decode(body(status(4, wire.FAILURE, "Failure"))) == (4, wire.Status(4, "Failure"))
    assert wire.decode(body(packet(HANDLE, 5, wire.string(b"\0\1")))) == (5, wire.Handle(b"\0\1"))
    number, data = wire.decode(body(packet(DATA, 6, wire.string(b"content"))))
    assert isinstance(data, wire.Data)
    assert (number, bytes(data.content)) == (6, b"content")
    told = wire.decode(body(names(7, (b"a.csv", attrs(3, 0o100644)), (b"d", attrs(None, None, None)))))
    unknown = wire.Attrs(None, None, None)
    listed = [wire.Name(b"a.csv", b"", wire.Attrs(3, 0o100644, 1_700_000_000)), wire.Name(b"d", b"", unknown)]
    assert told == (7, wire.Names(listed))
    assert wire.decode(body(packet(EXTENDED_REPLY, 8, b"xyz"))) == (8, wire.Extended(b"xyz"))


def test_attributes_with_owner_and_extensions() -> None:
    usual = struct.pack(">IQIIIII", 0x0F, 9, 1000, 1000, 0o100600, 5, 6)
    assert wire.decode(body(packet(ATTRS, 1, usual)))[1] == wire.Attrs(9, 0o100600, 6)
    more = struct.pack(">IIII", 0x80000002, 1000, 1000, 1) + wire.string(b"k@x") + wire.string(b"v")
    assert wire.decode(body(packet(ATTRS, 1, more)))[1] == wire.Attrs(None, None, None)


def test_a_status_without_words_is_one_too() -> None:
    assert wire.decode(body(packet(STATUS, 1, struct.pack(">I", wire.EOF))))[1] == wire.Status(wire.EOF, "")


def test_a_greeting_tells_the_extensions() -> None:
    told = struct.pack(">BI", 2, 3) + wire.string(b"fsync@openssh.com") + wire.string(b"1")
    assert wire.decode_greeting(told) == wire.Greeting(3, {b"fsync@openssh.com": b"1"})


@pytest.mark.parametrize(
    "told",
    [
        packet(DATA, 1, struct.pack(">I", 10) + b"short"),
        packet(HANDLE, 1, struct.pack(">I", 0xFFFFFFFF)),
        packet(HANDLE, 1, wire.string(b"x" * 300)),
        packet(NAME, 1, struct.pack(">I", 0xFFFFFFFF)),
        packet(NAME, 1, struct.pack(">I", 2) + wire.string(b"a") + wire.string(b"") + attrs(None, None, None)),
        packet(ATTRS, 1, struct.pack(">I", 0x80000000) + struct.pack(">I", 0xFFFFFFFF)),
        packet(ATTRS, 1, struct.pack(">I", 2)),
        packet(STATUS, 1, struct.pack(">II", 4, 0xFFFFFFF0) + b"words"),
        packet(99, 1, b""),
        b"\0\0\0\1\x65",
    ],
)
def test_lies_about_lengths_are_malformed(told: bytes) -> None:
    with pytest.raises(wire.Malformed):
        wire.decode(body(told))


@given(REPLY_KINDS, st.integers(0, 0xFFFFFFFF), st.binary(max_size=200))
def test_any_bytes_decode_to_a_reply_or_are_malformed(kind: int, number: int, rest: bytes) -> None:
    try:
        decoded, _ = wire.decode(struct.pack(">BI", kind, number) + rest)
    except wire.Malformed:
        return
    assert decoded == number


@given(st.binary(max_size=100))
def test_any_bytes_as_a_greeting_are_decoded_or_malformed(told: bytes) -> None:
    try:
        greeting = wire.decode_greeting(told)
    except wire.Malformed:
        return
    assert isinstance(greeting.extensions, dict)


@given(st.lists(st.tuples(BYTES, BYTES, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)), max_size=5))
def test_names_come_through_unchanged(listed: list[tuple[bytes, bytes, int, int]]) -> None:
    told = b"".join(
        wire.string(name) + wire.string(longname) + attrs(size, None, mtime) for name, longname, size, mtime in listed
    )
    _, reply = wire.decode(body(packet(NAME, 1, struct.pack(">I", len(listed)) + told)))
    assert isinstance(reply, wire.Names)
    assert [(name.name, name.longname, name.attrs.size, name.attrs.mtime) for name in reply.names] == listed


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=8), st.data())
def test_packets_are_the_same_however_the_stream_is_cut(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(struct.pack(">I", len(told)) + told for told in bodies)
    framer = wire.Framer()
    found: list[bytes] = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += [bytes(told) for told in framer.feed(stream[:cut])]
        stream = stream[cut:]
    assert found == bodies


@pytest.mark.parametrize("length", [0, wire.MAX_PACKET + 1, 0xFFFFFFFF])
def test_a_packet_of_an_impossible_length_is_refused_before_it_is_read(length: int) -> None:
    with pytest.raises(wire.Malformed):
        wire.Framer().feed(struct.pack(">I", length))
