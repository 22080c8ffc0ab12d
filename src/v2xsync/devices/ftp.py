"""FTP: plain, with explicit TLS (AUTH TLS, RFC 4217) and with implicit TLS, as source and as target.

The protocol (RFC 959, 2389, 3659) says little, and servers do as they please. What is done about it:

* No two servers offer the same. FEAT tells, and what turns out not to be understood is not asked again. MLSD and MLST
  are used where offered, else LIST (vsftpd) with SIZE and MDTM; without MDTM times are minutes or days, and so told.
* Links: see `ftp_wire.looking`. Line breaks in names cannot be carried at all; such names are refused.
* Replies are numbers with free text: 226 means done whatever follows; 550 means missing, forbidden or impossible.
* A server may keep less than it was sent, and say 226. The partial's size is asked before it gets its name.
* An upload is continued by APPE, which all servers know (Pure-FTPd truncates after REST and STOR), only where the last
  64 KiB there are ours, and only believed when the size has grown by exactly what was sent.
* RNTO overwrites on Unix. We look right before it; between that look and the rename another client could put a file of
  the same name there, and would lose it. FTP has no call without this gap.
* RMD is not said to spare what a folder holds: we look that it is empty first.
* A session that is over (421, 530 in the middle, idle for too long) is found out by `connect`, which logs in again.
* Few servers digest (HASH with SHA-256, draft-bryan-ftpext-hash; ProFTPD's mod_digest): elsewhere content is proven by
  reading it back. A fetch over TLS is hashed in line; over plain FTP, where a bit can flip unnoticed, it counts as
  hashed only after the server's digest or a second full read.

Commands and answers go one at a time: pipelining upsets too many servers. A device's lane opens several sessions.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
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
    Sent,
    is_ours,
)
from v2xsync.devices.ftp_wire.control import FtpLine
from v2xsync.devices.ftp_wire.lines import write_stamp
from v2xsync.devices.ftp_wire.looking import Looking
from v2xsync.devices.ftp_wire.options import FtpOptions
from v2xsync.devices.ftp_wire.replies import READ, Refusal, Reply, refusal
from v2xsync.devices.ftp_wire.server import Paths, Server, find_paths, learn
from v2xsync.devices.resume import check_names, pieces_from, resume_position
from v2xsync.errors import (
    DeviceError,
    DeviceGone,
    IntegrityError,
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NameTaken,
    NoSpace,
    OutcomeUnknown,
    V2xSyncError,
)
from v2xsync.model.items import Digest, Entry, Fingerprint, Kind, Proof, Unlistable

__all__ = ["FtpDevice", "FtpOptions"]

MOST_FOLDERS: Final = 100_000
"""Below one root; more are made up."""
_NO_DATA: Final = frozenset({425, 522})
"""The data connection cannot be had, for any file."""
_MINUTE_S: Final = 60.0
_DIGEST_BYTES_PER_S: Final = 20 << 20
"""How fast a weak server is trusted to digest."""
_ASKED: Final = "server's digest"


@dataclass(frozen=True, slots=True)
class _Session:
    """What is there while we are connected."""

    line: FtpLine
    server: Server
    paths: Paths
    looking: Looking


class FtpDevice:
    """A session of an FTP server; used from one thread. Verbs connect by themselves where that was not done.

    `clock` gives seconds since the epoch: listings leave the year out of fresh times.
    """

    def __init__(self, name: str, options: FtpOptions, clock: Callable[[], float]) -> None:
        self.name: Final = name
        self._options: Final = options
        self._clock: Final = clock
        self._session: _Session | None = None

    @property
    def capabilities(self) -> Capabilities:
        """More exact once connected: the step of times, whether transfers are continued, whether case matters."""
        server = self._session.server if self._session else None
        timed = server is None or server.offers("MLST") or server.offers("MDTM")
        continues = server is None or server.offers("REST")
        return Capabilities(
            source=True,
            target=True,
            deletes=True,
            resumable_read=continues,
            resumable_write=continues,
            replaces=True,
            server_digests=("sha256",) if server is not None and server.hashes else (),
            mtime_step_s=1.0 if timed else _MINUTE_S,
            case_sensitive=server is None or not server.is_windows,
            max_parallel=self._options.max_parallel,
        )

    def connect(self) -> None:
        """Connect and log in; where that was done, ask for the root, and log in again where the session is over."""
        if self._session is not None and self._session.line.alive:
            try:
                self._session.looking.require_root()
            except DeviceError:
                if self._session.line.alive:
                    raise
            else:
                return
        self.close()
        self._connected().looking.require_root()

    def close(self) -> None:
        """Say goodbye and hang up."""
        session, self._session = self._session, None
        if session is not None:
            session.line.leave()

    def probe(self) -> Health:
        """Ask for the root."""
        session = self._connected()
        session.looking.require_root()
        return Health(detail=f"{session.server.greeting} ({session.line.secrecy})")

    # --- as a source -------------------------------------------------------------------------------------------------

    def list(self) -> Iterator[Entry | Unlistable]:
        """Every file and folder below the root, folder by folder."""
        folders = [""]
        seen = 0
        while folders:
            for found in self._connected().looking.folder(folders.pop()):
                if any(map(is_ours, found.path.split("/"))):
                    continue
                yield found
                if isinstance(found, Entry) and found.kind is Kind.FOLDER:
                    seen += 1
                    if seen <= MOST_FOLDERS:
                        folders.append(found.path)
                    else:
                        yield Unlistable(found.path, f"there are more than {MOST_FOLDERS:,} folders")
        self._connected().looking.require_root()

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """Fresh facts about each path, in order; nothing is missing where the root itself is."""
        answers = [self._stat(path) for path in paths]
        if any(isinstance(answer, ItemMissing) for answer in answers):
            self._connected().looking.require_root()
        return answers

    def _stat(self, path: str) -> Entry | ItemError:
        try:
            return self._connected().looking.look(path)
        except ItemError as error:
            return error

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """Read file by file."""
        for request in requests:
            try:
                fetched = self._fetch(request, sink)
            except ItemError as error:
                sink.failed(request.token, error)
            else:
                if fetched is not None:
                    sink.done(request.token, fetched)

    def _fetch(self, request: FetchRequest, sink: FetchSink) -> Fetched | None:
        """None where the sink wants no more of it."""
        self._require_version(request.path, request.fingerprint)
        digest = hashlib.sha256()
        position = request.offset
        with closing(self._pieces(request.path, request.fingerprint.size, request.offset)) as pieces:
            for piece in pieces:
                digest.update(piece)
                if not sink.write(request.token, position, piece):
                    return None
                position += len(piece)
        proof, method, whole = self._prove_fetch(request, digest.hexdigest())
        return Fetched(self._connected().looking.facts(request.path).fingerprint, proof, method, whole)

    def _prove_fetch(self, request: FetchRequest, sha256: str) -> tuple[Proof, str, Digest | None]:
        """How sure it is that `sha256` (from the offset on) is the file's; asking again also digests the whole."""
        if self._connected().line.protected:
            return Proof.HASH, "tls channel", None
        if request.proof < Proof.HASH:
            return Proof.SIZE, "size", None
        whole = self._asked_digest(request.path, request.fingerprint.size)
        if whole is not None:
            method, again = _ASKED, whole if request.offset == 0 else sha256
        else:
            method = "second read"
            whole, again = self._digests(request.path, request.fingerprint.size, request.offset)
        if again != sha256:
            raise IntegrityError(request.path, f"the {method} gave other content", expected=sha256, got=again)
        return Proof.HASH, method, Digest("sha256", whole)

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Remove file by file, each right after a look at it."""
        for request in requests:
            answer: V2xSyncError | None = None
            try:
                self._remove(request)
            except ItemError as error:
                answer = error
            yield request.token, answer

    def _remove(self, request: RemoveRequest) -> None:
        self._require_version(request.path, request.fingerprint)
        if request.prove_content:
            if not request.sha256:
                raise ItemRefused(request.path, "its content cannot be proven: no digest of it is known")
            whole, _ = self._digest(request.path, request.fingerprint.size)
            if whole != request.sha256:
                raise ItemChanged(request.path, "its content is not what was fetched")
            self._require_version(request.path, request.fingerprint)
        reply = self._ask("DELE", request.path)
        if not reply.good:
            raise refusal(request.path, reply, "remove it")

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """Remove empty folders, the deepest first."""
        deepest_first = sorted(folders, key=lambda folder: -folder.count("/"))
        removed = {folder for folder in deepest_first if self._prune(folder)}
        return [folder for folder in folders if folder in removed]

    def _prune(self, folder: str) -> bool:
        entry = self._stat(folder)
        if not isinstance(entry, Entry) or entry.kind is not Kind.FOLDER:
            return False
        if self._connected().looking.folder(folder):
            return False
        self._connected().looking.require_root()  # or we would stand in the folder that is to go
        return self._ask("RMD", folder).good

    # --- as a target -------------------------------------------------------------------------------------------------

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """Write file by file, by way of its partial."""
        for request in requests:
            try:
                method = self._send(request, feed)
            except ItemError as error:
                feed.failed(request.token, error)
            else:
                feed.done(request.token, Sent(request.size, method))

    def _send(self, request: SendRequest, feed: Feed) -> str:
        check_names(request)
        if not request.replaces:
            self._require_free(request.path)
        there = self._continued(request, feed)
        feed.progress(request.token, there or 0)
        if there is None or there < request.size:
            self._upload(request, feed, there)
            self._require_whole(request)
        self._set_time(request)
        return self._name(request, feed)

    def _continued(self, request: SendRequest, feed: Feed) -> int | None:
        """How much of the partial stays; None where there is none (any more)."""
        entry = self._stat(request.partial)
        if isinstance(entry, ItemMissing):
            return None
        if isinstance(entry, ItemError):
            raise entry
        if entry.kind is not Kind.FILE:
            remedy = f"look at {request.partial} on the server and remove it"
            raise ItemRefused(request.path, "something that is not ours stands in the way", remedy=remedy)
        if self._connected().server.offers("REST"):
            keep = resume_position(request, entry.size, partial(self._tail, request.partial), feed)
            if keep:
                return keep
        self._drop(request.partial)
        return None

    def _tail(self, path: str, offset: int, length: int) -> bytes:
        """The bytes from `offset` on; none where the server does not give just those."""
        try:
            return b"".join(self._pieces(path, offset + length, offset))
        except ItemError:
            return b""

    def _upload(self, request: SendRequest, feed: Feed, there: int | None) -> None:
        """Write the partial from `there` on. Raises ItemError, NoSpace."""
        try:
            try:
                self._transmit("STOR" if there is None else "APPE", request, feed, there or 0)
            except Refusal as error:
                if error.begun or error.reply.full:
                    raise
                # Most often its folder is missing; some servers allow no APPE.
                if there is not None:
                    self._drop(request.partial)
                self._make_folders(request.path)
                self._transmit("STOR", request, feed, 0)
        except Refusal as error:
            raise self._trouble(request.path, error.reply, "take it") from error

    def _transmit(self, command: str, request: SendRequest, feed: Feed, start: int) -> None:
        """Send the content from `start` on. Raises Refusal."""

        def pieces() -> Iterator[bytes]:
            for offset, piece in pieces_from(request, start, feed):
                yield piece
                feed.progress(request.token, offset + len(piece))

        session = self._connected()
        session.line.transmit(f"{command} {session.paths.wire(request.partial)}", pieces(), request.size)

    def _make_folders(self, path: str) -> None:
        """Make what is missing between the root and `path`. Raises DeviceGone without a root, ItemError."""
        session = self._connected()
        session.looking.require_root()
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            made = self._ask("MKD", folder)
            if made.good or self._ask("CWD", folder).good:
                continue
            if isinstance(self._stat(folder), Entry):
                raise ItemRefused(path, f"{folder!a} is no folder there", remedy="move it out of the way")
            raise self._trouble(path, made, f"make the folder {folder!a}")

    def _require_whole(self, request: SendRequest) -> None:
        """What was acknowledged has to be there. A partial that is not is dropped."""
        size = self._connected().looking.facts(request.partial).size
        if size != request.size:
            self._drop(request.partial)
            what = "the server said that it has the whole file, and has not"
            raise IntegrityError(request.path, what, expected=f"{request.size} bytes", got=f"{size} bytes")

    def _drop(self, path: str) -> None:
        """Remove a partial of ours. Raises ItemFailed."""
        reply = self._ask("DELE", path)
        if not reply.good and not isinstance(self._stat(path), ItemMissing):
            raise refusal(path, reply, "remove a partial of ours")

    def _set_time(self, request: SendRequest) -> None:
        """As well as the server can: MFMT, or MDTM with two arguments (vsftpd). What it answers decides nothing."""
        if request.mtime_ns is None:
            return
        server = self._connected().server
        command = next((name for name in ("MFMT", "MDTM") if server.offers(name)), None)
        if command is not None:
            with contextlib.suppress(OverflowError):
                self._ask(f"{command} {write_stamp(request.mtime_ns)}", request.partial)

    def _name(self, request: SendRequest, feed: Feed) -> str:
        """Rename; return how. Raises NameTaken, ItemError."""
        if not request.replaces:
            self._require_free(request.path)
        reply = self._ask("RNFR", request.partial)
        if reply.code == 350:
            reply = self._commit(request, feed)
        if not reply.good:
            if not request.replaces:
                self._require_free(request.path)
            raise self._trouble(request.path, reply, "give it its final name")
        return "checked rename"

    def _commit(self, request: SendRequest, feed: Feed) -> Reply:
        try:
            return self._ask("RNTO", request.path)
        except DeviceError:
            what = "the connection was lost before the server said whether the file has its final name"
            feed.failed(request.token, OutcomeUnknown(request.path, what))
            raise

    def _require_free(self, path: str) -> None:
        entry = self._stat(path)
        if isinstance(entry, Entry):
            raise NameTaken(path, "something stands under this name already")
        if not isinstance(entry, ItemMissing):
            raise entry

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """Look at each file again; for `Proof.HASH` let the server digest it, or read it back."""
        for request in requests:
            try:
                yield request.token, self._prove(request)
            except ItemError as error:
                yield request.token, error

    def _prove(self, request: ProveRequest) -> Proven:
        entry = self._connected().looking.look(request.path)
        if entry.kind is not Kind.FILE:
            raise ItemRefused(request.path, "what stands there is not a file")
        if request.proof < Proof.HASH or entry.size != request.size:
            return Proven(entry.size, Proof.SIZE, "stat")
        whole, method = self._digest(request.path, entry.size)
        return Proven(entry.size, Proof.HASH, method, Digest("sha256", whole))

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """Remove stale partials of ours; `keep` holds paths."""
        stale = [path for folder in folders for path in self._partials_in(folder) if path not in keep]
        return [path for path in stale if self._ask("DELE", path).good]

    def _partials_in(self, folder: str) -> Sequence[str]:
        entry = self._stat(folder) if folder else None
        if entry is not None and not (isinstance(entry, Entry) and entry.kind is Kind.FOLDER):
            return []
        found = self._connected().looking.folder(folder)
        files = [entry for entry in found if isinstance(entry, Entry) and entry.kind is Kind.FILE]
        return [entry.path for entry in files if _is_partial(entry.path.rpartition("/")[2])]

    # --- content -----------------------------------------------------------------------------------------------------

    def _pieces(self, path: str, end: int, start: int = 0) -> Generator[bytes]:
        """The bytes of a file from `start` to `end`, which has to be its end. Raises ItemError, DeviceError."""
        if start >= end:
            return
        session, position = self._connected(), start
        try:
            with closing(session.line.receive(f"RETR {session.paths.wire(path)}", start, end - start)) as received:
                for piece in received:
                    position += len(piece)
                    if position > end:
                        raise ItemChanged(path, "it is longer than it was when it was found")
                    yield piece
        except Refusal as error:
            if not error.restart:
                raise self._trouble(path, error.reply, READ) from error
        else:
            self._require_end(path, end, position)
            return
        yield from self._skipping(path, end, start)

    def _skipping(self, path: str, end: int, start: int) -> Iterator[bytes]:
        """The same from a server that cannot begin in the middle: all of it is read."""
        position = 0
        for piece in self._pieces(path, end):
            if position + len(piece) > start:
                yield piece[max(0, start - position) :]
            position += len(piece)

    def _require_end(self, path: str, end: int, position: int) -> None:
        if position < end:
            size = self._connected().looking.facts(path).size
            if size != end:
                raise ItemChanged(path, "it is shorter than it was when it was found")
            raise ItemFailed(path, f"the server sent {position} of {end} bytes and said that this was all")

    def _digest(self, path: str, size: int) -> tuple[str, str]:
        """SHA-256 of a file, found out now, and how."""
        asked = self._asked_digest(path, size)
        return (asked, _ASKED) if asked is not None else (self._digests(path, size)[0], "read back")

    def _asked_digest(self, path: str, size: int) -> str | None:
        """SHA-256 by the server itself, where it can do that within the timeout: it gives no sign of life meanwhile."""
        session = self._connected()
        if not session.server.hashes or size > self._options.timeout_s * _DIGEST_BYTES_PER_S:
            return None
        chosen = session.line.ask("OPTS HASH SHA-256").good
        return self._ask("HASH", path).sha256(size) if chosen else None

    def _digests(self, path: str, size: int, start: int = 0) -> tuple[str, str]:
        """SHA-256 of a whole file, read now, and of its part from `start` on."""
        whole, part, position = hashlib.sha256(), hashlib.sha256(), 0
        for piece in self._pieces(path, size):
            whole.update(piece)
            if position + len(piece) > start:
                part.update(piece[max(0, start - position) :])
            position += len(piece)
        return whole.hexdigest(), part.hexdigest()

    # --- the session -------------------------------------------------------------------------------------------------

    def _require_version(self, path: str, wanted: Fingerprint) -> None:
        """Raises ItemChanged, ItemMissing; DeviceGone where it is the root that is missing."""
        looking = self._connected().looking
        try:
            entry = looking.look(path)
        except ItemMissing:
            looking.require_root()
            raise
        if entry.kind is not Kind.FILE or not wanted.matches(entry.fingerprint):
            raise ItemChanged(path, "it is another version than the one that was found")

    def _ask(self, command: str, path: str) -> Reply:
        session = self._connected()
        return session.line.ask(f"{command} {session.paths.wire(path)}")

    def _trouble(self, path: str, reply: Reply, doing: str) -> V2xSyncError:
        """Return the error for a refusal: some are about the server as a whole."""
        if reply.full and doing != READ:
            return NoSpace(self.name, f"the server has no room left, or cannot write: {reply.words}")
        if reply.code in _NO_DATA:
            what = f"the server makes no data connection: {reply.words}"
            return DeviceGone(self.name, what, remedy="check its passive ports and its TLS settings")
        return refusal(path, reply, doing)

    def _connected(self) -> _Session:
        if self._session is None or not self._session.line.alive:
            self._session = self._open()
        return self._session

    def _open(self) -> _Session:
        line = FtpLine(self.name, self._options)
        try:
            server = learn(line)
            paths = find_paths(self.name, line, self._options.root)
        except BaseException:
            line.close()
            raise
        looking = Looking(self.name, line, server, paths, self._options.listing_zone, self._clock)
        return _Session(line, server, paths, looking)


def _is_partial(name: str) -> bool:
    return name.startswith(f"{OUR_PREFIX}-") and name.endswith(".part")
