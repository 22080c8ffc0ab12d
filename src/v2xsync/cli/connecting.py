"""The part of ``check --connect`` that opens devices: log in, list, and measure the clock and the free space."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final

from v2xsync.cli.exit_codes import code_of
from v2xsync.cli.findings import ERROR, OK, WARNING, Finding
from v2xsync.cli.moments import size
from v2xsync.config.schema import StationConfig
from v2xsync.devices.base import Health
from v2xsync.engine.wiring import open_session
from v2xsync.errors import V2xSyncError
from v2xsync.model.items import Kind, Unlistable

LISTED: Final = 1000
"""Enough of a listing to know that it works."""

CLOCK_OFF_S: Final = 120.0
"""A device's clock that is further off than this puts files into wrong days."""


def check_devices(config: StationConfig, now: Callable[[], float]) -> Iterator[Finding]:
    """Open every device in turn, then look at the store; one that fails does not stop the others."""
    sources = {name for route in config.routes for name in route.sources}
    for name in config.devices:
        yield from _check_device(config, name, now, lists=name in sources)
    yield from _check_store(config)


def _check_device(config: StationConfig, name: str, now: Callable[[], float], *, lists: bool) -> Iterator[Finding]:
    about, began = f"devices.{name}", now()
    try:
        with closing(open_session(config, name)) as session:
            session.connect()
            health = session.probe()
            yield Finding(OK, about, _health(health, now() - began))
            if health.clock_offset_s is not None and abs(health.clock_offset_s) > CLOCK_OFF_S:
                text = f"its clock is {health.clock_offset_s:+.0f} s off"
                yield Finding(WARNING, about, text, "set the device's clock (NTP)")
            if lists:
                yield from _listing(session, about)
    except V2xSyncError as error:
        yield Finding(ERROR, about, error.what, error.remedy, code_of(error))


def _health(health: Health, took_s: float) -> str:
    parts = [f"answers in {took_s:.1f} s", health.detail]
    if health.clock_offset_s is not None:
        parts.append(f"clock {health.clock_offset_s:+.1f} s")
    if health.free_bytes is not None:
        parts.append(f"{size(health.free_bytes)} free")
    return ", ".join(part for part in parts if part)


def _listing(session: Any, about: str) -> Iterator[Finding]:
    files = 0
    with closing(iter(session.list())) as listing:
        for entry in itertools.islice(listing, LISTED):
            if isinstance(entry, Unlistable):
                yield Finding(WARNING, about, f"{entry.path or 'the root'} cannot be listed: {entry.reason}")
            else:
                files += entry.kind is Kind.FILE
    more = " or more" if files >= LISTED else ""
    yield Finding(OK, about, f"{files}{more} files in the listing")


def _check_store(config: StationConfig) -> Iterator[Finding]:
    if not any(route.stage for route in config.routes):
        return
    directory, about = config.store.directory, "store.directory"
    there = next(folder for folder in (directory, *directory.parents) if folder.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        yield Finding(ERROR, about, f"cannot be looked at: {error.strerror}", "correct the path or its mode", 2)
        return
    if free < config.store.min_free:
        text = f"{size(free)} free, less than min_free ({size(config.store.min_free)}): fetching would wait"
        yield Finding(WARNING, about, text, "make room, or lower store.min_free")
    else:
        yield Finding(OK, about, f"{size(free)} free")
