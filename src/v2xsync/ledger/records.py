"""The values that go in and out of the ledger: what workers say and are told, and what people read.

Times are seconds since the epoch, sizes bytes. Imported through `base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from v2xsync.model.custody import DeliveryState, FetchState, Receipt, RemovalState, Step
from v2xsync.model.items import Digest, Fingerprint, Proof

# --- what the Finder says ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What one route wants of a newly found item."""

    route: str
    element: str
    stage: bool
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewItem:
    """One version of one file that is ready, with the plans of every route that selects it."""

    source: str
    path: str
    fingerprint: Fingerprint
    plans: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """The newest version of a path that the ledger knows."""

    item_id: int
    fingerprint: Fingerprint
    removal: RemovalState
    routes: frozenset[str]
    """Routes that have a plan for it already."""


# --- work -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FetchTask:
    """An item to be fetched for one route."""

    item_id: int
    source: str
    path: str
    fingerprint: Fingerprint
    route: str
    element: str
    found_at: float
    tries: int
    next_at: float
    sha256: str = ""
    """Of the copy that is doubted and fetched again; empty where there is none yet."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A fetch that ended well: where it stands in the store and by which proof."""

    item_id: int
    route: str
    store_path: str
    size: int
    sha256: str
    proof: Proof
    method: str
    digest: Digest | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryTask:
    """An item to be delivered to one target."""

    delivery_id: int
    reference: str
    """Station-unique; names the partial at the target."""
    item_id: int
    route: str
    target: str
    source: str
    path: str
    fingerprint: Fingerprint
    element: str
    found_at: float
    stage: bool
    store_path: str
    """Empty where the route keeps no local copy."""
    sha256: str
    size: int
    tries: int
    next_at: float


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery that ended well."""

    delivery_id: int
    target_path: str
    size: int
    sha256: str
    proof: Proof
    method: str
    digest: Digest | None = None
    reference: str = ""
    """What the target calls the file (a result address)."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class RemovalTask:
    """An item whose removal from its source is to be judged, and all receipts of it."""

    item_id: int
    source: str
    path: str
    fingerprint: Fingerprint
    sha256: str
    digest: Digest | None
    receipts: tuple[Receipt, ...]
    state: RemovalState
    tries: int
    next_at: float


@dataclass(frozen=True, slots=True)
class ExpiryTask:
    """A store copy whose removal from the store is to be judged."""

    item_id: int
    route: str
    store_path: str
    sha256: str
    stored_at: float
    receipts: tuple[Receipt, ...]
    next_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Setback:
    """A facet that did not get on: `facet_id` is an item id (fetch with `route`, removal) or a delivery id."""

    facet_id: int
    reason: str
    next_at: float | None = None
    """When to try again; None: only when something changes."""
    route: str = ""
    counts: bool = True
    """Whether it counts as a try (a device that is away never does)."""
    seen_at: float | None = None
    """Removals, expiries: the `next_at` that was claimed; where it changed since (a new receipt), this is void."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a route's schedule at one source (kind "fetch") or for all its targets (kind "deliver")."""

    route: str
    device: str
    kind: str
    due_at: float
    opened_at: float
    listed_at: float | None = None
    closed_at: float | None = None


# --- what people read -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the append-only custody log."""

    seq: int
    at: float
    step: Step
    item_id: int
    source: str
    path: str
    route: str
    device: str
    proof: Proof | None = None
    sha256: str = ""
    size: int | None = None
    method: str = ""
    digest: Digest | None = None
    reference: str = ""
    place: str = ""
    """Path in the store or at the target."""
    by: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FetchFacet:
    """The fetch of an item by one route, for people."""

    route: str
    element: str
    state: FetchState
    next_at: float | None
    tries: int
    reason: str
    store_path: str
    sha256: str
    expired_at: float | None


@dataclass(frozen=True, slots=True)
class DeliveryFacet:
    """One delivery of an item, for people."""

    delivery_id: int
    route: str
    target: str
    state: DeliveryState
    next_at: float | None
    tries: int
    reason: str
    target_path: str
    proof: Proof | None
    reference: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything the ledger knows about one item."""

    item_id: int
    source: str
    path: str
    fingerprint: Fingerprint
    found_at: float
    fetches: tuple[FetchFacet, ...]
    deliveries: tuple[DeliveryFacet, ...]
    removal: RemovalState
    removal_reason: str
    removal_next_at: float | None
    log: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """A facet that waits for a person."""

    item_id: int
    step: Step
    """STORED (the fetch), DELIVERED or REMOVED: the hop that is on hold."""
    route: str
    device: str
    source: str
    path: str
    reason: str
    since: float
    may_accept: bool
    """A person may vouch for it (deliveries with a lost or refused answer)."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One waiting piece of work, for the queue pane."""

    item_id: int
    step: Step
    route: str
    source: str
    device: str
    """Where it is going: "store" or a target."""
    path: str
    size: int
    tries: int
    next_at: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """Counts and bytes of work by device: fetches and removals by source, deliveries by target."""

    fetch: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    deliver: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    remove: Mapping[str, int] = field(default_factory=dict)
    holds: int = 0
    items: int = 0
