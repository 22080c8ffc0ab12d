"""``v2xsync report``: what arrived, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG, Run


def expecting(site: Path, config: str = CONFIG) -> None:
    """Let the route expect something every day."""
    (site / "v2xsync.toml").write_text(f'{config}expect = "1d"\n', encoding="utf-8")


def test_what_arrived_is_counted_by_source_and_element(run: Run, site: Path) -> None:
    run("--once")
    answer = run("report", "--json")
    assert answer.code == 0
    told = {(one["source"], one["element"]): (one["count"], one["size"]) for one in answer.document["arrived"]}
    assert told == {("clay", "spat"): (1, 4), ("clay", "other"): (1, 1)}
    assert answer.document["silent"] == []
    one = answer.document["arrived"][0]
    assert answer.document["start"] < one["first"] <= one["last"] < answer.document["end"]


def test_the_report_in_words(run: Run, site: Path) -> None:
    run("--once")
    answer = run("report", "--day", "today")
    assert answer.out.splitlines()[0].split() == ["DAY", "FILES", "SIZE", "FIRST", "LAST", "ELEMENT", "SOURCE"]
    assert "spat" in answer.out
    assert "2 files (5 B), 0 silent" in answer.err


def test_another_day_has_its_own_arrivals(run: Run, site: Path) -> None:
    run("--once")
    answer = run("report", "--day", "2001-01-01", "--json")
    assert answer.code == 0
    assert answer.document["arrived"] == []
    assert answer.document["end"] - answer.document["start"] == 86_400


def test_a_file_delivered_without_a_local_copy_has_arrived(run: Run, site: Path) -> None:
    (site / "v2xsync.toml").write_text(f"{CONFIG}stage = false\n", encoding="utf-8")
    run("--once")
    assert sum(one["count"] for one in run("report", "--json").document["arrived"]) == 2


def test_a_source_from_which_nothing_ever_came_is_missing(run: Run, site: Path) -> None:
    expecting(site)
    answer = run("report")
    assert answer.code == 0
    assert "MISSING  clay: nothing ever came (route all expects something every 1 d)" in answer.out


def test_a_route_without_expect_misses_nothing(run: Run, site: Path) -> None:
    assert run("report", "--json").document["silent"] == []


@pytest.mark.parametrize("word", ["tomorrow", "2026-13-01"])
def test_a_word_that_is_no_date_is_refused(word: str, run: Run, site: Path) -> None:
    answer = run("report", "--day", word)
    assert answer.code == 2
    assert "--day" in answer.err
