"""MAVLink FTP's CRC32 against vectors: those of a plain bit by bit computation, and of MAVSDK's server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.model.crc32 import crc32, written


def bit_by_bit(data: bytes) -> int:
    """The polynomial itself, reflected; register from 0, never inverted."""
    register = 0
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xEDB88320 if register & 1 else 0)
    return register


@pytest.mark.parametrize(
    ("data", "value"), [(b"", "00000000"), (b"\0", "00000000"), (b"a", "3ab551ce"), (b"123456789", "2dfd2d88")]
)
def test_vectors(data, value):
    assert written(crc32(data)) == written(bit_by_bit(data)) == value


@given(st.binary(max_size=300), st.integers(0, 300))
def test_it_can_be_computed_piece_by_piece(data, cut):
    assert crc32(data[cut:], crc32(data[:cut])) == crc32(data) == bit_by_bit(data)
