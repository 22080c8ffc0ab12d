"""A ledger for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from v2xsync.ledger.base import Ledger
from v2xsync.ledger.sqlite import open_memory


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """The real thing, on a file that is forgotten."""
    opened = open_memory()
    yield opened
    opened.close()
