"""Plugs the closing table in."""

from __future__ import annotations

import pytest

TABLE = "v2xsync-contract-table"


def pytest_configure(config: pytest.Config) -> None:
    """Register the table once, however many folders plug it in."""
    from tests.contract.table import ContractTable

    if not config.pluginmanager.has_plugin(TABLE):
        config.pluginmanager.register(ContractTable(), TABLE)
