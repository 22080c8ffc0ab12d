"""The composition root: a config becomes a service. The only place where a device type's name becomes a class."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from v2xsync.config.device_options import (
    FtpOptions,
    IrodsOptions,
    LocalOptions,
    MavftpOptions,
    PostOptions,
    SftpOptions,
    WebdavOptions,
)
from v2xsync.config.schema import DeviceConfig, StationConfig
from v2xsync.config.secrets import SecretRef
from v2xsync.devices.base import ArrivalHints, Berth
from v2xsync.devices.discreet import Discreet
from v2xsync.engine.bells import Muster
from v2xsync.engine.board import Board
from v2xsync.engine.clock import Clock, SystemClock
from v2xsync.engine.crew import Crew, SessionMaker
from v2xsync.engine.docking import UsbPort, docked, drive_hints
from v2xsync.engine.gates import Gates
from v2xsync.engine.pacing import Throttle
from v2xsync.engine.retry import ONCE_DEVICES, ONCE_ITEMS, SERVICE_DEVICES, SERVICE_ITEMS
from v2xsync.engine.service import Service
from v2xsync.engine.station import DeviceFacts, Keep, Station
from v2xsync.engine.store import Store
from v2xsync.errors import ConfigError
from v2xsync.ledger.base import Ledger
from v2xsync.model.schedule import Arrival

T = TypeVar("T")
V = TypeVar("V")

KNOWN_HOSTS = "known_hosts"
"""Pinned host keys, in the state folder."""


def build(
    config: StationConfig,
    ledger: Ledger,
    *,
    once: bool = False,
    clock: Clock | None = None,
    chance: random.Random | None = None,
    usb: UsbPort | None = None,
) -> Service:
    """Put a whole station together; nothing is opened or started yet. `usb`: a simulated port, in a rehearsal."""
    clock = clock or SystemClock()
    routes = {route.name: route for route in config.routes}
    used = {name for route in config.routes for name in (*route.sources, *route.targets)}
    devices = {name: facts(config, name) for name in config.devices if name in used}
    station = Station(
        name=config.name,
        zone=config.zone,
        routes=routes,
        devices=devices,
        keep=Keep(config.store.keep.after_delivery_s),
        ledger=ledger,
        store=Store(config.store.directory, config.store.min_free, monotonic=clock.monotonic),
        board=Board(clock, tuple(devices)),
        clock=clock,
        chance=chance or random.Random(),  # noqa: S311 - jitter, not a secret
        throttle=Throttle(config.limits, config.zone, clock),
        gates=Gates(routes, config.zone, clock, ledger, only_forced=once),
        muster=Muster(clock),
        item_patience=ONCE_ITEMS if once else SERVICE_ITEMS,
        device_patience=ONCE_DEVICES if once else SERVICE_DEVICES,
        once=once,
    )
    _make_target_folders(config, devices, ledger)
    sessions: dict[str, SessionMaker] = {name: partial(open_session, config, name, clock) for name in devices}
    berths: dict[str, Berth] = {}
    for name in [name for name in devices if devices[name].type == "disk"]:
        sessions[name], berths[name] = docked(config, config.devices[name], usb)
    crew = Crew(station, sessions, {} if once else _hints(config, station, usb), berths)
    return Service(crew, config.digest)


def _make_target_folders(config: StationConfig, devices: Collection[str], ledger: Ledger) -> None:
    """Make a local target's folder the first time; one that was there and is gone is a drive that is not mounted."""
    sources = {name for route in config.routes for name in route.sources}
    for name in devices:
        options = config.devices[name].options
        if not isinstance(options, LocalOptions) or name in sources:
            continue
        note = f"target folder {name}"
        if ledger.note(note) != str(options.directory):
            with contextlib.suppress(OSError):  # then the device itself tells what is wrong with it
                options.directory.mkdir(parents=True, exist_ok=True)
                ledger.write_note(note, str(options.directory))


