"""iRODS (CyVerse and its like): a zone's collection as source and as target, through python-irodsclient.

Quirks of the protocol, and what is done about them:

* A session is one connection to an agent of its own at the server. It is dialled when needed; after an expired login or
  a broken line the next `connect` logs in again, reading the password anew (`irods_account`, `irods_line`).
* "OK" means little: an interrupted or lied-about upload may stand in the catalog with the right name (R5). Uploads go
  to a partial object and are looked at in the catalog before they are renamed (`irods_sending`); `prove` asks again
  over a new connection: every replica good, all of one size, and the server's own SHA-256.
* RENAME never overwrites. Its answer may be lost, which is reported as unknown.
* Replica states: 0 stale, 1 good, 2 intermediate, 3 read-locked, 4 write-locked. All but 1 have a name and an advice
  (`irods_catalog`). A file whose only replicas are not good is no file for us yet.
* Checksums are ``sha2:`` and base64, or bare MD5 in older zones (CyVerse). A zone computes another one where the scheme
  is named; where it does not, the file is read back.
* Times are whole seconds. A collection may be a link or a mount: it is shown as a link and never entered.
* Removal without force goes to the user's trash collection, as `irm` does; a partial of ours goes for good.

References: rodsErrorTable.h, rodsGenQuery.h, rsDataObjClose.cpp and general_query.cpp of iRODS 4.2 to 5; the message
classes of python-irodsclient 3.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Final

from irods.keywords import CHKSUM_ALL_KW, FORCE_CHKSUM_KW, ORIG_CHKSUM_KW
from irods.message import CollectionRequest, DataObjChksumRequest, StringStringMap

from v2xsync.devices.base import (
    OUR_PREFIX,
    Capabilities,
    Feed,
    Fetched,
    FetchRequest,
    FetchSink,
    Health,
    Proven,
    ProveRequest,
    RemoveRequest,
    SendRequest,
    is_ours,
    require_safe,
)
from v2xsync.devices.irods_account import IrodsOptions, read_account
from v2xsync.devices.irods_catalog import Catalog, DataObject, digest_of, sha256_of
from v2xsync.devices.irods_line import READ, Line, OpenObject, object_request, open_line
from v2xsync.devices.irods_refusals import ASK_ADMIN, Meaning, Refused, in_words, item_error
from v2xsync.devices.irods_sending import PIECE, Learned, Sender, about, discard, groups, require_carried
from v2xsync.errors import (
    DeviceGone,
    IntegrityError,
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    V2xSyncError,
)
from v2xsync.model.items import Digest, Entry, Fingerprint, Kind, Proof, Unlistable

__all__ = ["IrodsDevice", "IrodsOptions"]

_ASKED_TOGETHER: Final = 50
_FRESH_BYTES: Final = 16 * 1024 * 1024
"""So much may be read before what was learned of the files behind is learned anew."""


@dataclass(frozen=True, slots=True)
class _Session:
    line: Line
    catalog: Catalog


class IrodsDevice:
    """A session of an iRODS zone; used from one thread. Verbs connect by themselves where that was not done."""

    def __init__(self, name: str, options: IrodsOptions) -> None:
        self.name: Final = name
        self._options: Final = options
        self._root: Final = "/" + options.root.strip("/")
        self._session: _Session | None = None
        self._learned: Final = Learned()
        self._wrote = False

    @property
    def capabilities(self) -> Capabilities:
        """What every zone can do."""
        return Capabilities(
            source=True,
            target=True,
            deletes=True,
            resumable_read=True,
            resumable_write=True,
            atomic_rename=True,
            server_digests=("sha256",),
            max_parallel=self._options.max_parallel,
        )

    def connect(self) -> None:
        """Dial and log in, or do nothing where that was done and the line is whole."""
        self._connected()

    def close(self) -> None:
        """Say goodbye; never raises."""
        session, self._session = self._session, None
        if session is not None:
            session.line.close()

    def probe(self) -> Health:
        """Ask for the root collection."""
        session = self._connected()
        self._require_root(session)
        version = ".".join(str(part) for part in session.line.version)
        return Health(detail=f"iRODS {version}, zone {session.line.account.zone}")

    def _connected(self) -> _Session:
        if self._session is None or self._session.line.broken:
            self.close()
            account = read_account(self.name, self._options)
            line = open_line(self.name, account, self._options.timeout_s)
            self._session = _Session(line, Catalog(line, self.name, self._root))
            self._learned.folders.clear()
        return self._session

    def _require_root(self, session: _Session) -> None:
        try:
            there = session.catalog.has_root()
        except Refused as refused:
            raise DeviceGone(self.name, f"the root cannot be asked for ({in_words(refused.code)})") from refused
        if not there:
            raise DeviceGone(
                self.name,
                f"the collection {self._root} is not there, or not for us to see",
                remedy="correct `root`, make it (`imkdir -p`), or ask for the right to read it",
            )

    # --- as a source -------------------------------------------------------------------------------------------------

    def list(self) -> Iterator[Entry | Unlistable]:
        """Every data object and collection below the root, collection by collection."""
        session = self._connected()
        self._require_root(session)
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                for found in session.catalog.objects_in(folder):
                    yield from _listed(found)
                for inner in self._folders_in(session, folder):
                    yield inner
                    if isinstance(inner, Entry) and inner.kind is Kind.FOLDER:
                        waiting.append(inner.path)
            except Refused as refused:
                yield Unlistable(folder, in_words(refused.code, refused.told))

    def _folders_in(self, session: _Session, folder: str) -> Iterator[Entry | Unlistable]:
        for inner in session.catalog.collections_in(folder):
            path = f"{folder}/{inner.name}" if folder else inner.name
            reason = _improper(inner.name) or self._uncarried(session, path)
            if reason:
                yield Unlistable(path, reason)
            elif not is_ours(inner.name):
                yield Entry(path, Kind.LINK if inner.special else Kind.FOLDER)

    def _uncarried(self, session: _Session, path: str) -> str:
        try:
            require_carried(path, session.catalog.at(path))
        except ItemRefused as error:
            return error.what
        return ""

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """Fresh facts about each path: one question for every fifty files of a collection."""
        standing = self._look(self._connected(), paths)
        return [_told(path, standing[path]) for path in paths]

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """Read files one by one, looking at sixteen together first."""
        session = self._connected()
        for group in groups(requests):
            found: Mapping[str, DataObject | ItemError] = {}
            read = _FRESH_BYTES
            for place, request in enumerate(group):
                if read >= _FRESH_BYTES:
                    found, read = self._found(session, [late.path for late in group[place:]]), 0
                self._fetch(session, request, found[request.path], sink)
                read += request.fingerprint.size - request.offset

    def _fetch(self, session: _Session, request: FetchRequest, found: DataObject | ItemError, sink: FetchSink) -> None:
        try:
            standing = _require_version(request.path, found, request.fingerprint)
            with about(request.path, "read it"):
                hashing = self._read(session, request, standing, sink)
                if hashing is None:
                    return
                if request.proof >= Proof.HASH and not session.line.authentic:
                    self._want_checksum(session, standing)
                (after,) = self._found(session, [request.path]).values()
                fetched = self._evidence(session, request, _require_object(after), hashing)
        except ItemError as error:
            sink.failed(request.token, error)
        else:
            sink.done(request.token, fetched)

    def _read(self, session: _Session, request: FetchRequest, standing: DataObject, sink: FetchSink) -> _Hashing | None:
        """Stream from the offset to the end that the fingerprint tells; None where the sink abandons the file."""
        hashing = _Hashing(standing.best.checksum)
        with closing(self._pieces(session, request.path, request.offset, request.fingerprint.size)) as pieces:
            for offset, piece in pieces:
                hashing.update(piece)
                if not sink.write(request.token, offset, piece):
                    return None
        return hashing

    def _pieces(self, session: _Session, path: str, start: int, end: int) -> Generator[tuple[int, bytes]]:
        """Yield (offset, piece). Raises ItemChanged where the object ends before `end`."""
        opened = OpenObject(session.line, session.catalog.at(path), READ, {})
        position = start
        try:
            if start:
                opened.seek(start)
            while position < end and (piece := opened.read(min(PIECE, end - position))):
                yield position, piece
                position += len(piece)
        except BaseException:
            opened.abandon()
            raise
        opened.close()
        if position < end:
            raise ItemChanged(path, "the file became shorter while it was read")

    def _want_checksum(self, session: _Session, standing: DataObject) -> None:
        """Where the catalog has no checksum, let the server compute one (as `ichksum`): cheaper than a second read."""
        if standing.best.checksum or not self._learned.computes:
            return
        refused = self._compute(session, standing, {ORIG_CHKSUM_KW: "sha2:"})
        self._learned.computes = refused is None or refused.meaning not in (Meaning.DENIED, Meaning.UNABLE)

    def _evidence(self, session: _Session, request: FetchRequest, after: DataObject, hashing: _Hashing) -> Fetched:
        """How strongly it is known that what was read is what is stored.

        A digest that is told covers the whole file, also where only its end was read now.
        """
        told = digest_of(after.best.checksum)
        told = told if hashing.knows(told) else None
        shown, whole = after.entry.fingerprint, request.offset == 0
        if whole and told is not None:
            hashing.require(request.path, told)
        if session.line.authentic:
            return Fetched(shown, Proof.HASH, "tls channel", told)
        if told is not None and (whole or told.algorithm == "sha256"):
            return Fetched(shown, Proof.HASH, f"the server's {told.algorithm} checksum", told)
        if request.proof < Proof.HASH:
            return Fetched(shown, Proof.SIZE, "catalog")
        again = self._sha256(session, request.path, shown.size)
        if whole:
            hashing.require(request.path, again)
        return Fetched(shown, Proof.HASH, "second read", None if whole else again)

    def _sha256(self, session: _Session, path: str, size: int) -> Digest:
        """Read all of a file."""
        digest = hashlib.sha256()
        with about(path, "read it"):
            for _, piece in self._pieces(session, path, 0, size):
                digest.update(piece)
        return Digest("sha256", digest.hexdigest())

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Remove files, each right after its own look; they go to the trash collection where the zone has one."""
        for request in requests:
            error: ItemError | None = None
            try:
                with about(request.path, "remove it"):
                    self._remove(self._connected(), request)
            except ItemError as trouble:
                error = trouble
            yield request.token, error

    def _remove(self, session: _Session, request: RemoveRequest) -> None:
        if request.prove_content:
            if not request.sha256:
                raise ItemRefused(request.path, "its content cannot be proven: no digest of it is known")
            self._require_now(session, request)
            if self._sha256(session, request.path, request.fingerprint.size).value != request.sha256:
                raise ItemChanged(request.path, "its content is not what was fetched")
        self._require_now(session, request)
        session.line.ask("DATA_OBJ_UNLINK_AN", object_request(session.line, session.catalog.at(request.path)))

    def _require_now(self, session: _Session, request: RemoveRequest) -> None:
        (found,) = self._found(session, [request.path]).values()
        _require_version(request.path, found, request.fingerprint)

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """Remove empty collections; the server refuses all others. Links and mounts stay."""
        session = self._connected()
        return [folder for folder in folders if self._prune(session, folder)]

    def _prune(self, session: _Session, folder: str) -> bool:
        try:
            place = self._at(session, folder)
            if session.catalog.kinds([folder]).get(folder) is not Kind.FOLDER:
                return False
            wanted = CollectionRequest(collName=place, flags=0, oprType=0, KeyValPair_PI=StringStringMap())
            session.line.ask("RM_COLL_AN", wanted)
        except (ItemRefused, Refused):
            return False
        return True

    # --- as a target -------------------------------------------------------------------------------------------------

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """Write files one by one, rename them in groups (`irods_sending`)."""
        session = self._connected()
        self._wrote = True
        Sender(self.name, session.line, session.catalog, feed, self._options.metadata, self._learned).send(requests)

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """Ask the catalog again; after a `send` over a connection that has nothing to do with it."""
        if self._wrote:
            self.close()
            self._wrote = False
        for group in groups(requests, _ASKED_TOGETHER):
            session = self._connected()
            found = self._found(session, [request.path for request in group])
            for request in group:
                yield request.token, self._prove(session, request, found[request.path])

    def _prove(self, session: _Session, request: ProveRequest, found: DataObject | ItemError) -> Proven | ItemError:
        try:
            standing = _require_sound(request.path, found)
            if request.proof < Proof.HASH or standing.best.size != request.size:
                return Proven(standing.best.size, Proof.SIZE, "replicas in the catalog")
            with about(request.path, "compute its checksum"):
                return self._prove_content(session, standing)
        except ItemError as error:
            return error

    def _prove_content(self, session: _Session, standing: DataObject) -> Proven:
        """The server's SHA-256 where it has or computes one; for other algorithms than that, read it back."""
        standing = self._with_checksums(session, standing)
        digest = _common_sha256(standing)
        if digest is not None:
            return Proven(standing.best.size, Proof.HASH, "the server's checksum", digest)
        self._learned.note_other_scheme()
        digest = self._sha256(session, standing.path, standing.best.size)
        return Proven(standing.best.size, Proof.HASH, "read back: the zone has no sha2 checksums", digest)

    def _with_checksums(self, session: _Session, standing: DataObject) -> DataObject:
        """Let the server compute what is missing or of another algorithm; returns how it stands then.

        Raises ItemFailed where a replica still has no checksum at all.
        """
        if _common_sha256(standing) is not None:
            return standing
        other = {digest_of(checksum) for checksum in standing.checksums if checksum}
        if other and not self._learned.recomputes:
            return standing
        keywords = {FORCE_CHKSUM_KW: "", ORIG_CHKSUM_KW: "sha2:"} if other else {}
        refused = self._compute(session, standing, keywords)
        (found,) = self._found(session, [standing.path]).values()
        standing = _require_sound(standing.path, found)
        if "" in standing.checksums:
            words = f" ({in_words(refused.code, refused.told)})" if refused is not None else ""
            raise ItemFailed(
                standing.path,
                f"the server has no checksum of it and computes none{words}",
                remedy='ask the zone\'s administrator to allow `ichksum`, or write proof = "size" for this target',
            )
        self._learned.recomputes = _common_sha256(standing) is not None
        return standing

    def _compute(self, session: _Session, standing: DataObject, keywords: Mapping[str, str]) -> Refused | None:
        """Ask for the checksums of all replicas; returns why not, where the server refuses."""
        wait_s = session.line.wait_for(standing.best.size * len(standing.replicas))
        request = DataObjChksumRequest(session.catalog.at(standing.path), **{CHKSUM_ALL_KW: "", **keywords})
        try:
            session.line.ask("DATA_OBJ_CHKSUM_AN", request, wait_s=wait_s)
        except Refused as refused:
            return refused
        return None

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """Remove stale partials of ours, for good."""
        session = self._connected()
        return [path for folder in folders for path in self._sweep(session, folder, keep)]

    def _sweep(self, session: _Session, folder: str, keep: Container[str]) -> Iterator[str]:
        with suppress(ItemRefused, Refused):
            if folder:
                self._at(session, folder)
            partials = [found.path for found in session.catalog.objects_in(folder, f"{OUR_PREFIX}-%")]
            for path in partials:
                if path.endswith(".part") and path not in keep and self._discard(session, path):
                    yield path

    def _discard(self, session: _Session, path: str) -> bool:
        try:
            discard(session.line, session.catalog.at(path))
        except Refused:
            return False
        return True

    # --- looking at single files -------------------------------------------------------------------------------------

    def _at(self, session: _Session, path: str) -> str:
        """The absolute path. Raises ItemRefused where iRODS cannot have it, or where it is no proper one."""
        return require_carried(path, session.catalog.at(require_safe(path)))

    def _look(self, session: _Session, paths: Sequence[str]) -> Mapping[str, DataObject | Kind | ItemError]:
        """What stands at each path: a data object, a collection or link, or why it is neither."""
        standing: dict[str, DataObject | Kind | ItemError] = {}
        for path in paths:
            try:
                self._at(session, path)
            except ItemRefused as error:
                standing[path] = error
        asked = [path for path in dict.fromkeys(paths) if path not in standing]
        try:
            standing |= session.catalog.objects(asked)
            standing |= session.catalog.kinds(path for path in asked if path not in standing)
        except Refused as refused:
            return {path: standing.get(path) or item_error(path, refused, "look at it") for path in paths}
        return {path: standing.get(path) or ItemMissing(path, "nothing has this name") for path in paths}

    def _found(self, session: _Session, paths: Sequence[str]) -> Mapping[str, DataObject | ItemError]:
        """The data object at each path, or why there is none."""
        return {
            path: ItemRefused(path, f"this is no file but a {there.value}") if isinstance(there, Kind) else there
            for path, there in self._look(session, paths).items()
        }


