"""What the source itself says of the whole file is compared with what arrived, also after a resumed fetch."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

from v2xsync.devices.base import Fetched
from v2xsync.engine.downloader import _check
from v2xsync.errors import IntegrityError
from v2xsync.model.items import Digest, Fingerprint, Proof

CONTENT = b"spat"
SHOWN = Fingerprint(len(CONTENT), 1)


def flight() -> Any:
    arrived = SimpleNamespace(complete=True, frontier=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    return SimpleNamespace(partial=arrived, task=SimpleNamespace(path="a.csv", fingerprint=SHOWN, sha256=""))


@pytest.mark.parametrize(
    "digest", [None, Digest("sha256", hashlib.sha256(CONTENT).hexdigest()), Digest("crc32", "00000000")]
)
def test_a_digest_that_fits_or_cannot_be_compared_is_fine(digest: Digest | None):
    assert _check(flight(), Fetched(SHOWN, Proof.HASH, "checksum", digest)) is None


def test_a_digest_of_other_content_is_damage():
    error = _check(flight(), Fetched(SHOWN, Proof.HASH, "checksum", Digest("sha256", "00" * 32)))
    assert isinstance(error, IntegrityError)
    assert error.expected == "00" * 32
