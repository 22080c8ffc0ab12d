"""When a file counts as finished by its writer (requirement R2).

Two kinds of evidence: what stands beside the file (locks, a done marker) and the file itself (two equal looks, age).
Moments are seconds since the epoch by our clock; times of entries are the device's, already corrected by its measured
offset. They may still lie: a time in the future never makes a file wait longer than being watched would, because what
was seen unchanged for a while is at least that old.
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

from v2xsync.model.items import NS_PER_S, Entry, Fingerprint
from v2xsync.model.naming import printable, split_suffix
from v2xsync.model.rules import ReadyRule

COMPANION_FIELDS: Final = frozenset({"name", "stem", "suffix"})

Siblings = Mapping[str, Entry] | Collection[str]
"""The bare names in a file's folder, with their entries where these are at hand."""

_LOOK_AGAIN_S: Final = 30.0
_LOOK_SOON_S: Final = 1.0
_WILDCARD: Final = re.compile(r"([*?\[])")


@dataclass(frozen=True, slots=True)
class Sighting:
    """What we remember of a file between two looks: its version, unchanged `since`, and what its locks did."""

    fingerprint: Fingerprint
    since: float
    was_locked: bool
    """A lock was there at this look, or was there and went."""
    lock_gone: bool = False
    """It went."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a file is ready, why not, when to look again, and what to hand to the next look as `earlier`."""

    ready: bool
    reason: str
    check_at: float | None
    sighting: Sighting
    locked: bool = False
    """A lock that counts is there."""
    settling: bool = False
    """Only a second equal look is missing."""
    lock_age_s: float | None = None
    """How old the lock is that counts; None: there is none, or its age is not known."""


@dataclass(frozen=True, slots=True)
class _Wait:
    reason: str
    until: float
    settling: bool = False
    lock_age_s: float | None = None


def judge(rule: ReadyRule, entry: Entry, siblings: Siblings, now: float, earlier: Sighting | None) -> Readiness:
    """Judge one look at a file. `earlier` is the sighting of the look before, None at the first."""
    name = entry.path.rpartition("/")[2]
    lock = _standing_lock(rule, name, siblings)
    unchanged = _unchanged(entry.fingerprint, now, earlier, locked=lock is not None)
    sighting = _sighting(entry.fingerprint, now, earlier, locked=lock is not None, unchanged=unchanged)
    locked = _lock_wait(rule, entry, lock, siblings, now, sighting) if lock is not None else None
    wait = (
        locked
        or _done_wait(rule, name, siblings, now)
        or _age_wait(rule, entry, now, sighting)
        or _settle_wait(rule, now, sighting, unchanged=unchanged)
    )
    if wait is None:
        return Readiness(ready=True, reason="ready", check_at=None, sighting=sighting)
    return Readiness(
        ready=False,
        reason=wait.reason,
        check_at=wait.until,
        sighting=sighting,
        locked=locked is not None,
        settling=wait.settling,
        lock_age_s=wait.lock_age_s,
    )


def _unchanged(fingerprint: Fingerprint, now: float, earlier: Sighting | None, *, locked: bool) -> bool:
    """Whether this look equals the earlier one; a lock that has appeared since then announces a change."""
    if earlier is None or earlier.since > now:
        return False
    new_lock = locked and (not earlier.was_locked or earlier.lock_gone)
    return earlier.fingerprint.matches(fingerprint) and not new_lock


def _sighting(
    fingerprint: Fingerprint, now: float, earlier: Sighting | None, *, locked: bool, unchanged: bool
) -> Sighting:
    if earlier is None or (locked and not unchanged):
        return Sighting(fingerprint, now, locked)
    if locked:
        return Sighting(fingerprint, earlier.since, was_locked=True)
    if unchanged:
        return Sighting(fingerprint, earlier.since, earlier.was_locked, lock_gone=earlier.was_locked)
    # The last words of a writer come before its lock goes; one who writes on after that does not use the lock.
    last_words = earlier.was_locked and not earlier.lock_gone
    return Sighting(fingerprint, now, last_words, lock_gone=last_words)


# --- the four reasons to wait -----------------------------------------------------------------------------------------


def _lock_wait(
    rule: ReadyRule, entry: Entry, lock: str, siblings: Siblings, now: float, sighting: Sighting
) -> _Wait | None:
    lock_entry = siblings.get(lock) if isinstance(siblings, Mapping) else None
    lock_age = _age(lock_entry, now)
    told = f" ({in_words(lock_age)} old)" if lock_age is not None else ""
    again = now + min(rule.settle_s or _LOOK_AGAIN_S, _LOOK_AGAIN_S)
    wait = _Wait(f"locked by {printable(lock)}{told}", again, lock_age_s=lock_age)
    if rule.stale_lock_s <= 0:
        return wait
    quiet_since = max(_unchanged_since(lock_entry, sighting), _unchanged_since(entry, sighting))
    stale_at = quiet_since + rule.stale_lock_s
    return replace(wait, until=min(wait.until, stale_at)) if now < stale_at else None