class _Hashing:
    """Digests of what passes by: SHA-256, and what the catalog has for the file, or may soon have."""

    def __init__(self, checksum: str) -> None:
        told = digest_of(checksum)
        algorithms = {"sha256", "md5" if told is None else told.algorithm}
        self._hashes: Final = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}

    def update(self, piece: bytes) -> None:
        """Take the next piece."""
        for made in self._hashes.values():
            made.update(piece)

    def require(self, path: str, told: Digest) -> None:
        """Raise IntegrityError where what passed by has not this digest."""
        made = self._hashes[told.algorithm].hexdigest()
        if made != told.value:
            what = "what the server sent is not what its digest says"
            raise IntegrityError(path, what, expected=str(told), got=f"{told.algorithm}:{made}")

    def knows(self, told: Digest | None) -> bool:
        """Whether a digest of this algorithm was made."""
        return told is not None and told.algorithm in self._hashes


def _told(path: str, there: DataObject | Kind | ItemError) -> Entry | ItemError:
    if isinstance(there, DataObject):
        return there.entry
    return Entry(path, there) if isinstance(there, Kind) else there


def _listed(found: DataObject) -> Iterator[Entry | Unlistable]:
    """The line of a listing for one data object; none for names of ours."""
    reason = _improper(found.name)
    if reason:
        yield Unlistable(found.path, reason)
    elif not is_ours(found.name):
        yield found.entry if found.best.good else replace(found.entry, kind=Kind.OTHER)


