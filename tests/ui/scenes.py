"""Scenes of a station's life, each a station to look at."""

from __future__ import annotations

from dataclasses import replace

from tests.ui.cast import (
    BUSY_TOTALS,
    EVENTS,
    GB,
    HOLDS,
    HOUR,
    LIFE,
    MB,
    NOW,
    QUEUE,
    SOURCES,
    TARGETS,
    TONIGHT,
    TRANSFERS,
    ZONE,
    event,
    history,
    queued,
    source,
    station,
)
from tests.ui.facade import ScriptedFacade
from v2xsync.model.views import (
    DeviceState,
    DeviceView,
    Level,
    StationState,
    WorkState,
)
from v2xsync.ui.options import UiOptions


def options(**changes: object) -> UiOptions:
    """Options with a clock that stands still."""
    return replace(
        UiOptions(fps=4, ascii=False, clock=lambda: NOW, ticks=lambda: 0.0, zone=ZONE, user="dana"),
        **changes,  # type: ignore[arg-type]  # replace checks names at run time
    )


# --- scenes -----------------------------------------------------------------------------------------------------------


def busy() -> ScriptedFacade:
    """The nightly run: two intersections flow, one is away, one refused, a target is full."""
    view = station(transfers=TRANSFERS, queue=QUEUE, totals=BUSY_TOTALS, holds=3, errors_unseen=2)
    return ScriptedFacade(view, EVENTS, history(), HOLDS, {4: LIFE})


def unplugged() -> ScriptedFacade:
    """A flash drive has given all it had and was unmounted."""
    drive = source("flash", DeviceState.SAFE, type="disk", next_run=None, done=41, done_bytes=88 * MB)
    devices = (*SOURCES[:3], drive, *TARGETS)
    return ScriptedFacade(station(devices=devices, transfers=TRANSFERS, queue=QUEUE, totals=BUSY_TOTALS), EVENTS)


def starting() -> ScriptedFacade:
    """The first second: nothing is known."""
    devices = tuple(
        DeviceView(name=d.name, type=d.type, is_source=d.is_source, is_target=d.is_target, state=DeviceState.UNKNOWN)
        for d in (*SOURCES, *TARGETS)
    )
    return ScriptedFacade(station(devices=devices, state=StationState.STARTING, last_event=0, next_run=None))


def resting() -> ScriptedFacade:
    """All done, the next run is tonight."""
    calm = tuple(
        replace(d, state=DeviceState.UP, rate=0.0, active=0, waiting=0, waiting_bytes=0, trouble="", since=NOW - 300)
        for d in (*SOURCES[:4], *TARGETS[:2])
    )
    totals = replace(
        BUSY_TOTALS, rate_in=0.0, rate_out=0.0, queued=0, queued_bytes=0, batch_files_done=3896,
        batch_bytes_done=int(10.2 * GB), eta_s=None,
    )  # fmt: skip
    view = station(devices=calm, state=StationState.RESTING, totals=totals, next_run=TONIGHT, last_event=9)
    return ScriptedFacade(view, EVENTS[:9], history())


def failing() -> ScriptedFacade:
    """Every source away or refused, the store low, errors unseen."""
    devices = tuple(
        replace(
            device, state=DeviceState.AWAY if number % 2 else DeviceState.REFUSED, rate=0.0, active=0,
            since=NOW - number * 3 * HOUR, trouble="no route to host" if number % 2 else "the login was refused",
        )
        for number, device in enumerate((*SOURCES, *TARGETS), 1)
    )  # fmt: skip
    queue = tuple(replace(row, state=WorkState.WAITING, reason="its device is away") for row in QUEUE)
    totals = replace(BUSY_TOTALS, rate_in=0.0, rate_out=0.0, eta_s=None)
    view = station(
        devices=devices, queue=queue, totals=totals, errors_unseen=12, store_low=True, store_free=int(3.1 * GB), holds=3
    )
    return ScriptedFacade(view, EVENTS, history(), HOLDS)


def away() -> ScriptedFacade:
    """An attached screen whose service does not answer: its last picture."""
    still = replace(BUSY_TOTALS, rate_in=0.0, rate_out=0.0, eta_s=None)
    view = station(state=StationState.AWAY, queue=QUEUE, totals=still, holds=3)
    return ScriptedFacade(view, EVENTS, history(), HOLDS)


def long_queue(rows: int = 10_000) -> ScriptedFacade:
    """Ten thousand rows wait."""
    hosts = [device.name for device in SOURCES[:4]]
    queue = tuple(queued(number, hosts[number % 4]) for number in range(rows))
    totals = replace(BUSY_TOTALS, queued=rows, queued_bytes=rows * 2 * MB)
    return ScriptedFacade(station(transfers=TRANSFERS, queue=queue, totals=totals), EVENTS, history())


def wide_names() -> ScriptedFacade:
    """Names in Cyrillic, Japanese and Arabic, of 200 characters, with markup and with controls made printable."""
    names = (
        "Перекрёсток-Невский_spatLog_03042026_000000.csv",
        "交差点-渋谷-スクランブル-信号機-記録_2026年03月04日_午前.csv",
        "[bold red]not markup[b] \\x1b[31m.csv",
        "x" * 190 + "_tail.csv",
        "تقاطع-الميدان_0304.csv",
        "e\u0301a\u0300 combining.csv",
    )
    transfers = tuple(
        replace(row, path=f"архив/{name}", source="перекрёсток-9") for row, name in zip(TRANSFERS, names, strict=False)
    )
    queue = tuple(replace(row, path=name) for row, name in zip(QUEUE, names * 2, strict=False))
    devices = (
        replace(SOURCES[0], name="перекрёсток-Невский-Литейный"),
        replace(SOURCES[1], name="渋谷スクランブル交差点-北西"),
        replace(SOURCES[2], name="intersection-with-a-very-long-name-that-goes-on-and-on"),
        *SOURCES[3:],
        replace(TARGETS[0], name="アーカイブ"),
        *TARGETS[1:],
    )
    events = (event(1, 3, f"stored {names[1]}", device="渋谷"), event(2, 1, f"held {names[3]}", Level.ERROR))
    view = station(devices=devices, transfers=transfers, queue=queue, totals=BUSY_TOTALS, name="станция-電気通信")
    return ScriptedFacade(replace(view, last_event=2), events)


def paused() -> ScriptedFacade:
    """A person paused everything."""
    devices = tuple(replace(d, state=DeviceState.PAUSED, paused=True, rate=0.0, active=0) for d in (*SOURCES, *TARGETS))
    view = station(devices=devices, state=StationState.PAUSED, queue=QUEUE, totals=replace(BUSY_TOTALS, eta_s=None))
    return ScriptedFacade(view, EVENTS, history())


def empty() -> ScriptedFacade:
    """A config without routes' work: one source, no target, nothing ever happened."""
    view = station(devices=(source("clay-11th"),), routes=(), next_run=None, last_event=0, state=StationState.RESTING)
    return ScriptedFacade(view)
