"""What a file is to us: entries of a listing, fingerprints, items, proofs and digests."""

from __future__ import annotations

import enum
from dataclasses import dataclass

NS_PER_S = 1_000_000_000
WEAK_STEP_NS = 2 * NS_PER_S
"""A time coarser than this does not tell two versions apart (FAT's 2 s still does)."""

DST_SHIFT_NS = 3600 * NS_PER_S
"""FAT media read in another season differ by an hour and are still the same file (requirement R13)."""


class Proof(enum.IntEnum):
    """How strongly we know that a copy is good; ordered, so ``>=`` means "at least as strong"."""

    ACK = 1
    """The peer said "done"; nothing was asked again."""
    SIZE = 2
    """A fresh request told the right size."""
    HASH = 3
    """The content itself was compared."""

    @property
    def word(self) -> str:
        """The word used in configs, receipts and on screen."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Proof:
        """Return the proof named `word`; raises KeyError for another word."""
        return cls[word.upper()]


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest of a whole file: `algorithm` as its common lower-case name, `value` in lower-case hex."""

    algorithm: str
    value: str

    def __str__(self) -> str:
        """Return ``algorithm:value``."""
        return f"{self.algorithm}:{self.value}"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies one version of a file.

    `size` in bytes, `mtime_ns` in nanoseconds since the epoch as the device tells it (None: it tells none),
    `step_ns` the resolution of that time.
    """

    size: int
    mtime_ns: int | None = None
    step_ns: int = NS_PER_S

    @property
    def weak(self) -> bool:
        """Whether the time is missing or too coarse to tell versions apart."""
        return self.mtime_ns is None or self.step_ns > WEAK_STEP_NS

    def matches(self, other: Fingerprint, *, fat_times: bool = False) -> bool:
        """Whether both describe the same version, within the coarser of the two resolutions.

        A side without a time matches on size alone. `fat_times` also allows what FAT media do to times: two seconds of
        rounding, either way, and a shift of an hour.
        """
        if self.size != other.size:
            return False
        if self.mtime_ns is None or other.mtime_ns is None:
            return True
        step = max(self.step_ns, other.step_ns, 1)
        apart = abs(self.mtime_ns - other.mtime_ns)
        if apart < step:
            return True
        return fat_times and min(apart, abs(apart - DST_SHIFT_NS)) <= WEAK_STEP_NS


class Kind(enum.Enum):
    """What a listing says an entry is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a device's listing; `path` is relative to the device's root, with `/` between its parts.

    Bytes that are not UTF-8 are carried as surrogate escapes, so that ``path`` always names the very same file.
    """

    path: str
    kind: Kind
    size: int = 0
    mtime_ns: int | None = None
    step_ns: int = NS_PER_S

    @property
    def fingerprint(self) -> Fingerprint:
        """The version that this entry shows."""
        return Fingerprint(self.size, self.mtime_ns, self.step_ns)


@dataclass(frozen=True, slots=True)
class Unlistable:
    """A part of a listing that could not be taken: `path` relative to the root, `reason` in plain words.

    A listing with such a part is *incomplete*: it proves nothing about what lies below `path`.
    """

    path: str
    reason: str
