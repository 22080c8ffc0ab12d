"""What is known of a path: its newest version."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, case, func, select

from v2xsync.ledger.base import Known
from v2xsync.ledger.phrases import among, given, listed_paths, state, words
from v2xsync.ledger.rooms import ReadingRoom
from v2xsync.ledger.tables import fetches, items
from v2xsync.model.custody import FetchState, RemovalState
from v2xsync.model.items import Fingerprint

_CHUNK = 5000
"""So many paths are asked for in one query."""

_REMOVALS = {int(state): state for state in RemovalState}

_same = items.alias("same")
_last_generation = (
    select(func.max(_same.c.generation))
    .where(_same.c.source == items.c.source, _same.c.path == items.c.path)
    .scalar_subquery()
)
_HAS_COPY = fetches.c.sha256 != words("")
"""Stored, also while it is doubted and fetched again."""
NEWEST = (
    select(
        items.c.path, items.c.id, items.c.generation, items.c.size, items.c.mtime_ns, items.c.step_ns, items.c.removal,
        fetches.c.route, case((_HAS_COPY, state(FetchState.STORED)), else_=fetches.c.state),
    )
    .select_from(items.outerjoin(fetches))
    .where(
        items.c.source == given("source"),
        among(items.c.path, "paths"),
        items.c.generation == _last_generation,
    )
)  # fmt: skip


class Knowing(ReadingRoom):
    """The verb that spares the Finder what it knows."""

    def known(self, source: str, paths: Sequence[str]) -> Mapping[str, Known]:
        """The newest known version of each path; unknown paths are left out."""
        newest: dict[str, Known] = {}
        with self._reading() as connection:
            for path, item_id, _, *version, removal, route, _ in newest_versions(connection, source, paths):
                routes = _only(route)
                if path in newest:
                    routes |= newest[path].routes
                newest[path] = Known(item_id, Fingerprint(*version), _REMOVALS[removal], routes)
        return newest


@functools.cache
def _only(route: str | None) -> frozenset[str]:
    """The set of one route, made once: listings of a hundred thousand files ask for it as often."""
    return frozenset() if route is None else frozenset((route,))


def newest_versions(connection: Connection, source: str, paths: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Rows of `NEWEST`: one for each fetch of the newest version of each path (with no route where it has none)."""
    for start in range(0, len(paths), _CHUNK):
        chunk = listed_paths(paths[start : start + _CHUNK])
        yield from connection.execute(NEWEST, {"source": source, "paths": chunk}).all()
