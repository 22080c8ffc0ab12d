"""What an iRODS catalog says about data objects and collections (GenQuery), and what it means for us.

A data object is known by its replicas. Only replicas in state "good" count; all others have a name and an advice here.
Conditions hold names in single quotes: with ``=`` a server takes everything between the first and the last quote, so
apostrophes are fine; ``in`` splits at each quote, so that names with one (or with ``||``, ``&&``) are asked one by one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from irods.keywords import ZONE_KW
from irods.message import GenQueryRequest, GenQueryResponse, IntegerIntegerMap, IntegerStringMap, StringStringMap

from v2xsync.devices.irods_line import Line
from v2xsync.devices.irods_refusals import ASK_ADMIN, Meaning, Refused
from v2xsync.errors import DeviceError, ItemFailed
from v2xsync.model.items import NS_PER_S, Digest, Entry, Kind

# Columns, as the client's models and rodsGenQuery.h number them.
DATA_NAME: Final = 403
REPLICA_NUMBER: Final = 404
DATA_SIZE: Final = 407
RESOURCE_NAME: Final = 409
REPLICA_STATUS: Final = 413
CHECKSUM: Final = 415
MODIFY_TIME: Final = 420
COLLECTION_NAME: Final = 501
COLLECTION_PARENT: Final = 502
COLLECTION_TYPE: Final = 510

_OBJECT_COLUMNS: Final = (
    DATA_NAME, REPLICA_NUMBER, DATA_SIZE, REPLICA_STATUS, CHECKSUM, MODIFY_TIME, RESOURCE_NAME,
)  # fmt: skip
_PAGE: Final = 256
_MOST_NAMES: Final = 50
_MOST_NAME_BYTES: Final = 3_000
"""Of the names in one condition: the server's buffers end at about 4000."""

_PLAIN_NAME: Final = re.compile(r"[^'|&\\]+")
_MD5: Final = re.compile(r"[0-9a-fA-F]{32}")
_SCHEMES: Final = {"sha2": ("sha256", 32), "sha512": ("sha512", 64), "sha1": ("sha1", 20)}
"""The server's words for algorithms: (ours, bytes of a digest)."""

_GOOD: Final = "1"

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "0": ("stale", "bring the replicas up to date (`irepl -U`), or remove the stale ones (`itrim`)"),
    "2": ("intermediate: still being written, or left so by a broken upload", ASK_ADMIN),
    "3": ("read-locked", ASK_ADMIN),
    "4": ("write-locked", ASK_ADMIN),
}
"""Replica states other than good, by the catalog's number: (name, advice)."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One line of the catalog: `checksum` as the server writes it, empty where it has none."""

    number: str
    size: int
    state: str
    checksum: str
    mtime_s: int
    resource: str

    @property
    def good(self) -> bool:
        """Whether the server counts it as good."""
        return self.state == _GOOD

    @property
    def called(self) -> str:
        """Which one it is, for people."""
        return f"replica {self.number} on {self.resource}" if self.resource else f"replica {self.number}"


@dataclass(frozen=True, slots=True)
class DataObject:
    """All replicas of one data object, at least one; `path` is relative to the device's root, `name` as told."""

    path: str
    name: str
    replicas: Sequence[Replica]

    @property
    def best(self) -> Replica:
        """The replica to go by: the first good one, where there is any."""
        return next((replica for replica in self.replicas if replica.good), self.replicas[0])

    @property
    def entry(self) -> Entry:
        """The object as a file."""
        return Entry(self.path, Kind.FILE, self.best.size, self.best.mtime_s * NS_PER_S)

    @property
    def checksums(self) -> set[str]:
        """What the catalog has for the replicas; an empty text for those without one."""
        return {replica.checksum for replica in self.replicas}

    def trouble(self, path: str) -> ItemFailed | None:
        """Why it cannot be relied upon, told of `path`; None where every replica is good and all have one size."""
        for replica in self.replicas:
            if not replica.good:
                name, advice = STATES.get(replica.state, (f"in the unknown state {replica.state!r}", ASK_ADMIN))
                return ItemFailed(path, f"{replica.called} is {name}", remedy=advice)
        if len({replica.size for replica in self.replicas}) > 1:
            sizes = ", ".join(f"{replica.called}: {replica.size} bytes" for replica in self.replicas)
            return ItemFailed(path, f"its replicas differ in size ({sizes})", remedy=ASK_ADMIN)
        return None


