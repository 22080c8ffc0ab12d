"""Fingerprints tell versions apart, and only versions (requirement R13)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.model.items import NS_PER_S, WEAK_STEP_NS, Digest, Entry, Fingerprint, Kind, Proof

HOUR_NS = 3600 * NS_PER_S

steps = st.sampled_from([1, 100, NS_PER_S, WEAK_STEP_NS, 60 * NS_PER_S])
times = st.integers(-(2**62), 2**62)
fingerprints = st.builds(Fingerprint, st.integers(0, 2**50), st.none() | times, steps)


@given(fingerprints)
def test_every_fingerprint_matches_itself(one: Fingerprint) -> None:
    assert one.matches(one)


@given(fingerprints, fingerprints, st.booleans())
def test_matching_is_mutual(one: Fingerprint, other: Fingerprint, fat_times: bool) -> None:
    assert one.matches(other, fat_times=fat_times) == other.matches(one, fat_times=fat_times)


@given(fingerprints, fingerprints, st.booleans())
def test_another_size_is_another_version(one: Fingerprint, other: Fingerprint, fat_times: bool) -> None:
    longer = Fingerprint(one.size + 1 + other.size, other.mtime_ns, other.step_ns)
    assert not one.matches(longer, fat_times=fat_times)


@given(times, steps, st.integers(0, 10**14) | st.just(0), st.integers(-1, 1))
def test_times_match_within_one_step_and_not_beyond(at: int, step: int, beyond: int, off_by: int) -> None:
    apart = abs(step + beyond + off_by)
    assert Fingerprint(5, at, step).matches(Fingerprint(5, at + apart, step)) == (apart < step)


@given(times)
def test_the_coarser_of_two_steps_counts(at: int) -> None:
    """A file seen once with nanoseconds and once with whole seconds is the same file."""
    whole_s = at // NS_PER_S * NS_PER_S
    assert Fingerprint(5, at, 1).matches(Fingerprint(5, whole_s, NS_PER_S))


@given(st.integers(0, 2**60), st.sampled_from([-HOUR_NS, 0, HOUR_NS]), st.integers(-WEAK_STEP_NS, WEAK_STEP_NS))
def test_fat_times_may_shift_by_an_hour_and_round_by_two_seconds(at: int, shift: int, rounding: int) -> None:
    """R13: one hour and two seconds on FAT-like media are no change."""
    card = Fingerprint(5, at, WEAK_STEP_NS)
    shifted = Fingerprint(5, at + shift + rounding, WEAK_STEP_NS)
    assert card.matches(shifted, fat_times=True)
    assert card.matches(shifted) == (abs(shift + rounding) < WEAK_STEP_NS)


def test_two_seconds_apart_on_a_card_are_no_change() -> None:
    assert Fingerprint(5, 0, NS_PER_S).matches(Fingerprint(5, 2 * NS_PER_S, NS_PER_S), fat_times=True)


def test_fat_times_do_not_hide_another_time() -> None:
    card = Fingerprint(5, 0, WEAK_STEP_NS)
    for apart in (3 * NS_PER_S, 1800 * NS_PER_S, HOUR_NS + 3 * NS_PER_S, 2 * HOUR_NS):
        assert not card.matches(Fingerprint(5, apart, WEAK_STEP_NS), fat_times=True)


@pytest.mark.parametrize(
    ("fingerprint", "weak"),
    [
        (Fingerprint(5), True),
        (Fingerprint(5, 1, 60 * NS_PER_S), True),
        (Fingerprint(5, 1, WEAK_STEP_NS + 1), True),
        (Fingerprint(5, 1, WEAK_STEP_NS), False),
        (Fingerprint(5, 1), False),
    ],
)
def test_a_fingerprint_without_time_or_with_a_coarse_one_is_weak(fingerprint: Fingerprint, weak: bool) -> None:
    assert fingerprint.weak is weak


@given(st.integers(0, 2**50), st.none() | times)
def test_without_a_time_the_size_alone_counts(size: int, at: int | None) -> None:
    assert Fingerprint(size).matches(Fingerprint(size, at))


def test_proofs_are_ordered_and_named_as_people_write_them() -> None:
    assert [proof.word for proof in sorted(Proof)] == ["ack", "size", "hash"]
    assert [Proof.from_word(proof.word) for proof in Proof] == list(Proof)
    with pytest.raises(KeyError):
        Proof.from_word("sure")


def test_an_entry_shows_the_version_that_it_lists() -> None:
    entry = Entry("a/b.csv", Kind.FILE, 7, 123, WEAK_STEP_NS)
    assert entry.fingerprint == Fingerprint(7, 123, WEAK_STEP_NS)


def test_a_digest_prints_its_algorithm() -> None:
    assert str(Digest("crc32", "00ff")) == "crc32:00ff"
