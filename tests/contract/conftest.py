"""Plugs the closing table in, and lets pytest explain the asserts of the suite."""

from __future__ import annotations

import pytest

for _module in ("common", "ends", "far", "fetch_checks", "source_checks", "target_checks"):
    pytest.register_assert_rewrite(f"tests.contract.{_module}")

TABLE = "v2xsync-contract-table"


def pytest_configure(config: pytest.Config) -> None:
    """Register the table once, however many folders plug it in."""
    from tests.contract.table import ContractTable

    if not config.pluginmanager.has_plugin(TABLE):
        config.pluginmanager.register(ContractTable(), TABLE)
