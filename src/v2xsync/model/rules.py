"""What a route says, as values: built by `config`, judged by `custody`, read by every worker."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from v2xsync.model.items import Proof
from v2xsync.model.schedule import Arrival, Every, Schedule


class After(enum.Enum):
    """When the original may go."""

    NEVER = "never"
    STORED = "stored"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRule:
    """The route's removal rule. `proof` is the least for each target, `proofs` what it says for named ones."""

    after: After = After.NEVER
    proof: Proof = Proof.HASH
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    grace_s: float = 0.0
    empty_folders: bool = False

    def proof_for(self, target: str) -> Proof:
        """The least proof that `target` must reach."""
        return self.proofs.get(target, self.proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRule:
    """When a file counts as finished by its writer.

    `settle_s` 0 means no second stat. `locks` and `done` are patterns of companion names with the fields `{name}`,
    `{stem}`, `{suffix}`, and may hold shell wildcards; `locks` names companions of which none may exist, `done` one
    that must exist (empty: none).
    """

    settle_s: float = 30.0
    locks: tuple[str, ...] = ("{name}.lock", "{name}.part", "{name}.tmp")
    min_age_s: float = 0.0
    done: str = ""
    stale_lock_s: float = 0.0
    """Above 0: a lock older than this on a file that is otherwise stable no longer counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which files of a source belong to a route: shell patterns on the path below the root; exclude wins."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementRules:
    """Named groups of files; patterns are tried in order on the name, `other` where none fits.

    `v2x` is the built-in rule set for `<host>_<element>Log_MMDDYYYY_HHMMSS.csv`.
    """

    v2x: bool = False
    patterns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """From which sources to which targets, which files, when, and what happens to the original."""

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...] = ()
    stage: bool = True
    selection: Selection = Selection()
    elements: ElementRules | None = None
    ready: ReadyRule = ReadyRule()
    layout: str = "{source}/{path}"
    target_path: str = "{source}/{path}"
    fetch: Mapping[str, Schedule] = field(default_factory=dict)
    """Schedule by source (defaults differ by the source's type)."""
    deliver: Schedule = Arrival()
    remove: RemoveRule = RemoveRule()
    expect_s: float | None = None
    manifests: bool = False
    """Targets that take one get a ``SHA256SUMS`` file for each date."""
    duplicates: bool = False
    """`duplicates = "allow"`: a delivery with a lost answer may be sent again."""

    def fetch_schedule(self, source: str) -> Schedule:
        """When to fetch from `source`."""
        return self.fetch.get(source, Every(300.0))
