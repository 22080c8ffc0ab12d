"""What a loaded config is: frozen values with every default applied and every name resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from v2xsync.model.limits import RateStep
from v2xsync.model.rules import Route

if TYPE_CHECKING:
    from v2xsync.config.device_options import DeviceFacts, DeviceOptions
    from v2xsync.config.secrets import Vault


@dataclass(frozen=True, slots=True)
class Keep:
    """How long the store keeps a copy after delivery to every target, in seconds; None: for ever."""

    after_delivery_s: float | None = None

    @property
    def forever(self) -> bool:
        """Whether nothing ever leaves the store."""
        return self.after_delivery_s is None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """The local store; `layout` is empty where each route's default applies, `min_free` is in bytes."""

    directory: Path
    layout: str = ""
    min_free: int = 0
    keep: Keep = Keep()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """One device: its options as its type defines them (secrets unresolved), and what is known of its type."""

    name: str
    type: str
    options: DeviceOptions
    facts: DeviceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """The whole config in force. Paths are absolute; `digest` changes with anything that rules depend on."""

    name: str
    zone: ZoneInfo
    state: Path
    logs: Path | None
    on_hangup: str
    store: StoreConfig
    limits: tuple[RateStep, ...]
    devices: Mapping[str, DeviceConfig]
    routes: tuple[Route, ...]
    keys: Mapping[str, str]
    source_file: Path
    digest: str
    vault: Vault = field(compare=False)
    """Reads the secrets that devices need, and keeps them out of logs (`vault.redactor`)."""
    warnings: tuple[str, ...] = ()

    def route(self, name: str) -> Route | None:
        """Return the route named `name`."""
        return next((route for route in self.routes if route.name == name), None)
