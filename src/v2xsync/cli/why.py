"""``v2xsync why PATH``: where a file is, what it waits for, and what happens next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE, SOME_FAILED
from v2xsync.cli.moments import shown, size
from v2xsync.cli.records import last_view, reading
from v2xsync.config.device_options import LocalOptions, SftpOptions
from v2xsync.config.schema import StationConfig
from v2xsync.engine.explain import explain
from v2xsync.ledger.base import Dossier, LedgerReader, LogLine


def run(call: Call) -> int:
    """Print the story of every item that the path may mean; exit code 1 where nothing is known."""
    config = call.config(opens_devices=False)
    wanted = call.arguments.path
    with reading(config) as reader:
        dossiers = _find(reader, config, wanted, call.cwd)
        view = last_view(reader)
    stories = [(dossier, _summary(dossier, config, call.now())) for dossier in dossiers]
    waiting = _unready(view, wanted, _below_roots(config, wanted, call.cwd))
    if call.out.as_json:
        known = [{"dossier": dossier, "summary": summary} for dossier, summary in stories]
        call.out.stream("items", (*known, *({"unready": file, "summary": [_not_taken(file)]} for file in waiting)))
    else:
        for dossier, summary in stories:
            _tell(call, config, dossier, summary)
        for file in waiting:
            call.out.line(f"{file['source']}: {file['path']}  ({size(file['size'])})")
            call.out.line(f"  {_not_taken(file)}")
    if not stories and not waiting:
        call.out.talk(f"v2xsync: nothing is known about {wanted} -- see `v2xsync history` for what is")
        return SOME_FAILED
    return DONE


def _find(reader: LedgerReader, config: StationConfig, wanted: str, cwd: Path) -> Sequence[Dossier]:
    found: dict[int, Dossier] = {}
    for path in dict.fromkeys((wanted, *_below_roots(config, wanted, cwd))):
        found.update((dossier.item_id, dossier) for dossier in reader.dossiers(path))
    return tuple(found.values())


def _unready(view: Mapping[str, Any] | None, wanted: str, also: Iterable[str]) -> Sequence[Mapping[str, Any]]:
    """Files of that path (or path's end) that the station last saw and did not take, with their source."""
    paths = (wanted, *also)
    return [
        {"source": device["name"], **file}
        for device in (view or {}).get("devices", ())
        for file in device.get("unready", ())
        if any(file["path"] == path or file["path"].endswith(f"/{path}") for path in paths)
    ]


def _not_taken(file: Mapping[str, Any]) -> str:
    return f"It was seen and is not taken yet: {file['reason']}."


def _below_roots(config: StationConfig, wanted: str, cwd: Path) -> Iterator[str]:
    """What `wanted` is below the store and the roots of devices: people paste whole paths."""
    here = cwd / wanted
    roots = [options.directory for d in config.devices.values() if isinstance(options := d.options, LocalOptions)]
    for root in (config.store.directory, *roots):
        if here.is_relative_to(root) and here != root:
            yield here.relative_to(root).as_posix()
    for device in config.devices.values():
        if isinstance(device.options, SftpOptions):
            prefix = f"{device.options.root.rstrip('/')}/"
            if wanted.startswith(prefix):
                yield wanted.removeprefix(prefix)


def _summary(dossier: Dossier, config: StationConfig, now: float) -> Sequence[str]:
    routes = {route.name: route for route in config.routes}
    nobody: Mapping[str, None] = {}
    return explain(dossier, routes, now, nobody)


def _tell(call: Call, config: StationConfig, dossier: Dossier, summary: Sequence[str]) -> None:
    out, zone = call.out, config.zone
    changed = dossier.fingerprint.mtime_ns
    written = f", written {shown(changed / 1e9, zone)}" if changed is not None else ""
    out.line(f"{dossier.source}: {dossier.path}  (item {dossier.item_id}, {size(dossier.fingerprint.size)}{written})")
    for sentence in summary:
        out.line(f"  {sentence}")
    for line in dossier.log:
        out.line(f"    {shown(line.at, zone)}  {_deed(line)}")
    out.line()


def _deed(line: LogLine) -> str:
    parts = [line.step.value, line.device, line.place, line.proof.word if line.proof else "", line.method, line.detail]
    return "  ".join(part for part in parts if part)
