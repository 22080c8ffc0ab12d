"""MAVLink FTP's CRC32: the usual polynomial, begun at 0 and not inverted at the end (zlib begins and ends inverted).

A vehicle tells it of a whole file; whoever holds a copy can compare.
"""

from __future__ import annotations

import zlib
from typing import Final

NAME: Final = "mavlink-crc32"
"""Its name as the algorithm of a digest."""

_ONES: Final = 0xFFFF_FFFF


def crc32(data: bytes | bytearray | memoryview, before: int = 0) -> int:
    """The CRC32 of `data`, continuing that of what came `before` it."""
    return zlib.crc32(data, before ^ _ONES) ^ _ONES


def written(value: int) -> str:
    """The CRC32 as the value of a digest: eight hex digits."""
    return f"{value:08x}"
