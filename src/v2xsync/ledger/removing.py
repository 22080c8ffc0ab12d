"""What the Remover asks and says: removals to be judged, ordered, done; and which folders were emptied by us."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, exists, insert, null, select, update

from v2xsync.ledger.base import RemovalTask, Setback
from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.logbook import receipts_of, write_lines
from v2xsync.ledger.phrases import (
    among,
    given,
    given_text,
    listed,
    listed_paths,
    listing,
    movable,
    not_among,
    one_of,
    state,
    step,
    words,
)
from v2xsync.ledger.rooms import WritingRoom
from v2xsync.ledger.setbacks import Facet, judge_setbacks
from v2xsync.ledger.tables import COPY_STANDS, EXPECTED, REMOVAL_QUEUED, Expiry, custody_log, deliveries, fetches, items
from v2xsync.ledger.wiretext import from_column
from v2xsync.model.custody import REMOVAL_MOVES, Receipt, RemovalState, Step
from v2xsync.model.items import Fingerprint

_AT_ONCE = 0.0
"""Due before any real time."""

_CLAIM = (
    select(
        items.c.id, items.c.path, items.c.size, items.c.mtime_ns, items.c.step_ns, items.c.removal,
        items.c.removal_tries, items.c.removal_next_at,
    )
    .where(
        REMOVAL_QUEUED,
        items.c.source == given("source"),
        items.c.removal_next_at <= given("now"),
        not_among(items.c.id, "skip"),
    )
    .order_by(items.c.removal_next_at, items.c.id)
    .limit(given("limit"))
)  # fmt: skip

_ORDER = (
    update(items)
    .where(among(items.c.id, "ids"), one_of(items.c.removal, movable(REMOVAL_MOVES, RemovalState.ORDERED)))
    .values(removal=state(RemovalState.ORDERED), removal_next_at=given("at"))
)
"""The reason of the last trouble stays: a failure is told again only when its reason is new."""

_ORDERED = one_of(items.c.removal, movable(REMOVAL_MOVES, RemovalState.REMOVED))
_LOG_REMOVED = insert(custody_log).from_select(
    ["at", "step", "item_id", "device", "detail"],
    select(given("at"), step(Step.REMOVED), items.c.id, items.c.source, given_text("note"))
    .where(among(items.c.id, "ids"), _ORDERED),
)  # fmt: skip
_REMOVE = (
    update(items)
    .where(among(items.c.id, "ids"), _ORDERED)
    .values(removal=state(RemovalState.REMOVED), removal_next_at=null(), removal_reason="")
)

_FACETS = select(
    items.c.id, items.c.source, items.c.removal, items.c.removal_reason, items.c.removal_next_at
).where(among(items.c.id, "ids"))  # fmt: skip

_REQUEUE = (
    update(items)
    .where(items.c.removal == state(RemovalState.WAITING))
    .values(removal=state(RemovalState.QUEUED), removal_next_at=given("at"))
)
_ROUSE = (
    update(items)
    .where(among(items.c.id, "ids"), items.c.removal == state(RemovalState.WAITING))
    .values(removal=state(RemovalState.QUEUED), removal_next_at=given("at"))
)
_REJUDGE = (
    update(fetches)
    .where(
        COPY_STANDS,
        exists().where(deliveries.c.item_id == fetches.c.item_id, deliveries.c.route == fetches.c.route),
    )
    .values(expiry=state(Expiry.DUE), expiry_next_at=given("at"))
)

_folder = listing("folders")
_inside = (
    items.c.source == given("source"),
    items.c.path >= _folder.c.value.concat(words("/")),
    items.c.path < _folder.c.value.concat(words("0")),
)
"""`0` is the character after `/`: these are the paths below the folder."""

_EMPTIED = select(_folder.c.value).where(
    ~exists().where(*_inside, EXPECTED),
    exists().where(*_inside, items.c.removal == state(RemovalState.REMOVED)),
)


class Removing(WritingRoom):
    """The Remover's verbs at the sources."""

    def claim_removals(self, source: str, now: float, limit: int, skip: Collection[int]) -> Sequence[RemovalTask]:
        """Removals that are QUEUED or ORDERED and due, with every receipt of the item."""
        asked = {"source": source, "now": now, "limit": limit, "skip": listed(skip)}
        with self._reading() as connection:
            rows: Sequence[Any] = connection.execute(_CLAIM, asked).all()
            receipts = receipts_of(connection, (row[0] for row in rows))
        return [_task(row, source, tuple(receipts.get(row[0], ()))) for row in rows]

    def order_removals(self, item_ids: Sequence[int], at: float) -> None:
        """Write down that these are about to be removed."""
        if item_ids:
            self._write(lambda connection: connection.execute(_ORDER, {"ids": listed(item_ids), "at": at}))

    def record_removed(self, item_ids: Sequence[int], at: float, detail: str = "") -> None:
        """They are gone from their source, by us."""
        if item_ids:
            self._write(lambda connection: _record_removed(connection, item_ids, at, detail))

    def removal_setback(self, setbacks: Sequence[Setback], at: float, to: RemovalState = RemovalState.WAITING) -> None:
        """Wait, queue again, hold, or mark gone. One that waits for a time (`next_at`) is queued for that time."""
        if setbacks:
            self._write(lambda connection: _set_back(connection, setbacks, at, to))

    def rouse_removals(self, item_ids: Sequence[int], at: float) -> None:
        """Something that these waited for has happened elsewhere: judge them again, due by `at`."""
        if item_ids:
            self._write(lambda connection: connection.execute(_ROUSE, {"ids": listed(item_ids), "at": at}))

    def requeue_removals(self) -> None:
        """After a change of the config: judge every waiting removal, and every kept store copy, again."""

        def requeue(connection: Connection) -> None:
            connection.execute(_REQUEUE, {"at": _AT_ONCE})
            connection.execute(_REJUDGE, {"at": _AT_ONCE})

        self._write(requeue)

    def removed_below(self, source: str, folders: Sequence[str]) -> Collection[str]:
        """Those of `folders` below which (at any depth) we have removed an item and expect none any more."""
        rows = self._rows(_EMPTIED, {"source": source, "folders": listed_paths(folders)})
        return {from_column(row.value) for row in rows}