def digest_of(checksum: str) -> Digest | None:
    """Return the digest that a catalog's checksum means: ``sha2:``, ``sha512:``, ``sha1:`` (base64) or bare MD5 (hex).

    None for an empty or any other text.
    """
    if _MD5.fullmatch(checksum):
        return Digest("md5", checksum.lower())
    scheme, _, text = checksum.partition(":")
    if scheme not in _SCHEMES:
        return None
    algorithm, length = _SCHEMES[scheme]
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return Digest(algorithm, raw.hex()) if len(raw) == length else None


def sha256_of(checksum: str) -> Digest | None:
    """Return the SHA-256 that a catalog's checksum means; None where it is another one, or none."""
    digest = digest_of(checksum)
    return digest if digest is not None and digest.algorithm == "sha256" else None


@dataclass(frozen=True, slots=True)
class Subcollection:
    """A collection inside another; `special` is set for links and mounts, whose content lies elsewhere."""

    name: str
    special: str


class Catalog:
    """Questions about what stands below `root` (absolute, without a slash at its end)."""

    def __init__(self, line: Line, device: str, root: str) -> None:
        self._line = line
        self._device = device
        self._root = root
        self._zone = root.split("/")[1]

    def at(self, path: str) -> str:
        """The absolute path of a relative one; the root for the empty path."""
        return f"{self._root}/{path}" if path else self._root

    def has_root(self) -> bool:
        """Whether the root collection is there."""
        return any(True for _ in self._collections(COLLECTION_NAME, f"= '{self._root}'"))

    def objects(self, paths: Iterable[str]) -> Mapping[str, DataObject]:
        """The data objects among `paths`."""
        return {found.path: found for found in self._objects(paths)}

    def kinds(self, paths: Iterable[str]) -> Mapping[str, Kind]:
        """The collections among `paths`: folders, and links for special ones."""
        found: dict[str, Kind] = {}
        for condition, group in _conditions(self.at(path) for path in paths):
            for name, special in self._collections(COLLECTION_NAME, condition):
                if name in group:
                    found[name.removeprefix(f"{self._root}/")] = Kind.LINK if special else Kind.FOLDER
        return found

    def objects_in(self, folder: str, pattern: str = "") -> Iterator[DataObject]:
        """Every data object right inside `folder`; with `pattern` (SQL LIKE) those whose name fits."""
        condition = f"like '{pattern}'" if pattern else ""
        yield from self._objects_where(folder, condition)

    def collections_in(self, folder: str) -> Iterator[Subcollection]:
        """Every collection right inside `folder`."""
        above = f"{self.at(folder)}/"
        for name, special in self._collections(COLLECTION_PARENT, f"= '{self.at(folder)}'"):
            if not name.startswith(above):
                raise self._line.fault("the server lists a collection that lies elsewhere")
            yield Subcollection(name.removeprefix(above), special)

    # -- queries

    def _objects(self, paths: Iterable[str]) -> Iterator[DataObject]:
        by_folder: dict[str, list[str]] = {}
        for path in paths:
            folder, _, name = path.rpartition("/")
            by_folder.setdefault(folder, []).append(name)
        for folder, names in by_folder.items():
            for condition, _ in _conditions(names):
                yield from self._objects_where(folder, condition)

    def _objects_where(self, folder: str, condition: str) -> Iterator[DataObject]:
        """Objects of one collection; the server sorts rows by name and replica, so replicas come together."""
        where = {COLLECTION_NAME: f"= '{self.at(folder)}'"}
        if condition:
            where[DATA_NAME] = condition
        name, replicas = "", list[Replica]()
        for row in self._rows(_OBJECT_COLUMNS, where):
            if row[0] != name and replicas:
                yield DataObject(_inside(folder, name), name, tuple(replicas))
                replicas.clear()
            name = row[0]
            replicas.append(self._replica(row))
        if replicas:
            yield DataObject(_inside(folder, name), name, tuple(replicas))

    def _replica(self, row: Sequence[str]) -> Replica:
        _, number, size, state, checksum, modified, resource = row
        try:
            return Replica(number, int(size), state, checksum.strip(), int(modified), resource)
        except ValueError as error:
            raise self._line.fault("the server tells a size or a time that is no number") from error

    def _collections(self, column: int, condition: str) -> Iterator[tuple[str, str]]:
        """Return (absolute name, type) of collections."""
        for row in self._rows((COLLECTION_NAME, COLLECTION_TYPE), {column: condition}):
            yield row[0], row[1]

    def _rows(self, columns: Sequence[int], where: Mapping[int, str]) -> Iterator[tuple[str, ...]]:
        """Yield rows page by page; a query that is left early is closed at the server."""
        following = 0
        try:
            while True:
                page = self._page(columns, where, following, _PAGE)
                rows = self._cut(page, columns) if page is not None else []
                following = page.continueInx if page is not None and rows else 0
                yield from rows
                if following <= 0:
                    return
        finally:
            if following > 0 and not self._line.broken:
                with suppress(Refused, DeviceError):
                    self._page(columns, where, following, 0)

    def _page(
        self, columns: Sequence[int], where: Mapping[int, str], following: int, most: int
    ) -> GenQueryResponse | None:
        """Ask for the next rows; None where there are none, or where the query is only closed (`most` is 0)."""
        request = GenQueryRequest(
            maxRows=most,
            continueInx=following,
            partialStartIndex=0,
            options=0,
            KeyValPair_PI=StringStringMap({ZONE_KW: self._zone}),
            InxIvalPair_PI=IntegerIntegerMap(dict.fromkeys(columns, 1)),
            InxValPair_PI=IntegerStringMap(dict(where)),
        )
        try:
            answer = self._line.ask("GEN_QUERY_AN", request)
        except Refused as refused:
            if refused.meaning is Meaning.MISSING:
                return None
            raise
        return self._line.told(answer, GenQueryResponse) if most else None

    def _cut(self, page: GenQueryResponse, columns: Sequence[int]) -> list[tuple[str, ...]]:
        """Turn the columns of a page into rows, in the order of `columns`."""
        counts = (page.rowCnt, page.attriCnt, page.continueInx)
        told = {result.attriInx: result.value for result in page.SqlResult_PI}
        if None in counts or any(len(told.get(column, ())) < page.rowCnt for column in columns):
            raise self._line.fault("the server answers another question than was asked")
        return [tuple(told[column][row] or "" for column in columns) for row in range(page.rowCnt)]


def _inside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _conditions(names: Iterable[str]) -> Iterator[tuple[str, set[str]]]:
    """Split names into conditions: (condition, the names it is about)."""
    group: list[str] = []
    room = _MOST_NAME_BYTES
    for name in names:
        length = len(name.encode())
        if not _PLAIN_NAME.fullmatch(name):
            yield f"= '{name}'", {name}
            continue
        if group and (len(group) == _MOST_NAMES or length > room):
            yield _one_of(group), set(group)
            group, room = [], _MOST_NAME_BYTES
        group.append(name)
        room -= length
    if group:
        yield _one_of(group), set(group)


def _one_of(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"= '{names[0]}'"
    return "in ({})".format(",".join(f"'{name}'" for name in names))
