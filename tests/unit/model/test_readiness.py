"""When a file counts as finished by its writer (requirement R2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.model.items import NS_PER_S, Entry, Fingerprint, Kind
from v2xsync.model.readiness import (
    Readiness,
    Sighting,
    companion_problem,
    companions_of,
    in_words,
    is_companion,
    judge,
)
from v2xsync.model.rules import ReadyRule

NOW = 1_700_000_000.0
DEFAULT = ReadyRule()


def entry(name: str = "in/a.dat", size: int = 10, mtime: float | None = NOW - 500) -> Entry:
    return Entry(name, Kind.FILE, size, None if mtime is None else int(mtime * NS_PER_S))


class Watch:
    """Looks at one file again and again, as the Finder does."""

    def __init__(self, rule: ReadyRule) -> None:
        self.rule = rule
        self.earlier: Sighting | None = None

    def look(
        self, after: float, seen: Entry | None = None, siblings: Mapping[str, Entry] | Collection[str] = ()
    ) -> Readiness:
        """Judge `seen` at `after` seconds from the beginning."""
        answer = judge(self.rule, seen or entry(), siblings, NOW + after, self.earlier)
        self.earlier = answer.sighting
        assert answer.reason
        assert answer.ready == (answer.check_at is None)
        return answer


# --- settle -----------------------------------------------------------------------------------------------------------


def test_two_equal_looks_a_settle_time_apart_are_ready() -> None:
    watch = Watch(DEFAULT)
    first = watch.look(0)
    assert not first.ready
    assert first.check_at == NOW + 30
    assert not watch.look(29.9).ready
    assert watch.look(30).ready


def test_a_change_starts_the_settle_time_again() -> None:
    watch = Watch(DEFAULT)
    watch.look(0)
    assert not watch.look(30, entry(size=11)).ready
    assert not watch.look(59, entry(size=11)).ready
    assert not watch.look(60, entry(size=11, mtime=NOW + 55)).ready
    assert watch.look(90, entry(size=11, mtime=NOW + 55)).ready


def test_settling_is_told_where_only_a_second_equal_look_is_missing() -> None:
    assert Watch(DEFAULT).look(0).settling
    assert not Watch(DEFAULT).look(0, siblings=["a.dat.lock"]).settling
    assert not Watch(ReadyRule(min_age_s=600)).look(0).settling
    assert not Watch(ReadyRule(done="{name}.done")).look(0).settling
    watch = Watch(DEFAULT)
    watch.look(0, siblings=["a.dat.lock"])
    assert watch.look(1, entry(size=11)).settling


def test_settle_zero_means_no_second_look() -> None:
    assert Watch(ReadyRule(settle_s=0)).look(0).ready


def test_a_file_of_size_zero_settles_like_any_other() -> None:
    watch = Watch(DEFAULT)
    watch.look(0, entry(size=0))
    assert watch.look(30, entry(size=0)).ready


def test_a_clock_set_back_starts_the_settle_time_again() -> None:
    watch = Watch(DEFAULT)
    watch.look(1000)
    assert not watch.look(0).ready
    assert watch.look(30).ready


@given(st.floats(0.1, 1e5), st.floats(0, 1e9))
def test_the_time_to_look_again_is_late_enough(settle_s: float, start: float) -> None:
    """A file is ready at `check_at` itself, however the floats round."""
    rule = ReadyRule(settle_s=settle_s, min_age_s=settle_s * 1.7)
    seen = entry(mtime=start - 0.3 * settle_s)
    answer = judge(rule, seen, (), start, None)
    for _ in range(2):
        if answer.check_at is not None:
            answer = judge(rule, seen, (), answer.check_at, answer.sighting)
    assert answer.ready


# --- locks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", ["a.dat.lock", "a.dat.part", "a.dat.tmp"])
def test_a_lock_keeps_a_file_however_old_it_is(lock: str) -> None:
    watch = Watch(DEFAULT)
    for after in (0, 30, 1e6):
        answer = watch.look(after, siblings=["a.dat", lock])
        assert not answer.ready
        assert answer.locked
        assert lock in answer.reason
        assert answer.check_at is not None
        assert answer.check_at > NOW + after


def test_the_age_of_a_lock_is_told_where_known() -> None:
    lock = entry("in/a.dat.lock", 0, NOW - 720)
    answer = Watch(DEFAULT).look(0, siblings={"a.dat.lock": lock})
    assert answer.reason == "locked by a.dat.lock (12 min old)"


def test_a_lock_from_the_future_has_no_age() -> None:
    lock = entry("in/a.dat.lock", 0, NOW + 720)
    assert Watch(DEFAULT).look(0, siblings={"a.dat.lock": lock}).reason == "locked by a.dat.lock"


def test_the_name_of_a_lock_is_drawn_safely() -> None:
    """Invariant 9: reasons are shown to people, and names are the wire's."""
    answer = Watch(DEFAULT).look(0, entry("in/\x1b[2J"), ["\x1b[2J.lock"])
    assert r"\x1b[2J.lock" in answer.reason


