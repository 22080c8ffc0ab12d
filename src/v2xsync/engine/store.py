"""The store: the local copy in the middle. Final names are whole files (invariant 3).

Partials live in ``.v2xsync/<item id>.part`` inside the store's folder; a final name appears only in `commit`, which
makes the content of a whole batch durable first, renames without ever overwriting, and makes the names durable too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from v2xsync.devices.base import CHUNK_BYTES, OUR_PREFIX
from v2xsync.devices.durable import rename_noreplace, sync_file, sync_filesystem, sync_folder
from v2xsync.engine.partial import Partial, discard_partial, forget_mark, store_error, write_own
from v2xsync.errors import ItemRefused, StoreError, V2xSyncError
from v2xsync.model.naming import versioned

_FEW = 8
"""Up to so many files are synced one by one; for more one call for the whole file system is cheaper."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Finished:
    """A whole partial that waits for its final name."""

    item_id: int
    part: Path
    store_path: str
    size: int
    sha256: str
    mtime_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a `Finished`: the path below the store that holds the content, and a note for people."""

    store_path: str
    note: str = ""


class Store:
    """One folder of final files and, inside it, one of partials. Safe for several threads on different items."""

    def __init__(
        self, directory: Path, min_free: int = 0, *, monotonic: Callable[[], float], boot_id: str | None = None
    ) -> None:
        self.directory = directory
        self._monotonic = monotonic
        self.min_free = min_free
        self._partials = directory / OUR_PREFIX
        self._boot_id = _read_boot_id() if boot_id is None else boot_id
        self._trust_length = False
        self._made: set[str] = set()
        """Folders below the store, as they stand in store paths, that are known to be there."""
        self._fresh: set[str] = set()

    def open(self) -> None:
        """Make the folders; decide whether partials of the last run can be trusted. Raises StoreError."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._partials.mkdir(mode=0o700, exist_ok=True)
            marker = self._partials / "boot"
            self._trust_length = bool(self._boot_id) and _read_text(marker) == self._boot_id
            write_own(marker, self._boot_id)
        except OSError as error:
            raise store_error(error, f"cannot use the store {self.directory}") from error

    def require(self) -> None:
        """Raise StoreError where the store is not in its place: not mounted, or not the one that was opened."""
        if not self._partials.is_dir():
            raise StoreError(f"the store {self.directory} is not there", remedy="mount it, or give its folder back")

    def sweep(self, wanted: Iterable[int]) -> int:
        """Delete partials of items that are not `wanted` any more; how many."""
        names = {f"{item_id}.part" for item_id in wanted}
        stale = [path for path in self._partials.glob("*.part") if path.name not in names]
        for path in stale:
            discard_partial(path)
        return len(stale)

    # -- room

    def free_bytes(self) -> int:
        """Free bytes on the store's file system. Raises StoreError."""
        try:
            return shutil.disk_usage(self.directory).free
        except OSError as error:
            raise store_error(error, f"cannot use the store {self.directory}") from error

    def has_room(self, size: int = 0) -> bool:
        """Whether `size` more bytes leave the floor free."""
        return (self.min_free == 0 and size == 0) or self.free_bytes() - size >= self.min_free

    # -- in

    def part_path(self, item_id: int) -> Path:
        """Where the partial of an item stands."""
        return self._partials / f"{item_id}.part"

    def begin(self, item_id: int, label: str) -> Partial:
        """Open the partial of an item, continuing an earlier one. Raises StoreError."""
        path = self.part_path(item_id)
        if not self._partials.is_dir() and self.directory.is_dir():
            self.open()  # the folder was lost and is there again; one that is not there is never made a second time
        return Partial(path, label=label, trust_length=self._trust_length, monotonic=self._monotonic)

    def commit(self, batch: Sequence[Finished]) -> Sequence[Placed | V2xSyncError]:
        """Give every file of `batch` its final name, durably; one answer each, in order.

        Raises StoreError where the disk as a whole fails: then nothing of the batch may be taken as stored.
        """
        try:
            self._sync_content(batch)
            placed = [self._place(finished) for finished in batch]
            self._sync_names([answer for answer in placed if isinstance(answer, Placed)])
        except OSError as error:
            raise store_error(error, "cannot make files durable in the store") from error
        return placed

    def _sync_content(self, batch: Sequence[Finished]) -> None:
        if len(batch) > _FEW and sync_filesystem(self.directory):
            return
        for finished in batch:
            with finished.part.open("r+b") as file:
                sync_file(file.fileno())

    def _sync_names(self, placed: Sequence[Placed]) -> None:
        folders = {_folder_of(answer.store_path) for answer in placed} | self._fresh
        self._fresh.clear()
        if len(folders) > _FEW and sync_filesystem(self.directory):
            return
        for folder in folders:
            sync_folder(self.directory / folder)

    def _place(self, finished: Finished) -> Placed | V2xSyncError:
        for store_path, note in self._candidates(finished):
            try:
                self._rename(finished, store_path)
            except FileExistsError:
                if self._same(self.directory / store_path, finished):
                    discard_partial(finished.part)
                    return Placed(store_path, "equal content was there already")
                continue
            except NotADirectoryError:
                break
            forget_mark(finished.part, finished.size)
            return Placed(store_path, note)
        return ItemRefused(
            finished.store_path,
            "its name in the store is taken by something else",
            remedy="move that away, then: v2xsync release --again",
        )

    def _candidates(self, finished: Finished) -> Iterable[tuple[str, str]]:
        yield finished.store_path, ""
        other = versioned(finished.store_path, finished.sha256)
        yield other, f"{finished.store_path} holds different content; kept both"

    def _rename(self, finished: Finished, store_path: str) -> None:
        _keep_time(finished.part, finished.mtime_ns)
        folder, final = _folder_of(store_path), self.directory / store_path
        self._make_folder(folder)
        try:
            rename_noreplace(finished.part, final)
        except FileNotFoundError:  # the folder was removed behind our back (retention, or a person)
            self._made.clear()
            self._make_folder(folder)
            rename_noreplace(finished.part, final)

    def _make_folder(self, folder: str) -> None:
        if not folder or folder in self._made:
            return
        above = _folder_of(folder)
        self._make_folder(above)
        place = self.directory / folder
        try:
            place.mkdir()
            self._fresh.update((folder, above))
        except FileExistsError as error:
            if not place.is_dir():
                raise NotADirectoryError(str(place)) from error
        self._made.add(folder)

    def _same(self, final: Path, finished: Finished) -> bool:
        facts = final.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != finished.size:
            return False
        if sha256_of(final) != finished.sha256:
            return False
        with final.open("r+b") as file:
            sync_file(file.fileno())
        return True

    # -- out

    def path_of(self, store_path: str) -> Path:
        """The absolute path of a stored file."""
        return self.directory / store_path

    def holds(self, store_path: str, size: int) -> bool:
        """Whether a file of that size stands there."""
        try:
            facts = self.path_of(store_path).lstat()
        except OSError:
            return False
        return stat.S_ISREG(facts.st_mode) and facts.st_size == size

    def expire(self, store_path: str) -> None:
        """Remove a stored file and the folders that it leaves empty. Raises StoreError."""
        try:
            self.path_of(store_path).unlink(missing_ok=True)
        except OSError as error:
            raise store_error(error, f"cannot remove {store_path} from the store") from error
        self._prune(_folder_of(store_path))

    def _prune(self, folder: str) -> None:
        while folder:
            try:
                self.path_of(folder).rmdir()
            except OSError:
                return
            self._made.discard(folder)
            folder = _folder_of(folder)


def _folder_of(store_path: str) -> str:
    """The folder that a store path stands in; empty for the store itself."""
    return store_path.rpartition("/")[0]


def sha256_of(path: Path) -> str:
    """Hex sha256 of a local file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            digest.update(data)
    return digest.hexdigest()


def _keep_time(path: Path, mtime_ns: int | None) -> None:
    if mtime_ns is not None:
        os.utime(path, ns=(mtime_ns, mtime_ns))


def _read_boot_id() -> str:
    return _read_text(_BOOT_ID)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