def facts(config: StationConfig, name: str) -> DeviceFacts:
    """What the engine may know of a device before anything is opened."""
    device = config.devices[name]
    return DeviceFacts(name, device.type, open_session(config, name, SystemClock()).capabilities)


def open_session(config: StationConfig, name: str, clock: Clock | None = None) -> Any:
    """A fresh, unconnected session of one device. Raises ConfigError for a type without an adapter."""
    device = config.devices[name]
    make = _ADAPTERS.get(device.type)
    if make is None:
        raise ConfigError(f'devices of type "{device.type}" cannot be opened', key=f"devices.{name}.type")
    session = make(config, device, clock or SystemClock())
    return session if device.type in _WITHOUT_SECRETS else Discreet(session, config.vault.redactor.redact)


def _local(config: StationConfig, device: DeviceConfig, clock: Clock) -> Any:
    del config, clock
    from v2xsync.devices import local

    options = _options(device, LocalOptions)
    return local.LocalDevice(device.name, local.LocalOptions(root=options.directory, max_parallel=options.max_parallel))


def _disk(config: StationConfig, device: DeviceConfig, clock: Clock) -> Any:
    del clock
    make, _ = docked(config, device, alone=True)
    return make()


def _sftp(config: StationConfig, device: DeviceConfig, clock: Clock) -> Any:
    from v2xsync.devices.sftp import SftpDevice

    return SftpDevice(device.name, ssh_options(config, device), clock.now, monotonic=clock.monotonic)


def ssh_options(config: StationConfig, device: DeviceConfig) -> Any:
    """The adapter's options of an SFTP device; secrets are read only when a session logs in."""
    from v2xsync.devices.ssh import options as ssh

    options = _options(device, SftpOptions)
    return ssh.SftpOptions(
        host=options.host,
        port=options.port,
        username=options.username,
        password=secret(config, device, options.password),
        identity=options.identity,
        passphrase=secret(config, device, options.passphrase),
        host_key=options.host_key or "",
        known_hosts=options.known_hosts,
        pinned=config.state / KNOWN_HOSTS,
        root=options.root,
        timeout_s=options.timeout,
        max_parallel=options.max_parallel,
    )


def secret(config: StationConfig, device: DeviceConfig, ref: SecretRef | None) -> Callable[[], str] | None:
    """What reads a secret when a session logs in; None where the config has none."""
    return None if ref is None else config.vault.opener(device.name, ref)


def _irods(config: StationConfig, device: DeviceConfig, clock: Clock) -> Any:
    del clock
    from v2xsync.devices import irods

    options = _options(device, IrodsOptions)
    return irods.IrodsDevice(
        device.name,
        irods.IrodsOptions(
            root=options.root,
            environment=options.environment,
            host=options.host or "",
            port=options.port,
            zone=options.zone or "",
            username=options.username or "",
            password=secret(config, device, options.password),
            auth=options.auth or "",
            settings=options.settings(),
            metadata=options.metadata,
            timeout_s=options.timeout,
            max_parallel=options.max_parallel,
        ),
    )


def _webdav(config: StationConfig, device: DeviceConfig, clock: Clock) -> Any:
    from v2xsync.devices import webdav

    options = _options(device, WebdavOptions)
    return webdav.WebdavDevice(
        device.name,
        webdav.WebdavOptions(
            url=options.url,
            root=options.root,
            username=options.username or "",
            password=secret(config, device, options.password) or "",
            ca=options.ca,
            timeout_s=options.timeout,
            max_parallel=options.max_parallel,
        ),
        clock.now,
    )


def _ftp(config: StationConfig, device: DeviceConfig, clock: Clock) -> Any:
    from v2xsync.devices import ftp

    options = _options(device, FtpOptions)
    return ftp.FtpDevice(
        device.name,
        ftp.FtpOptions(
            host=options.host,
            port=options.port,
            username=options.username,
            password=secret(config, device, options.password),
            tls=options.tls,
            ca=options.ca,
            tls_name=options.tls_name,
            tls_verify=options.tls_verify,
            passive=options.passive,
            root=options.root,
            timeout_s=options.timeout,
            max_parallel=options.max_parallel,
            listing_zone=options.listing_zone,
        ),
        clock.now,
    )


