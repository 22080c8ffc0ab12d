"""The form of a manifest's lines: what the store remembers of custody, outside the ledger.

A manifest is a text file of JSON objects, one on each line, only ever appended to. Each line names its item in full, so
that it can be read without the others. A line that is no such object (torn by a power cut, say) counts as not there.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from v2xsync.errors import ItemRefused
from v2xsync.model.custody import Step
from v2xsync.model.items import NS_PER_S, Digest, Fingerprint, Proof
from v2xsync.model.naming import proper_parts

SENDING: Final = "sending"
"""Written before a file is given to a target that cannot be asked about it afterwards."""

STEPS: Final = frozenset({Step.STORED.value, SENDING, Step.DELIVERED.value, Step.REMOVED.value, Step.EXPIRED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLine:
    """One line. `size`, `mtime_ns`, `step_ns` are the item's fingerprint.

    `place` is the copy's path in the store or at `target`, `bytes` its size. Times are seconds since the epoch.
    """

    step: str
    at: float
    route: str
    source: str = ""
    path: str = ""
    size: int = 0
    mtime_ns: int | None = None
    step_ns: int = NS_PER_S
    found_at: float = 0.0
    element: str = ""
    stage: bool = True
    target: str = ""
    place: str = ""
    bytes: int = 0
    sha256: str = ""
    proof: str = ""
    method: str = ""
    digest: str = ""
    reference: str = ""
    note: str = ""

    @property
    def fingerprint(self) -> Fingerprint:
        """The version of the file that the line speaks of."""
        return Fingerprint(self.size, self.mtime_ns, self.step_ns)

    @property
    def strength(self) -> Proof:
        """The proof; the weakest where the line names none that is known."""
        return _PROOFS.get(self.proof, Proof.ACK)

    @property
    def told_digest(self) -> Digest | None:
        """What the device itself computed, where it did."""
        algorithm, colon, value = self.digest.partition(":")
        return Digest(algorithm, value) if colon else None


_PROOFS: Final = {proof.word: proof for proof in Proof}
_FIELDS: Final = dataclasses.fields(ManifestLine)
_LARGEST: Final = (1 << 63) - 1
"""Of any number in the ledger."""
_REQUIRED: Final = ("step", "at", "route")
_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
"""Made once: thousands of small files a second come through here."""
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "int": (int,), "int | None": (int, type(None)), "float": (int, float), "bool": (bool,), "str": (str,),
}  # fmt: skip


def encode(told: Mapping[str, object]) -> str:
    """A line as plain ASCII, with its end. `told` has keys of ManifestLine; those that are as usual may be left out."""
    return _ENCODE(told) + "\n"


def decode(text: str) -> ManifestLine | None:
    """The line that `encode` was given; None where it is torn or no line of ours. Unknown keys are let be."""
    try:
        told: Any = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not set(_REQUIRED) <= set(told):
        return None
    known = {field.name: told[field.name] for field in _FIELDS if field.name in told}
    if not all(_fits(known[field.name], str(field.type)) for field in _FIELDS if field.name in known):
        return None
    line = ManifestLine(**known)
    return line if line.step in STEPS and _is_proper(line.place) else None


def _fits(value: object, kind: str) -> bool:
    """Whether a value is of its field's kind, and one that the ledger can hold."""
    if type(value) not in _KINDS[kind]:
        return False
    return not isinstance(value, int | float) or -_LARGEST <= value <= _LARGEST


def _is_proper(place: str) -> bool:
    """Whether a place lies in the store, or below the root of a target."""
    try:
        return not place or bool(proper_parts(place))
    except ItemRefused:
        return False


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
