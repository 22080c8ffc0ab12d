"""The device types: the options each takes in ``[devices.NAME]``, and what is known of each before anything is opened.

A new type is one options class and one line in `DEVICE_TYPES`. The engine asks a live device's `Capabilities`; the
facts here are the part of them that makes a config right or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from v2xsync.config.fields import Duration, HostKey, HostName, PathHere, Secret, Table
from v2xsync.config.places import Place, folder_place, host_place
from v2xsync.model.items import Proof
from v2xsync.model.schedule import Arrival, Every, Schedule

DEFAULT_EVERY_S: Final = 300.0


class DeviceOptions(Table):
    """What every device type takes."""

    max_parallel: Annotated[int, Field(ge=1, le=64)] = 4

    def place(self) -> Place | None:
        """Where its files are, to tell whether two devices are one; None where that cannot be told."""
        return None

    def needed_files(self) -> Mapping[str, Path]:
        """Files of this machine that opening the device will read, by their key."""
        return {}


class LocalOptions(DeviceOptions):
    """A folder of this machine."""

    directory: PathHere

    def place(self) -> Place:
        """The folder, with symbolic links followed."""
        return folder_place(self.directory)


class SftpOptions(DeviceOptions):
    """A host with SSH's file transfer. Without `password` and `identity` the SSH agent is asked."""

    host: HostName
    port: Annotated[int, Field(ge=1, le=65_535)] = 22
    username: Annotated[str, Field(min_length=1)]
    password: Secret | None = Field(default=None, repr=False)
    identity: PathHere | None = None
    passphrase: Secret | None = Field(default=None, repr=False)
    """Opens `identity`."""
    host_key: HostKey | None = None
    known_hosts: PathHere | None = None
    root: Annotated[str, Field(min_length=1)] = "."
    timeout: Annotated[Duration, Field(ge=1)] = 20.0
    """Seconds of silence after which the host counts as gone."""

    def place(self) -> Place:
        """Host, port and folder."""
        return host_place("sftp", self.host, self.port, self.username, self.root)

    def needed_files(self) -> Mapping[str, Path]:
        """The private key and the file of known hosts."""
        named = {"identity": self.identity, "known_hosts": self.known_hosts}
        return {key: path for key, path in named.items() if path is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """What is known of a device type before a device of it is opened."""

    can_be_source: bool = True
    can_be_target: bool = True
    arrival: bool = False
    """`fetch = { on = "arrival" }` is possible, and the default."""
    read_in_place: bool = False
    """With `stage = false` it may feed several targets."""
    fetch_proof: Proof = Proof.HASH
    """The strongest proof of a fetch from it."""
    delivery_proof: Proof = Proof.HASH
    """The strongest proof of a delivery to it."""

    @property
    def default_fetch(self) -> Schedule:
        """When to fetch where a route does not say."""
        return Arrival() if self.arrival else Every(DEFAULT_EVERY_S)


@dataclass(frozen=True, slots=True)
class DeviceType:
    """One line of the registry."""

    options: type[DeviceOptions]
    facts: DeviceFacts


DEVICE_TYPES: Final[Mapping[str, DeviceType]] = {
    "local": DeviceType(LocalOptions, DeviceFacts(arrival=True, read_in_place=True)),
    "sftp": DeviceType(SftpOptions, DeviceFacts()),
}
