"""What the move of one facet means for the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, case, exists, insert, literal_column, null, select, update

from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.logbook import STORE
from v2xsync.ledger.phrases import among, given, given_text, listed, movable, none_of, one_of, state, step, words
from v2xsync.ledger.tables import COPY_STANDS, Expiry, custody_log, deliveries, fetches, items
from v2xsync.ledger.wiretext import to_column
from v2xsync.model.custody import (
    FETCH_MOVES,
    REMOVAL_MOVES,
    DeliveryState,
    FetchState,
    RemovalState,
    Step,
)

FacetKey = tuple[int, str]
"""(item id, route): a fetch and its deliveries."""

_A_MOMENT_S: ColumnElement[float] = literal_column("0.000001")


def _due(next_at: ColumnElement[float]) -> ColumnElement[float]:
    """Due at `at` at the latest, and never at the same time as before.

    So a judgement that was made before this news shows that it is out of date (`Setback.seen_at`).
    """
    return case((next_at <= given("at"), next_at - _A_MOMENT_S), else_=given("at"))


_LOGGED = ["at", "step", "item_id", "route", "device", "detail"]

# --- the removal is judged again --------------------------------------------------------------------------------------

_WAKE = (
    update(items)
    .where(among(items.c.id, "ids"), one_of(items.c.removal, (RemovalState.WAITING, RemovalState.QUEUED)))
    .values(removal=state(RemovalState.QUEUED), removal_next_at=_due(items.c.removal_next_at), removal_reason="")
)


def wake_removals(connection: Connection, item_ids: Collection[int], at: float) -> None:
    """A new receipt: the removals of these items are to be judged at `at`."""
    connection.execute(_WAKE, {"ids": listed(item_ids), "at": at})


# --- the original is not there any more -------------------------------------------------------------------------------

_GOING = (among(items.c.id, "ids"), one_of(items.c.removal, movable(REMOVAL_MOVES, RemovalState.GONE)))
_LOG_GONE = insert(custody_log).from_select(
    _LOGGED,
    select(given("at"), step(Step.GONE), items.c.id, words(""), items.c.source, given_text("why")).where(*_GOING),
)
_GONE = (
    update(items)
    .where(*_GOING)
    .values(removal=state(RemovalState.GONE), removal_next_at=null(), removal_reason=given_text("why"))
)


def mark_gone(connection: Connection, item_ids: Collection[int], reason: str, at: float) -> None:
    """The originals were found missing or replaced; removals that are over or on hold are left alone."""
    if item_ids:
        values = {"ids": listed(item_ids), "why": reason, "at": at}
        connection.execute(_LOG_GONE, values)
        connection.execute(_GONE, values)


# --- a fetch will never happen ----------------------------------------------------------------------------------------

_OPEN_FETCH = (
    fetches.c.item_id == given("item"),
    fetches.c.route == given("by_route"),
    one_of(fetches.c.state, movable(FETCH_MOVES, FetchState.SUPERSEDED)),
)
_IDLE_DELIVERIES = (
    deliveries.c.item_id == given("item"),
    deliveries.c.route == given("by_route"),
    one_of(deliveries.c.state, (DeliveryState.WAITING, DeliveryState.QUEUED)),
)
_LOG_FETCH = Bulk(
    insert(custody_log).from_select(
        _LOGGED,
        select(
            given("at"), step(Step.SUPERSEDED), fetches.c.item_id, fetches.c.route, words(STORE), given("why")
        ).where(*_OPEN_FETCH),
    ),
    "at", "why", "item", "by_route",
)  # fmt: skip
_LOG_DELIVERIES = Bulk(
    insert(custody_log).from_select(
        _LOGGED,
        select(
            given("at"), step(Step.SUPERSEDED), deliveries.c.item_id, deliveries.c.route, deliveries.c.target,
            given("why"),
        ).where(*_IDLE_DELIVERIES),
    ),
    "at", "why", "item", "by_route",
)  # fmt: skip
_SUPERSEDE_FETCH = Bulk(
    update(fetches)
    .where(*_OPEN_FETCH)
    .values(state=state(FetchState.SUPERSEDED), next_at=null(), reason=given("why")),
    "why", "item", "by_route",
)  # fmt: skip
_SUPERSEDE_DELIVERIES = Bulk(
    update(deliveries)
    .where(*_IDLE_DELIVERIES)
    .values(state=state(DeliveryState.SUPERSEDED), next_at=null(), reason=given("why")),
    "why", "item", "by_route",
)  # fmt: skip


def supersede(connection: Connection, keys: Sequence[FacetKey], reason: str, at: float) -> None:
    """These fetches will not happen: they and their idle deliveries become SUPERSEDED.

    Keys of STORED fetches must be left out: their deliveries go on.
    """
    why = to_column(reason)
    moves = [(why, *key) for key in keys]
    lines = [(at, why, *key) for key in keys]
    _LOG_FETCH.run(connection, lines)
    _SUPERSEDE_FETCH.run(connection, moves)
    _LOG_DELIVERIES.run(connection, lines)
    _SUPERSEDE_DELIVERIES.run(connection, moves)


# --- the store copy has served ----------------------------------------------------------------------------------------

_OPEN_DELIVERY = exists().where(
    deliveries.c.item_id == fetches.c.item_id,
    deliveries.c.route == fetches.c.route,
    none_of(deliveries.c.state, (DeliveryState.DELIVERED, DeliveryState.SUPERSEDED)),
)
_JUDGE_EXPIRY = Bulk(
    update(fetches)
    .where(fetches.c.item_id == given("item"), fetches.c.route == given("by_route"), COPY_STANDS, ~_OPEN_DELIVERY)
    .values(expiry=state(Expiry.DUE), expiry_next_at=_due(fetches.c.expiry_next_at)),
    "at", "at", "item", "by_route",
)  # fmt: skip


def judge_expiry(connection: Connection, keys: Collection[FacetKey], at: float) -> None:
    """A delivery ended well: where that was the last open one, the store copy's expiry is to be judged at `at`."""
    _JUDGE_EXPIRY.run(connection, [(at, at, *key) for key in keys])
