"""SFTP: a host with an SSH server, as source and as target. One channel, many requests on their way.

Protocol version 3 (draft-ietf-secsh-filexfer-02), which every server speaks. Its quirks, and what is done about them:

* Times are whole seconds. Names are bytes. Errors are few: OpenSSH says "Failure" for a full disk, a taken name and a
  folder that is not empty alike, so after a failure we look what is there.
* A plain RENAME onto a taken name fails on OpenSSH, which links and then unlinks: one step that never overwrites. For
  servers of which that is not known we look first ("checked rename"). ``posix-rename@openssh.com`` overwrites and is
  used only where plain RENAME is missing, right after a look.
* OpenSSH, Dropbear and ProFTPD work on one handle's requests in order; only for them CLOSE leaves together with what
  comes before it. Answers may come in any order from all.
* ``limits@openssh.com`` tells how much one READ may ask for and how many files may be open; without it 32 KiB and 64.
* ``fsync@openssh.com`` makes a partial durable before it gets its name; where it is missing, the server's word stands.
* LSTAT must not follow links. ProFTPD's does, so all but servers that are known to be right are asked by READLINK, too.
* ProFTPD computes digests (``check-file-name``, one answer without a sign of life before it: only for files that even
  a weak machine digests within the timeout). Elsewhere content is proven by reading it back.
* A fetch counts as hashed: the channel authenticates every byte (SSH's MAC or AEAD), SHA-256 is computed in line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

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
    require_safe,
)
from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.flow import Flow
from v2xsync.devices.ssh.listing import Listing, names_of, root_refused, width
from v2xsync.devices.ssh.looking import Looking
from v2xsync.devices.ssh.options import SftpOptions
from v2xsync.devices.ssh.paths import Root, kind_of, name_of
from v2xsync.devices.ssh.pipeline import Job, Pipeline, Steps, ask
from v2xsync.devices.ssh.reading import Abandoned, Reading
from v2xsync.devices.ssh.refusals import refusal
from v2xsync.devices.ssh.server import POSIX_RENAME, STATVFS, Server, learn_server
from v2xsync.devices.ssh.writing import Writing, free_bytes
from v2xsync.errors import ItemChanged, ItemError, ItemRefused, V2xSyncError
from v2xsync.model.items import Entry, Kind, Proof, Unlistable

if TYPE_CHECKING:
    from v2xsync.devices.ssh.connect import SshLine

__all__ = ["SftpDevice", "SftpOptions"]

T = TypeVar("T")

_MOST_FILES: Final = 900
"""Files in motion at once; fewer where the server opens fewer."""


@dataclass(frozen=True, slots=True)
class _Session:
    """What is there while we are connected."""

    line: SshLine
    pipeline: Pipeline
    server: Server
    reading: Reading

    @property
    def usable(self) -> bool:
        return self.line.alive and not self.pipeline.broken


class SftpDevice:
    """A session of an SFTP host; used from one thread. Verbs connect by themselves where that was not done.

    `clock` gives seconds since the epoch; `monotonic` seconds that never go back (better for measuring the link; the
    wall clock stands in for it).
    """

    def __init__(
        self,
        name: str,
        options: SftpOptions,
        clock: Callable[[], float],
        *,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self.name: Final = name
        self._options: Final = options
        self._ticks: Final = monotonic or clock
        self._root: Final = Root(options.root)
        self._session: _Session | None = None
        self._capabilities = _capabilities(options, None)

    @property
    def capabilities(self) -> Capabilities:
        """More exact once connected: whether a rename is atomic, and whether the server digests."""
        return self._capabilities

    def connect(self) -> None:
        """Connect and log in, or do nothing where connected."""
        self._connected()

    def close(self) -> None:
        """Hang up."""
        session, self._session = self._session, None
        if session is not None:
            session.line.close()

    def probe(self) -> Health:
        """Ask for the free space at the root, or at least for the root itself."""
        session = self._connected()
        if session.server.offers(STATVFS):
            reply = self._one(ask(wire.extended(STATVFS, wire.string(self._root.wire))))
            if isinstance(reply, wire.Extended):
                return Health(free_bytes=free_bytes(reply.body), detail=session.server.software)
        reply = self._one(ask(wire.of_path(wire.STAT, self._root.wire)))
        if not isinstance(reply, wire.Attrs):
            raise root_refused(self.name, self._root, reply)
        return Health(detail=session.server.software)

    # --- as a source -------------------------------------------------------------------------------------------------

    def list(self) -> Iterator[Entry | Unlistable]:
        """Every file and folder below the root; several folders at once, many pieces on their way."""
        session = self._connected()
        listing = Listing(self.name, session.server, self._root)
        for _ in self._work(listing.draw, width(session.server)):
            yield from _drained(listing.found)
        yield from _drained(listing.found)

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """Fresh facts about each path, in order."""
        session = self._connected()
        answers: dict[int, Entry | ItemError] = {}

        def look(place: int, path: str) -> Steps[None]:
            try:
                answers[place] = yield from session.reading.looking.look(path)
            except ItemError as error:
                answers[place] = error

        self._run(Job(look(place, path)) for place, path in enumerate(paths))
        return [answers[place] for place in range(len(paths))]

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """Read files, many at once; pieces come in any order."""
        session = self._connected()

        def fetch_one(request: FetchRequest) -> Steps[None]:
            token = request.token

            def take(offset: int, data: memoryview) -> bool:
                return sink.write(token, offset, data)

            try:
                shown = yield from session.reading.pull(request.path, request.fingerprint, take, request.offset)
            except ItemError as error:
                sink.failed(token, error)
            except Abandoned:
                return
            else:
                sink.done(token, Fetched(shown, Proof.HASH, "ssh channel"))

        self._run(Job(fetch_one(request), max(0, request.fingerprint.size - request.offset)) for request in requests)

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Remove files, each right after its own LSTAT."""
        session = self._connected()
        outcomes: deque[tuple[int, V2xSyncError | None]] = deque()

        def remove_one(request: RemoveRequest) -> Steps[None]:
            try:
                yield from self._remove(session, request)
            except ItemError as error:
                outcomes.append((request.token, error))
            else:
                outcomes.append((request.token, None))

        yield from self._outcomes((Job(remove_one(request), _weight(request)) for request in requests), outcomes)

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """Remove empty folders by RMDIR, those of one depth together, the deepest first."""
        session = self._connected()
        removed: set[str] = set()

        def prune_one(folder: str) -> Steps[None]:
            if not session.server.tells_links:  # its RMDIR may follow links, too
                kind = yield from _kind_at(folder, session.reading.looking)
                if kind is not Kind.FOLDER:
                    return
            reply = yield from ask(wire.of_path(wire.RMDIR, self._root.path(folder)))
            if isinstance(reply, wire.Status) and reply.code == wire.OK:
                removed.add(folder)

        safe = [folder for folder in folders if _is_safe(folder)]
        for depth in sorted({folder.count("/") for folder in safe}, reverse=True):
            self._run(Job(prune_one(folder)) for folder in safe if folder.count("/") == depth)
        return [folder for folder in folders if folder in removed]

    # --- as a target -------------------------------------------------------------------------------------------------

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """Write files, many at once, each to its partial first."""
        session = self._connected()
        writing = Writing(self.name, session.server, self._root, feed)
        self._run(Job(writing.send(request), request.size) for request in requests)

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """Look again at files; for `Proof.HASH` let the server digest them, or read them back."""
        session = self._connected()
        outcomes: deque[tuple[int, Proven | ItemError]] = deque()

        def prove_one(request: ProveRequest) -> Steps[None]:
            try:
                outcomes.append((request.token, (yield from _prove(session.reading, request))))
            except ItemError as error:
                outcomes.append((request.token, error))

        yield from self._outcomes((Job(prove_one(request), _weight(request)) for request in requests), outcomes)

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """Remove stale partials of ours; `keep` holds paths."""
        session = self._connected()
        swept: list[str] = []

        def sweep_one(folder: str) -> Steps[None]:
            if folder and (yield from _kind_at(folder, session.reading.looking)) is not Kind.FOLDER:
                return
            for path in (yield from _partials_in(folder, self._root, session.server)):
                if path not in keep:
                    reply = yield from ask(wire.of_path(wire.REMOVE, self._root.path(path)))
                    if isinstance(reply, wire.Status) and reply.code == wire.OK:
                        swept.append(path)

        self._run(Job(sweep_one(folder)) for folder in folders if not folder or _is_safe(folder))
        return swept

    # --- steps -------------------------------------------------------------------------------------------------------

    def _remove(self, session: _Session, request: RemoveRequest) -> Steps[None]:
        yield from self._require_version(session, request)
        if request.prove_content:
            if not request.sha256:
                raise ItemRefused(request.path, "its content cannot be proven: no digest of it is known")
            digest, _ = yield from session.reading.digest(request.path, request.fingerprint)
            if digest.value != request.sha256:
                raise ItemChanged(request.path, "its content is not what was fetched")
            yield from self._require_version(session, request)
        reply = yield from ask(wire.of_path(wire.REMOVE, self._root.path(request.path)))
        if not (isinstance(reply, wire.Status) and reply.code == wire.OK):
            raise refusal(request.path, reply, "remove it")

    def _require_version(self, session: _Session, request: RemoveRequest) -> Steps[None]:
        entry = yield from session.reading.looking.look(request.path)
        if entry.kind is not Kind.FILE or not request.fingerprint.matches(entry.fingerprint):
            raise ItemChanged(request.path, "it is another version than the one that was fetched")

    # --- running them ------------------------------------------------------------------------------------------------

    def _connected(self) -> _Session:
        if self._session is not None and self._session.usable:
            return self._session
        self.close()
        self._session = self._open()
        self._capabilities = _capabilities(self._options, self._session.server)
        return self._session

    def _open(self) -> _Session:
        from v2xsync.devices.ssh.connect import open_line

        line = open_line(self.name, self._options)
        try:
            pipeline = Pipeline(line, Flow(self._ticks), self.name)
            server = pipeline.result(learn_server(pipeline.greet(), line.software))
        except BaseException:
            line.close()
            raise
        return _Session(line, pipeline, server, Reading(server, self._root, self._options.timeout_s))

    def _one(self, steps: Steps[T]) -> T:
        session = self._connected()
        try:
            return session.pipeline.result(steps)
        finally:
            if session.pipeline.broken:
                self.close()

    def _work(self, draw: Callable[[], Job | None], most: int) -> Iterator[None]:
        session = self._connected()
        try:
            yield from session.pipeline.run(draw, most)
        finally:
            if session.pipeline.broken:
                self.close()

    def _run(self, jobs: Iterable[Job]) -> None:
        for _ in self._outcomes(jobs, deque()):
            pass

    def _outcomes(self, jobs: Iterable[Job], outcomes: deque[T]) -> Iterator[T]:
        """Run `jobs` and yield what they put into `outcomes`, as it comes."""
        drawn = iter(jobs)
        most = min(_MOST_FILES, self._connected().server.handles)
        for _ in self._work(lambda: next(drawn, None), most):
            yield from _drained(outcomes)
        yield from _drained(outcomes)


