"""A folder on a real Apache, and devices that see it directly or through a peer that misbehaves."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.ends import Collected, Contents, ask
from tests.contract.far import WHEN_NS
from tests.contract.target_checks import plan
from tests.servers.dav_host import DavHost, open_up
from tests.servers.http_peer import Exchange, Peer, Script, http_peer

from v2xsync.devices.base import ProveRequest
from v2xsync.devices.webdav import WebdavDevice
from v2xsync.model.items import Proof

BRIEF_S = 0.5
"""A timeout for peers that hang on purpose; the ones that do not answer in a few milliseconds."""


@dataclass
class Site:
    """A folder of its own below the server's."""

    host: DavHost
    root: Path
    devices: list[WebdavDevice] = field(default_factory=list)

    def device(self, **changes: Any) -> WebdavDevice:
        self.devices.append(WebdavDevice("box", self.host.options(**({"root": self.root} | changes)), time.time))
        return self.devices[-1]

    def close(self) -> None:
        for device in self.devices:
            device.close()

    @contextmanager
    def through(self, script: Script, **changes: Any) -> Iterator[tuple[WebdavDevice, Peer]]:
        """A device that sees the folder through `script`."""
        with http_peer(script, behind=self.host.port) as peer:
            device = self.device(url=f"http://127.0.0.1:{peer.port}/", **changes)
            try:
                yield device, peer
            finally:
                device.close()

    def plant(self, path: str, content: bytes) -> Path:
        """Write a file as if it had been there for long (fresh ones get weak etags)."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        os.utime(place, ns=(WHEN_NS, WHEN_NS))
        for part in (place, *place.relative_to(self.root).parents):
            open_up(part if part is place else self.root / part)
        return place

    def files(self) -> dict[str, bytes]:
        """Everything that lies there, by path."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in found}

    def finals(self) -> dict[str, bytes]:
        """The same without our partials."""
        return {path: content for path, content in self.files().items() if ".v2xsync" not in path}


def send(device: WebdavDevice, path: str, data: bytes, *, resume: bool = True) -> Contents:
    feed = Contents({0: data})
    device.send([plan(path, data, resume=resume)], feed)
    return feed


def fetch(device: WebdavDevice, path: str, *, offset: int = 0, proof: Proof = Proof.HASH) -> Collected:
    sink = Collected()
    device.fetch(ask(device, [path], offset=offset, proof=proof), sink)
    return sink


def prove(device: WebdavDevice, path: str, size: int, proof: Proof = Proof.HASH) -> Any:
    ((_, answer),) = device.prove([ProveRequest(0, path, size, proof)])
    return answer


def on(method: str, part: str, script: Script) -> Script:
    """`script` for requests of `method` whose address holds `part`; the rest goes to the real server."""

    def choose(exchange: Exchange) -> bool:
        return exchange.method == method and part in exchange.target and script(exchange)

    return choose


def answering(status: int, body: bytes = b"", **headers: str) -> Script:
    """A script that always gives the same answer."""
    return lambda exchange: exchange.reply(status, body, **headers)