def test_a_lock_that_goes_and_one_equal_look_are_both_signals() -> None:
    """Without waiting for settle: the lock gone is one signal, the equal look the other."""
    watch = Watch(DEFAULT)
    watch.look(0, siblings=["a.dat.lock"])
    assert watch.look(0.5).ready


def test_last_words_before_the_lock_goes_need_one_more_equal_look() -> None:
    watch = Watch(DEFAULT)
    watch.look(0, siblings=["a.dat.lock"])
    answer = watch.look(5, entry(size=11))
    assert not answer.ready
    assert answer.check_at == NOW + 6
    assert watch.look(6, entry(size=11)).ready


def test_who_writes_on_after_the_lock_has_gone_is_not_trusted_for_it() -> None:
    watch = Watch(DEFAULT)
    watch.look(0, siblings=["a.dat.lock"])
    watch.look(5, entry(size=11))
    watch.look(6, entry(size=12))
    assert not watch.look(7, entry(size=12)).ready
    assert watch.look(36, entry(size=12)).ready


def test_a_new_lock_starts_everything_again() -> None:
    watch = Watch(DEFAULT)
    watch.look(0)
    assert not watch.look(20, siblings=["a.dat.lock"]).ready
    assert watch.look(31).ready, "the lock went, and the file is what it was under it"
    watch = Watch(ReadyRule(settle_s=30, min_age_s=10_000))
    watch.look(0, siblings=["a.dat.lock"])
    watch.look(1)
    watch.look(2, siblings=["a.dat.lock"])
    assert watch.earlier == Sighting(entry().fingerprint, NOW + 2, was_locked=True)


def test_two_looks_in_one_moment_do_not_hide_a_change() -> None:
    watch = Watch(DEFAULT)
    watch.look(0, siblings=["a.dat.lock"])
    assert not watch.look(0, entry(size=11)).ready


def test_without_a_second_look_a_lock_still_counts() -> None:
    watch = Watch(ReadyRule(settle_s=0))
    assert not watch.look(0, siblings=["a.dat.lock"]).ready
    assert watch.look(1, entry(size=11)).ready


def test_written_locks_replace_the_default() -> None:
    watch = Watch(ReadyRule(settle_s=0, locks=("{stem}.busy",)))
    assert watch.look(0, siblings=["a.dat.lock"]).ready
    assert not watch.look(0, siblings=["a.busy"]).ready
    assert Watch(ReadyRule(settle_s=0, locks=())).look(0, siblings=["a.dat.lock"]).ready


def test_a_lock_may_be_named_with_wildcards() -> None:
    watch = Watch(ReadyRule(settle_s=0, locks=(".{name}.??????", "*.busy")))
    assert not watch.look(0, siblings=["a.dat", ".a.dat.x81kGe"]).ready
    assert not watch.look(0, siblings=["a.dat", "folder.busy"]).ready
    assert watch.look(0, siblings=["a.dat", ".b.dat.x81kGe"]).ready
    assert watch.look(0, entry("[a].dat"), ["[a].dat", ".a.dat.x81kGe"]).ready
    assert not watch.look(0, entry("[a].dat"), ["[a].dat", ".[a].dat.x81kGe"]).ready


def test_a_file_is_never_its_own_lock() -> None:
    watch = Watch(ReadyRule(settle_s=0, locks=("{stem}.lock", "*.lock")))
    assert watch.look(0, entry("in/a.lock"), ["a.lock"]).ready


# --- stale locks ------------------------------------------------------------------------------------------------------

STALE = ReadyRule(stale_lock_s=600)


def test_a_stale_lock_on_a_stable_file_no_longer_counts() -> None:
    watch = Watch(STALE)
    beside = {"a.dat.lock": entry("in/a.dat.lock", 0, NOW - 650)}
    first = watch.look(0, entry(mtime=NOW - 600), beside)
    assert not first.ready
    assert not first.locked
    assert watch.look(30, entry(mtime=NOW - 600), beside).ready


