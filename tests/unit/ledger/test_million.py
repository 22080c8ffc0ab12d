"""A million items, and the next work is still found at once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import pytest
from tests.unit.ledger.acts import LATE, ROUTE, SOURCE, new, plan, store

from v2xsync.ledger.base import Ledger
from v2xsync.ledger.sqlite import open_memory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ITEMS = 1_000_000
STORED = 400_000
BATCH = 10_000
CLAIM_MS = 5.0


@pytest.fixture(scope="module")
def vast() -> Iterator[Ledger]:
    """A million items of one source: six tenths wait for their fetch, four for their delivery and their removal."""
    ledger = open_memory()
    for start in range(0, ITEMS, BATCH):
        paths = [f"{number // 1000:04d}/{number:07d}.csv" for number in range(start, start + BATCH)]
        ledger.record_found([new(path, plan("cyverse")) for path in paths], float(start))
    for start in range(0, STORED, BATCH):
        store(ledger, *range(start + 1, start + BATCH + 1), at=float(start))
    yield ledger
    ledger.close()


def median_ms(act: Callable[[], object]) -> float:
    """How long it takes, in ms of this thread's own work (machines are shared): the median of many."""
    took = []
    for _ in range(41):
        began = time.thread_time()
        act()
        took.append((time.thread_time() - began) * 1000)
    return statistics.median(took)


@pytest.mark.parametrize("limit", [1, 250])
@pytest.mark.parametrize("in_hand", [0, 500])
def test_the_next_work_is_found_at_once(vast, limit, in_hand):
    skip = {
        "fetch": frozenset(range(STORED + 1, STORED + in_hand + 1)),
        "deliver": frozenset(range(1, in_hand + 1)),
        "remove": frozenset(range(1, in_hand + 1)),
    }
    claims: dict[str, Callable[[], object]] = {
        "fetch": lambda: vast.claim_fetches(SOURCE, [ROUTE], LATE, limit, skip["fetch"]),
        "deliver": lambda: vast.claim_deliveries("cyverse", [ROUTE], LATE, limit, skip["deliver"]),
        "remove": lambda: vast.claim_removals(SOURCE, LATE, limit, skip["remove"]),
    }

    took = {name: median_ms(claim) for name, claim in claims.items()}

    assert max(took.values()) < CLAIM_MS, took


def test_a_closed_window_of_one_route_costs_the_others_nothing(vast):
    """Six hundred thousand items of another route lie in front."""
    vast.record_found([new("late.csv", plan(route="second"))], LATE)

    assert [task.path for task in vast.claim_fetches(SOURCE, ["second"], LATE, 9, ())] == ["late.csv"]
    assert median_ms(lambda: vast.claim_fetches(SOURCE, ["second"], LATE, 9, ())) < CLAIM_MS


def test_the_queue_pane_is_read_from_the_front(vast):
    assert median_ms(lambda: vast.queue(200)) < CLAIM_MS
