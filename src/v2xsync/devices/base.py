"""The ports: what every device promises, whatever its protocol.

A device is used through *sessions*. One session belongs to one thread; the engine opens as many as a lane is wide.
Verbs take batches because wires reward it: an adapter with pipelining keeps many requests in flight, one without
simply takes them one by one. Adapters hold no retry, no threads of their own making, no progress policy and no sleep;
retry, pacing, metering and fault injection wrap the port. Every network wait inside a verb ends within the device's
`timeout` of silence.

Common rules for every verb

* Paths are relative to the device's root, ``/`` between parts, surrogate escapes for bytes that are not UTF-8.
  A verb refuses (`ItemRefused`) a path that is absolute, has a ``..`` or empty part, or holds a NUL.
* Trouble with one file is an `ItemError`, reported for that file; the rest of the batch goes on.
* Trouble with the device is a `DeviceError`, raised from the verb; files not yet reported have no outcome.
* Listings and stats never follow symbolic links.
* Names that we made (`OUR_PREFIX`) are never listed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from v2xsync.errors import ItemError, V2xSyncError
from v2xsync.model.items import Digest, Entry, Fingerprint, Proof, Unlistable
from v2xsync.model.naming import proper_parts

OUR_PREFIX = ".v2xsync"
"""Every name that we make for work in progress starts so; scans leave such names out."""

OVERLAP_BYTES = 64 * 1024
"""A resumed transfer reads this much again and compares it (requirement R6)."""

CHUNK_BYTES = 256 * 1024
"""Default size of a piece of content in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a device can do; the engine asks this and never an adapter's type."""

    source: bool = False
    target: bool = False
    deletes: bool = False
    """Files can be removed one by one."""
    folders: bool = True
    """There are folders that can be left empty (and so are pruned)."""
    resumable_read: bool = False
    resumable_write: bool = False
    atomic_rename: bool = False
    """A partial becomes the final name in one step that never overwrites."""
    replaces: bool = False
    """A file of ours at the target may give way to its next version in one step (`SendRequest.replaces`)."""
    server_digests: tuple[str, ...] = ()
    """Algorithms of digests that the device itself computes over stored content."""
    fetch_proof: Proof = Proof.HASH
    """The strongest proof of a fetch from here."""
    delivery_proof: Proof = Proof.HASH
    """The strongest proof of a delivery to here."""
    probeable: bool = True
    """After a lost answer one can ask whether the file is there."""
    mtime_step_s: float | None = 1.0
    """Resolution of the times that it tells; None: it tells none."""
    fat_times: bool = False
    """Times may shift by exactly one hour with seasons and zones."""
    case_sensitive: bool = True
    pipelined: bool = False
    """One session keeps many files in flight; more streams would not help."""
    max_parallel: int = 4
    exclusive: bool = False
    """Only one session may exist at a time."""
    hot_plug: bool = False
    """Being absent is normal (flash drives, autopilots)."""
    arrival_events: bool = False
    """`{ on = "arrival" }` is possible."""
    stem_groups: bool = False
    """Files of a folder that share a stem are one unit for readiness and removal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The answer of a cheap call; None where the device cannot tell."""

    clock_offset_s: float | None = None
    """Device's clock minus ours, in seconds."""
    free_bytes: int | None = None
    detail: str = ""
    """Server software, protocol version or the like, for people."""


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Read one version of a file from `offset` to its end.

    `proof` is the least that the route wants of the fetch: an adapter that can give more only at a price (a second
    full read, a device-side digest) pays it only for `Proof.HASH`.
    """

    token: int
    path: str
    fingerprint: Fingerprint
    offset: int = 0
    proof: Proof = Proof.HASH


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a fetch ended: the file as the device described it *after* the last byte was read.

    `method` names the evidence in plain words ("ssh channel", "second read", "mavlink crc32"); `digest` is what the
    device itself computed, where it did (kept in the ledger and shown to `remove` again).
    """

    fingerprint: Fingerprint
    proof: Proof
    method: str
    digest: Digest | None = None


class FetchSink(Protocol):
    """Where fetched bytes go. Called only from the thread that called `fetch`."""

    def write(self, token: int, offset: int, data: bytes | memoryview) -> bool:
        """Take `data` of file `token` at `offset`; pieces of one file may come in any order, without overlap.

        Returns False when this file is to be abandoned (nothing more is reported for it). May block (pacing) and may
        raise `Cancelled` or `StoreError`, which end the whole fetch.
        """

    def done(self, token: int, fetched: Fetched) -> None:
        """All bytes from the requested offset to the end were written."""

    def failed(self, token: int, error: ItemError) -> None:
        """This file ended without success; what was written stays a partial."""


@dataclass(frozen=True, slots=True)
class RemoveRequest:
    """Remove `path` only if it still is the version `fingerprint`.

    With `prove_content` (weak fingerprints) the content must be proven equal to `sha256` (or to `digest`, the device's
    own digest told at the fetch) right before the removal.
    """

    token: int
    path: str
    fingerprint: Fingerprint
    sha256: str = ""
    digest: Digest | None = None
    prove_content: bool = False


