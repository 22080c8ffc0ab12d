"""What people decide: retry now, go first, do a held step again, or take it as done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Update,
    exists,
    insert,
    null,
    or_,
    select,
    true,
    update,
)

from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.consequences import judge_expiry, wake_removals
from v2xsync.ledger.logbook import STORE, write_receipts
from v2xsync.ledger.phrases import (
    among,
    among_or_all,
    given,
    given_text,
    listed,
    listed_paths,
    one_of,
    state,
    step,
    words,
)
from v2xsync.ledger.rooms import WritingRoom
from v2xsync.ledger.tables import (
    DELIVERY_QUEUED,
    FETCH_HELD,
    FETCH_QUEUED,
    REMOVAL_HELD,
    REMOVAL_QUEUED,
    custody_log,
    deliveries,
    fetches,
    items,
)
from v2xsync.ledger.wiretext import to_column
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.items import Proof

_FRONT = -1.0
_NOW = 0.0
"""Before any real time, and behind what a person put in front."""

VOUCHED = "a person's word"
"""The method of a receipt made by `release --accept`."""

_DELIVERY_ON_HOLD = one_of(deliveries.c.state, (DeliveryState.HELD, DeliveryState.UNKNOWN))

# --- the holds that are meant: of items (`ids`), and only at `devices` where any are named ----------------------------

_FETCHES_MEANT = (
    FETCH_HELD,
    among(fetches.c.item_id, "ids"),
    or_(among_or_all(fetches.c.source, "devices"), among(words(STORE), "devices")),
)
_DELIVERIES_MEANT = (
    _DELIVERY_ON_HOLD,
    among(deliveries.c.item_id, "ids"),
    among_or_all(deliveries.c.target, "devices"),
)
_REMOVALS_MEANT = (REMOVAL_HELD, among(items.c.id, "ids"), among_or_all(items.c.source, "devices"))

# --- do it again ------------------------------------------------------------------------------------------------------

_LOGGED = ["at", "step", "item_id", "route", "device", "by"]
_at = given("at")
_hop = step(Step.RELEASED)
_by = given_text("by")

_AGAIN: Sequence[tuple[Insert, Update]] = (
    (
        insert(custody_log).from_select(
            _LOGGED,
            select(_at, _hop, fetches.c.item_id, fetches.c.route, words(STORE), _by)
            .where(*_FETCHES_MEANT),
        ),
        update(fetches)
        .where(*_FETCHES_MEANT)
        .values(state=state(FetchState.QUEUED), next_at=_at, tries=0, reason=""),
    ),
    (
        insert(custody_log).from_select(
            _LOGGED,
            select(_at, _hop, deliveries.c.item_id, deliveries.c.route, deliveries.c.target, _by)
            .where(*_DELIVERIES_MEANT),
        ),
        update(deliveries)
        .where(*_DELIVERIES_MEANT)
        .values(state=state(DeliveryState.QUEUED), next_at=_at, tries=0, reason=""),
    ),
    (
        insert(custody_log).from_select(
            _LOGGED,
            select(_at, _hop, items.c.id, words(""), items.c.source, _by)
            .where(*_REMOVALS_MEANT),
        ),
        update(items)
        .where(*_REMOVALS_MEANT)
        .values(
            removal=state(RemovalState.QUEUED), removal_next_at=_at, removal_tries=0, removal_reason=""
        ),
    ),
)  # fmt: skip

# --- take it as done --------------------------------------------------------------------------------------------------

_HELD_DELIVERIES = (
    select(deliveries.c.id, deliveries.c.item_id, deliveries.c.route, deliveries.c.target, fetches.c.sha256)
    .select_from(deliveries.join(fetches))
    .where(*_DELIVERIES_MEANT)
)
_ACCEPT = Bulk(
    update(deliveries)
    .where(deliveries.c.id == given("delivery"), _DELIVERY_ON_HOLD)
    .values(state=state(DeliveryState.DELIVERED), next_at=null(), reason=words(""), proof=state(Proof.ACK)),
    "delivery",
)  # fmt: skip


class Deciding(WritingRoom):
    """A person's verbs."""

    def retry(self, *, routes: Collection[str] | None = None, devices: Collection[str] | None = None) -> int:
        """Make waiting retries (not holds) of those routes, or at those devices, due at once; how many."""
        return self._write(lambda connection: sum(
            connection.execute(statement).rowcount for statement in _retries(routes, devices)
        ))  # fmt: skip

    def bring_to_front(self, item_id: int) -> None:
        """Let its queued work be claimed before all other."""

        def bring(connection: Connection) -> None:
            connection.execute(update(fetches).where(fetches.c.item_id == item_id, FETCH_QUEUED).values(next_at=_FRONT))
            connection.execute(
                update(deliveries).where(deliveries.c.item_id == item_id, DELIVERY_QUEUED).values(next_at=_FRONT)
            )
            connection.execute(
                update(items).where(items.c.id == item_id, REMOVAL_QUEUED).values(removal_next_at=_FRONT)
            )

        self._write(bring)

    def release_again(self, item_ids: Sequence[int], at: float, by: str, devices: Collection[str] = ()) -> int:
        """Do held steps of those items again, only those at `devices` where any are named; how many facets.

        A delivery is held at its target, a removal at its source, a fetch at its source and at the store.
        """
        values = {"ids": listed(item_ids), "devices": listed_paths(devices), "at": at, "by": by}

        def release(connection: Connection) -> int:
            released = 0
            for log, move in _AGAIN:
                connection.execute(log, values)
                released += connection.execute(move, values).rowcount
            return released

        return self._write(release)

    def release_accept(self, item_ids: Sequence[int], at: float, by: str, devices: Collection[str] = ()) -> int:
        """Take held or unknown deliveries (to `devices`, where any are named) as done, by a receipt `ack` of that user.

        Returns how many facets.
        """
        values = {"ids": listed(item_ids), "devices": listed_paths(devices)}
        return self._write(lambda connection: _accept(connection, values, at, by))


