"""What the Finder says: new versions of files, and what every route wants of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from v2xsync.ledger.base import NewItem, Plan
from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.consequences import FacetKey, mark_gone, supersede
from v2xsync.ledger.knowing import newest_versions
from v2xsync.ledger.logbook import Line, line, write_lines
from v2xsync.ledger.rooms import WritingRoom
from v2xsync.ledger.tables import deliveries, fetches, items
from v2xsync.ledger.wiretext import to_column
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.items import Fingerprint

NEWER = "a newer version took its place"
NOT_STORED = "not stored yet"

_OVER = frozenset({RemovalState.REMOVED, RemovalState.GONE})

_LAST_ID = select(func.coalesce(func.max(items.c.id), 0))
_ITEM = Bulk(
    insert(items),
    "id", "source", "path", "generation", "size", "mtime_ns", "step_ns", "found_at", "removal", "removal_reason",
)  # fmt: skip
_FETCH = Bulk(insert(fetches), "item_id", "route", "source", "element", "size", "state", "next_at")
_DELIVERY = Bulk(insert(deliveries), "item_id", "route", "target", "size", "state", "next_at")


class Finding(WritingRoom):
    """The Finder's writing verb."""

    def record_found(self, items: Sequence[NewItem], at: float) -> Sequence[int]:
        """Write new items with their facets (or add missing plans to known ones); returns their ids, in order.

        An older version of the same path that was not fetched yet becomes SUPERSEDED, its removal GONE. A version that
        was removed or gone and shows again is a new item. An unknown item without a plan is not written: its id is 0.
        """
        return self._write(lambda connection: _record(connection, items, at)) if items else []


def _record(connection: Connection, found: Sequence[NewItem], at: float) -> Sequence[int]:
    batch = _Batch(at, connection.execute(_LAST_ID).scalar_one(), _versions(connection, found))
    ids = [batch.take(item) for item in found]
    batch.write(connection)
    return ids


@dataclass(slots=True)
class _Version:
    """The newest version of a path; `fetches` holds the state of each route's fetch."""

    item_id: int
    generation: int
    fingerprint: Fingerprint
    removal: int
    fetches: dict[str, int]

    def still_is(self, fingerprint: Fingerprint) -> bool:
        """Whether a file of that fingerprint is this very version, never gone since."""
        return self.removal not in _OVER and self.fingerprint.matches(fingerprint)


_Versions = dict[tuple[str, str], _Version]


def _versions(connection: Connection, found: Sequence[NewItem]) -> _Versions:
    paths: dict[str, list[str]] = {}
    for item in found:
        paths.setdefault(item.source, []).append(item.path)
    versions: _Versions = {}
    for source, asked in paths.items():
        for path, item_id, generation, *version, removal, route, state in newest_versions(connection, source, asked):
            newest = versions.get((source, path))
            if newest is None:
                newest = versions[source, path] = _Version(item_id, generation, Fingerprint(*version), removal, {})
            if route is not None:
                newest.fetches[route] = state
    return versions


class _Batch:
    """The rows that one call writes, gathered first so that each table takes all of its rows at once."""

    def __init__(self, at: float, last_id: int, versions: _Versions) -> None:
        self._at = at
        self._last_id = last_id
        self._versions = versions
        self._items: list[tuple[object, ...]] = []
        self._fetches: list[tuple[object, ...]] = []
        self._deliveries: list[tuple[object, ...]] = []
        self._lines: list[Line] = []
        self._replaced: list[int] = []
        self._superseded: list[FacetKey] = []

    def take(self, item: NewItem) -> int:
        """Note what is to be written for one item; returns its id."""
        newest = self._versions.get((item.source, item.path))
        if newest is None or not newest.still_is(item.fingerprint):
            if not item.plans:
                return 0
            newest = self._add(item, newest)
        for plan in item.plans:
            if plan.route not in newest.fetches:
                self._plan(item, plan, newest)
        return newest.item_id

    def _add(self, item: NewItem, before: _Version | None) -> _Version:
        if before is not None:
            self._replace(before)
        self._last_id += 1
        generation, seen = before.generation + 1 if before else 1, item.fingerprint
        self._items.append((
            self._last_id, item.source, to_column(item.path), generation, seen.size, seen.mtime_ns, seen.step_ns,
            self._at, int(RemovalState.WAITING), NOT_STORED,
        ))  # fmt: skip
        route = item.plans[0].route if len(item.plans) == 1 else ""
        self._lines.append(line(self._at, Step.FOUND, self._last_id, route, item.source))
        added = _Version(self._last_id, generation, seen, RemovalState.WAITING, {})
        self._versions[item.source, item.path] = added
        return added

    def _replace(self, before: _Version) -> None:
        unstored = (route for route, state in before.fetches.items() if state != FetchState.STORED)
        self._superseded.extend((before.item_id, route) for route in unstored)
        self._replaced.append(before.item_id)

    def _plan(self, item: NewItem, plan: Plan, version: _Version) -> None:
        item_id, size = version.item_id, item.fingerprint.size
        fetch, fetch_due = (FetchState.QUEUED, self._at) if plan.stage else (FetchState.SKIPPED, None)
        delivery, due = (DeliveryState.WAITING, None) if plan.stage else (DeliveryState.QUEUED, self._at)
        version.fetches[plan.route] = fetch
        element = to_column(plan.element)
        self._fetches.append((item_id, plan.route, item.source, element, size, int(fetch), fetch_due))
        self._deliveries.extend((item_id, plan.route, target, size, int(delivery), due) for target in plan.targets)

    def write(self, connection: Connection) -> None:
        """Write it all."""
        _ITEM.run(connection, self._items)
        _FETCH.run(connection, self._fetches)
        _DELIVERY.run(connection, self._deliveries)
        write_lines(connection, self._lines)
        supersede(connection, self._superseded, NEWER, self._at)
        mark_gone(connection, self._replaced, NEWER, self._at)
