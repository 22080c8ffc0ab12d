"""What people read of the custody log: its lines, and everything about one item."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, tuple_, union

from v2xsync.ledger.base import DeliveryFacet, Dossier, FetchFacet, LogLine
from v2xsync.ledger.logbook import LINES, log_line
from v2xsync.ledger.phrases import given
from v2xsync.ledger.rooms import ReadingRoom
from v2xsync.ledger.tables import EXPECTED, custody_log, deliveries, fetches, items, notes
from v2xsync.ledger.wiretext import to_column
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.items import Fingerprint, Proof

_PAGE = 1000
"""Long answers are read in pages, so that nobody who reads slowly holds the database."""

DOSSIERS = 100
"""A bare name may fit many items: only the newest so many are told."""

_ID_DIGITS = 18
"""A longer number is no id."""

_seq = custody_log.c.seq

_ITEM = select(
    items.c.source, items.c.path, items.c.size, items.c.mtime_ns, items.c.step_ns, items.c.found_at,
    items.c.removal, items.c.removal_reason, items.c.removal_next_at,
).where(items.c.id == given("id"))  # fmt: skip
_FETCHES = (
    select(
        fetches.c.route, fetches.c.element, fetches.c.state, fetches.c.next_at, fetches.c.tries, fetches.c.reason,
        fetches.c.store_path, fetches.c.sha256, fetches.c.expired_at,
    )
    .where(fetches.c.item_id == given("id"))
    .order_by(fetches.c.route)
)  # fmt: skip
_DELIVERIES = (
    select(
        deliveries.c.id, deliveries.c.route, deliveries.c.target, deliveries.c.state, deliveries.c.next_at,
        deliveries.c.tries, deliveries.c.reason, deliveries.c.target_path, deliveries.c.proof, deliveries.c.reference,
    )
    .where(deliveries.c.item_id == given("id"))
    .order_by(deliveries.c.id)
)  # fmt: skip
_LOG = LINES.where(custody_log.c.item_id == given("id")).order_by(_seq)


class Reading(ReadingRoom):
    """Verbs that tell about items and the log."""

    def history(
        self, *, since: float | None = None, route: str = "", source: str = "", step: Step | None = None, limit: int = 0
    ) -> Iterator[LogLine]:
        """Lines of the custody log, oldest first; with `limit` the newest so many.

        Lines that name no route (the removal's, say) count for every route that has a plan for their item.
        """
        wanted = _wanted(since, route, source, step)
        first, last = self._span(since, wanted, limit)
        while first <= last:
            lines = LINES.where(_seq.between(first, last), *wanted).order_by(_seq).limit(_PAGE)
            page = self._rows(lines)
            yield from map(log_line, page)
            if len(page) < _PAGE:
                return
            first = page[-1].seq + 1

    def _span(self, since: float | None, wanted: Sequence[ColumnElement[bool]], limit: int) -> tuple[int, int]:
        """The first and the last `seq` that can belong to the answer; (1, 0) for an empty one."""
        first = select(func.min(_seq))
        if since is not None:
            first = first.where(custody_log.c.at >= since)
        start, end = self._rows(select(first.scalar_subquery(), select(func.max(_seq)).scalar_subquery()))[0]
        if start is not None and limit > 0:
            newest = LINES.where(_seq >= start, *wanted).order_by(_seq.desc()).limit(limit).subquery()
            start = self._rows(select(func.min(newest.c.seq)))[0][0]
        return (1, 0) if start is None else (start, end)

    def dossiers(self, path: str) -> Sequence[Dossier]:
        """Items whose source path, store path, target path or id is `path`, newest first (at most `DOSSIERS`).

        A bare name or a path's tail fits too.
        """
        if not path:
            return ()
        fitting = [
            select(items.c.id).where(_fits(items.c.path, path)),
            select(fetches.c.item_id).where(_fits(fetches.c.store_path, path)),
            select(deliveries.c.item_id).where(_fits(deliveries.c.target_path, path)),
        ]
        if path.isdecimal() and len(path) <= _ID_DIGITS:
            fitting.append(select(items.c.id).where(items.c.id == int(path)))
        found = union(*fitting).subquery()
        newest = self._rows(select(found.c.id).order_by(found.c.id.desc()).limit(DOSSIERS))
        return [dossier for row in newest if (dossier := self.dossier(row.id))]

    def dossier(self, item_id: int) -> Dossier | None:
        """Everything about one item."""
        with self._reading() as connection:
            return _dossier(connection, item_id)

    def items_of(self, source: str, routes: Collection[str]) -> Iterator[tuple[int, str]]:
        """(id, path) of every item of `source` whose original still stands and that one of `routes` has a plan for."""
        planned = exists().where(fetches.c.item_id == items.c.id, fetches.c.route.in_(routes))
        statement = select(items.c.id, items.c.path).where(items.c.source == source, EXPECTED, planned)
        statement = statement.order_by(items.c.path, items.c.id).limit(_PAGE)
        page = self._rows(statement)
        while page:
            yield from ((row.id, row.path) for row in page)
            if len(page) < _PAGE:
                return
            behind = tuple_(items.c.path, items.c.id) > tuple_(to_column(page[-1].path), page[-1].id)
            page = self._rows(statement.where(behind))

    def note(self, key: str) -> str:
        """A small named text (config digest, last view); empty where there is none."""
        rows = self._rows(select(notes.c.text).where(notes.c.key == key))
        return rows[0].text if rows else ""


def _wanted(since: float | None, route: str, source: str, step: Step | None) -> Sequence[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(custody_log.c.at >= since)
    if route:
        planned = exists().where(fetches.c.item_id == custody_log.c.item_id, fetches.c.route == route)
        wanted.append(or_(custody_log.c.route == route, and_(custody_log.c.route == "", planned)))
    if source:
        of_device = and_(custody_log.c.item_id.is_(None), custody_log.c.device == source)
        wanted.append(or_(items.c.source == source, of_device))
    if step is not None:
        wanted.append(custody_log.c.step == step.value)
    return wanted


def _fits(column: ColumnElement[str], path: str) -> ColumnElement[bool]:
    """The column is `path`, or ends in it at a folder's border."""
    tail = f"/{to_column(path)}"
    return or_(column == path, func.substr(column, -len(tail)) == tail)


def _dossier(connection: Connection, item_id: int) -> Dossier | None:
    key = {"id": item_id}
    row: Any = connection.execute(_ITEM, key).one_or_none()
    if row is None:
        return None
    source, path, *version, found_at, removal, reason, next_at = row
    return Dossier(
        item_id=item_id, source=source, path=path, fingerprint=Fingerprint(*version), found_at=found_at,
        fetches=tuple(map(_fetch_facet, connection.execute(_FETCHES, key))),
        deliveries=tuple(map(_delivery_facet, connection.execute(_DELIVERIES, key))),
        removal=RemovalState(removal), removal_reason=reason, removal_next_at=next_at,
        log=tuple(map(log_line, connection.execute(_LOG, key))),
    )  # fmt: skip


def _fetch_facet(row: Any) -> FetchFacet:
    route, element, state, *others = row
    return FetchFacet(route, element, FetchState(state), *others)


def _delivery_facet(row: Any) -> DeliveryFacet:
    delivery_id, route, target, state, next_at, tries, reason, target_path, proof, reference = row
    strength = None if proof is None else Proof(proof)
    return DeliveryFacet(
        delivery_id, route, target, DeliveryState(state), next_at, tries, reason, target_path, strength, reference
    )
