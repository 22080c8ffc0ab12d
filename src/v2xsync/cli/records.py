"""The ledger, as commands open it: to read beside a running engine, or to own it for a moment."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from v2xsync.config.schema import StationConfig
from v2xsync.ledger.base import Ledger, LedgerReader

VIEW_NOTE: Final = "view"
"""The ledger's note that a running station keeps its view in (engine.service)."""


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


def last_view(reader: LedgerReader) -> Mapping[str, Any] | None:
    """The view that the station last wrote down, as plain values; another version's that cannot be read is none."""
    try:
        view = json.loads(reader.note(VIEW_NOTE))
    except ValueError:
        return None
    return view if isinstance(view, dict) else None


@contextlib.contextmanager
def owning(config: StationConfig) -> Iterator[Ledger]:
    """Own the state folder for a moment; raises StateInUse where an engine runs."""
    from v2xsync.ledger.sqlite import open_ledger

    ledger = open_ledger(config.state)
    try:
        yield ledger
    finally:
        ledger.close()
