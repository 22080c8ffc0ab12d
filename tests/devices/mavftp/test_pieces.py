"""Bytes of a file that come in any order, more than once, in any cut: each leaves once, in order."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from v2xsync.devices.mavftp.pieces import Pieces

SIZE = 2_000
WHOLE = random.Random(5).randbytes(SIZE)
RANGES = st.lists(st.tuples(st.integers(0, SIZE + 50), st.integers(0, 300)), max_size=60)


@given(RANGES, st.integers(0, SIZE))
def test_whatever_comes_leaves_in_order_and_once(ranges, start):
    pieces = Pieces(start, SIZE)
    out = bytearray()
    new = 0
    for offset, length in [*ranges, (0, SIZE)]:
        new += pieces.add(offset, WHOLE[offset : offset + length])
        while pieces.ready_bytes():
            at, data = pieces.take(100)
            assert at == start + len(out)
            assert 0 < len(data) <= 100
            out += data
    assert bytes(out) == WHOLE[start:]
    assert new == SIZE - start
    assert pieces.complete
    assert pieces.ahead_bytes == 0
    assert list(pieces.gaps()) == []


@given(RANGES)
def test_gaps_are_what_was_asked_for_and_did_not_come(ranges):
    pieces = Pieces(0, SIZE)
    there: set[int] = set()
    for offset, length in ranges:
        pieces.add(offset, WHOLE[offset : offset + length])
        there |= set(range(offset, min(offset + length, SIZE)))
    missing = {at for start, stop in pieces.gaps() for at in range(start, stop)}
    assert missing == set(range(pieces.high)) - there
    assert {at for start, stop in pieces.missing(100, 700) for at in range(start, stop)} == {
        at for at in missing if 100 <= at < 800
    }


def test_an_offset_far_beyond_the_end_adds_nothing():
    pieces = Pieces(0, 10)
    assert pieces.add(2**32 - 1, b"x" * 239) == 0
    assert (pieces.high, list(pieces.gaps())) == (10, [(0, 10)])
