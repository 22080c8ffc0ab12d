"""Every query that runs while work goes on walks an index: its plan is asked for, not its time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.sql.base import Executable
from tests.unit.ledger.acts import ROUTE, SOURCE, deliver, new, plan, store

from v2xsync.ledger import (
    consequences,
    deciding,
    delivering,
    doubting,
    fetching,
    holding,
    knowing,
    logbook,
    reading,
    removing,
    retaining,
    waiting,
)
from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.sqlite import SqlLedger, open_memory

ITEMS = 50_000
ROOMS = (consequences, fetching, delivering, doubting, removing, retaining, deciding)


@pytest.fixture(scope="module")
def crowded() -> Iterator[SqlLedger]:
    """Fifty thousand items, nine tenths of them waiting to be fetched."""
    ledger = open_memory()
    assert isinstance(ledger, SqlLedger)
    for start in range(0, ITEMS, 5000):
        paths = [f"{number // 100:04d}/{number:06d}.csv" for number in range(start, start + 5000)]
        ledger.record_found([new(path, plan("cyverse")) for path in paths], 1000.0 + start)
    store(ledger, *range(1, ITEMS // 10))
    deliver(ledger, *range(1, ITEMS // 20))
    yield ledger
    ledger.close()


def plan_of(ledger: SqlLedger, statement: Executable | Bulk) -> list[str]:
    """SQLite's plan, one line for each table that it visits."""
    with ledger._readers.connect() as connection:
        if isinstance(statement, Bulk):
            sql, names = statement._compiled(connection), statement._names
        else:
            compiled = statement.compile(dialect=connection.dialect)  # type: ignore[attr-defined]
            sql, names = str(compiled), compiled.positiontup
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", tuple(None for _ in names))
        return [row[3] for row in rows]


def visits(lines: list[str]) -> list[str]:
    """The lines that tell of a table, lists that we bind left out."""
    return [line for line in lines if line.startswith(("SEARCH", "SCAN")) and "VIRTUAL TABLE" not in line]


@pytest.mark.parametrize(
    ("statement", "walk"),
    [
        (fetching._CLAIM, "SEARCH fetches USING INDEX fetches_queued (source=? AND route=? AND next_at<?)"),
        (delivering._CLAIM, "SEARCH deliveries USING INDEX deliveries_queued (target=? AND route=? AND next_at<?)"),
        (removing._CLAIM, "SEARCH items USING INDEX items_to_remove (source=? AND removal_next_at<?)"),
        (retaining._CLAIM, "SEARCH fetches USING INDEX fetches_expiring (route=? AND expiry_next_at<?)"),
    ],
)
def test_a_claim_is_one_walk_along_its_index_in_order(crowded, statement, walk):
    lines = plan_of(crowded, statement)

    assert visits(lines)[0] == walk
    assert all(line.startswith("SEARCH") for line in visits(lines))
    assert not [line for line in lines if "TEMP B-TREE" in line]


@pytest.mark.parametrize(
    "statement",
    [
        *(value for room in ROOMS for value in vars(room).values() if isinstance(value, Bulk)),
        knowing.NEWEST,
        logbook._RECEIPTS,
        fetching._FACETS,
        fetching._AWAITED,
        delivering._FACETS,
        delivering._SENDING,
        removing._ORDER,
        removing._REMOVE,
        removing._LOG_REMOVED,
        removing._EMPTIED,
        consequences._WAKE,
        consequences._GONE,
        retaining._STANDING,
        reading._ITEM,
        reading._LOG,
        *(statement for _, statement in holding._HOLDS),
        *(statement for pair in deciding._AGAIN for statement in pair),
        *(part for work in waiting._ALL_WORK for part in (work.next_device, work.front, work.lines)),
        *(work.next_route for work in waiting._ALL_WORK if work.next_route is not None),
    ],
)  # fmt: skip
def test_nothing_that_runs_while_work_goes_on_scans_a_table(crowded, statement):
    assert not [line for line in visits(plan_of(crowded, statement)) if line.startswith("SCAN")]


@pytest.mark.parametrize("statement", [waiting._FETCH_BACKLOG, waiting._DELIVERY_BACKLOG, waiting._REMOVAL_BACKLOG])
def test_the_backlog_counts_on_its_index_alone(crowded, statement):
    (line,) = visits(plan_of(crowded, statement))

    assert "USING COVERING INDEX" in line


def test_claims_in_a_crowd_are_right(crowded):
    first = [task.item_id for task in crowded.claim_fetches(SOURCE, [ROUTE], 9e9, 3, {ITEMS // 10 + 1})]

    assert first == [ITEMS // 10, ITEMS // 10 + 2, ITEMS // 10 + 3]
    assert len(crowded.queue(200)) == 200
    assert crowded.backlog().fetch == {SOURCE: (ITEMS - ITEMS // 10 + 1, 10 * (ITEMS - ITEMS // 10 + 1))}
