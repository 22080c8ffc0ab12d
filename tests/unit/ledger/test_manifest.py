"""A manifest's line: written and read back, and what is no line of ours."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.ledger.manifest import ManifestLine, decode, encode
from v2xsync.ledger.rebuild import lives_of
from v2xsync.model.items import Digest, Proof

LINE = ManifestLine(
    step="stored", at=2.0, route="r", source="box", path="a.csv", size=3, mtime_ns=7, found_at=1.0, element="spat",
    place="box/a.csv", bytes=3, sha256="5a" * 32, proof="hash", method="read back", digest="crc32:00ff",
)  # fmt: skip


@given(path=st.text(st.characters(codec=None)), mtime=st.none() | st.integers(-(2**62), 2**62))
def test_a_line_comes_back_as_it_was(path: str, mtime: int | None) -> None:
    line = ManifestLine(step="removed", at=0.1, route="r", path=path, mtime_ns=mtime, stage=False)
    text = encode(dataclasses.asdict(line))
    assert text.isascii()
    assert text.count("\n") == 1
    assert decode(text) == line


def test_a_torn_line_is_no_line_wherever_it_is_torn() -> None:
    text = encode(dataclasses.asdict(LINE)).rstrip("\n")
    assert decode(text) == LINE
    assert [decode(text[:length]) for length in range(len(text))] == [None] * len(text)


@pytest.mark.parametrize(
    "told",
    [
        [], 7, None, {}, {"step": "stored"}, {"step": "nonsense", "at": 1.0, "route": "r"},
        {"step": "stored", "at": "1", "route": "r"}, {"step": "stored", "at": 1.0, "route": "r", "size": None},
    ],
)  # fmt: skip
def test_what_is_no_line_of_ours_is_left_out(told: object) -> None:
    assert decode(json.dumps(told)) is None


def test_keys_of_a_newer_version_are_let_be() -> None:
    assert decode(json.dumps({"step": "stored", "at": 1.0, "route": "r", "colour": "red"})) is not None


def test_a_line_tells_its_proof_and_digest() -> None:
    assert LINE.strength is Proof.HASH
    assert LINE.told_digest == Digest("crc32", "00ff")
    assert ManifestLine(step="stored", at=1.0, route="r", proof="oath").strength is Proof.ACK


def told(step: str, at: float, **more: object) -> ManifestLine:
    return ManifestLine(step=step, at=at, route="r", source="box", path="a", **more)  # type: ignore[arg-type]


def test_the_strongest_receipt_of_a_target_counts() -> None:
    weak, strong = (told("delivered", at, target="t", proof=proof) for at, proof in ((1.0, "ack"), (2.0, "hash")))
    for lines in ([weak, strong], [strong, weak]):
        (life,) = lives_of(lines)
        assert life.legs["r"].delivered == {"t": strong}


def test_a_delivery_after_the_removal_belongs_to_the_same_life() -> None:
    (life,) = lives_of([told("stored", 1.0), told("removed", 2.0), told("delivered", 3.0, target="t")])
    assert life.removed_at == 2.0
    assert set(life.legs["r"].delivered) == {"t"}


def test_other_content_of_the_same_size_and_time_is_another_life() -> None:
    """A receipt for the first content must never let the second one go."""
    first, second = lives_of([told("stored", 1.0, sha256="aa"), told("stored", 2.0, sha256="bb")])
    assert (first.legs["r"].stored, second.legs["r"].stored) != (None, None)
    assert first is not second


def test_a_copy_that_left_the_store_is_known_to_have_left() -> None:
    expired = ManifestLine(step="expired", at=3.0, route="r", place="p", sha256="aa")
    (life,) = lives_of([told("stored", 1.0, sha256="aa", place="p"), expired])
    assert life.legs["r"].expired_at == 3.0
