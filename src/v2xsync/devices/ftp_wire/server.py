"""What is learned of a server once, right after the login: what it offers, and how it wants paths to be written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from v2xsync.devices.base import require_safe
from v2xsync.devices.ftp_wire.control import FtpLine
from v2xsync.devices.ftp_wire.replies import Reply
from v2xsync.errors import ItemRefused, ProtocolFault

LONGEST_PATH: Final = 4096
"""Bytes; no file system opens a longer one, and ProFTPD's commands end there."""

_UNTOLD: Final = ("SIZE", "MDTM", "REST")
"""What servers may know without telling by FEAT."""
_FACTS = ("type", "size", "modify")
"""What MLSD has to tell; a star marks those that it tells unasked."""
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_TELNET = "\xff"
_MLST_TELLS_LINKS = ("pure-ftpd",)
_MLSD_TELLS_LINKS = (*_MLST_TELLS_LINKS, "proftpd")
_BREAKS = re.compile(r"[\r\n]")


@dataclass(slots=True)
class Server:
    """What a server offers; grows more exact while we talk to it."""

    greeting: str
    system: str
    features: Mapping[str, str]
    """What FEAT told, by name."""
    refused: set[str] = field(default_factory=set)
    """Commands that it turned out not to know."""
    mlsd_tells_links: bool = False
    mlst_tells_links: bool = False

    def offers(self, command: str) -> bool:
        """Whether `command` is worth trying."""
        return (command in _UNTOLD or command in self.features) and command not in self.refused

    @property
    def hashes(self) -> bool:
        """Whether it digests files by SHA-256 itself."""
        return "SHA-256" in self.features.get("HASH", "").upper()

    @property
    def is_windows(self) -> bool:
        """Names differ in more than case there, and links are rare."""
        return "windows" in self.system.lower()


def learn(line: FtpLine) -> Server:
    """Ask a server what it is. Raises DeviceGone, ProtocolFault."""
    greeting = line.greeting.words.removeprefix("220 ")
    system = line.ask("SYST")
    features = _features(line.ask("FEAT"))
    if "UTF8" in features:
        line.ask("OPTS UTF8 ON")  # some begin in the encoding of their country
    if not all(f"{fact}*" in features.get("MLST", "type*size*modify*").lower() for fact in _FACTS):
        line.ask(f"OPTS MLST {';'.join(_FACTS)};")
    plain = greeting.lower()
    server = Server(greeting, system.words if system.good else "", features)
    server.mlst_tells_links = server.is_windows or any(name in plain for name in _MLST_TELLS_LINKS)
    server.mlsd_tells_links = server.is_windows or any(name in plain for name in _MLSD_TELLS_LINKS)
    for command in _UNTOLD:
        if command not in features and not line.ask(f"{command} 0").understood:
            server.refused.add(command)
    return server


def _features(reply: Reply) -> Mapping[str, str]:
    if not reply.good:
        return {}
    named = (line.removeprefix("211-").strip().partition(" ") for line in reply.lines[1:-1])
    return {name.upper(): rest for name, _, rest in named}


class Paths:
    """Writes our paths, below the root, as text of single bytes that the server understands."""

    def __init__(self, base: str, *, doubled: bool) -> None:
        """`base` is the root folder, absolute; `doubled`: byte 255 has to be sent twice."""
        self._base: Final = base.rstrip("/")
        self._doubled: Final = doubled

    def told(self, path: str) -> str:
        """Return how a listing writes `path` (empty: the root). Raises ItemRefused where FTP cannot carry it."""
        if not path:
            return self._base or "/"
        if _BREAKS.search(path):
            raise ItemRefused(path, "its name holds a line break, which FTP cannot carry", remedy=_RENAME)
        told = f"{self._base}/{single_bytes(path)}"
        if len(told) > LONGEST_PATH:
            raise ItemRefused(path, "the path is too long for FTP", remedy=_RENAME)
        return told

    def wire(self, path: str) -> str:
        """Return `path` as it is written in a command. Raises ItemRefused where it could leave the root, too."""
        return self.inside(require_safe(path))

    def inside(self, path: str) -> str:
        """The same for a path that is known to be safe (or empty: the root itself)."""
        told = self.told(path)
        return told.replace(_TELNET, _TELNET * 2) if self._doubled else told


def single_bytes(path: str) -> str:
    """Return a path's bytes as text. Raises ItemRefused."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError as error:
        raise ItemRefused(path, "the path cannot be written in UTF-8", remedy=_RENAME) from error


_RENAME = "rename the file"


def find_paths(device: str, line: FtpLine, root: str) -> Paths:
    """Return how paths below `root` are written; a relative root lies in the folder that the login begins in."""
    told = line.ask("PWD")
    found = _QUOTED.search(told.lines[0])
    if not told.good or found is None or not found[1].startswith("/"):
        raise ProtocolFault(device, f"the server does not say in which folder we are ({told.words})")
    home = found[1].replace('""', '"').rstrip("/")
    wanted = single_bytes("" if root == "~" else root.removeprefix("~/"))
    parts = [part for part in wanted.split("/") if part not in ("", ".")]
    base = "/".join(["" if wanted.startswith("/") else home, *parts])
    return Paths(base, doubled=_reads_telnet(line))


def _reads_telnet(line: FtpLine) -> bool:
    """Whether byte 255 has to be doubled, as in Telnet: ProFTPD does so, most do not. Its echo of a name tells."""
    reply = line.ask(f"CWD .v2xsync-{_TELNET * 2}-none")
    return f"-{_TELNET}-" in " ".join(reply.lines)
