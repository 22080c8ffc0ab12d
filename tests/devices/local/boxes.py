"""A folder and a connected session with it."""

from __future__ import annotations

import os
from pathlib import Path

from tests.contract.ends import Collected, Contents
from tests.contract.far import WHEN_NS
from tests.contract.target_checks import plan

from v2xsync.devices.base import FetchRequest
from v2xsync.devices.local import LocalDevice, LocalOptions
from v2xsync.model.items import Fingerprint


class Box:
    """A root with a session; `put` and `version` speak of files below it."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.device = LocalDevice("box", LocalOptions(root=root))
        self.device.connect()

    def put(self, path: str, content: bytes = b"data") -> Path:
        """Write a file with a fixed time."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        os.utime(place, ns=(WHEN_NS, WHEN_NS))
        return place

    def version(self, content: bytes = b"data") -> Fingerprint:
        """The version that `put` makes."""
        return Fingerprint(len(content), WHEN_NS, 1)

    def fetch(self, path: str, content: bytes = b"data") -> Collected:
        """Fetch the version that `put` makes."""
        sink = Collected()
        self.device.fetch([FetchRequest(0, path, self.version(content))], sink)
        return sink

    def send(self, *paths: str, content: bytes = b"new") -> Contents:
        """Send the same content under several names, in one batch."""
        feed = Contents(dict.fromkeys(range(len(paths)), content))
        self.device.send([plan(path, content, token) for token, path in enumerate(paths)], feed)
        return feed

    def names(self) -> set[str]:
        """Every path below the root."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*")}