def _improper(name: str) -> str:
    """Why a name from the wire is no name; empty where it is one."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        return "the server lists a name that is none"
    return ""


def _require_object(found: DataObject | ItemError) -> DataObject:
    if isinstance(found, ItemError):
        raise found
    return found


def _require_sound(path: str, found: DataObject | ItemError) -> DataObject:
    """Return the object where every replica of it is good. Raises ItemError."""
    trouble = _require_object(found).trouble(path)
    if trouble is not None:
        raise trouble
    return _require_object(found)


def _require_version(path: str, found: DataObject | ItemError, wanted: Fingerprint) -> DataObject:
    """Return the object where it can be read and is the version that is meant. Raises ItemError."""
    standing = _require_object(found)
    if not standing.best.good:
        standing = _require_sound(path, standing)
    if not wanted.matches(standing.entry.fingerprint):
        raise ItemChanged(path, "another version stands there now")
    return standing


def _common_sha256(standing: DataObject) -> Digest | None:
    """The SHA-256 that the catalog has for every replica. Raises ItemFailed where they differ."""
    digests = {sha256_of(checksum) for checksum in standing.checksums}
    if None in digests:
        return None
    if len(digests) > 1:
        raise ItemFailed(standing.path, "its replicas have different checksums", remedy=ASK_ADMIN)
    return digests.pop()