def _task(row: Sequence[Any], source: str, receipts: tuple[Receipt, ...]) -> RemovalTask:
    item_id, path, *version, removal, tries, next_at = row
    evidence = max(receipts, key=_as_evidence, default=None)
    sha256 = evidence.sha256 if evidence else ""
    digest = evidence.digest if evidence and evidence.step is Step.STORED else None
    return RemovalTask(
        item_id, source, path, Fingerprint(*version), sha256, digest, receipts, RemovalState(removal), tries, next_at
    )  # fmt: skip


def _as_evidence(receipt: Receipt) -> tuple[bool, float]:
    """What the content was is told best by the newest fetch, without one by the newest delivery."""
    return receipt.step is Step.STORED, receipt.at


def _record_removed(connection: Connection, item_ids: Sequence[int], at: float, detail: str) -> None:
    values = {"ids": listed(item_ids), "at": at, "note": detail}
    connection.execute(_LOG_REMOVED, values)
    connection.execute(_REMOVE, values)


def _facets(connection: Connection, setbacks: Iterable[Setback]) -> dict[tuple[int], Facet]:
    """The facets as they stand, those left out for which a receipt came after they were claimed."""
    seen = {setback.facet_id: setback.seen_at for setback in setbacks}
    rows: Sequence[Any] = connection.execute(_FACETS, {"ids": listed(seen)}).all()
    return {
        (item_id,): Facet(item_id, "", *standing)
        for item_id, *standing, next_at in rows
        if seen[item_id] in (None, next_at)
    }


@functools.cache
def _setback(to: RemovalState) -> Bulk:
    return Bulk(
        update(items)
        .where(items.c.id == given("item"), one_of(items.c.removal, movable(REMOVAL_MOVES, to)))
        .values(
            removal=given("to"),
            removal_next_at=given("due"),
            removal_tries=items.c.removal_tries + given("more"),
            removal_reason=given("why"),
        ),
        "to", "due", "more", "why", "item",
    )  # fmt: skip


def _set_back(connection: Connection, setbacks: Sequence[Setback], at: float, to: RemovalState) -> None:
    keyed = [((setback.facet_id,), setback) for setback in setbacks]
    outcome = judge_setbacks(keyed, _facets(connection, setbacks), REMOVAL_MOVES, to, at)
    _setback(to).run(connection, outcome.rows)
    write_lines(connection, outcome.lines)
