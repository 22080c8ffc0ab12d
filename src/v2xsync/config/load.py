"""From a file to the config in force: read, shape, resolve, judge; all problems are raised together.

Nothing is written and nothing is connected; the disk is only asked about the folders and secret files that are named.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from v2xsync.config.devices import DeviceDraft, judge_secrets, read_devices
from v2xsync.config.digest import rules_digest
from v2xsync.config.ends import Grounds, judge_ends
from v2xsync.config.fields import PathContext, Table
from v2xsync.config.folders import judge_folder
from v2xsync.config.problems import Misfit, Problems, did_you_mean
from v2xsync.config.routes import read_routes
from v2xsync.config.schema import DeviceConfig, StationConfig, StoreConfig
from v2xsync.config.secrets import Redactor, Vault
from v2xsync.config.shapes import shape
from v2xsync.config.station import LimitsTable, StationTable, StoreTable, read_keys
from v2xsync.config.text import find_config, read_toml
from v2xsync.config.usual import machine_zone, usual_state, zone_named
from v2xsync.model.rules import Route
from v2xsync.model.schedule import Cron, Daily

__all__ = ["find_config", "load"]

SECTIONS: Final = ("station", "store", "limits", "devices", "routes", "keys")

T = TypeVar("T", bound=Table)


def load(path: Path, environ: Mapping[str, str], *, check_secrets: bool = True) -> StationConfig:
    """Return the config that the file at `path` says.

    Raises ConfigErrors (a ConfigError with `problems`) for everything that is wrong at once. With `check_secrets` a
    secret that could not be read now counts as wrong; commands that open no device leave that out.
    """
    source_file = path.absolute()
    raw = read_toml(source_file)
    reading = _Reading(raw, source_file, environ, Problems(str(source_file)), Vault(environ, Redactor()))
    return reading.config(check_secrets=check_secrets)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading of one file."""

    raw: Mapping[str, object]
    file: Path
    environ: Mapping[str, str]
    problems: Problems
    vault: Vault

    def config(self, *, check_secrets: bool) -> StationConfig:
        """Read the sections in turn and return the whole config, or raise every problem found."""
        self._judge_sections()
        station = self._section("station", StationTable) or StationTable()
        drafts = read_devices(self._named_tables("devices"), self._context, self.problems)
        secrets = tuple(judge_secrets(drafts, self.vault, self.file, self.problems if check_secrets else None))
        store = self._store(station)
        routes = read_routes(self._named_tables("routes"), drafts, store, self.problems)
        ends = self._ends(station, drafts, store, routes)
        self._judge_folders(station, store)
        zone = self._zone(station)
        limits = (self._section("limits", LimitsTable) or LimitsTable()).steps()
        keys = read_keys(self.raw.get("keys", {}), self.problems)
        self.problems.raise_if_any()
        devices = {name: device for name, draft in drafts.items() if (device := draft.device()) is not None}
        advice = (*secrets, *ends, *_zone_advice(station, zone, routes), *_unused(devices, routes))
        return StationConfig(
            name=station.name or platform.node() or "v2xsync",
            zone=zone,
            state=self._state(station),
            logs=station.logs,
            on_hangup=station.on_hangup,
            store=store,
            limits=limits,
            devices=devices,
            routes=routes,
            keys=keys,
            source_file=self.file,
            digest=rules_digest(zone, store, devices, routes),
            vault=self.vault,
            warnings=advice,
        )

    @property
    def _context(self) -> PathContext:
        home = self.environ.get("HOME") or self.environ.get("USERPROFILE")
        return PathContext(self.file.parent, Path(home) if home else None)

    def _judge_sections(self) -> None:
        for name in self.raw:
            if name not in SECTIONS:
                self.problems.add(name, "unknown section", remedy=did_you_mean(name, SECTIONS, kind="sections"))
        if not self.raw.get("devices"):
            self.problems.add("devices", "no device is written", remedy="write at least one [devices.NAME]")

    def _section(self, name: str, model: type[T]) -> T | None:
        if name not in self.raw:
            return None
        shaped = shape(model, self.raw[name], key=name, context=self._context, problems=self.problems)
        return shaped.table if shaped is not None else None

    def _named_tables(self, name: str) -> Mapping[str, object]:
        found = self.raw.get(name, {})
        if isinstance(found, Mapping):
            return found
        self.problems.add(name, "this is not a table", remedy=f"write tables: [{name}.NAME]")
        return {}

    def _state(self, station: StationTable) -> Path:
        return station.state or usual_state(self.environ, self._context.home)

    def _store(self, station: StationTable) -> StoreConfig:
        """The store; without ``[store]`` it stands below the state folder, where only staging routes would need it."""
        table = self._section("store", StoreTable)
        if table is not None:
            return table.store()
        if "store" not in self.raw and self._any_route_stages():
            remedy = 'write [store] and directory = "/srv/v2x-data"'
            self.problems.add("store.directory", "the routes keep a local copy and no store is written", remedy=remedy)
        return StoreConfig(directory=self._state(station) / "store")

    def _any_route_stages(self) -> bool:
        routes = self.raw.get("routes", {})
        tables = routes.values() if isinstance(routes, Mapping) else ()
        return any(isinstance(table, Mapping) and table.get("stage", True) is not False for table in tables)

    def _judge_folders(self, station: StationTable, store: StoreConfig) -> None:
        judge_folder("station.state", self._state(station), self.problems)
        judge_folder("station.logs", station.logs, self.problems)
        if "store" in self.raw:
            judge_folder("store.directory", store.directory, self.problems)

    def _zone(self, station: StationTable) -> ZoneInfo:
        if not station.timezone:
            return machine_zone(self.environ)
        try:
            return zone_named(station.timezone)
        except Misfit as misfit:
            self.problems.add_misfit("station.timezone", misfit)
            return ZoneInfo("UTC")

    def _ends(
        self, station: StationTable, drafts: Mapping[str, DeviceDraft], store: StoreConfig, routes: tuple[Route, ...]
    ) -> tuple[str, ...]:
        places = {name: draft.options.place() for name, draft in drafts.items() if draft.options is not None}
        grounds = Grounds(devices=places, store=store.directory, state=self._state(station), logs=station.logs)
        return judge_ends(routes, grounds, self.problems)


def _zone_advice(station: StationTable, zone: ZoneInfo, routes: tuple[Route, ...]) -> Iterator[str]:
    timed = any(isinstance(plan, Daily | Cron) for route in routes for plan in (*route.fetch.values(), route.deliver))
    if timed and not station.timezone:
        yield f'station.timezone: not written, so times of day are taken in {zone.key}: write timezone = "{zone.key}"'


def _unused(devices: Mapping[str, DeviceConfig], routes: tuple[Route, ...]) -> Iterator[str]:
    used = {name for route in routes for name in (*route.sources, *route.targets)}
    for name in devices:
        if name not in used:
            yield f"devices.{name}: no route uses it"
    for route in routes:
        if route.name in devices:
            yield f"routes.{route.name}: a device has the same name, so commands that name it mean both"
    if not routes:
        yield "routes: none is written, so nothing will be moved"
