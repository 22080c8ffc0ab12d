"""``v2xsync status``: the live picture of the running service, or what it last wrote down; and what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from v2xsync.cli.attaching import service_of
from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.moments import shown, size
from v2xsync.cli.records import last_view, reading
from v2xsync.config.schema import StationConfig
from v2xsync.engine.gates import EVERYTHING, paused_names
from v2xsync.engine.service import plain
from v2xsync.ledger.base import Backlog

ROWS: Final = 200
"""Rows of the queue in the live view."""

_HEAD = ("device", "type", "state", "since", "waiting", "done", "trouble")


def run(call: Call) -> int:
    """Print the view and the backlog; a station that never ran is no failure."""
    config = call.config(opens_devices=False)
    live = _live(config)
    with reading(config) as reader:
        view = live or last_view(reader)
        backlog = reader.backlog()
        paused = sorted(paused_names(reader))
    if call.out.as_json:
        call.out.document({"view": view, "live": live is not None, "paused": paused, "backlog": backlog})
        return DONE
    if view is None:
        call.out.line(f"{config.name}: has not run yet")
    else:
        _tell_view(call, config, view, live=live is not None)
        _tell_unready(call, view)
    if paused:
        call.out.line(f"paused: {'everything' if EVERYTHING in paused else ', '.join(paused)}")
    _tell_backlog(call, backlog)
    return DONE


def _live(config: StationConfig) -> Mapping[str, Any] | None:
    """The running service's view as plain values, as it would write it down; None where no service answers."""
    with service_of(config) as service:
        return None if service is None else plain(service.view(ROWS))


def _tell_view(call: Call, config: StationConfig, view: Mapping[str, Any], *, live: bool) -> None:
    zone = config.zone
    when = shown(view.get("at"), zone)
    call.out.line(f"{view.get('name')}: {view.get('state')} at {when}{'' if live else ' (as last written down)'}")
    for moving in view.get("transfers", ()) if live else ():
        call.out.line(_motion(moving))
    if view.get("next_run"):
        due = view["next_run"] <= call.now()
        call.out.line(f"next run: {'due now' if due else shown(view['next_run'], zone)}")
    if view.get("store_low"):
        call.out.line(f"the store is low on space ({size(view.get('store_free'))} free): fetching waits")
    call.out.table(_HEAD, (_row(device, zone) for device in view.get("devices", ())))


def _motion(moving: Mapping[str, Any]) -> str:
    """One file in motion."""
    done = 100 * moving["position"] // moving["size"] if moving["size"] else 100
    ends = f"{moving['source']} -> {moving['device']}"
    return f"{moving['state']} {done}% {moving['path']} ({size(moving['size'])}) {ends}, {size(int(moving['rate']))}/s"


def _tell_unready(call: Call, view: Mapping[str, Any]) -> None:
    """Files that were seen and not taken yet, and what each waits for."""
    for device in view.get("devices", ()):
        named = device.get("unready", ())
        for file in named:
            call.out.line(f"not ready: {device.get('name')}: {file.get('path')}: {file.get('reason')}")
        more = device.get("not_ready", 0) - len(named)
        if more > 0:
            call.out.line(f"not ready: {device.get('name')}: {more} more files")


def _row(device: Mapping[str, Any], zone: ZoneInfo) -> Sequence[str]:
    """One device; a view that an older version wrote may lack a key."""
    trouble = " -- ".join(part for part in (device.get("trouble"), device.get("remedy")) if part)
    words = (str(device.get(key, "")) for key in ("name", "type", "state"))
    counts = (str(device.get(key, "")) for key in ("waiting", "done"))
    return (*words, shown(device.get("since"), zone), *counts, trouble)


def _tell_backlog(call: Call, backlog: Backlog) -> None:
    for verb, waiting in (("to fetch from", backlog.fetch), ("to deliver to", backlog.deliver)):
        for device, (count, total) in sorted(waiting.items()):
            call.out.line(f"{count} files ({size(total)}) {verb} {device}")
    for device, count in sorted(backlog.remove.items()):
        call.out.line(f"{count} originals to judge at {device}")
    call.out.line(f"{backlog.items} files known, {backlog.holds} on hold")