@pytest.mark.parametrize(("lock_age", "file_age"), [(599, 5000), (5000, 599), (10, 10)])
def test_a_stale_lock_needs_an_old_lock_and_a_quiet_file(lock_age: float, file_age: float) -> None:
    """One who holds a file for a day and writes to it every minute has an old lock, and is not done."""
    beside = {"a.dat.lock": entry("in/a.dat.lock", 0, NOW - lock_age)}
    answer = Watch(STALE).look(0, entry(mtime=NOW - file_age), beside)
    assert answer.locked
    assert answer.check_at is not None
    assert NOW < answer.check_at <= NOW + 30


@pytest.mark.parametrize("lock_mtime", [None, NOW + 1e9])
@pytest.mark.parametrize("file_mtime", [None, NOW + 1e9])
@pytest.mark.parametrize("as_names", [True, False])
def test_without_a_believable_time_what_we_saw_counts(
    lock_mtime: float | None, file_mtime: float | None, as_names: bool
) -> None:
    lock = entry("in/a.dat.lock", 0, lock_mtime)
    beside: Mapping[str, Entry] | list[str] = ["a.dat.lock"] if as_names else {"a.dat.lock": lock}
    watch = Watch(STALE)
    watch.look(0, entry(mtime=file_mtime), beside)
    assert watch.look(599, entry(mtime=file_mtime), beside).locked
    assert watch.look(600, entry(mtime=file_mtime), beside).ready


def test_without_the_rule_no_lock_is_ever_stale() -> None:
    watch = Watch(DEFAULT)
    beside = {"a.dat.lock": entry("in/a.dat.lock", 0, NOW - 1e8)}
    watch.look(0, siblings=beside)
    assert watch.look(1e6, siblings=beside).locked


# --- done markers and age ---------------------------------------------------------------------------------------------


def test_a_done_marker_is_waited_for() -> None:
    watch = Watch(ReadyRule(settle_s=0, done="{name}.done"))
    answer = watch.look(0, siblings=["a.dat"])
    assert not answer.ready
    assert answer.reason == "waiting for a.dat.done"
    assert watch.look(1, siblings=["a.dat", "a.dat.done"]).ready


def test_a_done_marker_does_not_outweigh_a_lock() -> None:
    watch = Watch(ReadyRule(settle_s=0, done="{stem}.ok"))
    assert watch.look(0, siblings=["a.ok", "a.dat.lock"]).locked


def test_min_age_counts_from_the_time_of_the_file() -> None:
    rule = ReadyRule(settle_s=0, min_age_s=600)
    answer = Watch(rule).look(0)
    assert answer.check_at == NOW + 100
    assert answer.reason == "younger than 10 min"
    assert Watch(rule).look(100).ready


@pytest.mark.parametrize("mtime", [None, NOW + 1, NOW + 1e9])
def test_a_time_in_the_future_makes_no_file_wait_longer_than_being_watched(mtime: float | None) -> None:
    watch = Watch(ReadyRule(settle_s=0, min_age_s=600))
    assert watch.look(0, entry(mtime=mtime)).check_at == NOW + 600
    assert not watch.look(599, entry(mtime=mtime)).ready
    assert watch.look(600, entry(mtime=mtime)).ready


rules = st.builds(
    ReadyRule,
    settle_s=st.sampled_from([0.0, 1.0, 30.0]),
    min_age_s=st.sampled_from([0.0, 50.0]),
    done=st.sampled_from(["", "{name}.done"]),
    stale_lock_s=st.sampled_from([0.0, 40.0]),
)
looks = st.lists(
    st.tuples(
        st.floats(0.1, 100),
        st.integers(0, 2),
        st.sampled_from([None, NOW - 500, NOW, NOW + 1e9]),
        st.sets(st.sampled_from(["a.dat.lock", "a.dat.done", "b.dat"])),
    ),
    max_size=8,
)


