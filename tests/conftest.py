"""What every test stands on: real servers or a named reason why not."""

from __future__ import annotations

import os
from collections import defaultdict

import pytest

from tests import real
from tests.contract.table import ContractTable

MISSING = "needs the real "


def pytest_configure(config: pytest.Config) -> None:
    """Plug the contract's closing table in."""
    config.pluginmanager.register(ContractTable(), "v2xsync-contract-table")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose real server is missing, or fail it where the machine promised to have them all."""
    for marker in item.iter_markers("real"):
        (name,) = marker.args
        if real.find(name) is None:
            refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            refuse(f"{MISSING}{name}, which is not installed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every test that did not run because of a missing server."""
    tests: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if MISSING in reason:
            tests[reason.partition(MISSING)[2]].append(report.nodeid)
    if tests:
        terminalreporter.section("not run: a real server is missing")
    for reason, names in sorted(tests.items()):
        terminalreporter.write_line(f"{reason}:")
        for name in names:
            terminalreporter.write_line(f"  {name}")
