"""What waits: the queue for the screen, and the backlog by device.

Work waits in *lanes*: fetches by (source, route), deliveries by (target, route), removals by (source, ""). The queue is
read lane by lane from the front, because only inside a lane the index is in order of time; a million waiting items cost
no more than a few.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from v2xsync.ledger.base import Backlog, QueueLine
from v2xsync.ledger.holding import count_holds
from v2xsync.ledger.logbook import STORE
from v2xsync.ledger.phrases import among, given, listed, words
from v2xsync.ledger.rooms import ReadingRoom
from v2xsync.ledger.tables import DELIVERY_QUEUED, FETCH_QUEUED, REMOVAL_QUEUED, deliveries, fetches, items
from v2xsync.model.custody import Step

_device = given("device")
_route = given("route")
_no_route = words("").label("route")


@dataclass(frozen=True, slots=True)
class _Work:
    """One kind of work: how to step from lane to lane, to read a lane's front, and to describe what was found."""

    step: Step
    next_device: Select[Any]
    next_route: Select[Any] | None
    """of that device; None: this kind of work has no routes"""
    front: Select[Any]
    """(next_at, facet id) of a lane, first due first"""
    lines: Select[Any]
    """(facet id, route, item id, source, device, path, size, tries, next_at, reason)"""


_FETCHING = _Work(
    Step.STORED,
    select(fetches.c.source).where(FETCH_QUEUED, fetches.c.source > _device).order_by(fetches.c.source).limit(1),
    select(fetches.c.route)
    .where(FETCH_QUEUED, fetches.c.source == _device, fetches.c.route > _route)
    .order_by(fetches.c.route)
    .limit(1),
    select(fetches.c.next_at, fetches.c.item_id)
    .where(FETCH_QUEUED, fetches.c.source == _device, fetches.c.route == _route)
    .order_by(fetches.c.next_at, fetches.c.item_id)
    .limit(given("limit")),
    select(
        fetches.c.item_id, fetches.c.route, fetches.c.item_id, fetches.c.source, words(STORE),
        items.c.path, fetches.c.size, fetches.c.tries, fetches.c.next_at, fetches.c.reason,
    ).select_from(fetches.join(items)).where(FETCH_QUEUED, among(fetches.c.item_id, "ids")),
)  # fmt: skip
_DELIVERING = _Work(
    Step.DELIVERED,
    select(deliveries.c.target)
    .where(DELIVERY_QUEUED, deliveries.c.target > _device)
    .order_by(deliveries.c.target)
    .limit(1),
    select(deliveries.c.route)
    .where(DELIVERY_QUEUED, deliveries.c.target == _device, deliveries.c.route > _route)
    .order_by(deliveries.c.route)
    .limit(1),
    select(deliveries.c.next_at, deliveries.c.id)
    .where(DELIVERY_QUEUED, deliveries.c.target == _device, deliveries.c.route == _route)
    .order_by(deliveries.c.next_at, deliveries.c.id)
    .limit(given("limit")),
    select(
        deliveries.c.id, deliveries.c.route, items.c.id, items.c.source, deliveries.c.target, items.c.path,
        deliveries.c.size, deliveries.c.tries, deliveries.c.next_at, deliveries.c.reason,
    ).select_from(deliveries.join(items, items.c.id == deliveries.c.item_id)).where(among(deliveries.c.id, "ids")),
)  # fmt: skip
_REMOVING = _Work(
    Step.REMOVED,
    select(items.c.source).where(REMOVAL_QUEUED, items.c.source > _device).order_by(items.c.source).limit(1),
    None,
    select(items.c.removal_next_at, items.c.id)
    .where(REMOVAL_QUEUED, items.c.source == _device)
    .order_by(items.c.removal_next_at, items.c.id)
    .limit(given("limit")),
    select(
        items.c.id, _no_route, items.c.id, items.c.source, items.c.source, items.c.path, items.c.size,
        items.c.removal_tries, items.c.removal_next_at, items.c.removal_reason,
    ).where(among(items.c.id, "ids")),
)  # fmt: skip
_ALL_WORK = (_FETCHING, _DELIVERING, _REMOVING)

_ALL = -1
"""SQLite's word for no limit."""

_FETCH_BACKLOG = (
    select(fetches.c.source, func.count(), func.sum(fetches.c.size)).where(FETCH_QUEUED).group_by(fetches.c.source)
)
_DELIVERY_BACKLOG = (
    select(deliveries.c.target, func.count(), func.sum(deliveries.c.size))
    .where(DELIVERY_QUEUED)
    .group_by(deliveries.c.target)
)
_REMOVAL_BACKLOG = select(items.c.source, func.count()).where(REMOVAL_QUEUED).group_by(items.c.source)
_ITEMS = select(func.coalesce(func.max(items.c.id), 0))
"""Items are numbered without gaps and never forgotten."""


class Waiting(ReadingRoom):
    """Verbs for the queue pane."""

    def queue(self, limit: int) -> Sequence[QueueLine]:
        """The next work, by when it is due; all of it where `limit` is 0."""
        with self._reading() as connection:
            waiting = sorted(spot for work in _ALL_WORK for spot in _front(connection, work, limit or _ALL))
            first = waiting[: limit or None]
            lines: dict[_Place, QueueLine] = {}
            for work in _ALL_WORK:
                lines |= _lines(connection, work, [place[1] for _, place in first if place[0] == work.step.value])
        return [line for _, place in first if (line := lines.get(place))]

    def backlog(self) -> Backlog:
        """Counts and bytes of queued work by device."""
        with self._reading() as connection:
            return Backlog(
                fetch={row[0]: (row[1], row[2]) for row in connection.execute(_FETCH_BACKLOG)},
                deliver={row[0]: (row[1], row[2]) for row in connection.execute(_DELIVERY_BACKLOG)},
                remove={row[0]: row[1] for row in connection.execute(_REMOVAL_BACKLOG)},
                holds=count_holds(connection),
                items=connection.execute(_ITEMS).scalar_one(),
            )


_Place = tuple[str, int, str]
"""(step, facet id, route)"""


def _front(connection: Connection, work: _Work, limit: int) -> Iterator[tuple[float, _Place]]:
    for device, route in _lanes(connection, work):
        lane = {"device": device, "route": route, "limit": limit}
        for next_at, facet_id in connection.execute(work.front, lane).all():
            yield next_at, (work.step.value, facet_id, route)


def _lanes(connection: Connection, work: _Work) -> Iterator[tuple[str, str]]:
    """Every (device, route) with such work: from one to the next by a look into the index each."""
    device = route = ""
    while device := _after(connection, work.next_device, device=device):
        if work.next_route is None:
            yield device, ""
            continue
        while route := _after(connection, work.next_route, device=device, route=route):
            yield device, route


def _after(connection: Connection, statement: Select[Any], **last: object) -> str:
    """The next name, empty behind the last one."""
    return connection.execute(statement, last).scalar_one_or_none() or ""


def _lines(connection: Connection, work: _Work, ids: Sequence[int]) -> Mapping[_Place, QueueLine]:
    rows: Sequence[Any] = connection.execute(work.lines, {"ids": listed(ids)}).all() if ids else ()
    return {
        (work.step.value, facet_id, route): QueueLine(item_id, work.step, route, *others)
        for facet_id, route, item_id, *others in rows
    }
