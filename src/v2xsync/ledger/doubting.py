"""Doubts: a stored copy whose content is refused as corrupt, or that is damaged, is fetched again once.

A doubt is a line of the custody log. It voids the receipts of the store's copy (the original may not go by them) until
the new copy has its own; and it is what keeps a second doubt of the same version from being acted on, until a person
releases the file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, exists, func, literal_column, null, select, update

from v2xsync.ledger.base import Setback
from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.consequences import mark_gone
from v2xsync.ledger.logbook import Line, line, write_lines
from v2xsync.ledger.phrases import among, given, listed, one_of, state, step, words
from v2xsync.ledger.rooms import WritingRoom
from v2xsync.ledger.tables import Expiry, custody_log, deliveries, fetches, items
from v2xsync.ledger.wiretext import to_column
from v2xsync.model.custody import (
    DOUBT_DELIVERY_MOVES,
    DOUBT_FETCH_MOVES,
    DeliveryState,
    FetchState,
    RemovalState,
    Step,
    legal_sources,
)

_STANDS = one_of(items.c.removal, (RemovalState.WAITING, RemovalState.QUEUED, RemovalState.HELD))
"""The original is still at its source, as far as we know, and nobody is about to remove it."""

_same = items.alias("same")
_released = (
    select(func.coalesce(func.max(custody_log.c.seq), 0))
    .where(
        custody_log.c.item_id == items.c.id,
        custody_log.c.route == deliveries.c.route,
        custody_log.c.step == step(Step.RELEASED),
    )
    .correlate(items, deliveries)
    .scalar_subquery()
)
_doubt = custody_log.alias("doubt")
_DONE_BEFORE = (
    exists()
    .where(
        _same.c.source == items.c.source,
        _same.c.path == items.c.path,
        _same.c.size == items.c.size,
        _same.c.mtime_ns.is_not_distinct_from(items.c.mtime_ns),
        _doubt.c.item_id == _same.c.id,
        _doubt.c.route == deliveries.c.route,
        _doubt.c.step == step(Step.DOUBTED),
        _doubt.c.seq > _released,
    )
    .correlate(items, deliveries)
)
"""Also as the item before: what was fetched again may have become a new one, because its content was another."""

_ASKED = (
    select(
        deliveries.c.id, deliveries.c.item_id, deliveries.c.route, deliveries.c.target, fetches.c.state,
        (_STANDS & ~_DONE_BEFORE).label("may"),
    )
    .select_from(deliveries.join(fetches).join(items, items.c.id == deliveries.c.item_id))
    .where(
        among(deliveries.c.id, "ids"),
        one_of(deliveries.c.state, legal_sources(DOUBT_DELIVERY_MOVES, DeliveryState.WAITING)),
    )
)  # fmt: skip

_this_fetch = (fetches.c.item_id == given("item"), fetches.c.route == given("by_route"))
_FETCH_AGAIN = Bulk(
    update(fetches)
    .where(*_this_fetch, one_of(fetches.c.state, legal_sources(DOUBT_FETCH_MOVES, FetchState.QUEUED)))
    .values(
        state=state(FetchState.QUEUED), next_at=given("at"), tries=literal_column("0"), reason=given("why"),
        expiry=state(Expiry.NONE), expiry_next_at=null(),
    ),
    "at", "why", "item", "by_route",
)  # fmt: skip
_AS_BEFORE = Bulk(
    update(fetches)
    .where(
        *_this_fetch,
        one_of(fetches.c.state, legal_sources(DOUBT_FETCH_MOVES, FetchState.STORED)),
        fetches.c.sha256 != words(""),
    )
    .values(state=state(FetchState.STORED), next_at=null(), reason=given("why")),
    "why", "item", "by_route",
)  # fmt: skip
_DELIVER_LATER = Bulk(
    update(deliveries)
    .where(deliveries.c.id == given("delivery"))
    .values(state=given("to"), next_at=given("due"), reason=given("why")),
    "to", "due", "why", "delivery",
)  # fmt: skip
_WAITERS = (
    select(deliveries.c.id, deliveries.c.item_id, deliveries.c.route, deliveries.c.target)
    .select_from(deliveries.join(fetches))
    .where(
        deliveries.c.item_id == given("item"),
        deliveries.c.route == given("by_route"),
        deliveries.c.state == state(DeliveryState.WAITING),
        fetches.c.state == state(FetchState.QUEUED),
        fetches.c.sha256 != words(""),
    )
)

_STEPS = {DeliveryState.HELD: Step.HELD, DeliveryState.SUPERSEDED: Step.SUPERSEDED}


class Doubting(WritingRoom):
    """The verbs about content that turned out bad."""

    def doubt(self, doubts: Sequence[Setback], at: float) -> Collection[int]:
        """Have it fetched again, once for each version and route; returns the deliveries that were moved."""
        return self._write(lambda connection: _doubt_all(connection, doubts, at)) if doubts else frozenset()

    def end_doubts(self, doubts: Sequence[Setback], at: float, to: DeliveryState) -> None:
        """These cannot be fetched again: fetches are STORED as before, deliveries that waited become `to`.

        SUPERSEDED also marks the original as gone: the next listing finds what stands there as a new version.
        """
        if doubts:
            self._write(lambda connection: _end_all(connection, doubts, at, to))


def _doubt_all(connection: Connection, doubts: Sequence[Setback], at: float) -> Collection[int]:
    reasons = {doubt.facet_id: doubt.reason for doubt in doubts}
    moved: set[int] = set()
    rows: Sequence[Any] = connection.execute(_ASKED, {"ids": listed(reasons)}).all()
    for row in rows:
        why = to_column(reasons[row.id])
        staged = row.state != FetchState.SKIPPED
        if row.state in (FetchState.STORED, FetchState.SKIPPED) and row.may:
            write_lines(connection, [line(at, Step.DOUBTED, row.item_id, row.route, row.target, reasons[row.id])])
            _FETCH_AGAIN.run(connection, [(at, why, row.item_id, row.route)])
        elif row.state != FetchState.QUEUED:
            continue
        later = (int(DeliveryState.WAITING), None) if staged else (int(DeliveryState.QUEUED), at)
        _DELIVER_LATER.run(connection, [(*later, why, row.id)])
        moved.add(row.id)
    return moved


def _end_all(connection: Connection, doubts: Sequence[Setback], at: float, to: DeliveryState) -> None:
    lines: list[Line] = []
    for doubt in doubts:
        key, why = (doubt.facet_id, doubt.route), to_column(doubt.reason)
        waiters: Sequence[Any] = connection.execute(_WAITERS, {"item": key[0], "by_route": key[1]}).all()
        _DELIVER_LATER.run(connection, [(int(to), None, why, row.id) for row in waiters])
        lines += [line(at, _STEPS[to], row.item_id, row.route, row.target, doubt.reason) for row in waiters]
        _AS_BEFORE.run(connection, [(why, *key)])
        if to is DeliveryState.SUPERSEDED:
            mark_gone(connection, [doubt.facet_id], doubt.reason, at)
    write_lines(connection, lines)