def _done_wait(rule: ReadyRule, name: str, siblings: Siblings, now: float) -> _Wait | None:
    if not rule.done or _companion(rule.done, name, siblings) is not None:
        return None
    return _Wait(f"waiting for {printable(_fill(rule.done, name))}", now + _LOOK_AGAIN_S)


def _age_wait(rule: ReadyRule, entry: Entry, now: float, sighting: Sighting) -> _Wait | None:
    old_enough_at = _unchanged_since(entry, sighting) + rule.min_age_s
    if rule.min_age_s <= 0 or now >= old_enough_at:
        return None
    return _Wait(f"younger than {in_words(rule.min_age_s)}", old_enough_at)


def _settle_wait(rule: ReadyRule, now: float, sighting: Sighting, *, unchanged: bool) -> _Wait | None:
    if rule.settle_s <= 0:
        return None
    if unchanged and (sighting.lock_gone or now >= sighting.since + rule.settle_s):
        return None
    if sighting.lock_gone:
        return _Wait("unlocked; waiting for a second equal look", now + min(rule.settle_s, _LOOK_SOON_S), settling=True)
    told = f"not yet unchanged for {in_words(rule.settle_s)}"
    return _Wait(told, sighting.since + rule.settle_s, settling=True)


def _unchanged_since(entry: Entry | None, sighting: Sighting) -> float:
    """The earlier of what the device says and what we saw: a clock that is ahead cannot make a file younger."""
    if entry is None or entry.mtime_ns is None:
        return sighting.since
    return min(entry.mtime_ns / NS_PER_S, sighting.since)


def _age(entry: Entry | None, now: float) -> float | None:
    """Seconds since the entry's time; None where it is unknown or in the future."""
    if entry is None or entry.mtime_ns is None or entry.mtime_ns > now * NS_PER_S:
        return None
    return now - entry.mtime_ns / NS_PER_S


def in_words(seconds: float) -> str:
    """A duration for people, in the largest unit of which there are two: ``45 s``, ``90 s``, ``12 min``, ``2 d``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.3g} s"


# --- companions -------------------------------------------------------------------------------------------------------


def companion_problem(pattern: str) -> str | None:
    """What is wrong with a lock or done pattern, in plain words; None where nothing is."""
    try:
        pieces = list(string.Formatter().parse(pattern))
    except ValueError as error:
        return f"the braces do not fit together: {error}"
    for _text, field, spec, conversion in pieces:
        if field is not None and (field not in COMPANION_FIELDS or spec or conversion):
            return f"unknown field {{{field}}}; the fields are {{name}}, {{stem}} and {{suffix}}"
    if "/" in pattern:
        return "a companion stands in the same folder: no / here"
    literal = "".join(text for text, *_rest in pieces).strip("*?")
    return None if literal else "the pattern would fit every file"


def companions_of(rule: ReadyRule, name: str) -> frozenset[str] | None:
    """The names that decide about the file called `name`; None where a pattern has wildcards (only a listing tells)."""
    patterns = (*rule.locks, rule.done) if rule.done else rule.locks
    if any(_WILDCARD.search(pattern) for pattern in patterns):
        return None
    return frozenset(_fill(pattern, name) for pattern in patterns)


def is_companion(rule: ReadyRule, name: str, siblings: Siblings) -> bool:
    """Whether the file called `name` is a lock by its name, or the done marker of another file that is there.

    Such files are no items of their own. (A done pattern with ``{stem}`` costs a pass over `siblings`.)
    """
    return any(fnmatchcase(name, _shape(lock)) for lock in rule.locks) or (
        bool(rule.done) and fnmatchcase(name, _shape(rule.done)) and _marks_another(rule.done, name, siblings)
    )


def attends(rule: ReadyRule, name: str, siblings: Siblings) -> bool:
    """Whether the companion called `name` stands beside a file that it speaks of."""
    patterns = (*rule.locks, rule.done) if rule.done else rule.locks
    return any(_companion(pattern, other, (name,)) is not None for pattern in patterns for other in siblings)


@functools.cache
def _shape(pattern: str) -> str:
    return pattern.format(name="?*", stem="?*", suffix="*")


def _marks_another(pattern: str, name: str, siblings: Siblings) -> bool:
    before, field, after = pattern.partition("{name}")
    if field and "{" not in before + after and not _WILDCARD.search(pattern):
        return name[len(before) : len(name) - len(after)] in siblings
    return any(_companion(pattern, other, (name,)) is not None for other in siblings)


def _standing_lock(rule: ReadyRule, name: str, siblings: Siblings) -> str | None:
    found = (_companion(lock, name, siblings) for lock in rule.locks)
    return next((lock for lock in found if lock is not None), None)


def _companion(pattern: str, name: str, siblings: Siblings) -> str | None:
    """The first of `siblings`, other than `name` itself, that is its companion by `pattern`."""
    if not _WILDCARD.search(pattern):
        wanted = _fill(pattern, name)
        return wanted if wanted != name and wanted in siblings else None
    wanted = _fill(pattern, _WILDCARD.sub(r"[\1]", name))
    return next((other for other in siblings if other != name and fnmatchcase(other, wanted)), None)


def _fill(pattern: str, name: str) -> str:
    stem, suffix = split_suffix(name)
    return pattern.format(name=name, stem=stem, suffix=suffix)
