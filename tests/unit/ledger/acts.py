"""What tests of the ledger do all the time, in words: find, store, deliver, order, remove."""

from __future__ import annotations

from collections.abc import Sequence

from v2xsync.ledger.base import Delivered, Dossier, Ledger, NewItem, Plan, Stored
from v2xsync.model.items import Fingerprint, Proof

SOURCE = "clay-11th"
ROUTE = "intersections"
SHA = "5a" * 32
FOUND_AT, STORED_AT, DELIVERED_AT, ORDERED_AT, REMOVED_AT = 1000.0, 2000.0, 3000.0, 4000.0, 5000.0
LATE = 9e9


def new(path: str, *plans: Plan, source: str = SOURCE, size: int = 10, mtime_s: int = 7) -> NewItem:
    """One version of a file, by default for one staged route without targets."""
    wanted = plans or (plan(),)
    return NewItem(source, path, Fingerprint(size, mtime_s * 10**9), wanted)


def plan(*targets: str, route: str = ROUTE, stage: bool = True, element: str = "spat") -> Plan:
    return Plan(route, element, stage, targets)


def find(ledger: Ledger, *paths: str, targets: Sequence[str] = (), at: float = FOUND_AT) -> Sequence[int]:
    return ledger.record_found([new(path, plan(*targets)) for path in paths], at)


def stored(item_id: int, *, route: str = ROUTE, sha256: str = SHA, size: int = 10) -> Stored:
    return Stored(item_id, route, f"store/{item_id}.csv", size, sha256, Proof.HASH, "ssh channel")


def store(ledger: Ledger, *item_ids: int, route: str = ROUTE, at: float = STORED_AT) -> None:
    ledger.record_stored([stored(item_id, route=route) for item_id in item_ids], at)


def delivered(delivery_id: int, proof: Proof = Proof.HASH) -> Delivered:
    return Delivered(delivery_id, f"target/{delivery_id}.csv", 10, SHA, proof, "checksum of the server")


def deliver(ledger: Ledger, *delivery_ids: int, at: float = DELIVERED_AT) -> None:
    ledger.record_delivered([delivered(delivery_id) for delivery_id in delivery_ids], at)


def remove(ledger: Ledger, *item_ids: int, at: float = REMOVED_AT) -> None:
    ledger.order_removals(item_ids, at - 1)
    ledger.record_removed(item_ids, at)


def dossier(ledger: Ledger, item_id: int) -> Dossier:
    found = ledger.dossier(item_id)
    assert found is not None
    return found


def delivery_ids(ledger: Ledger, item_id: int) -> dict[str, int]:
    """Delivery id by target."""
    return {facet.target: facet.delivery_id for facet in dossier(ledger, item_id).deliveries}


def steps(ledger: Ledger, item_id: int) -> list[str]:
    """The hops of an item, in order."""
    return [line.step.value for line in dossier(ledger, item_id).log]
