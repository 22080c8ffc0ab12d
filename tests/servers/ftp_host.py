"""What every FTP server of the tests has in common: how to log in to it, and where its folders are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.running import LOOPBACK
from v2xsync.devices.ftp import FtpOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class FtpHost:
    """A running FTP server; a login begins in the folder `home` of this machine."""

    port: int
    home: Path
    username: str
    password: str
    tls: str = "none"
    trust: Path | None = None
    pid: int = 0

    def options(self, root: Path, **changes: Any) -> FtpOptions:
        """Options of a device that has its root at `root`, somewhere below `home`."""
        usual: dict[str, Any] = {
            "host": LOOPBACK,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "tls": self.tls,
            "ca": self.trust,
            "root": root.relative_to(self.home).as_posix(),
        }
        return FtpOptions(**(usual | changes))
