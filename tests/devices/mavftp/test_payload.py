"""The codec: what is packed is read again, and nothing that comes over the wire breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.devices.mavftp.payload import (
    MOST_DATA,
    PAYLOAD_BYTES,
    Line,
    Opcode,
    Payload,
    Trouble,
    bytes_of,
    listed,
    parse,
    text_of,
)

BYTE = st.integers(0, 255)


@given(
    sequence=st.integers(0, 65_535),
    opcode=BYTE,
    session=BYTE,
    answered=BYTE,
    complete=st.booleans(),
    offset=st.integers(0, 2**32 - 1),
    data=st.binary(max_size=MOST_DATA),
)
def test_what_is_packed_is_read_again(sequence, opcode, session, answered, complete, offset, data):
    payload = Payload(sequence, opcode, session, len(data), answered, complete, offset, data)
    raw = payload.pack()
    assert len(raw) == PAYLOAD_BYTES
    assert parse(raw) == payload


def test_the_layout_is_that_of_the_specification():
    raw = Payload(0x0102, Opcode.READ, 3, 239, offset=0x0A0B0C0D).pack()
    assert raw[:12] == bytes([0x02, 0x01, 3, 5, 239, 0, 0, 0, 0x0D, 0x0C, 0x0B, 0x0A])
    assert raw[12:] == bytes(MOST_DATA)


@given(st.binary(max_size=300))
def test_no_payload_from_the_wire_breaks_anything(raw):
    payload = parse(raw)
    if payload is not None:
        assert len(payload.data) <= MOST_DATA
        code, errno = payload.trouble
        assert 0 <= code <= 255 >= errno
        assert payload.number is None or payload.number < 2**32
        assert list(listed(payload.data)) is not None


def test_an_answer_that_says_it_holds_more_than_it_can_is_none():
    assert parse(Payload(1, Opcode.ACK, size=255).pack()) is None
    assert parse(b"") is None


def test_an_empty_refusal_is_a_plain_failure():
    assert Payload(1, Opcode.NAK).trouble == (Trouble.FAIL, 0)
    assert Payload(1, Opcode.NAK, size=2, data=bytes([2, 13])).trouble == (Trouble.ERRNO, 13)


@pytest.mark.parametrize(
    ("raw", "timed", "lines"),
    [
        (b"Fa.ulg\t12\0Dlog\0S\0", False, [Line("a.ulg", 12), Line("log", folder=True), Line("")]),
        (b"Fa\tb.ulg\t12\0", False, [Line("a\tb.ulg", 12)]),
        (b"Fa.ulg\t12\t1700000000\0Dlog\t0\t1\0", True, [Line("a.ulg", 12, time_s=1_700_000_000),
         Line("log", folder=True)]),
        (b"Fa.ulg\t12\t0\0", True, [Line("a.ulg", 12)]),
        (b"Dtab\tin it\0", False, [Line("tab\tin it", folder=True)]),
        ("Fперекрёсток.csv\t3".encode(), False, [Line("перекрёсток.csv", 3)]),
        (b"Fraw\xff\t3\0", False, [Line("raw\udcff", 3)]),
        (b"Fno size\0F\t5\0Fa\t-1\0Fa\t99999999999999999999\0?x\0D\0", False, [Line("")] * 6),
        (b"\0\0", False, []),
    ],
)  # fmt: skip
def test_lines_of_listings(raw, timed, lines):
    assert list(listed(raw, timed=timed)) == lines


@given(st.binary(max_size=MOST_DATA), st.booleans())
def test_every_listing_counts_each_of_its_entries_once(raw, timed):
    """The count is the offset of the next page: entries that cannot be used count too."""
    assert len(list(listed(raw, timed=timed))) == len([part for part in raw.split(b"\0") if part])


@given(st.binary())
def test_names_keep_bytes_that_are_no_text(raw):
    assert bytes_of(text_of(raw)) == raw
