"""The device types: the options each takes in ``[devices.NAME]``, and what is known of each before anything is opened.

A new type is one options class and one line in `DEVICE_TYPES`. The engine asks a live device's `Capabilities`; the
facts here are the part of them that makes a config right or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, model_validator

from v2xsync.config.fields import Duration, HostKey, HostName, PathHere, Secret, Size, Table
from v2xsync.config.form_values import FieldValue, Headers, WebAddress, judge_flight_review
from v2xsync.config.places import Place, folder_place, host_place
from v2xsync.config.problems import Misfit
from v2xsync.config.usual import known_zone
from v2xsync.config.vehicles import is_serial, vehicle_address
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


class DiskOptions(DeviceOptions):
    """A flash drive of this machine: everything that is written of `uuid`, `label` and `serial` must fit."""

    max_parallel: Annotated[int, Field(ge=1, le=64)] = 1
    """A drive reads one file after the other fastest."""
    uuid: Annotated[str, Field(min_length=1)] | None = None
    """The file system's."""
    label: Annotated[str, Field(min_length=1)] | None = None
    serial: Annotated[str, Field(min_length=1)] | None = None
    """The drive's own serial number, as udev tells it."""
    mount_point: PathHere | None = None
    """Where it is mounted unless it is mounted already; default: below the state folder."""
    root: Annotated[str, Field(min_length=1)] = "."
    """The folder on the drive."""
    group: Literal["stem"] | None = None
    """Files of a folder that share a stem are one unit for readiness and removal."""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.uuid is self.label is self.serial is None:
            what = "nothing says which drive is meant"
            raise Misfit(what, remedy="write uuid, label or serial (see `lsblk -o +UUID,LABEL,SERIAL`)", key="uuid")
        if ".." in self.root.split("/"):
            raise Misfit("the folder lies outside the drive", remedy="write it without ..", key="root")
        return self

    def place(self) -> Place:
        """The drive and the folder on it."""
        which = "/".join((self.uuid or "", self.label or "", self.serial or "")).casefold()
        return Place(("disk", which), tuple(part for part in self.root.split("/") if part not in {"", "."}))


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


class IrodsOptions(DeviceOptions):
    """A collection of an iRODS zone; what is written here wins over the environment file.

    The keys from `client_server_policy` on are those of ``irods_environment.json`` without their ``irods_``.
    """

    environment: PathHere | None = None
    """``irods_environment.json``; the password is then taken from ``.irodsA`` where none is written here."""
    host: HostName | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    zone: Annotated[str, Field(min_length=1)] | None = None
    username: Annotated[str, Field(min_length=1)] | None = None
    password: Secret | None = Field(default=None, repr=False)
    auth: Literal["native", "pam_password"] | None = None
    root: Annotated[str, Field(min_length=1)]
    """The collection, from the zone down: ``/iplant/home/...``."""
    metadata: dict[str, str] | None = None
    """AVU pairs for every delivered file, beside source, element, sha256 and captured-at; not written: none at all."""
    timeout: Annotated[Duration, Field(ge=1)] = 20.0
    """Seconds of silence after which the server counts as gone."""

    client_server_policy: Literal["CS_NEG_REQUIRE", "CS_NEG_DONT_CARE", "CS_NEG_REFUSE"] | None = None
    client_server_negotiation: Literal["request_server_negotiation", "none"] | None = None
    ssl_verify_server: Literal["hostname", "cert", "none"] | None = None
    ssl_ca_certificate_file: PathHere | None = None
    ssl_ca_certificate_path: PathHere | None = None
    encryption_algorithm: str | None = None
    encryption_key_size: int | None = None
    encryption_num_hash_rounds: int | None = None
    encryption_salt_size: int | None = None
    default_resource: str | None = None

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.environment is None:
            for key in ("host", "zone", "username"):
                if getattr(self, key) is None:
                    raise Misfit("the key is missing", remedy="write it, or name an `environment` file", key=key)
        parts = self.root.rstrip("/").split("/")
        if len(parts) < 2 or parts[0] or any(part in {"", ".", ".."} for part in parts[1:]):
            what = f'"{self.root}" is not the path of a collection'
            raise Misfit(what, remedy="write it from the zone down: /zone/home/...", key="root")
        return self

    def place(self) -> Place:
        """Host and collection, or the environment file and collection; every user sees the same collections."""
        if self.host is not None:
            return host_place("irods", self.host, self.port or 1247, "", self.root)
        return host_place("irods", str(self.environment), 0, "", self.root)

    def needed_files(self) -> Mapping[str, Path]:
        """The environment and the CA."""
        named = {"environment": self.environment, "ssl_ca_certificate_file": self.ssl_ca_certificate_file}
        return {key: path for key, path in named.items() if path is not None}

    def settings(self) -> Mapping[str, str | int]:
        """The written keys of the environment file."""
        names = list(type(self).model_fields)
        written = {name: getattr(self, name) for name in names[names.index("client_server_policy") :]}
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in written.items()
            if value is not None
        }