@runtime_checkable
class Source(Protocol):
    """A session of a device that files come from."""

    @property
    def capabilities(self) -> Capabilities:
        """Fixed for a config; may grow more exact once connected."""

    def connect(self) -> None:
        """Connect and log in, or do nothing where connected.

        Raises DeviceGone, AccessRefused, HostKeyRefused, ProtocolFault. May be repeated.
        """

    def close(self) -> None:
        """End the session; never raises. A closed session may be connected again."""

    def probe(self) -> Health:
        """One cheap request that proves that the device works (raises as `connect`)."""

    def list(self) -> Iterator[Entry | Unlistable]:
        """Every file and folder below the root, folders before their content, in no other order.

        Raises a DeviceError where the listing as a whole broke; what was yielded before is then incomplete.
        """

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """Fresh facts about each path, in order; ItemMissing where there is none."""

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """Read every requested file into `sink`.

        `requests` is drawn lazily, as room comes free. Each file must be, when opened, the version asked for
        (else ItemChanged), and is described again after its last byte. Every drawn request ends in exactly one of
        `sink.done`, `sink.failed`, an abandoning `sink.write`, or an exception from `fetch` itself.
        """

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Remove files; yields (token, None) for each removed one, else (token, error).

        Each removal directly follows its own stat: ItemChanged where that differs, ItemMissing where nothing is
        there, ItemRefused where the content cannot be proven although asked for.
        """

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """Remove those folders that are empty, by a call that fails otherwise; returns the removed ones.

        The root itself (the empty path) is never removed.
        """


# --- writing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendRequest:
    """Write one file under `path`, by way of `partial` (in the same folder), from what `Feed` reads."""

    token: int
    path: str
    partial: str
    size: int
    mtime_ns: int | None = None
    sha256: str = ""
    """Known unless the content is streamed through."""
    resume: bool = True
    """A partial of the same name may be continued if its last bytes match."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Layout fields of the item (source, element, name, ...) for forms and metadata."""
    replaces: bool = False
    """What stands at `path` is an earlier version of ours, as the engine has just made sure, and gives way."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A commit that the peer acknowledged; `reference` is what it calls the file (a result address), if it does."""

    size: int
    method: str
    reference: str = ""


class Feed(Protocol):
    """Where bytes to send come from. Called only from the thread that called `send`."""

    def read(self, token: int, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`; fewer only at the end of the file. May block (pacing), raise Cancelled.

        Raises an ItemError where the content cannot be read; the adapter reports it by `failed`.
        """

    def progress(self, token: int, position: int) -> None:
        """The peer has taken (or already had) everything before `position`."""

    def done(self, token: int, sent: Sent) -> None:
        """The file stands under its final name, as far as the peer says."""

    def failed(self, token: int, error: ItemError) -> None:
        """This file ended without success. NameTaken, ItemRefused, OutcomeUnknown have their exact meanings."""


@dataclass(frozen=True, slots=True)
class ProveRequest:
    """Ask about the file at `path` again, as strongly as `proof` wants."""

    token: int
    path: str
    size: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class Proven:
    """What the device said when asked again: facts, not a verdict. The engine compares.

    `proof` is how strongly was really asked (never more than the device can); `digest` is there for `Proof.HASH`: the
    device's own, or that of the bytes that were read back. `method` says which, in plain words.
    """

    size: int
    proof: Proof
    method: str
    digest: Digest | None = None


@runtime_checkable
class Target(Protocol):
    """A session of a device that files go to."""

    @property
    def capabilities(self) -> Capabilities:
        """Fixed for a config; may grow more exact once connected."""

    def connect(self) -> None:
        """As `Source.connect`."""

    def close(self) -> None:
        """As `Source.close`."""

    def probe(self) -> Health:
        """As `Source.probe`."""

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """As `Source.stat`."""

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """Write each file to its partial name, make it durable as far as the protocol can, then give it its final name.

        Makes missing parent folders. Never overwrites a final name (NameTaken) but where the request says `replaces`,
        and then only a file. `requests` is drawn lazily; each drawn request ends in exactly one of `feed.done`,
        `feed.failed`, or an exception from `send` itself. A connection lost after the commit was asked for is
        OutcomeUnknown for that file.
        """

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """Ask again, by fresh requests, about what stands under the final names."""

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """Remove stale partials of ours in `folders` except those whose path `keep` holds; returns the removed paths.

        `keep` is asked about each partial shortly before it is removed.

        The only thing that is ever removed at a target.
        """


class ArrivalHints(Protocol):
    """Events that something may have changed below a source's root; hints, never the truth (requirement R16)."""

    def start(self) -> None:
        """Begin to watch; raises DeviceGone where that is impossible."""

    def wait(self, timeout_s: float) -> bool:
        """Wait for a hint; True where there was one since the last call (an overflow counts as one)."""

    def stop(self) -> None:
        """End watching; wakes a waiting `wait`."""


@dataclass(frozen=True, slots=True)
class Parting:
    """How letting a drive go went; `what` says in plain words why it may not be taken out yet."""

    safe: bool
    drive: str
    what: str = ""


class Berth(Protocol):
    """What a drive lies in, for those who watch over it; every method may be called from any thread."""

    def is_plugged_in(self) -> bool:
        """Whether a drive that fits is plugged in now; raises AccessRefused where that cannot be told."""

    def is_taken(self) -> bool:
        """Whether a drive is in use: mounted, or found mounted."""

    def let_go(self) -> Parting | None:
        """Flush and unmount; None where there is nothing to let go, or somebody is inside. Never raises."""


def require_safe(path: str) -> str:
    """Return `path` where it is a proper relative path; raises ItemRefused otherwise."""
    proper_parts(path)
    return path


def is_ours(name: str) -> bool:
    """Whether a single name is one of our work-in-progress names."""
    return name.startswith(OUR_PREFIX)


def partial_beside(path: str, reference: str) -> str:
    """Return the partial name for `path` at a target: same folder, never derived from the file's name.

    `reference` is the ledger's station-unique reference of the delivery: two stations never meet in one partial.
    """
    folder, slash, _name = path.rpartition("/")
    return f"{folder}{slash}{OUR_PREFIX}-{reference}.part"
