"""Flight logs in PX4's ULog format (https://docs.px4.io/main/en/dev_log/ulog_file_format.html): short, but valid."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from typing import Final

MAGIC: Final = b"ULog\x01\x12\x35"
ROWS_PER_S: Final = 250

_VERSION: Final = b"\x01"
_TOPIC: Final = b"vehicle_attitude"
_FORMAT: Final = _TOPIC + b":uint64_t timestamp;float[4] q;"
_ROW: Final = struct.Struct("<HQ4f")
_TOPIC_NUMBER: Final = 0
_US_PER_S: Final = 1_000_000


def head(start_us: int) -> bytes:
    """The header and the definitions: flags, the system's name, the format of the one topic, its subscription."""
    texts = {b"char[3] sys_name": b"PX4", b"char[9] ver_hw": b"SIMULATED"}
    return b"".join(
        (
            MAGIC + _VERSION + struct.pack("<Q", start_us),
            _message(b"B", bytes(40)),
            *(_message(b"I", bytes([len(key)]) + key + text) for key, text in texts.items()),
            _message(b"F", _FORMAT),
            _message(b"A", struct.pack("<BH", 0, _TOPIC_NUMBER) + _TOPIC),
        )
    )


def rows(start_us: int, first: int, count: int, chance: random.Random) -> bytes:
    """`count` rows of attitude, from row `first` of a log that began at `start_us` on."""
    return b"".join(_message(b"D", row) for row in _rows(start_us, first, count, chance))


def _rows(start_us: int, first: int, count: int, chance: random.Random) -> Iterator[bytes]:
    for number in range(first, first + count):
        half_yaw = number / ROWS_PER_S / 10 + chance.gauss(0, 0.001)
        at_us = start_us + number * _US_PER_S // ROWS_PER_S
        yield _ROW.pack(_TOPIC_NUMBER, at_us, math.cos(half_yaw), chance.gauss(0, 0.01), 0.0, math.sin(half_yaw))


def _message(kind: bytes, content: bytes) -> bytes:
    return struct.pack("<Hc", len(content), kind) + content
