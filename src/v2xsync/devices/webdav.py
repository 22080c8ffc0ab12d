"""WebDAV: a folder of an HTTP server (RFC 4918), as source and as target.

Quirks of servers, and what is done about them (Apache mod_dav 2.4, nginx 1.22 with dav-ext, wsgidav 4.4, sabre/dav):

* `Depth: infinity` is refused by many: we list folder by folder. Times are whole seconds.
* PUT into a missing folder: 409 (Apache, wsgidav) or the folder is made (nginx). We make folders first, by MKCOL.
* PUT with Content-Range: Apache writes in place (204), nginx says 501, wsgidav 400; others may store the piece as the
  whole file. See `dav.sending`. Without it, a PUT that breaks off starts over.
* nginx passes over If-Match and If-None-Match; only MOVE with `Overwrite: F` is honoured by all (412).
* DELETE of a folder takes everything in it, and nothing in the protocol fails where a folder is not empty: folders are
  never removed. DELETE of a file carries `Depth: 0`, at which Apache, nginx and wsgidav refuse folders, and If-Match.
* Nobody keeps the time of a file that is sent, but for ownCloud and its kin (X-OC-Mtime).
* Links cannot be told from files: a server that follows them shows their targets.
* Over TLS a fetch counts as hashed in line; over plain HTTP, where a bit can flip unnoticed, after a second full read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

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
from v2xsync.devices.dav.answers import Resource
from v2xsync.devices.dav.line import Line
from v2xsync.devices.dav.places import Astray, Place
from v2xsync.devices.dav.reading import digests, read, require_version
from v2xsync.devices.dav.sending import ENDINGS, Known, Sending
from v2xsync.devices.http import Login, Secret, make_client
from v2xsync.errors import (
    IntegrityError,
    ItemChanged,
    ItemError,
    ItemMissing,
    ItemRefused,
    ProtocolFault,
    V2xSyncError,
)
from v2xsync.model.items import Digest, Entry, Kind, Proof, Unlistable

__all__ = ["WebdavDevice", "WebdavOptions"]

MOST_FOLDERS: Final = 1_000_000
MOST_NAMES: Final = 1_000_000
"""Below one root, and in one folder; more are made up."""
_MOST_REASONS: Final = 5
_CONTINUES: Final = ("Apache", "lighttpd")
"""Servers that are known to continue a partial; whether this one does is found out at the first large file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebdavOptions:
    """Where the folder is (`root` below `url`), who we are there, and whom we believe (`ca`: a file of authorities)."""

    url: str
    root: str = ""
    username: str = ""
    password: Secret = field(default="", repr=False)
    ca: Path | None = None
    timeout_s: float = 20.0
    """Seconds of silence after which the server counts as gone."""
    max_parallel: int = 4