def _prove(reading: Reading, request: ProveRequest) -> Steps[Proven]:
    entry = yield from reading.looking.look(request.path)
    if entry.kind is not Kind.FILE:
        raise ItemRefused(request.path, "what stands there is not a file")
    if request.proof < Proof.HASH or entry.size != request.size:
        return Proven(entry.size, Proof.SIZE, "stat")
    digest, method = yield from reading.digest(request.path, entry.fingerprint)
    return Proven(entry.size, Proof.HASH, method, digest)


def _partials_in(folder: str, root: Root, server: Server) -> Steps[list[str]]:
    """Return the paths of our partials in `folder`."""
    found: list[str] = []

    def take(names: list[wire.Name]) -> str:
        for told in names:
            name = name_of(told.name)
            if name is not None and _is_partial(name) and kind_of(told.attrs, told.longname) is Kind.FILE:
                found.append(f"{folder}/{name}" if folder else name)
        return "" if names else "nothing more comes"

    yield from names_of(root.inside(folder), server, take)
    return found


def _kind_at(path: str, looking: Looking) -> Steps[Kind | None]:
    try:
        entry = yield from looking.look(path)
    except ItemError:
        return None
    return entry.kind


def _weight(request: ProveRequest | RemoveRequest) -> int:
    """How many bytes may have to be read back."""
    if isinstance(request, RemoveRequest):
        return request.fingerprint.size if request.prove_content else 0
    return request.size if request.proof >= Proof.HASH else 0


def _drained(found: deque[T]) -> Iterator[T]:
    while found:
        yield found.popleft()


def _is_safe(path: str) -> bool:
    try:
        require_safe(path)
    except ItemRefused:
        return False
    return True


def _is_partial(name: str) -> bool:
    return name.startswith(f"{OUR_PREFIX}-") and name.endswith(".part")


def _capabilities(options: SftpOptions, server: Server | None) -> Capabilities:
    return Capabilities(
        source=True,
        target=True,
        deletes=True,
        resumable_read=True,
        resumable_write=True,
        atomic_rename=server is not None and server.rename_never_overwrites,
        replaces=server is None or server.offers(POSIX_RENAME),
        server_digests=("sha256",) if server is not None and server.checks_files else (),
        pipelined=True,
        max_parallel=options.max_parallel,
    )
