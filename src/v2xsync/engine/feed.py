"""The feed: bytes of stored files on their way to a target, paced and metered."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from v2xsync.devices.base import Sent
from v2xsync.engine.station import Station
from v2xsync.errors import Cancelled, ItemCorrupt, ItemError, ItemFailed, V2xSyncError
from v2xsync.ledger.base import DeliveryTask
from v2xsync.model.views import WorkState


class Outgoing(Protocol):
    """What a feed needs to know of a parcel, and where it leaves the outcome."""

    task: DeliveryTask
    sent: Sent | None
    error: V2xSyncError | None


@dataclass(slots=True)
class OpenFile:
    """One file that is being sent; read from its start it is hashed on the way, and must be what was stored."""

    file: io.FileIO
    key: int
    size: int
    sha256: str
    hashed: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`. Raises OSError, ValueError where the content is not what was stored."""
        self.file.seek(offset)
        data = self.file.read(length)
        if offset == self.hashed:
            self.digest.update(data)
            self.hashed += len(data)
            if data and self.hashed == self.size and self.digest.hexdigest() != self.sha256:
                raise ValueError(self.sha256)
        return data


class StoreFeed:
    """Reads stored files for `Target.send` (see devices.base.Feed); used by one thread."""

    def __init__(self, station: Station, target: str, parcels: Mapping[int, Outgoing]) -> None:
        self._station = station
        self._target = target
        self._parcels = parcels
        self._open: dict[int, OpenFile] = {}

    def open(self, parcel: Outgoing) -> bool:
        """Open the stored file; a store copy that is gone or of another size is an error of that parcel.

        Raises StoreError where the store as a whole is not there: then no file is to blame.
        """
        task = parcel.task
        path = self._station.store.path_of(task.store_path)
        try:
            file = io.FileIO(path, "r")
        except OSError as error:
            self._station.store.require()
            parcel.error = ItemCorrupt(task.path, f"its copy in the store cannot be read: {error.strerror}")
            return False
        if file.seek(0, io.SEEK_END) != task.size:
            file.close()
            parcel.error = ItemCorrupt(task.path, f"its copy in the store was changed: {task.store_path}")
            return False
        key = self._station.board.begin(
            WorkState.SENDING, item_id=task.item_id, route=task.route, source=task.source, device=self._target,
            path=task.path, size=task.size,
        )  # fmt: skip
        self._open[task.delivery_id] = OpenFile(file, key, task.size, task.sha256)
        return True

    def read(self, token: int, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset` (see Feed)."""
        if self._station.stop.is_set():
            raise Cancelled("asked to stop")
        task = self._parcels[token].task
        self._station.throttle.take(length, self._station.stop)
        try:
            return self._open[token].read(offset, length)
        except OSError as error:
            raise ItemFailed(task.path, f"cannot read the store: {error.strerror}") from error
        except ValueError as error:
            raise ItemCorrupt(task.path, f"its copy in the store was changed: {task.store_path}") from error

    def progress(self, token: int, position: int) -> None:
        """The peer has everything before `position` (see Feed)."""
        if not self._station.board.progress(self._open[token].key, position):
            raise ItemFailed(self._parcels[token].task.path, "cancelled; it goes to the end of the queue")

    def done(self, token: int, sent: Sent) -> None:
        """The peer acknowledged the file (see Feed)."""
        parcel = self._parcels[token]
        self._station.board.progress(self._open[token].key, parcel.task.size)
        parcel.sent = sent
        self._close(token, done=True)

    def failed(self, token: int, error: ItemError) -> None:
        """The file was not delivered (see Feed)."""
        self._parcels[token].error = error
        self._close(token, done=False)

    def close(self) -> None:
        """Whatever is still open had no outcome."""
        for token in tuple(self._open):
            self._close(token, done=False)

    def _close(self, token: int, *, done: bool) -> None:
        opened = self._open.pop(token)
        opened.file.close()
        self._station.board.end(opened.key, done=done)
