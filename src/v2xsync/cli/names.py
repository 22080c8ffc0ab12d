"""Names of routes and devices on the command line."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from v2xsync.config.problems import did_you_mean
from v2xsync.config.schema import StationConfig
from v2xsync.errors import ConfigError


def split_names(config: StationConfig, names: Sequence[str]) -> tuple[Collection[str] | None, Collection[str] | None]:
    """Return the routes and the devices that `names` mean; (None, None) where none is named: everything.

    Raises ConfigError for a name that is neither.
    """
    if not names:
        return None, None
    routes = {route.name for route in config.routes}
    _require(names, routes | set(config.devices), "route or device")
    return frozenset(routes & set(names)), frozenset(set(config.devices) & set(names))


def chosen_routes(config: StationConfig, names: Sequence[str]) -> Collection[str]:
    """Return the routes that `names` mean, all without any. Raises ConfigError for a name that is no route."""
    routes = frozenset(route.name for route in config.routes)
    _require(names, routes, "route")
    return frozenset(names) or routes


def _require(names: Sequence[str], known: Collection[str], kind: str) -> None:
    for name in names:
        if name not in known:
            remedy = did_you_mean(name, known, kind="names")
            raise ConfigError(f'there is no {kind} "{name}"', remedy=remedy)