def _retries(routes: Collection[str] | None, devices: Collection[str] | None) -> Sequence[Update]:
    removal_route = exists().where(fetches.c.item_id == items.c.id, fetches.c.route.in_(routes or ()))
    return (
        update(fetches)
        .where(FETCH_QUEUED, fetches.c.next_at > _NOW, fetches.c.reason != "")
        .where(_any(routes, fetches.c.route.in_(routes or ()), devices, fetches.c.source))
        .values(next_at=_NOW),
        update(deliveries)
        .where(DELIVERY_QUEUED, deliveries.c.next_at > _NOW, deliveries.c.reason != "")
        .where(_any(routes, deliveries.c.route.in_(routes or ()), devices, deliveries.c.target))
        .values(next_at=_NOW),
        update(items)
        .where(REMOVAL_QUEUED, items.c.removal_next_at > _NOW, items.c.removal_reason != "")
        .where(_any(routes, removal_route, devices, items.c.source))
        .values(removal_next_at=_NOW),
    )


def _any(
    routes: Collection[str] | None,
    by_route: ColumnElement[bool],
    devices: Collection[str] | None,
    device: ColumnElement[str],
) -> ColumnElement[bool]:
    """Of one of the routes or at one of the devices; everything where neither is given."""
    wanted = [by_route] if routes is not None else []
    if devices is not None:
        wanted.append(device.in_(devices))
    return or_(*wanted) if wanted else true()


def _accept(connection: Connection, meant: Mapping[str, str], at: float, by: str) -> int:
    held = connection.execute(_HELD_DELIVERIES, meant).all()
    _ACCEPT.run(connection, [(row.id,) for row in held])
    write_receipts(connection, [
        (
            at, Step.RELEASED.value, row.item_id, row.route, row.target, int(Proof.ACK), row.sha256, None, VOUCHED, "",
            "", "", to_column(by), "",
        )
        for row in held
    ])  # fmt: skip
    wake_removals(connection, [row.item_id for row in held], at)
    judge_expiry(connection, {(row.item_id, row.route) for row in held}, at)
    return len(held)
