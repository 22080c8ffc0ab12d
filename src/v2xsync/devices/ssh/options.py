"""The options of an SFTP device, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

_SSH_PORT = 22

Secret = str | Callable[[], str]
"""A secret itself, or what reads it at the last moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpOptions:
    """Where an SFTP host is, who we are there, and how it proves who it is.

    Without `password` and `identity` the SSH agent is asked. `host_key` (``SHA256:...``) wins over both files.
    """

    host: str
    username: str
    pinned: Path
    """The state folder's known_hosts, written by `v2xsync trust`; it may be missing."""
    port: int = _SSH_PORT
    password: Secret | None = field(default=None, repr=False)
    identity: Path | None = None
    passphrase: Secret | None = field(default=None, repr=False)
    """Opens `identity`; without it `password` is tried."""
    host_key: str = ""
    known_hosts: Path | None = None
    """A file in OpenSSH's format that is read beside `pinned` and never written."""
    root: str = "."
    timeout_s: float = 20.0
    """Seconds of silence after which the host counts as gone."""
    max_parallel: int = 4
    transport: Literal["paramiko"] = "paramiko"

    @property
    def address(self) -> str:
        """Host and port for people."""
        return f"{self.host}:{self.port}"

    @property
    def known_as(self) -> str:
        """The host's name in known_hosts files: bare for port 22, else ``[host]:port``."""
        name = self.host.lower()
        return name if self.port == _SSH_PORT else f"[{name}]:{self.port}"


def reveal(secret: Secret) -> str:
    """Return the text of `secret`."""
    return secret() if callable(secret) else secret
