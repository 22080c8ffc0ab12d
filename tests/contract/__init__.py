"""One contract for every device: each adapter's test file inherits the suite and says how to reach its far side."""

from __future__ import annotations

import pytest

for _module in ("common", "ends", "far", "fetch_checks", "source_checks", "target_checks"):
    # Before anything imports them, from whatever folder: pytest explains the asserts in them.
    pytest.register_assert_rewrite(f"tests.contract.{_module}")
