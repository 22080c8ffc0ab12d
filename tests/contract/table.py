"""The closing table of a test run: which adapter passed the checks of the contract against which server.

It is plugged in where the tests' own folder is: with several processes the one that prints collects nothing itself, and
would never come to know of a plug deeper down.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

import pytest

PROPERTY = "v2xsync-contract"
"""Name of the property that carries (adapter, server, check) from the test to the report, across processes too."""

Who = tuple[str, str]

MISSING_SERVER = "needs the real "

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
        """Print the section "contract": a row for each adapter and server; with ``-v`` also one for each check."""
        columns = sorted({who for row in self.results.values() for who in row})
        if not columns:
            return
        terminalreporter.section("contract")
        for line in self.rows(columns):
            terminalreporter.write_line(line)
        for line in self.matrix(columns) if terminalreporter.config.get_verbosity() > 0 else ():
            terminalreporter.write_line(line)

    def rows(self, columns: list[Who]) -> Iterable[str]:
        """Adapter, server, and how many checks passed, were skipped or failed; below, which were skipped and why."""
        yield f"{'adapter':<9}{'server':<38}{'passed':>7}{'skipped':>9}{'failed':>8}"
        for who in columns:
            counts = self._counts(who)
            yield f"{who[0]:<9}{who[1]:<38}{counts['ok']:>7}{counts['-']:>9}{counts['FAIL']:>8}"
            for reason, checks in sorted(self.reasons[who].items()):
                yield from _told_why(reason, sorted(checks))

    def matrix(self, columns: list[Who]) -> Iterable[str]:
        """A row for each check, a column for each adapter and server."""
        letters = {who: chr(ord("A") + number) for number, who in enumerate(columns)}
        yield ", ".join(f"{letter} = {who[0]} against {who[1]}" for who, letter in letters.items())
        yield f"{'':<76}" + "".join(f"{letters[who]:>5}" for who in columns)
        for check, row in self.results.items():
            yield f"{check[:75]:<76}" + "".join(f"{_cell(row.get(who, set())):>5}" for who in columns)

    def _counts(self, who: Who) -> Counter[str]:
        return Counter(_cell(row[who]) for row in self.results.values() if who in row)


def _told_why(reason: str, checks: Sequence[str]) -> Iterable[str]:
    """Which checks were skipped for that reason; a server that is missing skips them all, and is told in one line."""
    if reason.startswith(MISSING_SERVER):
        return [f"    {reason}: all of them"]
    return wrap(f"{reason}: {'; '.join(checks)}", 116, initial_indent="    - ", subsequent_indent="      ")


def _cell(outcomes: set[str]) -> str:
    for outcome in _WORST_FIRST:
        if outcome in outcomes:
            return _MARKS[outcome]
    return ""


def _reason(report: pytest.TestReport) -> str:
    detail = report.longrepr
    text = detail[2] if isinstance(detail, tuple) else str(detail)
    return text.removeprefix("Skipped: ")
