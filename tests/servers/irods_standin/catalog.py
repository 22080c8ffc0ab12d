"""The stand-in's catalog and vault: collections, data objects with replicas, AVUs, checksums."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# rodsErrorTable.h
UNMATCHED_API = -12_000
NO_API_PRIVILEGE = -13_000
QUOTA_EXCEEDED = -110_000
INVALID_INPUT = -130_000
NOT_ALLOWED = -169_000
CHECKSUM_MISMATCH = -314_000
PATH_DOES_NOT_EXIST = -358_000
HASH_TYPE_MISMATCH = -380_000
INTERMEDIATE_ACCESS = -405_000
LOCKED_ACCESS = -406_000
NO_ROWS = -808_000
ALREADY_THERE = -809_000
UNKNOWN_COLLECTION = -814_000
UNKNOWN_FILE = -817_000
NO_ACCESS = -818_000
COLLECTION_NOT_EMPTY = -821_000
INVALID_AUTHENTICATION = -826_000
INVALID_USER = -827_000
EXISTS_AS_COLLECTION = -833_000
EXISTS_AS_OBJECT = -834_000
PASSWORD_EXPIRED = -840_000
PAM_FAILED = -993_000

STALE, GOOD, INTERMEDIATE, READ_LOCKED, WRITE_LOCKED = "01234"


class Rejected(Exception):
    """A request ends with an error code."""

    def __init__(self, code: int, words: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.words = words


@dataclass(slots=True)
class Replica:
    """One copy in the vault, and what the catalog has of it."""

    number: int
    file: Path
    state: str = GOOD
    size: int = 0
    checksum: str = ""
    mtime: int = 0
    resource: str = "demoResc"


@dataclass(slots=True)
class DataObject:
    """A data object; `avus` are (name, value, unit)."""

    id: int
    replicas: list[Replica]
    avus: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def first(self) -> Replica:
        """The replica that is read and written: a good one where there is any."""
        return next((replica for replica in self.replicas if replica.state == GOOD), self.replicas[0])

    def require_unlocked(self) -> None:
        """Raise the code that a server answers for objects in use."""
        states = {replica.state for replica in self.replicas}
        if INTERMEDIATE in states:
            raise Rejected(INTERMEDIATE_ACCESS)
        if states & {READ_LOCKED, WRITE_LOCKED}:
            raise Rejected(LOCKED_ACCESS)


class Zone:
    """One zone. Every method is called with `lock` held."""

    def __init__(self, name: str, username: str, vault: Path) -> None:
        self.name = name
        self.username = username
        self.lock = threading.RLock()
        self.hash_scheme = "sha2"
        self.strict_hashes = False
        self.quota_bytes: int | None = None
        self.read_only: set[str] = set()
        self.special: dict[str, str] = {}
        """Collections that are links or mounts: path to the catalog's word for it."""
        self.tokens: dict[str, int] = {}
        """Replica tokens of open objects: with one, another session may open the same object (parallel transfers)."""
        self._vault = vault
        self._ids = itertools.count(10_001)
        self._collection_ids: dict[str, int] = {}
        self.collections: dict[str, dict[str, DataObject]] = {}
        for path in ("", f"/{name}", f"/{name}/home", f"/{name}/home/{username}", f"/{name}/trash"):
            self.collections[path or "/"] = {}

    # -- paths

    @staticmethod
    def split(path: str) -> tuple[str, str]:
        """Return (collection, name)."""
        folder, _, name = path.rpartition("/")
        return folder or "/", name

    def find(self, path: str) -> DataObject | None:
        """The data object at an absolute path."""
        folder, name = self.split(path)
        return self.collections.get(folder, {}).get(name)

    def require(self, path: str, code: int = NO_ROWS) -> DataObject:
        """The data object at an absolute path; `code` where there is none."""
        found = self.find(path)
        if found is None:
            raise Rejected(code)
        return found

    def require_write(self, path: str) -> None:
        """Refuse paths below a read-only collection."""
        if any(path == place or path.startswith(f"{place}/") for place in self.read_only):
            raise Rejected(NO_ACCESS)

    # -- collections

    def make_collection(self, path: str, *, recursive: bool) -> None:
        """CollCreate."""
        if path in self.collections:
            if recursive:
                return
            raise Rejected(ALREADY_THERE)
        self.require_write(path)
        if self.find(path) is not None:
            raise Rejected(EXISTS_AS_OBJECT)
        above, _ = self.split(path)
        if above not in self.collections:
            if not recursive:
                raise Rejected(UNKNOWN_COLLECTION)
            self.make_collection(above, recursive=True)
        self.collections[path] = {}

    def inside(self, path: str) -> Iterator[str]:
        """Collections right inside another."""
        return (name for name in self.collections if name != "/" and self.split(name)[0] == path)

    def remove_collection(self, path: str, *, recursive: bool) -> None:
        """RmColl."""
        if path not in self.collections:
            raise Rejected(UNKNOWN_COLLECTION)
        self.require_write(path)
        below = [name for name in self.collections if name.startswith(f"{path}/")]
        if not recursive and (below or self.collections[path]):
            raise Rejected(COLLECTION_NOT_EMPTY)
        for name in [*below, path]:
            del self.collections[name]

    def id_of(self, collection: str) -> str:
        """The catalog's number of a collection."""
        return str(self._collection_ids.setdefault(collection, next(self._ids)))

    # -- data objects

    def create(self, path: str) -> DataObject:
        """A new object with one empty replica, intermediate until it is closed."""
        folder, name = self.split(path)
        if folder not in self.collections:
            raise Rejected(UNKNOWN_COLLECTION)
        if path in self.collections:
            raise Rejected(EXISTS_AS_COLLECTION)
        self.require_write(path)
        number = next(self._ids)
        file = self._vault / str(number)
        file.touch()
        made = DataObject(number, [Replica(0, file, INTERMEDIATE, mtime=int(time.time()))])
        self.collections[folder][name] = made
        return made

    def rename(self, source: str, target: str) -> None:
        """Rename an object; never onto anything."""
        found = self.require(source)
        found.require_unlocked()
        folder, name = self.split(target)
        self.require_write(target)
        if target in self.collections:
            raise Rejected(EXISTS_AS_COLLECTION)
        if folder not in self.collections:
            raise Rejected(UNKNOWN_COLLECTION)
        if name in self.collections[folder]:
            raise Rejected(EXISTS_AS_OBJECT)
        self._detach(source)
        self.collections[folder][name] = found

    def unlink(self, path: str, *, force: bool) -> None:
        """Remove an object: for good with `force`, else into the user's trash collection."""
        found = self.require(path, UNKNOWN_FILE)
        self.require_write(path)
        found.require_unlocked()
        self._detach(path)
        if force:
            for replica in found.replicas:
                replica.file.unlink(missing_ok=True)
            return
        home = f"/{self.name}/trash/home/{self.username}"
        place = f"{home}/{path.removeprefix(f'/{self.name}/home/{self.username}/').lstrip('/')}"
        folder, name = self.split(place)
        self.make_collection(folder, recursive=True)
        while name in self.collections[folder]:
            name += ".1"
        self.collections[folder][name] = found

    def _detach(self, path: str) -> None:
        folder, name = self.split(path)
        del self.collections[folder][name]

    def used_bytes(self) -> int:
        """What all objects take."""
        return sum(replica.size for held in self.collections.values() for o in held.values() for replica in o.replicas)

    # -- checksums

    def compute(self, replica: Replica, hint: str) -> str:
        """Digest what is in the vault, with the zone's scheme or that of `hint`."""
        scheme = _scheme_of(hint) or self.hash_scheme
        if self.strict_hashes and scheme != self.hash_scheme:
            raise Rejected(HASH_TYPE_MISMATCH)
        return checksum_of(replica.file, scheme)

    # -- for the tests

    def plant(self, path: str, content: bytes, mtime_s: int) -> DataObject:
        """Write an object in place (an open reader sees the new content), making parents."""
        self.make_collection(self.split(path)[0], recursive=True)
        found = self.find(path) or self.create(path)
        replica = found.first
        replica.file.write_bytes(content)
        replica.size, replica.mtime, replica.state, replica.checksum = len(content), mtime_s, GOOD, ""
        return found


def _scheme_of(checksum: str) -> str:
    if checksum.startswith("sha2:"):
        return "sha2"
    return "md5" if checksum else ""


def checksum_of(file: Path, scheme: str) -> str:
    """Return a checksum as servers write it: ``sha2:`` and base64, or bare MD5 in hex."""
    made = hashlib.sha256() if scheme == "sha2" else hashlib.md5(usedforsecurity=False)
    with file.open("rb") as stream:
        while piece := stream.read(256 * 1024):
            made.update(piece)
    return f"sha2:{base64.b64encode(made.digest()).decode()}" if scheme == "sha2" else made.hexdigest()


def truncate(file: Path, size: int) -> None:
    """Cut a file in the vault."""
    if file.stat().st_size > size:
        os.truncate(file, size)
