"""The systemd unit of a station: its config says what it may touch, all else is closed (systemd.exec(5))."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from v2xsync.config.device_options import LocalOptions
from v2xsync.config.schema import StationConfig
from v2xsync.config.secrets import SecretRef

CREDENTIALS: Final = Path("/etc/v2xsync/credentials")
"""Where the unit takes secrets of the kind `credential` from."""

ENVIRONMENT: Final = Path("/etc/v2xsync/environment")
"""Where the unit takes secrets of the kind `env` from."""

WATCHDOG_S: Final = 180
"""Three times what the warden may need for one round (engine.service)."""

STOP_S: Final = 120
"""Above the drain's deadline and what follows it (cli.headless)."""

_DRIVE: Final = "disk"
_HARDWARE: Final = frozenset({_DRIVE, "mavftp"})
"""Device types that need the machine's own devices."""

_HOMES: Final = ("/home", "/root", "/run/user")
_TEMPORARY: Final = ("/tmp", "/var/tmp")  # noqa: S108 - only compared with
_ROOTS_POWERS: Final = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER"

_ALWAYS: Final = (
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
)
_SYSTEM_ONLY: Final = ("RemoveIPC=yes", "KeyringMode=private")
_OWN_VIEW: Final = (
    "ProtectSystem=strict",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectProc=invisible",
)
"""These give the service a view of the mounts of its own: a drive unmounted there would still be mounted outside."""

_NO_HARDWARE: Final = ("ProtectClock=yes", "ProtectHostname=yes", "RestrictNamespaces=yes", "PrivateDevices=yes")
"""The first closes all devices but the clocks', the last all of them."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the unit is for: the config, the command that runs it, and whose service it is."""

    config: StationConfig
    command: Sequence[str]
    program: Sequence[Path]
    """What that command is made of, wherever it is installed."""
    user: str
    """Of a system service; empty for a service of the person's own manager (``systemctl --user``)."""
    usual_state: bool
    """The config names no state folder: it is the asking person's own."""


def render(order: Order) -> str:
    """Return the unit's text."""
    parts = (("Unit", _unit(order)), ("Service", _service(order)), ("Install", _install(order)))
    return "\n".join(f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in parts)


def _unit(order: Order) -> Iterator[str]:
    yield f"Description=v2xsync, courier for field data: {_plain(order.config.name)}"
    if order.user:
        yield "Wants=network-online.target"
        yield "After=network-online.target"


def _install(order: Order) -> Iterator[str]:
    yield f"WantedBy={'multi-user' if order.user else 'default'}.target"


def _service(order: Order) -> Iterator[str]:
    yield "Type=notify"
    yield f"ExecStart={' '.join(quoted(word, command=True) for word in order.command)}"
    yield "ExecReload=/bin/kill -HUP $MAINPID"
    if order.user:
        yield f"User={order.user}"
    if order.usual_state:
        yield f"Environment={quoted(f'STATE_DIRECTORY={order.config.state}')}"
    yield from _secrets(order.config)
    yield f"WatchdogSec={WATCHDOG_S}"
    yield "Restart=on-failure"
    yield "RestartSec=10"
    yield "RestartPreventExitStatus=2 4"
    yield "TimeoutStartSec=300"
    yield f"TimeoutStopSec={STOP_S}"
    yield "UMask=0027"
    yield from _sandbox(order)


def _sandbox(order: Order) -> Iterator[str]:
    yield from _ALWAYS
    hardware = any(device.type in _HARDWARE for device in order.config.devices.values())
    yield f"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6{' AF_NETLINK' if hardware else ''}"
    if not hardware:
        yield "SystemCallFilter=@system-service"
    if not order.user:  # a person's own manager may not do more
        return
    yield from _SYSTEM_ONLY
    if not hardware:
        yield from _NO_HARDWARE
        yield f"CapabilityBoundingSet={_ROOTS_POWERS if order.user == 'root' else ''}"
    if any(device.type == _DRIVE for device in order.config.devices.values()):
        yield "# it mounts drives, and unmounts them for everybody: it shares the system's view of them"
    else:
        yield from _own_view(order)


def _own_view(order: Order) -> Iterator[str]:
    """Everything is read-only to the service but what it works on."""
    yield from _OWN_VIEW
    touched = [*own_folders(order.config), *_device_folders(order.config)]
    read = [order.config.source_file, *order.program, *_files_of_devices(order.config)]
    homely = _any_below(_HOMES, [*touched, *read])
    yield f"ProtectHome={'read-only' if homely else 'yes'}"
    yield f"PrivateTmp={'no' if _any_below(_TEMPORARY, [*touched, *read]) else 'yes'}"
    for folder in dict.fromkeys(touched):
        yield f"ReadWritePaths={quoted(f'-{folder}')}"


def own_folders(config: StationConfig) -> Sequence[Path]:
    """The station's own folders, which have to be there before it starts in its sandbox."""
    return tuple(folder for folder in (config.state, config.store.directory, config.logs) if folder is not None)


def _device_folders(config: StationConfig) -> Iterator[Path]:
    """Folders that files are fetched from (and removed) or delivered to."""
    for device in config.devices.values():
        if isinstance(device.options, LocalOptions):
            yield device.options.directory
        point = getattr(device.options, "mount_point", None)
        if isinstance(point, Path):
            yield point


def _files_of_devices(config: StationConfig) -> Iterator[Path]:
    """Files that devices need to be read: keys, certificates, secrets."""
    for device in config.devices.values():
        for _name, value in device.options:
            if isinstance(value, Path):
                yield value
    yield from (Path(ref.place) for ref in _all_refs(config) if ref.kind == "file")


def _secrets(config: StationConfig) -> Iterator[str]:
    for place in credentials(config):
        yield f"LoadCredential={quoted(f'{place}:{CREDENTIALS / place}')}"
    if any(ref.kind == "env" for ref in _all_refs(config)):
        yield f"EnvironmentFile=-{ENVIRONMENT}"


def credentials(config: StationConfig) -> Sequence[str]:
    """Names of the secrets that systemd hands over."""
    return sorted({ref.place for ref in _all_refs(config) if ref.kind == "credential"})


def _all_refs(config: StationConfig) -> Iterator[SecretRef]:
    for device in config.devices.values():
        for _name, value in device.options:
            yield from _refs(value)


def _refs(value: object) -> Iterator[SecretRef]:
    if isinstance(value, SecretRef):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _refs(inner)


def _any_below(roots: Iterable[str], paths: Sequence[Path]) -> bool:
    return any(path.is_relative_to(root) for path in paths for root in roots)


def quoted(text: str, *, command: bool = False) -> str:
    """Return a word as systemd.syntax(7) takes it; in a command line a dollar is doubled too."""
    safe = text.replace("%", "%%").replace("$", "$$") if command else text.replace("%", "%%")
    if safe and all(letter.isalnum() or letter in "/._-:=@+,%$" for letter in safe):
        return safe
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    return " ".join(text.replace("%", "%%").split())
