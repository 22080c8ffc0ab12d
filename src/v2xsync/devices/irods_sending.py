"""How files get to an iRODS zone: partial objects first, looked at again in groups, then given their final names.

For every file: open (or continue) the partial, write, close (at which the server computes and registers the checksum),
set its time, attach its metadata. For a group of files: one look at what the catalog now says of the partials, so that
a short, stale or different one never gets a final name. Then RENAME for each, which fails where the name is taken.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from irods.keywords import DEST_RESC_NAME_KW, FORCE_FLAG_KW, RECURSIVE_OPR__KW, REG_CHKSUM_KW
from irods.message import CollectionRequest, JSON_Message, MetadataRequest, ObjCopyRequest, StringStringMap

from v2xsync.devices.base import OVERLAP_BYTES, Feed, SendRequest, Sent
from v2xsync.devices.irods_catalog import Catalog, DataObject, sha256_of
from v2xsync.devices.irods_line import CREATE, READ_WRITE, TRUNCATE, WRITE, Line, OpenObject, object_request
from v2xsync.devices.irods_refusals import Meaning, Refused, in_words, item_error
from v2xsync.devices.resume import check_names, pieces_from, resume_position
from v2xsync.errors import (
    AccessRefused,
    Cancelled,
    DeviceError,
    IntegrityError,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NameTaken,
    NoSpace,
    OutcomeUnknown,
)
from v2xsync.model.items import NS_PER_S

T = TypeVar("T")

GROUP: Final = 16
"""Files that are looked at together, before and after they are written."""

PIECE: Final = 1024 * 1024
"""Bytes of one READ or WRITE: each of them is a round trip."""

_GROUP_BYTES: Final = 16 * 1024 * 1024
_RENAME_OBJECT: Final = 11
_TOUCHES: Final = (4, 2, 9)
_LATEST_TIME_S: Final = 2**31 - 1
_LONGEST_PATH: Final = 1023
_FIELD: Final = re.compile(r"\{(\w+)\}")


def groups(requests: Iterable[T], size: int = GROUP) -> Iterator[list[T]]:
    """Draw `requests` in groups, each when the one before is done with."""
    drawn = iter(requests)
    while group := list(islice(drawn, size)):
        yield group


@contextmanager
def about(path: str, doing: str) -> Iterator[None]:
    """Turn a refusal inside into what it means for the file `path`."""
    try:
        yield
    except Refused as refused:
        raise item_error(path, refused, doing) from refused


@contextmanager
def _delivering(path: str, doing: str) -> Iterator[None]:
    """As `about`, for a file on its way here: "not there" must not be taken for news of its source."""
    try:
        with about(path, doing):
            yield
    except ItemMissing as error:
        raise ItemFailed(path, f"the server failed to {doing}: {error.what}") from error


def require_carried(path: str, absolute: str) -> str:
    """Return `absolute` where iRODS can carry it. Raises ItemRefused for `path` otherwise."""
    try:
        length = len(absolute.encode())
    except UnicodeEncodeError as error:
        raise ItemRefused(path, "iRODS takes only names in UTF-8", remedy="rename the file") from error
    if length > _LONGEST_PATH:
        raise ItemRefused(path, f"iRODS takes no path beyond {_LONGEST_PATH} bytes", remedy="shorten its names")
    return absolute


def discard(line: Line, place: str) -> None:
    """Remove a partial of ours (absolute path) for good. Raises as `Line.ask`; one that is not there is fine."""
    try:
        line.ask("DATA_OBJ_UNLINK_AN", object_request(line, place, keywords={FORCE_FLAG_KW: ""}))
    except Refused as refused:
        if refused.meaning is not Meaning.MISSING:
            raise


@dataclass(slots=True)
class Learned:
    """What a session finds out about its zone.

    A zone whose default is MD5 computes SHA-256 where the checksum given with REG_CHKSUM has that scheme. The value is
    never compared, so it stays empty: what comes back is the server's own. A strict zone refuses even that.
    """

    hint: str = ""
    strict: bool = False
    computes: bool = True
    """Whether checksums of a source's files may be asked for."""
    recomputes: bool = True
    """Whether asking for a checksum of another scheme brings one."""
    keeps_times: bool = True
    folders: set[str] = field(default_factory=set)
    """Collections that are known to be there."""

    def note_other_scheme(self) -> None:
        """The zone came with a checksum that is no SHA-256: name the scheme from now on, unless it refuses that."""
        if not self.strict:
            self.hint = "sha2:"

    def note_strict(self) -> None:
        """The zone refuses other schemes than its own."""
        self.strict, self.hint = True, ""