@given(rules, looks)
def test_a_quiet_file_becomes_ready_and_a_busy_one_does_not(
    rule: ReadyRule, before: list[tuple[float, int, float | None, set[str]]]
) -> None:
    """Whatever happened before: untouched and unlocked, every file is ready in the end; changing, never by settling."""
    watch = Watch(rule)
    moment = 0.0
    for pause, size, mtime, beside in before:
        moment += pause
        seen = Fingerprint(size, None if mtime is None else int(mtime * NS_PER_S))
        last = watch.earlier.fingerprint if watch.earlier else None
        answer = watch.look(moment, entry(size=size, mtime=mtime), beside)
        assert not (answer.ready and rule.settle_s and (last is None or not last.matches(seen)))
        assert not (answer.ready and "a.dat.lock" in beside and not rule.stale_lock_s)
        assert not (answer.ready and rule.done and "a.dat.done" not in beside)
    for _ in range(4):
        answer = watch.look(moment, entry(size=3, mtime=NOW + 5e9), ["a.dat.done"])
        if answer.check_at is None:
            return
        moment = answer.check_at - NOW
    pytest.fail("not ready after four looks at the times that were asked for")


# --- companions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "name", "companion"),
    [
        (DEFAULT, "a.dat.lock", True),
        (DEFAULT, "orphan.lock", True),
        (DEFAULT, "x.tmp", True),
        (DEFAULT, ".lock", False),
        (DEFAULT, "a.dat", False),
        (DEFAULT, "a.lock.dat", False),
        (ReadyRule(done="{name}.done"), "a.dat.done", True),
        (ReadyRule(done="{name}.done"), "orphan.done", False),
        (ReadyRule(done="{stem}.ok"), "a.ok", True),
        (ReadyRule(done="{stem}.ok"), "orphan.ok", False),
        (ReadyRule(done="{stem}.ok"), "a.dat", False),
        (ReadyRule(done="done-{stem}{suffix}"), "done-a.dat", True),
        (ReadyRule(done="READY"), "READY", True),
        (ReadyRule(locks=("{stem}.busy",)), "a.busy", True),
        (ReadyRule(locks=("{stem}.busy",)), "a.dat.lock", False),
        (ReadyRule(locks=()), "a.dat.lock", False),
    ],
)
def test_companions_are_no_items(rule: ReadyRule, name: str, companion: bool) -> None:
    assert is_companion(rule, name, {"a.dat", name, "b.txt"}) is companion


def test_the_names_that_decide_about_a_file_are_known_without_a_listing() -> None:
    assert companions_of(DEFAULT, "a.dat") == frozenset({"a.dat.lock", "a.dat.part", "a.dat.tmp"})
    assert companions_of(ReadyRule(locks=("{stem}.busy",), done="{name}.done"), "a.dat") == frozenset(
        {"a.busy", "a.dat.done"}
    )
    assert companions_of(ReadyRule(locks=()), "a.dat") == frozenset()
    assert companions_of(ReadyRule(locks=("*.busy",)), "a.dat") is None


@given(rules, st.sets(st.sampled_from(["a.dat.lock", "a.dat.tmp", "a.dat.done", "b.dat", "a.lock"])))
def test_no_other_name_decides(rule: ReadyRule, beside: set[str]) -> None:
    deciding = companions_of(rule, "a.dat")
    assert deciding is not None
    assert judge(rule, entry(), beside, NOW, None) == judge(rule, entry(), beside & deciding, NOW, None)


@given(st.text("ab.", min_size=1, max_size=6), st.sampled_from(["{name}.lock", "{stem}.lock", "_{stem}{suffix}_"]))
def test_what_locks_a_file_is_its_companion(name: str, pattern: str) -> None:
    rule = ReadyRule(settle_s=0, locks=(pattern,))
    stem = name.rpartition(".")[0]
    for lock in {f"{name}.lock", f"{stem}.lock", f"_{name}_"} - {name}:
        if judge(rule, entry(name), [name, lock], NOW, None).locked:
            assert is_companion(rule, lock, [name, lock])


@pytest.mark.parametrize(
    "pattern", ["{name}.lock", "{stem}.ok", ".{name}.??????", "LOCK", "*.busy", "{stem}_done{suffix}"]
)
def test_good_companion_patterns(pattern: str) -> None:
    assert companion_problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{nam}.lock", "unknown field {nam}"),
        ("{name!r}.lock", "unknown field"),
        ("{name.lock", "braces"),
        ("locks/{name}", "same folder"),
        ("{name}", "every file"),
        ("*", "every file"),
        ("", "every file"),
    ],
)
def test_bad_companion_patterns_are_told_in_plain_words(pattern: str, said: str) -> None:
    problem = companion_problem(pattern)
    assert problem is not None
    assert said in problem


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.2, "0.2 s"),
        (45, "45 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (2e5, "2 d"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