def _mavftp(config: StationConfig, device: DeviceConfig, clock: Clock) -> Any:
    del config
    from v2xsync.devices.mavftp.device import MavftpDevice
    from v2xsync.devices.mavftp.options import MavftpOptions as Options
    from v2xsync.devices.mavftp.options import Safety

    options = _options(device, MavftpOptions)
    return MavftpDevice(
        device.name,
        Options(
            connection=options.connection,
            baud=options.baud,
            root=options.root,
            safety=Safety(options.safety),
            system=options.system,
            timeout_s=options.timeout,
        ),
        clock.monotonic,
    )


def _post(config: StationConfig, device: DeviceConfig, clock: Clock) -> Any:
    del clock
    from v2xsync.devices import post

    options = _options(device, PostOptions)
    return post.PostDevice(
        device.name,
        post.PostOptions(
            url=options.url,
            form=post.Form(options.form),
            fields=_read_late(config, device, options.fields),
            file_part=options.file_part or "file",
            headers=_read_late(config, device, options.headers),
            token=secret(config, device, options.token),
            username=options.username or "",
            password=secret(config, device, options.password),
            ca=options.ca,
            max_size=options.max_size,
            timeout_s=options.timeout,
            max_parallel=options.max_parallel,
        ),
    )


def _read_late(
    config: StationConfig, device: DeviceConfig, values: Mapping[str, V | SecretRef]
) -> dict[str, V | Callable[[], str]]:
    """`values`, those that lie elsewhere as what reads them when a session is opened."""
    vault = config.vault
    return {
        name: vault.opener(device.name, value) if isinstance(value, SecretRef) else value
        for name, value in values.items()
    }


def _options(device: DeviceConfig, kind: type[T]) -> T:
    if not isinstance(device.options, kind):
        raise ConfigError("its options do not fit its type", key=f"devices.{device.name}")
    return device.options


_WITHOUT_SECRETS: Final = frozenset({"local", "disk", "mavftp"})
"""Their peers are never shown one, so there is nothing that they could repeat."""

_ADAPTERS: Mapping[str, Callable[[StationConfig, DeviceConfig, Clock], Any]] = {
    "local": _local,
    "disk": _disk,
    "sftp": _sftp,
    "irods": _irods,
    "ftp": _ftp,
    "mavftp": _mavftp,
    "post": _post,
    "webdav": _webdav,
}


def _hints(config: StationConfig, station: Station, usb: UsbPort | None) -> Mapping[str, Callable[[], ArrivalHints]]:
    """Event listeners: for drives and vehicles' ports always, for folders where some route fetches on arrival."""
    folders = {
        name: partial(_folder_hints, config.devices[name])
        for name, device in station.devices.items()
        if device.type == "local"
        and any(isinstance(route.fetch_schedule(name), Arrival) for route in station.routes_from(name))
    }
    drives = {
        name: partial(drive_hints, config, config.devices[name], usb)
        for name, device in station.devices.items()
        if device.type == "disk"
    }
    ports = {
        name: partial(_port_hints, config.devices[name])
        for name, device in station.devices.items()
        if device.type == "mavftp" and _options(config.devices[name], MavftpOptions).is_serial
    }
    return {**folders, **drives, **ports}


def _port_hints(device: DeviceConfig) -> ArrivalHints:
    from v2xsync.devices.mavftp.hints import PortHints

    return PortHints(device.name, _options(device, MavftpOptions).connection)


def _folder_hints(device: DeviceConfig) -> ArrivalHints:
    from v2xsync.devices.arrival import FolderHints

    return FolderHints(device.name, _options(device, LocalOptions).directory)
