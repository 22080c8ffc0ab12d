"""Verification: what stands in the store and at the targets, against the receipts. Reads only.

Every receipt is asked again as strongly as it was given; what a person vouched for is not ours to ask. Beside a running
engine a copy may leave the store meanwhile: that is looked up before it counts as missing.
"""

from __future__ import annotations

import random
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from v2xsync.devices.base import Proven, ProveRequest, Target
from v2xsync.engine.store import sha256_of
from v2xsync.errors import ItemError
from v2xsync.ledger.base import LedgerReader, LogLine
from v2xsync.model.custody import Step
from v2xsync.model.items import Digest, Proof
from v2xsync.model.naming import proper_parts

BATCH: Final = 100
"""So many files are asked about in one call of a target."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A copy that is not what its receipt says; `device` is the target, or ``store``."""

    device: str
    place: str
    item_id: int
    source: str
    path: str
    route: str
    what: str


def store_copies(reader: LedgerReader) -> Sequence[LogLine]:
    """The receipt of every copy that stands in the store, one for each place."""
    copies = {(line.item_id, line.route): line for line in reader.history(step=Step.STORED)}
    for line in reader.history(step=Step.EXPIRED):
        copies.pop((line.item_id, line.route), None)
    return tuple({line.place: line for line in copies.values()}.values())


def target_copies(reader: LedgerReader) -> Mapping[str, Sequence[LogLine]]:
    """The receipts of every target, the strongest of each place."""
    found: dict[tuple[str, str], LogLine] = {}
    for line in reader.history(step=Step.DELIVERED):
        before = found.get((line.device, line.place))
        if before is None or _strength(line) >= _strength(before):
            found[line.device, line.place] = line
    copies: dict[str, list[LogLine]] = {}
    for line in found.values():
        copies.setdefault(line.device, []).append(line)
    return copies


def sampled(lines: Sequence[LogLine], most: int) -> Sequence[LogLine]:
    """At most so many of them, by chance; all where `most` is 0."""
    return random.SystemRandom().sample(lines, most) if 0 < most < len(lines) else lines


# --- the store --------------------------------------------------------------------------------------------------------


def verify_store(reader: LedgerReader, store: Path, lines: Iterable[LogLine]) -> Iterator[Difference]:
    """Read every copy again and compare it with its receipt."""
    for line in lines:
        what = store_difference(store, line.place, line.size or 0, line.sha256)
        if what and not _left(reader, line):
            yield _difference(line, what)


def store_difference(store: Path, place: str, size: int, sha256: str) -> str:
    """Why the store does not hold that content at `place`, in plain words; empty where it does."""
    try:
        path = store.joinpath(*proper_parts(place))
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            return "it is no plain file"
        if facts.st_size != size:
            return f"it has {facts.st_size} bytes, its receipt says {size}"
        return "" if sha256_of(path) == sha256 else "its content is not what was stored"
    except (FileNotFoundError, NotADirectoryError):
        return "it is not there"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except ItemError as error:
        return error.what
    except ValueError:
        return "no file can have its name"


def _left(reader: LedgerReader, line: LogLine) -> bool:
    """Whether the copy left the store since its receipt was read."""
    dossier = reader.dossier(line.item_id)
    facets = dossier.fetches if dossier else ()
    return any(facet.route == line.route and facet.expired_at is not None for facet in facets)


# --- a target ---------------------------------------------------------------------------------------------------------


def verify_target(session: Target, lines: Sequence[LogLine]) -> Iterator[Difference]:
    """Ask a connected target about every copy, at its receipt's level. Raises DeviceError."""
    for start in range(0, len(lines), BATCH):
        by_token = dict(enumerate(lines[start : start + BATCH]))
        requests = [ProveRequest(t, line.place, line.size or 0, _strength(line)) for t, line in by_token.items()]
        for token, answer in session.prove(requests):
            what = _judge(by_token[token], answer)
            if what:
                yield _difference(by_token[token], what)


def _strength(line: LogLine) -> Proof:
    return line.proof or Proof.ACK


def _judge(line: LogLine, answer: Proven | ItemError) -> str:
    if isinstance(answer, ItemError):
        return answer.what
    if answer.size != line.size:
        return f"it has {answer.size} bytes, its receipt says {line.size}"
    if answer.digest is not None and answer.digest != Digest("sha256", line.sha256):
        return "its content is not what was delivered"
    if answer.proof < _strength(line):
        return f"it can only be proven by {answer.proof.word} now, its receipt says {_strength(line).word}"
    return ""


def _difference(line: LogLine, what: str) -> Difference:
    return Difference(line.device, line.place, line.item_id, line.source, line.path, line.route, what)
