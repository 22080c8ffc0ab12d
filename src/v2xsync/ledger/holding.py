"""What is set aside for a person."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from v2xsync.ledger.base import Hold
from v2xsync.ledger.logbook import STORE
from v2xsync.ledger.phrases import one_of, step, words
from v2xsync.ledger.rooms import ReadingRoom
from v2xsync.ledger.tables import (
    DELIVERY_STUCK,
    FETCH_HELD,
    REMOVAL_HELD,
    custody_log,
    deliveries,
    fetches,
    items,
)
from v2xsync.model.custody import DeliveryState, Step

_STORE = words(STORE)
_NO_ROUTE = words("")
_DELIVERY_HELD = DELIVERY_STUCK & one_of(deliveries.c.state, (DeliveryState.HELD, DeliveryState.UNKNOWN))


def _since(route: ColumnElement[str], device: ColumnElement[str]) -> ColumnElement[float]:
    """When the hold was written down."""
    return (
        select(func.max(custody_log.c.at))
        .where(
            custody_log.c.item_id == items.c.id,
            custody_log.c.step == step(Step.HELD),
            custody_log.c.route == route,
            custody_log.c.device == device,
        )
        .correlate_except(custody_log)
        .scalar_subquery()
    )


_HOLDS: Sequence[tuple[Step, Select[Any]]] = (
    (
        Step.STORED,
        select(
            items.c.id, fetches.c.route, _STORE, items.c.source, items.c.path, fetches.c.reason,
            _since(fetches.c.route, _STORE),
        ).select_from(fetches.join(items)).where(FETCH_HELD),
    ),
    (
        Step.DELIVERED,
        select(
            items.c.id, deliveries.c.route, deliveries.c.target, items.c.source, items.c.path, deliveries.c.reason,
            _since(deliveries.c.route, deliveries.c.target),
        ).select_from(deliveries.join(items, items.c.id == deliveries.c.item_id)).where(_DELIVERY_HELD),
    ),
    (
        Step.REMOVED,
        select(
            items.c.id, _NO_ROUTE, items.c.source, items.c.source, items.c.path, items.c.removal_reason,
            _since(_NO_ROUTE, items.c.source),
        ).where(REMOVAL_HELD),
    ),
)  # fmt: skip

_COUNTS = (
    select(func.count()).select_from(fetches).where(FETCH_HELD),
    select(func.count()).select_from(deliveries).where(_DELIVERY_HELD),
    select(func.count()).select_from(items).where(REMOVAL_HELD),
)


class Holding(ReadingRoom):
    """The verb for the holds pane."""

    def holds(self) -> Sequence[Hold]:
        """Everything that waits for a person, oldest first."""
        holds: list[Hold] = []
        with self._reading() as connection:
            for hop, statement in _HOLDS:
                for item_id, route, device, source, path, reason, since in connection.execute(statement):
                    accept = hop is Step.DELIVERED
                    holds.append(Hold(item_id, hop, route, device, source, path, reason, since, accept))
        return sorted(holds, key=attrgetter("since", "item_id"))


def count_holds(connection: Connection) -> int:
    """How many facets are on hold."""
    return sum(connection.execute(count).scalar_one() for count in _COUNTS)