@dataclass(slots=True)
class Sender:
    """One `send`: from the requests to the final names."""

    device: str
    line: Line
    catalog: Catalog
    feed: Feed
    metadata: Mapping[str, str] | None
    learned: Learned
    _written: list[SendRequest] = field(default_factory=list)

    def send(self, requests: Iterable[SendRequest]) -> None:
        """Send everything. Raises a DeviceError, or what the feed raises; what is whole by then gets its name."""
        try:
            for group in groups(requests):
                self._send_group([request for request in group if self._is_proper(request)])
        except (Cancelled, NoSpace):
            if not self.line.broken:
                self._commit()
            raise

    def _is_proper(self, request: SendRequest) -> bool:
        try:
            check_names(request)
            for path in (request.path, request.partial):
                require_carried(request.path, self.catalog.at(path))
        except ItemError as error:
            self.feed.failed(request.token, error)
            return False
        return True

    def _send_group(self, group: Sequence[SendRequest]) -> None:
        try:
            standing = self.catalog.objects(name for request in group for name in (request.path, request.partial))
            taken = standing.keys() | self.catalog.kinds(request.path for request in group).keys()
        except Refused as refused:
            self._fail_all(group, refused)
            return
        for request in group:
            if request.path in taken:
                self.feed.failed(request.token, NameTaken(request.path, "the name is taken"))
                continue
            self._write(request, standing.get(request.partial))
            if sum(written.size for written in self._written) >= _GROUP_BYTES:
                self._commit()
        self._commit()

    def _fail_all(self, requests: Iterable[SendRequest], refused: Refused) -> None:
        for request in requests:
            self.feed.failed(request.token, item_error(request.path, refused, "look at it"))

    # -- one partial

    def _write(self, request: SendRequest, partial: DataObject | None) -> None:
        """Bring the partial to its whole content, time and metadata; or report why not."""
        try:
            self._make_folder(request.path)
            with _delivering(request.path, "write it"):
                sha256 = self._fill(request, partial)
            self._set_time(request)
            with _delivering(request.path, "attach metadata to it"):
                self._describe(request, sha256)
        except ItemError as error:
            self.learned.folders.clear()
            self.feed.failed(request.token, error)
        else:
            self._written.append(request)

    def _make_folder(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder in self.learned.folders:
            return
        keywords = StringStringMap({RECURSIVE_OPR__KW: ""})
        wanted = CollectionRequest(collName=self.catalog.at(folder), flags=0, oprType=0, KeyValPair_PI=keywords)
        try:
            self.line.ask("COLL_CREATE_AN", wanted)
        except Refused as refused:
            self._judge_folder(path, folder, refused)
        self.learned.folders.add(folder)

    def _judge_folder(self, path: str, folder: str, refused: Refused) -> None:
        """Raise what a refused collection means; one that somebody else made meanwhile is fine."""
        if refused.meaning is Meaning.DENIED:
            raise self._no_right(folder, refused) from refused
        if refused.meaning is not Meaning.TAKEN or folder not in self.catalog.kinds([folder]):
            words = in_words(refused.code, refused.told)
            raise ItemFailed(path, f"its collection cannot be made ({words})") from refused

    def _no_right(self, folder: str, refused: Refused) -> AccessRefused:
        """What is missing is a right on a collection: no file is to be held for that."""
        words = in_words(refused.code, refused.told)
        return AccessRefused(
            self.device,
            f"we may not write in the collection {self.catalog.at(folder)} ({words})",
            remedy="give the user the right: `ichmod write USER COLLECTION`",
        )

    def _fill(self, request: SendRequest, partial: DataObject | None) -> str:
        """Write the content under the partial name; returns its SHA-256 where that is known, else an empty text."""
        opened, size = self._open(request, partial)
        try:
            position = self._continue(request, opened, size) if size else 0
            sha256 = self._pour(request, opened, position)
        except BaseException:
            opened.abandon()
            raise
        try:
            opened.close(self.line.wait_for(request.size))
        except Refused as refused:
            if self.learned.hint and refused.meaning is Meaning.UNABLE:
                self.learned.note_strict()
                raise ItemFailed(request.path, "the zone refuses sha2 checksums: next time without") from refused
            raise
        return sha256

    def _open(self, request: SendRequest, partial: DataObject | None) -> tuple[OpenObject, int]:
        """Open the partial; returns it with the size that it has (0: it is new)."""
        place, keywords = self.catalog.at(request.partial), self._keywords()
        if partial is not None:
            size = partial.best.size
            if request.resume and 0 < size <= request.size:
                with suppress(Refused):  # then it is removed, which says why not where it matters
                    return OpenObject(self.line, place, READ_WRITE, keywords), size
            discard(self.line, self.catalog.at(request.partial))
        try:
            return OpenObject(self.line, place, WRITE | CREATE | TRUNCATE, keywords), 0
        except Refused as refused:
            if refused.meaning is Meaning.DENIED:
                raise self._no_right(request.path.rpartition("/")[0], refused) from refused
            raise

    def _keywords(self) -> Mapping[str, str]:
        """Compute and register a checksum at the end; on the resource that the user wants."""
        resource = self.line.account.resource
        return {REG_CHKSUM_KW: self.learned.hint, **({DEST_RESC_NAME_KW: resource} if resource else {})}

    def _continue(self, request: SendRequest, opened: OpenObject, size: int) -> int:
        """Return where to write on, with the descriptor there; the overlap is always written again.

        A server counts an object that was opened and not written as unchanged, with the state that the broken upload
        left it in.
        """

        def read_back(offset: int, length: int) -> bytes:
            opened.seek(offset)
            return opened.read(length)

        position = max(0, resume_position(request, size, read_back, self.feed) - OVERLAP_BYTES)
        opened.seek(position)
        return position

    def _pour(self, request: SendRequest, opened: OpenObject, position: int) -> str:
        unknown = self.metadata is not None and not request.sha256 and position == 0
        digest = hashlib.sha256() if unknown else None
        for offset, piece in pieces_from(request, position, self.feed, PIECE):
            opened.write(piece)
            if digest is not None:
                digest.update(piece)
            self.feed.progress(request.token, offset + len(piece))
        return request.sha256 if digest is None else digest.hexdigest()

    # -- its time and metadata

    def _set_time(self, request: SendRequest) -> None:
        """Give the object the time of the original, where the server can: nothing depends on it."""
        seconds = -1 if request.mtime_ns is None else request.mtime_ns // NS_PER_S
        if not self.learned.keeps_times or self.line.version < _TOUCHES or not 0 <= seconds <= _LATEST_TIME_S:
            return
        wish = {
            "logical_path": self.catalog.at(request.partial),
            "options": {"no_create": True, "seconds_since_epoch": seconds},
        }
        try:
            self.line.ask("TOUCH_APN", JSON_Message(wish, self.line.version))
        except Refused as refused:
            self.learned.keeps_times = refused.meaning not in (Meaning.UNABLE, Meaning.DENIED)

    def _describe(self, request: SendRequest, sha256: str) -> None:
        if self.metadata is None:
            return
        place = self.catalog.at(request.partial)
        known = {name: request.facts.get(name, "") for name in ("source", "element")}
        wished = {name: _filled(value, request.facts) for name, value in self.metadata.items()}
        pairs = {**known, "sha256": sha256, "captured-at": _moment(request.mtime_ns), **wished}
        for name, value in pairs.items():
            if value:
                self.line.ask("MOD_AVU_METADATA_AN", MetadataRequest("set", "-d", place, name, value))

    # -- final names

    def _commit(self) -> None:
        """Look at what was written, and rename what is whole."""
        written, self._written = self._written, []
        try:
            standing = self.catalog.objects(request.partial for request in written)
        except Refused as refused:
            self._fail_all(written, refused)
            return
        for request in written:
            try:
                self._check(request, standing.get(request.partial))
                with _delivering(request.path, "give it its final name"):
                    self._rename(request)
            except ItemError as error:
                self.feed.failed(request.token, error)
            else:
                self.feed.done(request.token, Sent(request.size, "checked in the catalog and renamed"))

    def _check(self, request: SendRequest, partial: DataObject | None) -> None:
        """Raise what is wrong with a partial that the server said it had taken."""
        if partial is None:
            raise ItemFailed(request.path, "the server does not list what it has just taken")
        trouble = partial.trouble(request.path)
        if trouble is not None:
            raise trouble
        digests = [sha256_of(checksum) for checksum in partial.checksums if checksum]
        if None in digests:
            self.learned.note_other_scheme()
        if partial.best.size != request.size:
            raise self._damaged(request, "bytes", str(request.size), str(partial.best.size))
        for digest in digests:
            if digest is not None and request.sha256 and digest.value != request.sha256:
                raise self._damaged(request, "content", request.sha256, digest.value)

    def _damaged(self, request: SendRequest, what: str, expected: str, got: str) -> IntegrityError:
        """Nothing is built on such a partial: it goes."""
        with suppress(Refused):
            discard(self.line, self.catalog.at(request.partial))
        return IntegrityError(request.path, f"the server kept other {what} than were sent", expected=expected, got=got)

    def _rename(self, request: SendRequest) -> None:
        """RENAME, which fails where the name is taken. A lost answer is reported as what it is, and raised."""
        names = [
            object_request(self.line, self.catalog.at(path), operation=_RENAME_OBJECT)
            for path in (request.partial, request.path)
        ]
        pair = ObjCopyRequest(srcDataObjInp_PI=names[0], destDataObjInp_PI=names[1])
        try:
            self.line.ask("DATA_OBJ_RENAME_AN", pair, wait_s=self.line.wait_for(request.size))
        except DeviceError as error:
            what = f"whether it has its final name is not known: {error.what}"
            self.feed.failed(request.token, OutcomeUnknown(request.path, what))
            raise


def _filled(value: str, facts: Mapping[str, str]) -> str:
    """Put layout fields in; braces around anything else stay as they are."""
    return _FIELD.sub(lambda found: facts.get(found[1], found[0]), value)


def _moment(mtime_ns: int | None) -> str:
    """A time for people and programs (ISO 8601, UTC); empty where there is none to be told."""
    if mtime_ns is None:
        return ""
    try:
        return dt.datetime.fromtimestamp(mtime_ns // NS_PER_S, dt.UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
