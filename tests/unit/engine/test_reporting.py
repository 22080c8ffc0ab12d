"""The report, on a ledger with known times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from tests.unit.ledger.acts import ROUTE, SOURCE, deliver, delivery_ids, find, store

from v2xsync.engine.reporting import Silence, arrivals, bounds, silences
from v2xsync.ledger.base import Ledger
from v2xsync.ledger.sqlite import open_memory
from v2xsync.model.rules import ElementRules, Route

DAY_S = 86_400.0
NOW = 1_700_000_000.0
V2X = Route(name=ROUTE, sources=(SOURCE,), elements=ElementRules(v2x=True), expect_s=DAY_S)
BERLIN = ZoneInfo("Europe/Berlin")
UTC = ZoneInfo("UTC")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    opened = open_memory()
    yield opened
    opened.close()


def arrive(ledger: Ledger, name: str, at: float) -> None:
    store(ledger, *find(ledger, name, at=at - 1), at=at)


def named(element: str, number: int = 1) -> str:
    return f"a_{element}Log_01022026_{number:06}.csv"


def test_a_day_is_a_local_date(ledger: Ledger) -> None:
    """Half past eleven in the evening UTC is tomorrow in Berlin."""
    at = dt.datetime(2026, 1, 2, 23, 30, tzinfo=dt.UTC).timestamp()
    arrive(ledger, named("spat"), at)
    (one,) = arrivals(ledger, [V2X], BERLIN, at - DAY_S, at + DAY_S)
    assert (one.day, one.source, one.element, one.count, one.size) == ("2026-01-03", SOURCE, "spat", 1, 10)
    assert one.first == one.last == at


def test_a_date_on_which_the_clocks_change_has_its_true_length() -> None:
    start, end = bounds(dt.date(2026, 3, 29), dt.date(2026, 3, 29), BERLIN)
    assert end - start == 23 * 3600


def test_what_came_before_or_after_is_left_out(ledger: Ledger) -> None:
    for number, at in enumerate((NOW - 10, NOW, NOW + 10)):
        arrive(ledger, named("spat", number), at)
    (one,) = arrivals(ledger, [V2X], UTC, NOW - 5, NOW + 5)
    assert (one.count, one.first) == (1, NOW)


def test_a_route_without_a_local_copy_counts_what_a_target_has(ledger: Ledger) -> None:
    streamed = Route(name=ROUTE, sources=(SOURCE,), targets=("office",), stage=False)
    (item,) = find(ledger, "a", targets=["office"], at=NOW)
    assert arrivals(ledger, [streamed], UTC, NOW - 5, NOW + 5) == []
    store(ledger, item, at=NOW)
    deliver(ledger, *delivery_ids(ledger, item).values(), at=NOW)
    assert [one.count for one in arrivals(ledger, [streamed], UTC, NOW - 5, NOW + 5)] == [1]


def test_a_source_that_is_silent_is_told_once(ledger: Ledger) -> None:
    arrive(ledger, named("spat"), NOW - 2 * DAY_S)
    arrive(ledger, named("srm"), NOW - 3 * DAY_S)
    assert list(silences(ledger, [V2X], NOW)) == [Silence(ROUTE, SOURCE, "", DAY_S, NOW - 2 * DAY_S)]


def test_an_element_that_fell_silent_is_told_while_others_come(ledger: Ledger) -> None:
    arrive(ledger, named("srm"), NOW - 3 * DAY_S)
    arrive(ledger, named("spat"), NOW - 60)
    assert list(silences(ledger, [V2X], NOW)) == [Silence(ROUTE, SOURCE, "srm", DAY_S, NOW - 3 * DAY_S)]


def test_a_source_silent_for_longer_than_is_remembered_keeps_its_last_sign(ledger: Ledger) -> None:
    arrive(ledger, named("spat"), NOW - 400 * DAY_S)
    assert [one.last for one in silences(ledger, [V2X], NOW)] == [NOW - 400 * DAY_S]


def test_the_past_is_judged_as_it_was(ledger: Ledger) -> None:
    arrive(ledger, named("spat"), NOW)
    assert [one.last for one in silences(ledger, [V2X], NOW - 60)] == [None]
    assert list(silences(ledger, [V2X], NOW + 60)) == []
