"""What every WebDAV server of the tests has in common: where it is, and who may log in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.running import LOOPBACK, PASSWORD
from v2xsync.devices.webdav import WebdavOptions

USERNAME = "collector"


@dataclass(frozen=True, slots=True, kw_only=True)
class DavHost:
    """A running WebDAV server: it serves the folder `home`."""

    port: int
    home: Path
    scheme: str = "http"
    ca: Path | None = None
    pid: int = 0
    host: str = LOOPBACK

    def options(self, root: Path | str = "", **changes: Any) -> WebdavOptions:
        """Options of a device that has its root at `root`, a folder below `home` (or a path relative to it)."""
        below = root.relative_to(self.home).as_posix() if isinstance(root, Path) else root
        usual: dict[str, Any] = {
            "url": f"{self.scheme}://{self.host}:{self.port}/",
            "root": below,
            "username": USERNAME,
            "password": PASSWORD,
            "ca": self.ca,
        }
        return WebdavOptions(**(usual | changes))


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder that a server running as another user can reach and write (the tests' own folders are private)."""
    path = Path(tempfile.mkdtemp(prefix="v2xsync-dav-"))
    try:
        open_up(path)
        yield path
    finally:
        shutil.rmtree(path)


def open_up(path: Path) -> None:
    """Let everybody read and write `path`, where the tests run as root (and the server therefore does not)."""
    if os.geteuid() == 0:
        path.chmod(0o777 if path.is_dir() else 0o666)
