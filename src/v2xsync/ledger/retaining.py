"""Retention of the store: copies whose expiry is to be judged, and who uses a place in the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import itemgetter

from sqlalchemy import Connection, func, insert, null, select, update

from v2xsync.ledger.base import ExpiryTask, Setback
from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.logbook import STORE, receipts_of
from v2xsync.ledger.phrases import given, given_text, one_of, state
from v2xsync.ledger.rooms import WritingRoom
from v2xsync.ledger.tables import COPY_STANDS, EXPIRY_DUE, Expiry, custody_log, fetches
from v2xsync.model.custody import Step

_CLAIM = (
    select(
        fetches.c.item_id, fetches.c.route, fetches.c.store_path, fetches.c.sha256, fetches.c.stored_at,
        fetches.c.expiry_next_at,
    )
    .where(EXPIRY_DUE, fetches.c.route == given("route"), fetches.c.expiry_next_at <= given("now"))
    .order_by(fetches.c.expiry_next_at, fetches.c.item_id)
    .limit(given("limit"))
)  # fmt: skip

_THIS = (fetches.c.item_id == given("item"), fetches.c.route == given("by_route"))
_POSTPONE = Bulk(
    update(fetches)
    .where(
        *_THIS,
        one_of(fetches.c.expiry, (Expiry.DUE, Expiry.KEPT)),
        fetches.c.expiry_next_at.is_not_distinct_from(func.coalesce(given("seen"), fetches.c.expiry_next_at)),
    )
    .values(expiry=given("to"), expiry_next_at=given("due")),
    "to", "due", "item", "by_route", "seen",
)  # fmt: skip
_EXPIRE = (
    update(fetches)
    .where(*_THIS, COPY_STANDS)
    .values(expiry=state(Expiry.EXPIRED), expiry_next_at=null(), expired_at=given("at"))
)
_STANDING = (
    select(fetches.c.item_id, fetches.c.route, fetches.c.sha256)
    .where(COPY_STANDS, fetches.c.store_path == given_text("place"))
    .order_by(fetches.c.item_id, fetches.c.route)
)
_PLACE = select(fetches.c.store_path).where(*_THIS, COPY_STANDS)


class Retaining(WritingRoom):
    """The Remover's verbs at the store."""

    def claim_expiries(self, routes: Collection[str], now: float, limit: int) -> Sequence[ExpiryTask]:
        """Store copies whose expiry is to be judged and due, those due first in front."""
        with self._reading() as connection:
            rows = [
                row
                for route in routes
                for row in connection.execute(_CLAIM, {"route": route, "now": now, "limit": limit})
            ]
            rows = sorted(rows, key=itemgetter(5, 0))[:limit]
            receipts = receipts_of(connection, {row.item_id for row in rows})
        return [
            ExpiryTask(item_id, route, store_path, sha256, stored_at, tuple(receipts.get(item_id, ())), next_at)
            for item_id, route, store_path, sha256, stored_at, next_at in rows
        ]

    def postpone_expiry(self, setbacks: Sequence[Setback]) -> None:
        """Judge again at `next_at`, or (None) when something changes; void where `seen_at` is out of date."""
        rows = [(_judged(one.next_at), one.next_at, one.facet_id, one.route, one.seen_at) for one in setbacks]
        self._write(lambda connection: _POSTPONE.run(connection, rows))

    def record_expired(self, item_id: int, route: str, at: float) -> None:
        """The store copy was removed."""
        self._write(lambda connection: _record_expired(connection, item_id, route, at))

    def users_of(self, store_path: str) -> Sequence[tuple[int, str]]:
        """(item id, route) of every fetch whose store copy stands at `store_path`."""
        return [(row.item_id, row.route) for row in self._rows(_STANDING, {"place": store_path})]

    def stored_sha256(self, store_path: str) -> str:
        """The sha256 of what stands at `store_path`, as the ledger knows it; empty where it does not."""
        rows = self._rows(_STANDING, {"place": store_path})
        return str(rows[-1].sha256) if rows else ""


def _judged(next_at: float | None) -> int:
    return int(Expiry.KEPT if next_at is None else Expiry.DUE)


def _record_expired(connection: Connection, item_id: int, route: str, at: float) -> None:
    key = {"item": item_id, "by_route": route}
    place = connection.execute(_PLACE, key).scalar_one_or_none()
    if place is not None:
        connection.execute(_EXPIRE, {**key, "at": at})
        connection.execute(
            insert(custody_log).values(
                at=at, step=Step.EXPIRED.value, item_id=item_id, route=route, device=STORE, place=place
            )
        )
