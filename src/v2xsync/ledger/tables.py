"""The schema: the tables of the ledger, their indices, and the conditions that indices and queries share.

A partial index serves only a query that repeats its condition word for word: those conditions have names here.
"""

from __future__ import annotations

import enum

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from v2xsync.ledger.phrases import none_of, one_of, state
from v2xsync.ledger.wiretext import WireText
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState


class Expiry(enum.IntEnum):
    """Where the expiry of a store copy stands."""

    NONE = 0
    """Not delivered to every target of its route (or the route has none)."""
    DUE = 1
    """To be judged when its time has come."""
    KEPT = 2
    """Judged: stays until something changes."""
    EXPIRED = 3


metadata = MetaData()

items = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("path", WireText, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger),
    Column("step_ns", BigInteger, nullable=False),
    Column("found_at", Float, nullable=False),
    Column("removal", Integer, nullable=False),
    Column("removal_next_at", Float),
    Column("removal_tries", Integer, nullable=False, server_default="0"),
    Column("removal_reason", WireText, nullable=False, server_default=""),
    UniqueConstraint("source", "path", "generation"),
)

fetches = Table(
    "fetches",
    metadata,
    Column("item_id", Integer, ForeignKey(items.c.id), primary_key=True),
    Column("route", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("element", WireText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", Integer, nullable=False),
    Column("next_at", Float),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("reason", WireText, nullable=False, server_default=""),
    Column("store_path", WireText, nullable=False, server_default=""),
    Column("sha256", Text, nullable=False, server_default=""),
    Column("stored_at", Float),
    Column("expiry", Integer, nullable=False, server_default=str(int(Expiry.NONE))),
    Column("expiry_next_at", Float),
    Column("expired_at", Float),
    sqlite_with_rowid=False,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("item_id", Integer, nullable=False),
    Column("route", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", Integer, nullable=False),
    Column("next_at", Float),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("reason", WireText, nullable=False, server_default=""),
    Column("target_path", WireText, nullable=False, server_default=""),
    Column("proof", Integer),
    Column("reference", WireText, nullable=False, server_default=""),
    UniqueConstraint("item_id", "route", "target"),
    ForeignKeyConstraint(["item_id", "route"], [fetches.c.item_id, fetches.c.route]),
)

custody_log = Table(
    "custody_log",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("step", Text, nullable=False),
    Column("item_id", Integer, ForeignKey(items.c.id)),
    Column("route", Text, nullable=False, server_default=""),
    Column("device", Text, nullable=False, server_default=""),
    Column("proof", Integer),
    Column("sha256", Text, nullable=False, server_default=""),
    Column("size", BigInteger),
    Column("method", WireText, nullable=False, server_default=""),
    Column("digest", Text, nullable=False, server_default=""),
    Column("reference", WireText, nullable=False, server_default=""),
    Column("place", WireText, nullable=False, server_default=""),
    Column("by", WireText, nullable=False, server_default=""),
    Column("detail", WireText, nullable=False, server_default=""),
)

runs = Table(
    "runs",
    metadata,
    Column("route", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("due_at", Float, primary_key=True),
    Column("opened_at", Float, nullable=False),
    Column("listed_at", Float),
    Column("closed_at", Float),
    sqlite_with_rowid=False,
)

notes = Table(
    "notes",
    metadata,
    Column("key", Text, primary_key=True),
    Column("text", WireText, nullable=False),
)


FETCH_QUEUED = fetches.c.state == state(FetchState.QUEUED)
FETCH_HELD = fetches.c.state == state(FetchState.HELD)
STORED = fetches.c.state == state(FetchState.STORED)
COPY_STANDS = STORED & fetches.c.expired_at.is_(None)
EXPIRY_DUE = fetches.c.expiry == state(Expiry.DUE)
DELIVERY_QUEUED = deliveries.c.state == state(DeliveryState.QUEUED)
DELIVERY_STUCK = one_of(deliveries.c.state, (DeliveryState.HELD, DeliveryState.UNKNOWN, DeliveryState.SENDING))
REMOVAL_QUEUED = one_of(items.c.removal, (RemovalState.QUEUED, RemovalState.ORDERED))
REMOVAL_HELD = items.c.removal == state(RemovalState.HELD)
EXPECTED = none_of(items.c.removal, (RemovalState.REMOVED, RemovalState.GONE))
"""The original still stands at its source, as far as we know."""

Index(
    "items_to_remove",
    items.c.source, items.c.removal_next_at, items.c.id, items.c.removal,
    sqlite_where=REMOVAL_QUEUED,
)  # fmt: skip
Index("items_expected", items.c.source, items.c.path, sqlite_where=EXPECTED)
Index("items_held", items.c.removal, sqlite_where=REMOVAL_HELD)
Index(
    "fetches_queued",
    fetches.c.source, fetches.c.route, fetches.c.next_at, fetches.c.item_id, fetches.c.size, fetches.c.state,
    sqlite_where=FETCH_QUEUED,
)  # fmt: skip
Index("fetches_held", fetches.c.state, sqlite_where=FETCH_HELD)
Index("fetches_standing", fetches.c.store_path, sqlite_where=COPY_STANDS)
Index("fetches_expiring", fetches.c.route, fetches.c.expiry_next_at, fetches.c.item_id, sqlite_where=EXPIRY_DUE)
Index(
    "deliveries_queued",
    deliveries.c.target, deliveries.c.route, deliveries.c.next_at, deliveries.c.id, deliveries.c.size,
    deliveries.c.state,
    sqlite_where=DELIVERY_QUEUED,
)  # fmt: skip
Index("deliveries_stuck", deliveries.c.state, sqlite_where=DELIVERY_STUCK)
Index("custody_log_of_item", custody_log.c.item_id)
Index("custody_log_by_time", custody_log.c.at)

for _verb in ("UPDATE", "DELETE"):
    event.listen(
        custody_log,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]  # SQLAlchemy's own
            f"CREATE TRIGGER custody_log_forbids_{_verb.lower()} BEFORE {_verb} ON custody_log "
            "BEGIN SELECT RAISE(ABORT, 'the custody log is append-only'); END"
        ),
    )
