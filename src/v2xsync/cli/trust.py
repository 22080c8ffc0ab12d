"""``v2xsync trust DEVICE``: show the key that the host has now, ask, and pin it in the state folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.config.problems import did_you_mean
from v2xsync.errors import ConfigError, HostKeyRefused

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig
    from v2xsync.devices.ssh.hostkeys import HostKey


def run(call: Call) -> int:
    """Pin the host's key where a person or ``--fingerprint`` says that it is right."""
    from v2xsync.devices.ssh.hostkeys import known_keys, pin, show_host_key

    config = call.config(opens_devices=False)
    name, wanted = call.arguments.device, call.arguments.fingerprint
    options = _options(config, name)
    if not wanted and not call.stdin.isatty():
        remedy = f"v2xsync trust {name} --fingerprint SHA256:... (as `ssh-keygen -lf` on the host shows it)"
        raise ConfigError("without a terminal nobody can be asked", remedy=remedy)
    key = show_host_key(options, device=name)
    call.out.talk(f"{name} ({options.address}) shows a {key.algorithm} key with the fingerprint {key.fingerprint}")
    expected = tuple(said for said in (options.host_key, wanted) if said)
    _require_expected(name, key, expected)
    pinned = known_keys([options.pinned], options.known_as).good
    if key in pinned:
        return _tell(call, name, key, "is pinned already")
    if not expected:
        _require_consent(call, name, key, changed=bool(pinned))
    try:
        pin(options.pinned, options.known_as, key)
    except OSError as error:
        what = f"the key cannot be pinned in {options.pinned}: {error.strerror}"
        raise ConfigError(what, key="station.state", remedy="make the state folder writable") from error
    return _tell(call, name, key, "is pinned")


def _options(config: StationConfig, name: str) -> Any:
    from v2xsync.engine.wiring import ssh_options

    device = config.devices.get(name)
    if device is None:
        raise ConfigError(f'there is no device "{name}"', remedy=did_you_mean(name, config.devices, kind="devices"))
    if device.type != "sftp":
        raise ConfigError(f"{name} is of type {device.type} and has no host key", remedy="only sftp devices have one")
    return ssh_options(config, device)


def _require_expected(name: str, key: HostKey, expected: Iterable[str]) -> None:
    """Raise HostKeyRefused where the config or the command line names another key."""
    for said in expected:
        if said.rstrip("=") != key.fingerprint:
            what = f"the host shows {key.fingerprint}, expected {said}"
            remedy = "find out which is right before anything is trusted"
            raise HostKeyRefused(name, what, fingerprint=key.fingerprint, remedy=remedy)


def _require_consent(call: Call, name: str, key: HostKey, *, changed: bool) -> None:
    """Ask the person; raises HostKeyRefused for anything but yes."""
    if changed:
        call.out.talk("ANOTHER key was pinned before: somebody may stand between. Ask who changed the host.")
    call.out.talk("Compare it with what the host itself says: ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub")
    call.out.talk("Pin this key? Type yes:")
    if call.stdin.readline().strip().lower() != "yes":
        raise HostKeyRefused(name, "the key was not pinned", fingerprint=key.fingerprint)


def _tell(call: Call, name: str, key: HostKey, word: str) -> int:
    if call.out.as_json:
        facts = {"device": name, "algorithm": key.algorithm, "fingerprint": key.fingerprint, "pinned": True}
        call.out.document(facts)
    else:
        call.out.line(f"{name}: {key.fingerprint} {word}")
    return DONE
