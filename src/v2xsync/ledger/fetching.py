"""What the Downloader asks and says: queued fetches, copies that stand in the store, and setbacks."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, null, select, update

from v2xsync.ledger.base import FetchTask, Setback, Stored
from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.consequences import FacetKey, mark_gone, supersede, wake_removals
from v2xsync.ledger.logbook import STORE, digest_text, write_lines, write_receipts
from v2xsync.ledger.phrases import among, given, listed, movable, not_among, one_of, state, words
from v2xsync.ledger.rooms import WritingRoom
from v2xsync.ledger.setbacks import Facet, judge_setbacks
from v2xsync.ledger.tables import FETCH_QUEUED, deliveries, fetches, items
from v2xsync.ledger.wiretext import to_column
from v2xsync.model.custody import FETCH_MOVES, DeliveryState, FetchState, Step
from v2xsync.model.items import Fingerprint

_CLAIM = (
    select(
        fetches.c.item_id, items.c.path, items.c.size, items.c.mtime_ns, items.c.step_ns, fetches.c.element,
        items.c.found_at, fetches.c.tries, fetches.c.next_at, fetches.c.sha256,
    )
    .select_from(fetches.join(items))
    .where(
        FETCH_QUEUED,
        fetches.c.source == given("source"),
        fetches.c.route == given("route"),
        fetches.c.next_at <= given("now"),
        not_among(fetches.c.item_id, "skip"),
    )
    .order_by(fetches.c.next_at, fetches.c.item_id)
    .limit(given("limit"))
)  # fmt: skip

_FACETS = select(
    fetches.c.item_id, fetches.c.route, fetches.c.state, fetches.c.reason
).where(among(fetches.c.item_id, "ids"))  # fmt: skip

_STORABLE = one_of(fetches.c.state, movable(FETCH_MOVES, FetchState.STORED))
_AWAITED = select(fetches.c.item_id, fetches.c.route).where(among(fetches.c.item_id, "ids"), _STORABLE)

_this_fetch = (fetches.c.item_id == given("item"), fetches.c.route == given("by_route"))

_STORE = Bulk(
    update(fetches)
    .where(*_this_fetch, _STORABLE)
    .values(
        size=given("bytes"),
        state=state(FetchState.STORED),
        next_at=null(),
        reason=words(""),
        store_path=given("place"),
        sha256=given("hash"),
        stored_at=given("at"),
    ),
    "bytes", "place", "hash", "at", "item", "by_route",
)  # fmt: skip
_DELIVERABLE = Bulk(
    update(deliveries)
    .where(
        deliveries.c.item_id == given("item"),
        deliveries.c.route == given("by_route"),
        deliveries.c.state == state(DeliveryState.WAITING),
    )
    .values(size=given("bytes"), state=state(DeliveryState.QUEUED), next_at=given("at")),
    "bytes", "at", "item", "by_route",
)  # fmt: skip


class Fetching(WritingRoom):
    """The Downloader's verbs."""

    def claim_fetches(
        self, source: str, routes: Collection[str], now: float, limit: int, skip: Collection[int]
    ) -> Sequence[FetchTask]:
        """Queued fetches that are due, oldest `next_at` first; items in `skip` left out."""
        asked = {"source": source, "now": now, "limit": limit, "skip": listed(skip)}
        tasks: list[FetchTask] = []
        with self._reading() as connection:
            for route in routes:
                rows: Sequence[Any] = connection.execute(_CLAIM, {**asked, "route": route}).all()
                tasks.extend(
                    FetchTask(item_id, source, path, Fingerprint(size, mtime_ns, step_ns), route, *more)
                    for item_id, path, size, mtime_ns, step_ns, *more in rows
                )
        if len(routes) > 1:
            tasks.sort(key=attrgetter("next_at", "item_id", "route"))
        return tasks[:limit]

    def record_stored(self, items: Sequence[Stored], at: float) -> None:
        """The fetches end as STORED with a receipt; their deliveries and removals are QUEUED, due by `at`."""
        if items:
            self._write(lambda connection: _record_stored(connection, items, at))

    def fetch_setback(self, setbacks: Sequence[Setback], at: float, to: FetchState = FetchState.QUEUED) -> None:
        """Queue again (later; without a time: at once), hold, or supersede fetches; logs the reason where it is new.

        Superseding means that the source does not hold this version any more: the item's idle deliveries are
        superseded with it and its removal is GONE.
        """
        if setbacks:
            self._write(lambda connection: _set_back(connection, setbacks, at, to))


def _facets(connection: Connection, item_ids: Iterable[int]) -> dict[tuple[int, str], Facet]:
    rows: Sequence[Any] = connection.execute(_FACETS, {"ids": listed(item_ids)}).all()
    return {(item_id, route): Facet(item_id, route, STORE, *standing) for item_id, route, *standing in rows}


def _record_stored(connection: Connection, stored: Sequence[Stored], at: float) -> None:
    ids = listed(one.item_id for one in stored)
    awaited = {tuple(row) for row in connection.execute(_AWAITED, {"ids": ids}).all()}
    good = list({key: one for one in stored if (key := (one.item_id, one.route)) in awaited}.values())
    _STORE.run(connection, [
        (one.size, to_column(one.store_path), one.sha256, at, one.item_id, one.route) for one in good
    ])  # fmt: skip
    _DELIVERABLE.run(connection, [(one.size, at, one.item_id, one.route) for one in good])
    wake_removals(connection, [one.item_id for one in good], at)
    write_receipts(connection, [_receipt(one, at) for one in good])


def _receipt(one: Stored, at: float) -> tuple[object, ...]:
    return (
        at, Step.STORED.value, one.item_id, one.route, STORE, int(one.proof), one.sha256, one.size,
        to_column(one.method), digest_text(one.digest), "", to_column(one.store_path), "", to_column(one.note),
    )  # fmt: skip


@functools.cache
def _setback(to: FetchState) -> Bulk:
    return Bulk(
        update(fetches)
        .where(*_this_fetch, one_of(fetches.c.state, movable(FETCH_MOVES, to)))
        .values(state=given("to"), next_at=given("due"), tries=fetches.c.tries + given("more"), reason=given("why")),
        "to", "due", "more", "why", "item", "by_route",
    )  # fmt: skip


def _set_back(connection: Connection, setbacks: Sequence[Setback], at: float, to: FetchState) -> None:
    keyed = [((setback.facet_id, setback.route), setback) for setback in setbacks]
    outcome = judge_setbacks(keyed, _facets(connection, (key[0] for key, _ in keyed)), FETCH_MOVES, to, at)
    if to is FetchState.SUPERSEDED:
        _leave_behind(connection, [(key, setback) for key, setback in keyed if key in outcome.keys], at)
        return
    _setback(to).run(connection, outcome.rows)
    write_lines(connection, outcome.lines)


def _leave_behind(connection: Connection, gone: Sequence[tuple[FacetKey, Setback]], at: float) -> None:
    for key, setback in gone:
        supersede(connection, [key], setback.reason, at)
        mark_gone(connection, [key[0]], setback.reason, at)
