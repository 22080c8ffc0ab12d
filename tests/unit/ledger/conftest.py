"""A ledger for each test, and disks that fill up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from v2xsync.ledger.base import Ledger
from v2xsync.ledger.sqlite import open_memory


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """The real thing, on a file that is forgotten."""
    opened = open_memory()
    yield opened
    opened.close()


@pytest.fixture
def file_size_limit() -> Callable[[int], contextlib.AbstractContextManager[None]]:
    """A context inside which no file of this process grows beyond so many bytes, as on a full disk."""
    resource = pytest.importorskip("resource")

    @contextlib.contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
