"""The config of a station that serves the rehearsal site, and single machines of it for a config of yours."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from v2xsync.sim.minute_files import LOCK

if TYPE_CHECKING:
    from v2xsync.sim.ftp_server import FtpServer
    from v2xsync.sim.sftp_server import SftpServer


def quoted(value: str | os.PathLike[str]) -> str:
    """Return a TOML string of `value`; backslashes of Windows paths are kept."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def station_table(state: Path, store: Path) -> str:
    """Tables of the station and its store."""
    return _STATION.format(state=quoted(state), store=quoted(store))


def folder_device(name: str, directory: Path) -> str:
    """A folder of this machine."""
    return f'[devices.{name}]\ntype      = "local"\ndirectory = {quoted(directory)}\n'


def sftp_device(name: str, server: SftpServer, root: str, password: str) -> str:
    """An SFTP server with its host key; `password` is a TOML value."""
    return _SFTP.format(name=name, server=server, root=root, password=password)


def ftp_device(name: str, server: FtpServer, root: str, password: str) -> str:
    """An FTP server without TLS; `password` is a TOML value."""
    return _FTP.format(name=name, server=server, root=root, password=password)


def review_device(name: str, url: str) -> str:
    """The upload form of a flight_review; `url` is the form's address."""
    return _REVIEW.format(name=name, url=url)


def plain_post_device(name: str, url: str) -> str:
    """A server that takes bare bodies."""
    return f'[devices.{name}]\ntype = "post"\nform = "raw"\nurl  = "{url}"\n'


def drive_device(name: str, uuid: str, mount: Path) -> str:
    """A flash drive, and where it shows."""
    return f'[devices.{name}]\ntype        = "disk"\nuuid        = "{uuid}"\nmount_point = {quoted(mount)}\n'


def drone_device(name: str, port: int) -> str:
    """An autopilot that sends to this UDP port of ours."""
    return _DRONE.format(name=name, port=port)


def route(name: str, sources: Iterable[str], targets: Iterable[str], *rules: str) -> str:
    """A route with further lines."""
    ends = [f"{word} = [{', '.join(map(quoted, names))}]" for word, names in (("from", sources), ("to", targets))]
    return "\n".join([f"[routes.{name}]", *ends, *rules, ""])


INTERSECTIONS: Final[Sequence[str]] = (
    'include  = ["*.csv"]',
    'elements = "v2x"',
    'ready    = { settle = "1s" }',
    'fetch    = { every = "10s" }',
    'remove   = { after = "delivered", proof = "hash", empty_folders = true }',
)
MINUTES: Final[Sequence[str]] = (
    'include = ["*.dat"]',
    "stage   = false",
    f'ready   = {{ settle = "1s", lock = "{LOCK}" }}',
    'fetch   = { on = "arrival" }',
    'remove  = { after = "delivered", proof = "ack" }',
)
MINUTES_KEPT: Final[Sequence[str]] = (*MINUTES[:1], *MINUTES[2:4])
"""The same without a target: fetched and kept."""

PICTURES: Final[Sequence[str]] = (
    'include = ["*.jpg"]',
    'ready   = { settle = "1s" }',
    'fetch   = { on = "arrival" }',
    'remove  = { after = "delivered", proof = "hash", empty_folders = true }',
)
FLIGHTS: Final[Sequence[str]] = (
    'include = ["*.ulg"]',
    'ready   = { settle = "1s" }',
    'fetch   = { every = "10s" }',
    'remove  = { after = "delivered", proof = { default = "hash", px4-logs = "ack" }, empty_folders = true }',
)

_STATION: Final = """\
[station]
name      = "rehearsal"
timezone  = "UTC"
state     = {state}
on_hangup = "stop"

[store]
directory = {store}
min_free  = "50 MB"
"""

_SFTP: Final = """\
[devices.{name}]
type     = "sftp"
host     = "{server.host}"
port     = {server.port}
username = "{server.username}"
password = {password}
host_key = "{server.fingerprint}"
root     = "{root}"
timeout  = "10s"
"""

_FTP: Final = """\
[devices.{name}]
type     = "ftp"
host     = "{server.host}"
port     = {server.port}
username = "{server.username}"
password = {password}
tls      = "none"
root     = "{root}"
"""

_REVIEW: Final = """\
[devices.{name}]
type   = "post"
form   = "flight_review"
url    = "{url}"
fields = {{ description = "a rehearsal", email = "" }}
"""

_DRONE: Final = """\
[devices.{name}]
type       = "mavftp"
connection = "udpin:127.0.0.1:{port}"
root       = "/fs/microsd/log"
"""
