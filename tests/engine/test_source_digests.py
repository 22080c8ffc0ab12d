"""What the source itself says of the whole file is compared with what arrived, also after a resumed fetch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from v2xsync.devices.base import Fetched
from v2xsync.engine.downloader import _check
from v2xsync.engine.partial import Partial
from v2xsync.errors import IntegrityError
from v2xsync.model.crc32 import crc32, written
from v2xsync.model.items import Digest, Fingerprint, Proof

CONTENT = b"spat"
SHOWN = Fingerprint(len(CONTENT), 1)


@pytest.fixture
def flight(tmp_path: Path) -> Iterator[Any]:
    """Half of it was there before; the other half has come."""
    path = tmp_path / "1.part"
    path.write_bytes(CONTENT[:2])
    arrived = Partial(path, label="a.csv", trust_length=True, monotonic=lambda: 0.0)
    arrived.write(arrived.offset, CONTENT)
    yield SimpleNamespace(partial=arrived, task=SimpleNamespace(path="a.csv", fingerprint=SHOWN, sha256=""))
    arrived.close()


@pytest.mark.parametrize(
    "digest",
    [
        None,
        Digest("sha256", hashlib.sha256(CONTENT).hexdigest()),
        Digest("mavlink-crc32", written(crc32(CONTENT))),
        Digest("unheard-of", "00000000"),
    ],
)
def test_a_digest_that_fits_or_cannot_be_compared_is_fine(digest: Digest | None, flight: Any):
    assert _check(flight, Fetched(SHOWN, Proof.HASH, "checksum", digest)) is None


@pytest.mark.parametrize("algorithm", ["sha256", "mavlink-crc32"])
def test_a_digest_of_other_content_is_damage(algorithm: str, flight: Any):
    told = Digest(algorithm, "00" * 32)
    error = _check(flight, Fetched(SHOWN, Proof.HASH, "checksum", told))
    assert isinstance(error, IntegrityError)
    assert error.expected == "00" * 32
