"""One short text that changes whenever the rules change: the engine then judges waiting removals again."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from v2xsync.config.schema import DeviceConfig, StoreConfig
from v2xsync.config.secrets import SecretRef
from v2xsync.model.rules import Route


def rules_digest(
    zone: ZoneInfo, store: StoreConfig, devices: Mapping[str, DeviceConfig], routes: tuple[Route, ...]
) -> str:
    """Return the sha256 (hex) of everything that rules depend on; secrets are left out."""
    facts = {
        "zone": zone.key,
        "store": _plain(store),
        "devices": {name: {"type": device.type, **_options(device)} for name, device in devices.items()},
        "routes": {route.name: _plain(route) for route in routes},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _options(device: DeviceConfig) -> Mapping[str, object]:
    return {name: _plain(value) for name, value in device.options if not isinstance(value, SecretRef)}


def _plain(value: object) -> object:
    """Return `value` as JSON can hold it, with the type of every value of ours."""
    if isinstance(value, enum.Enum):
        return value.name
    if dataclasses.is_dataclass(value):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"is": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value
