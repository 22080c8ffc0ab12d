"""The ledger, as commands open it: to read beside a running engine, or to own it for a moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from v2xsync.config.schema import StationConfig
from v2xsync.ledger.base import Ledger, LedgerReader


@contextlib.contextmanager
def reading(config: StationConfig) -> Iterator[LedgerReader]:
    """Open the ledger without taking the lock; a station that never ran has an empty one. Raises LedgerError."""
    from v2xsync.ledger.sqlite import LEDGER_NAME, open_memory, open_reader

    has_run = (config.state / LEDGER_NAME).exists()
    reader = open_reader(config.state) if has_run else open_memory()
    try:
        yield reader
    finally:
        reader.close()


@contextlib.contextmanager
def owning(config: StationConfig) -> Iterator[Ledger]:
    """Own the state folder for a moment; raises StateInUse where an engine runs."""
    from v2xsync.ledger.sqlite import open_ledger

    ledger = open_ledger(config.state)
    try:
        yield ledger
    finally:
        ledger.close()
