"""What one SFTP server can do, found out once after the greeting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.pipeline import Steps, ask

FSYNC: Final = b"fsync@openssh.com"
LIMITS: Final = b"limits@openssh.com"
STATVFS: Final = b"statvfs@openssh.com"
POSIX_RENAME: Final = b"posix-rename@openssh.com"
CHECK_FILE_NAME: Final = b"check-file-name"

_SAFE_LENGTH: Final = 32 * 1024
"""Every server must take packets with this much content."""
_LONGEST: Final = 255 * 1024
_SHORTEST: Final = 4 * 1024
_SAFE_HANDLES: Final = 64
_MOST_HANDLES: Final = 900
_SPARE_HANDLES: Final = 4

_IN_ORDER: Final = re.compile(r"OpenSSH|dropbear|mod_sftp|paramiko", re.IGNORECASE)
_LINKS_THEN_UNLINKS: Final = re.compile(r"OpenSSH|dropbear", re.IGNORECASE)
_TELLS_LINKS: Final = re.compile(r"OpenSSH|dropbear|AsyncSSH", re.IGNORECASE)
_DIGESTS_UNANNOUNCED: Final = re.compile(r"mod_sftp", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The facts of a server that the work on files depends on."""

    software: str
    """How it names itself in SSH's greeting, without the protocol version."""
    extensions: Mapping[bytes, bytes]
    read_length: int = _SAFE_LENGTH
    """Bytes that one READ may ask for."""
    write_length: int = _SAFE_LENGTH
    handles: int = _SAFE_HANDLES
    """Files and folders that may be open at once."""

    @property
    def in_order(self) -> bool:
        """It is known to work on one handle's requests strictly one after the other.

        Only then may a CLOSE leave together with the READs before it. The protocol wants this of all; servers that
        hand requests to a pool of threads break it.
        """
        return bool(_IN_ORDER.search(self.software))

    @property
    def rename_never_overwrites(self) -> bool:
        """Its plain RENAME is known to fail on a taken name in one step (OpenSSH links, then unlinks)."""
        return bool(_LINKS_THEN_UNLINKS.search(self.software))

    @property
    def checks_files(self) -> bool:
        """It computes digests itself."""
        return CHECK_FILE_NAME in self.extensions or bool(_DIGESTS_UNANNOUNCED.search(self.software))

    @property
    def tells_links(self) -> bool:
        """Its LSTAT is known not to follow links; ProFTPD's does, so others are asked by READLINK too."""
        return bool(_TELLS_LINKS.search(self.software))

    def offers(self, extension: bytes) -> bool:
        """Whether it announced `extension`."""
        return extension in self.extensions


def software_of(ssh_greeting: str) -> str:
    """Return the software's name from ``SSH-2.0-OpenSSH_9.2 comment``, fit to be shown."""
    name = ssh_greeting.split("-", 2)[-1]
    return "".join(character for character in name if character.isprintable())[:80]


def learn_server(greeting: wire.Greeting, software: str) -> Steps[Server]:
    """Steps: ask for the server's limits where it has a word for them."""
    if LIMITS not in greeting.extensions:
        return Server(software=software, extensions=greeting.extensions)
    reply = yield from ask(wire.extended(LIMITS))
    if not isinstance(reply, wire.Extended):
        return Server(software=software, extensions=greeting.extensions)
    _packet, most_read, most_write, most_handles = wire.decode_uint64s(reply.body, 4)
    return Server(
        software=software,
        extensions=greeting.extensions,
        read_length=_length(most_read),
        write_length=_length(most_write),
        handles=_handles(most_handles),
    )


def _length(told: int) -> int:
    return min(max(told, _SHORTEST), _LONGEST) if told else _SAFE_LENGTH


def _handles(told: int) -> int:
    return min(max(told - _SPARE_HANDLES, 1), _MOST_HANDLES) if told else _SAFE_HANDLES