class WebdavDevice:
    """A session of a WebDAV server; used from one thread. Verbs connect by themselves where that was not done.

    `clock` gives seconds since the epoch; it is only compared with the server's.
    """

    def __init__(self, name: str, options: WebdavOptions, clock: Callable[[], float]) -> None:
        self.name: Final = name
        self._options: Final = options
        self._clock: Final = clock
        self._place: Final = Place(options.url, options.root)
        self._line: Line | None = None
        self._known = Known()

    @property
    def capabilities(self) -> Capabilities:
        """More exact once connected: whether a partial can be continued."""
        return Capabilities(
            source=True,
            target=True,
            deletes=True,
            folders=False,
            resumable_read=True,
            resumable_write=self._continues(),
            atomic_rename=True,
            replaces=True,
            max_parallel=self._options.max_parallel,
        )

    def _continues(self) -> bool:
        if self._known.continues is not None:
            return self._known.continues
        return self._line is not None and self._line.software.startswith(_CONTINUES)

    def connect(self) -> None:
        """Ask for the root, and log in with that."""
        self._connected()

    def close(self) -> None:
        """Hang up, and forget what was learned of the server."""
        line, self._line = self._line, None
        self._known = Known()
        if line is not None:
            line.close()

    def probe(self) -> Health:
        """Ask for the root and its quota."""
        line = self._connected()
        root = line.root(quota=True)
        offset = None if line.date_s is None else line.date_s - self._clock()
        return Health(clock_offset_s=offset, free_bytes=root.free_bytes, detail=line.software)

    def _connected(self) -> Line:
        if self._line is not None:
            return self._line
        options = self._options
        auth = Login(options.username, options.password) if options.username else None
        client = make_client(self.name, timeout_s=options.timeout_s, ca=options.ca, auth=auth)
        line = Line(self.name, self._place, client, options.timeout_s)
        try:
            line.root()
        except BaseException:
            line.close()
            raise
        self._line = line
        return line

    # --- as a source -------------------------------------------------------------------------------------------------

    def list(self) -> Iterator[Entry | Unlistable]:
        """Folder by folder, each as its answer comes; the root is asked for again at the end."""
        line = self._connected()
        waiting, seen = [""], 0
        while waiting:
            folder = waiting.pop()
            for found in self._list_folder(line, folder):
                yield found
                if isinstance(found, Entry) and found.kind is Kind.FOLDER:
                    waiting.append(found.path)
                    seen += 1
                if seen > MOST_FOLDERS:
                    raise ProtocolFault(self.name, f"the server lists more than {MOST_FOLDERS} folders")
        line.root()

    def _list_folder(self, line: Line, folder: str) -> Iterator[Entry | Unlistable]:
        listing = _Listing(line, folder)
        try:
            with closing(line.members(folder)) as members:
                for member in members:
                    entry = listing.take(member)
                    if entry is not None:
                        yield entry
        except ItemMissing:
            line.root()  # it vanished meanwhile, unless the root did
            return
        except ItemError as error:
            listing.trouble(error.what)
        yield from listing.end()

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """One PROPFIND for each path."""
        line = self._connected()
        answers = [self._stat(line, path) for path in paths]
        # Asked once, not for each: before a delivery most names are not there.
        if any(isinstance(answer, ItemMissing) for answer in answers):
            line.root()
        return answers

    def _stat(self, line: Line, path: str) -> Entry | ItemError:
        try:
            with line.about(require_safe(path)):
                try:
                    return line.entry(path, line.look(path))
                except ItemMissing as error:
                    return error
        except ItemError as error:
            return error

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """Read file by file."""
        line = self._connected()
        for request in requests:
            try:
                with line.about(request.path):
                    fetched = self._fetch(line, request, sink)
            except ItemError as error:
                sink.failed(request.token, error)
            else:
                if fetched is not None:
                    sink.done(request.token, fetched)

    def _fetch(self, line: Line, request: FetchRequest, sink: FetchSink) -> Fetched | None:
        """None where the sink wants no more of it."""
        digest, position = hashlib.sha256(), request.offset
        pieces = read(line, require_safe(request.path), request.fingerprint, request.offset)
        with closing(pieces):
            for piece in pieces:
                digest.update(piece)
                if not sink.write(request.token, position, piece):
                    return None
                position += len(piece)
        proof, method, whole = self._prove_fetch(line, request, digest.hexdigest())
        after, _ = line.file(request.path)
        if not request.fingerprint.matches(after.fingerprint):
            raise ItemChanged(request.path, "it changed while it was read")
        return Fetched(after.fingerprint, proof, method, whole)

    def _prove_fetch(self, line: Line, request: FetchRequest, sha256: str) -> tuple[Proof, str, Digest | None]:
        """How sure it is that `sha256` (from the offset on) is the file's; a second read digests the whole, too."""
        if self._place.is_protected:
            return Proof.HASH, "tls channel", None
        if request.proof < Proof.HASH:
            return Proof.SIZE, "size", None
        whole, again = digests(line, request.path, request.fingerprint, request.offset)
        if again != sha256:
            raise IntegrityError(request.path, "a second read gave other content", expected=sha256, got=again)
        return Proof.HASH, "second read", Digest("sha256", whole)

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Remove file by file, each right after a look at it."""
        line = self._connected()
        for request in requests:
            answer: V2xSyncError | None = None
            try:
                with line.about(request.path):
                    self._remove(line, request)
            except ItemError as error:
                answer = error
            yield request.token, answer

    def _remove(self, line: Line, request: RemoveRequest) -> None:
        require_safe(request.path)
        if request.prove_content:
            self._prove_content(line, request)
        found = require_version(line, request.path, request.fingerprint)
        # Neither header is what protects the file (some servers pass over both); where they work, nothing can come
        # between the look and the removal.
        headers = {"Depth": "0", **({"If-Match": found.etag} if _is_strong(found.etag) else {})}
        line.act("DELETE", request.path, headers=headers)

    def _prove_content(self, line: Line, request: RemoveRequest) -> None:
        if not request.sha256:
            raise ItemRefused(request.path, "its content cannot be proven: no digest of it is known")
        whole, _ = digests(line, request.path, request.fingerprint)
        if whole != request.sha256:
            raise ItemChanged(request.path, "its content is not what was fetched")

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """Remove nothing: WebDAV has no call that fails where a folder is not empty (invariant 1)."""
        del folders
        return []

    # --- as a target -------------------------------------------------------------------------------------------------

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """Send file by file."""
        line = self._connected()
        for request in requests:
            try:
                with line.about(request.path):
                    sent = Sending(line, feed, self._known).send(request)
            except ItemError as error:
                feed.failed(request.token, error)
            else:
                feed.done(request.token, sent)

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """Look at each file afresh; for `Proof.HASH` read it back."""
        line = self._connected()
        for request in requests:
            answer: Proven | ItemError
            try:
                with line.about(request.path):
                    answer = self._prove(line, request)
            except ItemError as error:
                answer = error
            yield request.token, answer

    def _prove(self, line: Line, request: ProveRequest) -> Proven:
        entry, _ = line.file(require_safe(request.path))
        if request.proof < Proof.HASH or entry.size != request.size:
            return Proven(entry.size, Proof.SIZE, "asked again")
        whole, _ = digests(line, request.path, entry.fingerprint)
        return Proven(entry.size, Proof.HASH, "read back", Digest("sha256", whole))

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """Remove stale partials of ours; `keep` holds paths."""
        line = self._connected()
        return [path for folder in folders for path in self._sweep(line, folder, keep)]

    def _sweep(self, line: Line, folder: str, keep: Container[str]) -> Iterator[str]:
        try:
            ours = self._partials(line, folder and require_safe(folder))
            stale = [path for path in ours if _as_the_engine_says(path) not in keep]
        except ItemError:
            return
        for path in stale:
            with suppress(ItemError):
                line.act("DELETE", path, headers={"Depth": "0"})
                yield path

    def _partials(self, line: Line, folder: str) -> Iterator[str]:
        with closing(line.members(folder)) as members:
            for member in members:
                with suppress(Astray):
                    path = line.place.path_of(member.href)
                    above, _, name = path.rpartition("/")
                    if above == folder and _is_partial(name) and not member.is_folder:
                        yield path


class _Listing:
    """One folder's members become entries; what cannot be taken makes the folder Unlistable, once, with reasons."""

    def __init__(self, line: Line, folder: str) -> None:
        self._line: Final = line
        self._folder: Final = folder
        self._names: Final[set[str]] = set()
        self._saw_itself = False
        self._reasons: Final[dict[str, int]] = {}

    def trouble(self, reason: str) -> None:
        """Note why the folder is not complete."""
        if len(self._reasons) >= _MOST_REASONS:
            reason = "and more of that kind"
        self._reasons[reason] = self._reasons.get(reason, 0) + 1

    def take(self, member: Resource) -> Entry | None:
        """Return the entry that `member` is; None for the folder itself, names of ours and what cannot be taken."""
        try:
            path = self._line.place.path_of(member.href)
        except Astray as error:
            self.trouble(f"the server names {error}")
            return None
        if not 200 <= member.status < 300:
            self.trouble(f"the server does not tell about a part of it (status {member.status})")
            return None
        if path == self._folder:
            self._saw_itself = member.is_folder
            return None
        return self._entry(path, member)

    def _entry(self, path: str, member: Resource) -> Entry | None:
        above, _, name = path.rpartition("/")
        if above != self._folder:
            self.trouble("the server names an address that is not in the folder")
        elif name in self._names or len(self._names) >= MOST_NAMES:
            self.trouble("the server names one file twice, or more files than anybody has")
        elif not is_ours(name):
            self._names.add(name)
            try:
                return self._line.entry(path, member)
            except ItemError as error:
                self.trouble(f"{error.what} ({name!a})")
        return None

    def end(self) -> Iterator[Unlistable]:
        """Yield what makes the listing of this folder incomplete."""
        if not self._saw_itself and not self._reasons:
            self.trouble("the server's answer does not speak of the folder itself")
        if self._reasons:
            told = (f"{words} ({count} times)" if count > 1 else words for words, count in self._reasons.items())
            yield Unlistable(self._folder, "; ".join(told))


def _is_partial(name: str) -> bool:
    return name.startswith(f"{OUR_PREFIX}-") and name.endswith(ENDINGS)


def _as_the_engine_says(partial: str) -> str:
    for ending in ENDINGS:
        partial = partial.removesuffix(ending)
    return partial + ENDINGS[0]


def _is_strong(etag: str) -> bool:
    return len(etag) > 2 and etag.startswith('"') and etag.endswith('"') and '"' not in etag[1:-1]
