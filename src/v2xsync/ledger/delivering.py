"""What the Uploader asks and says: queued deliveries, proven copies at targets, and setbacks."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, and_, case, exists, insert, null, or_, select, update

from v2xsync.ledger.base import Delivered, DeliveryTask, Setback
from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.consequences import judge_expiry, wake_removals
from v2xsync.ledger.logbook import digest_text, write_lines, write_receipts
from v2xsync.ledger.notebook import station_mark
from v2xsync.ledger.phrases import among, given, listed, movable, not_among, one_of, state, words
from v2xsync.ledger.rooms import WritingRoom
from v2xsync.ledger.setbacks import Facet, judge_setbacks
from v2xsync.ledger.tables import COPY_STANDS, DELIVERY_QUEUED, DELIVERY_STUCK, EXPECTED, deliveries, fetches, items
from v2xsync.ledger.wiretext import to_column
from v2xsync.model.custody import DELIVERY_MOVES, DeliveryState, FetchState, Step
from v2xsync.model.items import Fingerprint

STOPPED_WHILE_SENDING = "the station stopped while this was being sent, and the target cannot be asked"

_CLAIM = (
    select(
        deliveries.c.id, deliveries.c.item_id, items.c.source, items.c.path, items.c.size.label("found_size"),
        items.c.mtime_ns, items.c.step_ns, fetches.c.element, items.c.found_at, fetches.c.state, fetches.c.store_path,
        fetches.c.sha256, deliveries.c.size, deliveries.c.tries, deliveries.c.next_at,
    )
    .select_from(deliveries.join(fetches).join(items, items.c.id == deliveries.c.item_id))
    .where(
        DELIVERY_QUEUED,
        deliveries.c.target == given("target"),
        deliveries.c.route == given("route"),
        deliveries.c.next_at <= given("now"),
        not_among(deliveries.c.id, "skip"),
    )
    .order_by(deliveries.c.next_at, deliveries.c.id)
    .limit(given("limit"))
)  # fmt: skip

_FACETS = select(
    deliveries.c.id, deliveries.c.item_id, deliveries.c.route, deliveries.c.target, deliveries.c.state,
    deliveries.c.reason,
).where(among(deliveries.c.id, "ids"))  # fmt: skip
_SENDING = select(deliveries.c.id).where(DELIVERY_STUCK, deliveries.c.state == state(DeliveryState.SENDING))
_SEND = (
    update(deliveries)
    .where(
        among(deliveries.c.id, "ids"),
        one_of(deliveries.c.state, movable(DELIVERY_MOVES, DeliveryState.SENDING)),
    )
    .values(state=state(DeliveryState.SENDING), next_at=null())
)

_MOST_DIGITS = 18
"""Of a row's number: what is longer is none."""

_IS_OVER = select(deliveries.c.id).where(
    deliveries.c.id == given("delivery"),
    one_of(deliveries.c.state, (DeliveryState.DELIVERED, DeliveryState.SUPERSEDED)),
)

_PENDING = one_of(fetches.c.state, (FetchState.QUEUED, FetchState.HELD))
_ENSURE = insert(deliveries).from_select(
    ["item_id", "route", "target", "size", "state", "next_at"],
    select(
        fetches.c.item_id, fetches.c.route, given("target"), fetches.c.size,
        case((_PENDING, state(DeliveryState.WAITING)), else_=state(DeliveryState.QUEUED)),
        case((_PENDING, null()), else_=given("at")),
    )
    .select_from(fetches.join(items))
    .where(
        fetches.c.route == given("route"),
        or_(COPY_STANDS, _PENDING, and_(fetches.c.state == state(FetchState.SKIPPED), EXPECTED)),
        ~exists().where(
            deliveries.c.item_id == fetches.c.item_id,
            deliveries.c.route == fetches.c.route,
            deliveries.c.target == given("target"),
        ),
    ),
)  # fmt: skip

_this = deliveries.c.id == given("delivery")
_DELIVER = Bulk(
    update(deliveries)
    .where(_this, one_of(deliveries.c.state, movable(DELIVERY_MOVES, DeliveryState.DELIVERED)))
    .values(
        size=given("bytes"),
        state=state(DeliveryState.DELIVERED),
        next_at=null(),
        reason=words(""),
        target_path=given("place"),
        proof=given("strength"),
        reference=given("address"),
    ),
    "bytes", "place", "strength", "address", "delivery",
)  # fmt: skip