class PostOptions(DeviceOptions):
    """A server that takes each file by HTTP POST, and cannot be asked about it afterwards."""

    max_parallel: Annotated[int, Field(ge=1, le=64)] = 2
    url: WebAddress
    form: Literal["flight_review", "multipart", "raw"] = "flight_review"
    fields: Mapping[str, FieldValue] = Field(default_factory=dict, repr=False)
    """What goes along with each file; texts may hold layout fields in braces."""
    file_part: Annotated[str, Field(min_length=1)] | None = None
    """Name of the file's part in the form `multipart`."""
    headers: Headers = Field(default_factory=dict, repr=False)
    token: Secret | None = Field(default=None, repr=False)
    username: Annotated[str, Field(min_length=1)] | None = None
    password: Secret | None = Field(default=None, repr=False)
    ca: PathHere | None = None
    """A file of authorities (PEM) that alone are trusted."""
    max_size: Size | None = None
    """Larger files are set aside and not sent."""
    timeout: Annotated[Duration, Field(ge=1)] = 60.0
    """Seconds of silence after which the server counts as gone; it may take longer to answer a large file."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.form == "raw" and self.fields:
            raise Misfit(
                "the form raw has no fields", remedy='take them out, or write form = "multipart"', key="fields"
            )
        if self.form != "multipart" and self.file_part is not None:
            raise Misfit("only the form multipart lets you name it", remedy="take it out", key="file_part")
        if self.form == "flight_review":
            judge_flight_review(self.fields)
        if (self.username is None) != (self.password is None):
            raise Misfit("a login has a name and a password", remedy="write both, or neither", key="username")
        if self.token is not None and self.password is not None:
            raise Misfit("one login is enough", remedy="write `token`, or `username` and `password`", key="token")
        return self

    def needed_files(self) -> Mapping[str, Path]:
        """The file of authorities."""
        return {} if self.ca is None else {"ca": self.ca}


class WebdavOptions(DeviceOptions):
    """A folder of a WebDAV server: `root` below `url`."""

    url: WebAddress
    root: str = ""
    """Plain text, where `url` is percent-encoded."""
    username: Annotated[str, Field(min_length=1)] | None = None
    password: Secret | None = Field(default=None, repr=False)
    ca: PathHere | None = None
    """A file of authorities (PEM) that alone are trusted."""
    timeout: Annotated[Duration, Field(ge=1)] = 20.0
    """Seconds of silence after which the server counts as gone; it may take longer to answer a large file."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        parts = urlsplit(self.url)
        if parts.query:
            raise Misfit("a folder has no query", remedy="take out what stands behind ?", key="url")
        for key, path in (("url", unquote(parts.path)), ("root", self.root)):
            if not path.isprintable() or not {".", ".."}.isdisjoint(path.split("/")):
                raise Misfit("this is no clean path", remedy="write it without . and .. in it", key=key)
        if (self.username is None) != (self.password is None):
            raise Misfit("a login has a name and a password", remedy="write both, or neither", key="username")
        return self

    def place(self) -> Place:
        """Host, port and folder, whatever the scheme."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        path = f"/{unquote(parts.path)}/{self.root}"
        return host_place("webdav", parts.hostname or "", port, self.username or "", path)

    def needed_files(self) -> Mapping[str, Path]:
        """The file of authorities."""
        return {} if self.ca is None else {"ca": self.ca}


class FtpOptions(DeviceOptions):
    """A folder of an FTP server. TLS is asked for unless the config says that there is none."""

    host: HostName
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """Default: 21, or 990 with implicit TLS."""
    username: Annotated[str, Field(min_length=1)] = "anonymous"
    password: Secret | None = Field(default=None, repr=False)
    tls: Literal["explicit", "implicit", "none"] = "explicit"
    ca: PathHere | None = None
    """A file of certificates (PEM) that alone are trusted: authorities, or the server's own."""
    tls_name: str = ""
    """The name in the server's certificate, where that is not `host`."""
    tls_verify: bool = True
    passive: bool = True
    root: Annotated[str, Field(min_length=1)] = "."
    timeout: Annotated[Duration, Field(ge=1)] = 20.0
    """Seconds of silence after which the server counts as gone."""
    listing_zone: Annotated[str, AfterValidator(known_zone)] = "UTC"
    """The zone of the times in listings, where the server tells no better ones."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.tls == "none" and (self.ca or self.tls_name or not self.tls_verify):
            remedy = "take ca, tls_name and tls_verify out"
            raise Misfit("without TLS there is no certificate to judge", remedy=remedy, key="tls")
        if self.username != "anonymous" and self.password is None:
            raise Misfit("the password is missing", remedy="write `password`", key="password")
        return self

    def place(self) -> Place:
        """Host, port and folder."""
        port = self.port or (990 if self.tls == "implicit" else 21)
        return host_place("ftp", self.host, port, self.username, self.root)

    def needed_files(self) -> Mapping[str, Path]:
        """The file of certificates."""
        return {} if self.ca is None else {"ca": self.ca}


class MavftpOptions(DeviceOptions):
    """The files of an autopilot, over MAVLink FTP."""

    max_parallel: Annotated[int, Field(ge=1, le=1)] = 1
    """One request chain per vehicle."""
    connection: Annotated[str, AfterValidator(vehicle_address)]
    """A serial port (or a pattern of ports), ``udpin:HOST:PORT``, ``udpout:HOST:PORT`` or ``tcp:HOST:PORT``."""
    baud: Annotated[int, Field(ge=1200, le=12_000_000)] = 115_200
    root: Annotated[str, Field(min_length=1)] = "/fs/microsd/log"
    safety: Literal["disarmed", "any"] = "disarmed"
    """When files may be moved."""
    system: Annotated[int, Field(ge=1, le=255)] | None = None
    """The vehicle's MAVLink system id; default: the first autopilot that is heard."""
    timeout: Annotated[Duration, Field(ge=1)] = 20.0
    """Seconds of silence after which the vehicle counts as gone."""

    @property
    def is_serial(self) -> bool:
        """Whether the vehicle is at a port of this machine, which comes and goes with it."""
        return is_serial(self.connection)

    @model_validator(mode="after")
    def _root_is_a_path(self) -> Self:
        if not self.root.isprintable() or not {".", ".."}.isdisjoint(self.root.split("/")):
            raise Misfit("this is no clean path", remedy='write it from the top: "/fs/microsd/log"', key="root")
        return self

    def place(self) -> Place:
        """Connection, system and folder."""
        parts = tuple(part for part in self.root.split("/") if part)
        return Place(("mavftp", self.connection, str(self.system or "")), parts)


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
    takes_manifests: bool = True
    """A file of ours there can be replaced by its next version."""

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
    "disk": DeviceType(DiskOptions, DeviceFacts(arrival=True, read_in_place=True)),
    "sftp": DeviceType(SftpOptions, DeviceFacts()),
    "irods": DeviceType(IrodsOptions, DeviceFacts(takes_manifests=False)),
    "ftp": DeviceType(FtpOptions, DeviceFacts()),
    "webdav": DeviceType(WebdavOptions, DeviceFacts()),
    "mavftp": DeviceType(MavftpOptions, DeviceFacts(can_be_target=False, arrival=True, takes_manifests=False)),
    "post": DeviceType(PostOptions, DeviceFacts(can_be_source=False, delivery_proof=Proof.ACK, takes_manifests=False)),
}
