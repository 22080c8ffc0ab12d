"""The closing table of a test run: which adapter passed which check of the contract against which server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

PROPERTY = "v2xsync-contract"
"""Name of the property that carries (adapter, server, check) from the test to the report, across processes too."""

Who = tuple[str, str]

_MARKS = {"passed": "ok", "skipped": "-", "failed": "FAIL"}
_WORST_FIRST = ("failed", "passed", "skipped")


class ContractTable:
    """Collects results of classes with `adapter` and `server`, and prints them as adapter x server x check."""

    def __init__(self) -> None:
        self.results: dict[str, dict[Who, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.reasons: dict[Who, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def pytest_collection_modifyitems(self, items: Iterable[pytest.Item]) -> None:
        """Mark the tests that belong to the contract."""
        for item in items:
            owner: Any = getattr(item, "cls", None)
            if isinstance(item, pytest.Function) and hasattr(owner, "adapter") and hasattr(owner, "server"):
                check = item.originalname.removeprefix("test_").replace("_", " ")
                item.user_properties.append((PROPERTY, (owner.adapter, owner.server, check)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result of a call, or of a set-up that did not reach it."""
        told = dict(report.user_properties).get(PROPERTY)
        if not isinstance(told, (tuple, list)) or (report.when != "call" and report.passed):
            return
        adapter, server, check = told
        self.results[check][adapter, server].add(report.outcome)
        if report.skipped:
            self.reasons[adapter, server][_reason(report)].add(check)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the section "contract"."""
        columns = sorted({who for row in self.results.values() for who in row})
        if not columns:
            return
        terminalreporter.section("contract")
        for line in self.lines(columns):
            terminalreporter.write_line(line)

    def lines(self, columns: list[Who]) -> Iterable[str]:
        """The table: a legend of columns, a row for each check, and why some were skipped."""
        letters = {who: chr(ord("A") + number) for number, who in enumerate(columns)}
        for who, letter in letters.items():
            yield f"{letter} = {who[0]} against {who[1]}: {self._count(who)}"
        yield f"{'':<76}" + "".join(f"{letters[who]:>5}" for who in columns)
        for check, row in self.results.items():
            yield f"{check[:75]:<76}" + "".join(f"{_cell(row.get(who, set())):>5}" for who in columns)
        for who in columns:
            for reason, checks in sorted(self.reasons[who].items()):
                yield f"skipped in {letters[who]}, {reason}: {len(checks)} checks"

    def _count(self, who: Who) -> str:
        counts: dict[str, int] = defaultdict(int)
        for row in self.results.values():
            counts[_cell(row.get(who, set()))] += 1
        return ", ".join(f"{counts[mark]} {word}" for word, mark in _MARKS.items() if counts[mark])


def _cell(outcomes: set[str]) -> str:
    for outcome in _WORST_FIRST:
        if outcome in outcomes:
            return _MARKS[outcome]
    return ""


def _reason(report: pytest.TestReport) -> str:
    detail = report.longrepr
    text = detail[2] if isinstance(detail, tuple) else str(detail)
    return text.removeprefix("Skipped: ")