class Delivering(WritingRoom):
    """The Uploader's verbs."""

    def ensure_deliveries(self, route: str, targets: Sequence[str], at: float) -> int:
        """Add deliveries of `route` that its present targets lack; how many.

        For every item whose store copy stands, is still to come, or (no local copy) whose original still stands.
        """
        if not targets:
            return 0
        rows = [{"route": route, "target": target, "at": at} for target in targets]
        return self._write(lambda connection: sum(connection.execute(_ENSURE, row).rowcount for row in rows))

    def claim_deliveries(
        self, target: str, routes: Collection[str], now: float, limit: int, skip: Collection[int]
    ) -> Sequence[DeliveryTask]:
        """Queued deliveries that are due; deliveries in `skip` left out."""
        asked = {"target": target, "now": now, "limit": limit, "skip": listed(skip)}
        tasks: list[DeliveryTask] = []
        with self._reading() as connection:
            mark = station_mark(connection)
            for route in routes:
                rows = connection.execute(_CLAIM, {**asked, "route": route}).all()
                tasks.extend(_task(row, mark, route, target) for row in rows)
        if len(routes) > 1:
            tasks.sort(key=attrgetter("next_at", "delivery_id"))
        return tasks[:limit]

    def is_over(self, reference: str) -> bool:
        """Whether `reference` is that of a delivery of this station which is delivered or superseded.

        False for another station's, for an unknown one, and for what is no reference at all.
        """
        mark, _, number = reference.rpartition("-")
        if not (number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
            return False
        with self._reading() as connection:
            ours = mark == station_mark(connection)
            return ours and connection.execute(_IS_OVER, {"delivery": int(number)}).first() is not None

    def mark_sending(self, delivery_ids: Sequence[int]) -> None:
        """Write down that a send to a target that cannot be asked is about to begin."""
        if delivery_ids:
            self._write(lambda connection: connection.execute(_SEND, {"ids": listed(delivery_ids)}))

    def recover_sending(self, at: float) -> int:
        """At start: every SENDING becomes UNKNOWN; how many."""

        def recover(connection: Connection) -> int:
            lost = [Setback(found, STOPPED_WHILE_SENDING) for found in connection.execute(_SENDING).scalars()]
            _set_back(connection, lost, at, DeliveryState.UNKNOWN)
            return len(lost)

        return self._write(recover)

    def record_delivered(self, items: Sequence[Delivered], at: float) -> None:
        """The deliveries end as DELIVERED with a receipt; the items' removals are QUEUED, due by `at`.

        Where that was the item's last open delivery of the route, the store copy's expiry is to be judged.
        """
        if items:
            self._write(lambda connection: _record_delivered(connection, items, at))

    def delivery_setback(
        self, setbacks: Sequence[Setback], at: float, to: DeliveryState = DeliveryState.QUEUED
    ) -> None:
        """Queue again (later; without a time: at once), hold, mark unknown, or supersede."""
        if setbacks:
            self._write(lambda connection: _set_back(connection, setbacks, at, to))


def _task(row: Sequence[Any], mark: str, route: str, target: str) -> DeliveryTask:
    delivery_id, item_id, source, path, *version, element, found_at, fetch, store_path, sha256, size, tries, due = row
    return DeliveryTask(
        delivery_id, f"{mark}-{delivery_id}", item_id, route, target, source, path, Fingerprint(*version), element,
        found_at, fetch != FetchState.SKIPPED, store_path, sha256, size, tries, due,
    )  # fmt: skip


def _facets(connection: Connection, delivery_ids: Iterable[int]) -> dict[tuple[int], Facet]:
    rows: Sequence[Any] = connection.execute(_FACETS, {"ids": listed(delivery_ids)}).all()
    return {(delivery_id,): Facet(*standing) for delivery_id, *standing in rows}


def _record_delivered(connection: Connection, delivered: Sequence[Delivered], at: float) -> None:
    allowed = movable(DELIVERY_MOVES, DeliveryState.DELIVERED)
    facets = _facets(connection, (one.delivery_id for one in delivered))
    good = {
        one.delivery_id: (one, facet)
        for one in delivered
        if (facet := facets.get((one.delivery_id,))) and facet.state in allowed
    }
    _DELIVER.run(connection, [
        (one.size, to_column(one.target_path), int(one.proof), to_column(one.reference), one.delivery_id)
        for one, _ in good.values()
    ])  # fmt: skip
    write_receipts(connection, [_receipt(one, facet, at) for one, facet in good.values()])
    wake_removals(connection, [facet.item_id for _, facet in good.values()], at)
    judge_expiry(connection, {(facet.item_id, facet.route) for _, facet in good.values()}, at)


def _receipt(one: Delivered, facet: Facet, at: float) -> tuple[object, ...]:
    return (
        at, Step.DELIVERED.value, facet.item_id, facet.route, facet.device, int(one.proof), one.sha256, one.size,
        to_column(one.method), digest_text(one.digest), to_column(one.reference), to_column(one.target_path), "",
        to_column(one.note),
    )  # fmt: skip


@functools.cache
def _setback(to: DeliveryState) -> Bulk:
    return Bulk(
        update(deliveries)
        .where(_this, one_of(deliveries.c.state, movable(DELIVERY_MOVES, to)))
        .values(
            state=given("to"), next_at=given("due"), tries=deliveries.c.tries + given("more"), reason=given("why")
        ),
        "to", "due", "more", "why", "delivery",
    )  # fmt: skip


def _set_back(connection: Connection, setbacks: Sequence[Setback], at: float, to: DeliveryState) -> None:
    keyed = [((setback.facet_id,), setback) for setback in setbacks]
    outcome = judge_setbacks(keyed, _facets(connection, (key[0] for key, _ in keyed)), DELIVERY_MOVES, to, at)
    _setback(to).run(connection, outcome.rows)
    write_lines(connection, outcome.lines)
