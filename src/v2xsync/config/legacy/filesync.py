"""filesync: workers, each from one source to one target; both generations of the config."""

from __future__ import annotations

from typing import Final

from v2xsync.config.legacy.draft import CarriedRoute
from v2xsync.config.legacy.filesync_devices import add_device
from v2xsync.config.legacy.filesync_rules import patterns_of
from v2xsync.config.legacy.reading import Old

SYSTEM: Final = "filesync"
_LEDGER: Final = "no equal: the ledger takes its place, and what the older database knows is not read"
_THREADS: Final = "no equal: each device has `max_parallel` (4, where it is not written)"
_WINDOW: Final = "no equal: v2xsync opens its screen on a terminal; --no-ui keeps it away"


def fits(raw: object) -> bool:
    """Whether a file's value has the shape of this system: many workers, or one."""
    if not isinstance(raw, dict):
        return False
    return "workers" in raw or (isinstance(raw.get("source"), dict) and isinstance(raw.get("target"), dict))


def carry(old: Old) -> None:
    """Put every worker into the draft as a route."""
    if "workers" not in old.raw:
        _Worker(old).carry()
        return
    workers = old.tables("workers")
    if not workers:
        old.wrong("workers", "no worker is written")
    for worker in workers:
        _Worker(worker).carry()
    old.rest()


class _Worker:
    """One worker on its way to a route."""

    def __init__(self, old: Old) -> None:
        self._old = old

    def carry(self) -> None:
        old = self._old
        source = add_device(old.table("source", required=True))
        target = add_device(old.table("target", required=True))
        route = CarriedRoute(
            name=old.name("name", otherwise="worker"),
            sources=[source],
            targets=[target],
            stage=False,
            removes=True,
            off="" if old.flag("enable", default=True) else "the worker was not enabled",
        )
        if source == target:
            route.off = route.off or "source and target are the same place"
        self._selection(route)
        self._rhythm(route)
        route.options["target_path"] = "{path}"
        old.draft.add_route(route)
        self._leftovers()

    def _selection(self, route: CarriedRoute) -> None:
        """Include and exclude; nothing to include meant that nothing was moved."""
        rules, finder = self._old.table("rules"), self._old.table("finder")
        extensions = finder.texts("extensions")
        for key, patterns in patterns_of(rules, extensions).items():
            if patterns:
                route.options[key] = patterns
            elif key == "include":
                route.off = route.off or "the worker included nothing, so it moved nothing"
        rules.rest()

    def _rhythm(self, route: CarriedRoute) -> None:
        finder = self._old.table("finder")
        interval = finder.seconds("finder_interval", "search_interval")
        if interval:
            route.options["fetch"] = {"every": interval}
        finder.texts("extensions")
        if finder.whole("searching_times"):
            finder.note("searching_times", "no equal: ours looks for ever; `v2xsync --once` looks once")
        finder.ignore(
            "no equal: folders at the target are made when a file needs them", "mkdir_times", "mkdir_interval"
        )
        finder.ignore("no equal: each source has one finder", "count")
        finder.rest()

    def _leftovers(self) -> None:
        old = self._old
        old.ignore(_LEDGER, "db", "db_backup")
        old.ignore(_THREADS, "mover_count", "count")
        old.ignore("no equal: lines go to stdout; `logs` in [station] names a folder for files", "logger")
        old.ignore(_WINDOW, "gui")
        old.rest()
