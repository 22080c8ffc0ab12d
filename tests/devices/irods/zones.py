"""The far side of the iRODS adapter under test, and sessions of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.contract.far import WHEN_NS, FarSide
from tests.servers.irods_standin import StandIn
from tests.servers.irods_standin.catalog import Zone

from v2xsync.devices.irods import IrodsDevice, IrodsOptions
from v2xsync.model.items import NS_PER_S

ROOT = "v2x"


def options(standin: StandIn, /, **changes: Any) -> IrodsOptions:
    """Options of a device that has its root in the user's home."""
    usual: dict[str, Any] = {
        "host": standin.host,
        "port": standin.port,
        "zone": standin.name,
        "username": standin.username,
        "password": standin.password,
        "root": f"{standin.home}/{ROOT}",
        "timeout_s": 10.0,
    }
    return IrodsOptions(**(usual | changes))


@contextmanager
def connected(standin: StandIn, /, **changes: Any) -> Iterator[IrodsDevice]:
    """A session that is logged in, and closed afterwards."""
    device = IrodsDevice("cyverse", options(standin, **changes))
    device.connect()
    yield device
    device.close()


class ZoneFarSide(FarSide):
    """The stand-in's catalog and vault, below the root."""

    def __init__(self, standin: StandIn, **changes: Any) -> None:
        self.standin = standin
        self.root = f"{standin.home}/{ROOT}"
        self._changes = changes
        with self.zone.lock:
            self.zone.make_collection(self.root, recursive=True)

    @property
    def zone(self) -> Zone:
        return self.standin.zone

    def session(self) -> IrodsDevice:
        return IrodsDevice("cyverse", options(self.standin, **self._changes))

    def plant(self, path: str, content: bytes, mtime_ns: int = WHEN_NS) -> None:
        try:
            path.encode()
        except UnicodeEncodeError:
            pytest.skip("far side: a zone holds only UTF-8 names")
        with self.zone.lock:
            self.zone.plant(f"{self.root}/{path}", content, mtime_ns // NS_PER_S)

    def plant_folder(self, path: str) -> None:
        with self.zone.lock:
            self.zone.make_collection(f"{self.root}/{path}", recursive=True)

    def look(self, path: str) -> bytes | None:
        with self.zone.lock:
            found = self.zone.find(f"{self.root}/{path}")
            return None if found is None else found.first.file.read_bytes()

    def listing(self) -> set[str]:
        below = f"{self.root}/"
        with self.zone.lock:
            found = {f"{place}/{name}" for place, held in self.zone.collections.items() for name in held}
            return {path.removeprefix(below) for path in found | set(self.zone.collections) if path.startswith(below)}

    def plant_link(self, path: str, to: str) -> None:
        """Links of iRODS are collections of a type of their own, wherever they lead."""
        with self.zone.lock:
            self.zone.make_collection(f"{self.root}/{path}", recursive=True)
            self.zone.special[f"{self.root}/{path}"] = "linkPoint"

    def vanish(self) -> None:
        with self.zone.lock:
            self.zone.remove_collection(self.root, recursive=True)
