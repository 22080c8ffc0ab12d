"""The options of an FTP device, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

Secret = str | Callable[[], str]
"""A secret itself, or what reads it at the last moment."""

Tls = Literal["explicit", "implicit", "none"]

_PORT: Final = 21
_IMPLICIT_PORT: Final = 990


@dataclass(frozen=True, slots=True, kw_only=True)
class FtpOptions:
    """Where an FTP server is, who we are there, and how it proves who it is."""

    host: str
    port: int | None = None
    """None: 21, or 990 with implicit TLS."""
    username: str = "anonymous"
    password: Secret | None = field(default=None, repr=False)
    tls: Tls = "explicit"
    ca: Path | None = None
    """Certificates (PEM) that are trusted instead of the system's: an authority's, or the server's own."""
    tls_name: str = ""
    """The name that the certificate has to carry, where that is not `host`."""
    tls_verify: bool = True
    """False: whoever answers is believed. Content is then still encrypted, for whomever."""
    passive: bool = True
    """False: the server connects to us for data (active mode)."""
    root: str = "."
    timeout_s: float = 20.0
    """Seconds of silence after which the server counts as gone."""
    max_parallel: int = 4
    listing_zone: str = "UTC"
    """The zone of the times in a server's listings, used only where it tells no better ones."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host.strip("[]"), self.port or (_IMPLICIT_PORT if self.tls == "implicit" else _PORT)

    @property
    def where(self) -> str:
        """Host and port for people."""
        return f"{self.host}:{self.address[1]}"

    @property
    def name_to_prove(self) -> str:
        """What the certificate has to name."""
        return self.tls_name or self.address[0]

    def secret(self) -> str:
        """The password now; what an anonymous login says where there is none."""
        if self.password is None:
            return "anonymous@"
        return self.password() if callable(self.password) else self.password
