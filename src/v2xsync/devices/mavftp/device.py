"""MAVLink FTP (https://mavlink.io/en/services/ftp.html): the log files of a PX4 or ArduPilot vehicle, as a source.

What this protocol and its servers are like, and what is done about it:

* There is one session (PX4), or very few. We reset first, end ours after each file, and open again where it was lost
  to a reboot, to ten idle seconds (PX4) or to another client; a file goes on where it was.
* There is no stat: facts come from listings. Few servers tell times, and a vehicle's clock may lie: every fingerprint
  is weak, and content is proven again before a removal.
* The vehicle's CRC32 proves a file up to `CRC_BYTES`; computing it keeps an autopilot busy and cannot be stopped, so
  what is larger is read twice. Without the command a second read has to do.
* MAVSDK's server removes an empty folder when asked to remove a file: each path is looked at first. A removal counts
  when the next listing shows that the file is gone, whatever was answered.
* MAVSDK's server does not answer at all when a folder is opened: no answer to one question is no dead vehicle.
* Files below ArduPilot's ``@SYS`` have a made-up size in listings: they are measured by reading them.
* PX4 fails safe when it is armed during a download, so an armed vehicle is left alone (`safety`), and the newest log
  that still grows is not taken (its size differs between two looks, or at the end of its fetch).

The LOG_* messages are not used: they cannot remove one file. Nothing here can remove more than one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from v2xsync.devices.base import (
    Capabilities,
    Fetched,
    FetchRequest,
    FetchSink,
    Health,
    RemoveRequest,
    is_ours,
)
from v2xsync.devices.mavftp.conversation import Conversation, Refused, Unanswered
from v2xsync.devices.mavftp.looking import TIME_STEP_S, Looking, item_error, name_trouble
from v2xsync.devices.mavftp.options import MavftpOptions
from v2xsync.devices.mavftp.pace import Pace
from v2xsync.devices.mavftp.payload import MOST_DATA, Line, Opcode, Trouble
from v2xsync.devices.mavftp.pulling import EndedEarly, Pull
from v2xsync.devices.mavftp.vehicle import Vehicle
from v2xsync.errors import (
    DeviceError,
    IntegrityError,
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    V2xSyncError,
)
from v2xsync.model.crc32 import NAME as CRC32
from v2xsync.model.crc32 import crc32, written
from v2xsync.model.items import Digest, Entry, Kind, Proof, Unlistable

__all__ = ["MavftpDevice", "MavftpOptions"]

CRC_BYTES: Final = 64 << 20
"""The vehicle is asked for the CRC32 of files up to this: unlike reading, it cannot be stopped when it arms."""
CRC_BYTES_PER_S: Final = 200_000
"""How slowly a vehicle may read its own card."""
MOST_FOLDERS: Final = 10_000
MOST_VIRTUAL_BYTES: Final = 4 << 20

Take = Callable[[int, bytes], bool]


@dataclass(slots=True)
class _Digests:
    """What is computed of bytes as they come."""

    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    crc32: int = 0

    def update(self, data: bytes) -> None:
        self.sha256.update(data)
        self.crc32 = crc32(data, self.crc32)


@dataclass(frozen=True, slots=True)
class _Session:
    vehicle: Vehicle
    talk: Conversation
    looking: Looking
    pace: Pace


class MavftpDevice:
    """A session with one vehicle; used from one thread. Verbs connect by themselves where that was not done.

    `monotonic` gives seconds that never go back: for heartbeats, rests and waiting.
    """

    def __init__(self, name: str, options: MavftpOptions, monotonic: Callable[[], float]) -> None:
        self.name: Final = name
        self._options: Final = options
        self._monotonic: Final = monotonic
        self._session: _Session | None = None

    @property
    def capabilities(self) -> Capabilities:
        """One request chain per vehicle; once connected it is known whether listings tell times."""
        timed = self._session is not None and self._session.looking.timed
        return Capabilities(
            source=True,
            deletes=True,
            resumable_read=True,
            server_digests=(CRC32,),
            mtime_step_s=TIME_STEP_S if timed else None,
            max_parallel=1,
            exclusive=True,
            hot_plug=True,
            arrival_events=True,
        )

    def connect(self) -> None:
        """Find the vehicle and see it calm for a while; where that was done, see that it still is."""
        with self._trouble_ends_session():
            session = self._session
            if session is None:
                self._session = self._open()
            else:
                session.vehicle.find()

    def _open(self) -> _Session:
        vehicle = Vehicle(self.name, self._options, self._monotonic)
        vehicle.find()
        try:
            talk = Conversation(self.name, vehicle, self._monotonic, self._options.timeout_s)
            talk.begin()
            looking = Looking(self.name, talk, self._options.root)
            looking.begin()
        except BaseException:
            vehicle.close()
            raise
        return _Session(vehicle, talk, looking, Pace(self._options.reading))

    def close(self) -> None:
        """Let the vehicle go."""
        session, self._session = self._session, None
        if session is not None:
            session.talk.hush()
            session.vehicle.close()

    def probe(self) -> Health:
        """List the root."""
        with self._talking() as session:
            session.looking.require_root()
            return Health(detail=session.vehicle.kind)

    # --- listings ----------------------------------------------------------------------------------------------------

    def list(self) -> Iterator[Entry | Unlistable]:
        """Every file and folder below the root, folder by folder."""
        folders, seen = [""], 0
        while folders:
            folder = folders.pop()
            for found in self._folder(folder):
                yield found
                if isinstance(found, Entry) and found.kind is Kind.FOLDER:
                    seen += 1
                    if seen <= MOST_FOLDERS:
                        folders.append(found.path)
                    else:
                        yield Unlistable(found.path, f"there are more than {MOST_FOLDERS:,} folders")
        with self._talking() as session:
            session.looking.require_root()

    def _folder(self, folder: str) -> Sequence[Entry | Unlistable]:
        with self._talking() as session:
            try:
                lines = session.looking.folder(folder)
            except ItemError as error:
                return [Unlistable(folder, error.what)]
            return [self._found(session, folder, line) for line in lines if not is_ours(line.name)]

    def _found(self, session: _Session, folder: str, line: Line) -> Entry | Unlistable:
        entry = session.looking.entry(folder, line)
        if why := name_trouble(line.name):
            return Unlistable(entry.path, why)
        try:
            session.looking.wire(entry.path)
            return self._measured(session, entry)
        except ItemError as error:
            return Unlistable(entry.path, error.what)

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """Fresh facts about each path, in order."""
        if not paths:
            return []
        with self._talking() as session:
            return [self._measured_or_error(session, answer) for answer in session.looking.look(paths)]

    def _measured_or_error(self, session: _Session, answer: Entry | ItemError) -> Entry | ItemError:
        try:
            return self._measured(session, answer) if isinstance(answer, Entry) else answer
        except ItemError as error:
            return error

    def _measured(self, session: _Session, entry: Entry) -> Entry:
        """The entry with its true size, where the listing's is a placeholder."""
        if not session.looking.virtual or entry.kind is not Kind.FILE:
            return entry
        size = self._read_virtual(session, entry.path, lambda _offset, _data: True)
        return Entry(entry.path, entry.kind, size, entry.mtime_ns, entry.step_ns)

    # --- fetching ----------------------------------------------------------------------------------------------------

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """Read file by file."""
        for request in requests:
            with self._talking() as session:
                try:
                    fetched = self._fetch(session, request, sink)
                except ItemError as error:
                    sink.failed(request.token, error)
                else:
                    if fetched is not None:
                        sink.done(request.token, fetched)

    def _fetch(self, session: _Session, request: FetchRequest, sink: FetchSink) -> Fetched | None:
        """None where the sink wants no more of it."""
        digests = _Digests()

        def take(offset: int, data: bytes) -> bool:
            digests.update(data)
            return sink.write(request.token, offset, data)

        size = request.fingerprint.size
        if not self._read(session, request.path, (request.offset, size), take):
            return None
        return self._prove(session, request, digests)

    def _prove(self, session: _Session, request: FetchRequest, digests: _Digests) -> Fetched:
        """How sure it is that what came is the file. The CRC32 of a resumed one is for the engine to compare."""
        size = request.fingerprint.size
        told = self._asked_crc(session, request.path, size) if request.proof >= Proof.HASH else None
        if told is not None:
            if request.offset == 0 and told != digests.crc32:
                self._require_size(session, request.path, size)
                raise IntegrityError(
                    request.path, "what came is not what the vehicle's CRC32 says",
                    expected=written(told), got=written(digests.crc32),
                )  # fmt: skip
            return Fetched(request.fingerprint, Proof.HASH, "mavlink crc32", Digest(CRC32, written(told)))
        if request.proof < Proof.HASH:
            self._require_size(session, request.path, size)
            return Fetched(request.fingerprint, Proof.SIZE, "size")
        return self._prove_by_reading(session, request, digests)

    def _prove_by_reading(self, session: _Session, request: FetchRequest, digests: _Digests) -> Fetched:
        whole, part = hashlib.sha256(), hashlib.sha256()

        def take(offset: int, data: bytes) -> bool:
            whole.update(data)
            part.update(data[max(0, request.offset - offset) :])
            return True

        self._read(session, request.path, (0, request.fingerprint.size), take)
        if part.digest() != digests.sha256.digest():
            expected, got = digests.sha256.hexdigest(), part.hexdigest()
            raise IntegrityError(request.path, "a second read gave other content", expected=expected, got=got)
        self._require_size(session, request.path, request.fingerprint.size)
        return Fetched(request.fingerprint, Proof.HASH, "second read", Digest("sha256", whole.hexdigest()))

    def _asked_crc(self, session: _Session, path: str, size: int) -> int | None:
        """The vehicle's CRC32 of a file; None where it cannot, or should not, tell it."""
        if size > CRC_BYTES or session.looking.virtual:
            return None
        try:
            answer = session.talk.ask(Opcode.CRC32, session.looking.wire(path), more_s=size / CRC_BYTES_PER_S)
        except Refused as refusal:
            if refusal.missing:
                raise ItemMissing(path, "it is not there any more") from refusal
            return None
        except Unanswered:
            session.talk.begin()
            return None
        return answer.number

    # --- content -----------------------------------------------------------------------------------------------------

    def _read(self, session: _Session, path: str, span: tuple[int, int], take: Take) -> bool:
        """The bytes of a file over `span`, whose end has to be the file's. Raises ItemError, DeviceError."""
        if session.looking.virtual:
            return self._read_virtual_span(session, path, span, take)
        self._open_file(session, path, span[1])
        pull = Pull(session.talk, session.pace, span, take, lambda: self._reopen(session, path, span[1]))
        try:
            wanted = pull.run()
        except EndedEarly as error:
            self._require_size(session, path, span[1])
            what = f"the vehicle says that it ends at byte {error.offset} of {span[1]}"
            raise ItemFailed(path, what) from error
        except Unanswered as error:
            session.talk.begin()
            raise ItemFailed(path, "the vehicle stopped answering while it was read") from error
        except BaseException:
            session.talk.hush()
            raise
        session.talk.close()
        return wanted

    def _open_file(self, session: _Session, path: str, size: int) -> None:
        """Open a file that must have this size."""
        wire = session.looking.wire(path)
        try:
            found = session.talk.open(wire)
        except Refused as refusal:
            session.looking.require_root()
            raise item_error(path, refusal, "open it") from refusal
        except Unanswered as error:
            session.talk.begin()
            raise ItemFailed(path, "the vehicle does not answer when asked to open it") from error
        if found != size:
            session.talk.close()
            raise ItemChanged(path, f"it has {found} bytes and not {size}")

    def _reopen(self, session: _Session, path: str, size: int) -> None:
        """After the session was lost: the vehicle may have started anew."""
        session.talk.begin()
        self._open_file(session, path, size)

    def _require_size(self, session: _Session, path: str, size: int) -> None:
        """Open it again to hear its size. Raises ItemChanged, ItemMissing."""
        if not session.looking.virtual:
            self._open_file(session, path, size)
            session.talk.close()

    def _read_virtual_span(self, session: _Session, path: str, span: tuple[int, int], take: Take) -> bool:
        start, end = span
        wanted = True

        def take_part(offset: int, data: bytes) -> bool:
            nonlocal wanted
            skipped = max(0, start - offset)
            wanted = skipped >= len(data) or take(offset + skipped, data[skipped:])
            return wanted

        size = self._read_virtual(session, path, take_part)
        if wanted and size != end:
            raise ItemChanged(path, f"it has {size} bytes now and not {end}")
        return wanted

    def _read_virtual(self, session: _Session, path: str, take: Take) -> int:
        """Read a made-up file one question at a time, until it ends; returns where."""
        offset = 0
        try:
            session.talk.open(session.looking.wire(path))
            while offset < MOST_VIRTUAL_BYTES:
                data = session.talk.ask(Opcode.READ, offset=offset, size=MOST_DATA).data
                if not data or not take(offset, data):
                    break
                offset += len(data)
        except Refused as refusal:
            if refusal.code != Trouble.END:
                raise item_error(path, refusal, "read it") from refusal
        except Unanswered as error:
            raise ItemFailed(path, "the vehicle does not answer when it is read") from error
        finally:
            session.talk.close()
        return offset

    # --- removing ----------------------------------------------------------------------------------------------------

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Remove file by file, each right after a look at it."""
        for request in requests:
            answer: V2xSyncError | None = None
            with self._talking() as session:
                try:
                    self._remove(session, request)
                except ItemError as error:
                    answer = error
            yield request.token, answer

    def _remove(self, session: _Session, request: RemoveRequest) -> None:
        self._require_version(session, request)
        if request.prove_content:
            self._require_content(session, request)
            self._require_version(session, request)
        try:
            session.talk.ask(Opcode.REMOVE_FILE, session.looking.wire(request.path))
        except Refused as refusal:
            if self._is_there(session, request.path):
                raise item_error(request.path, refusal, "remove it") from refusal
        except Unanswered as error:
            if self._is_there(session, request.path):
                raise ItemFailed(request.path, "the vehicle did not answer when asked to remove it") from error
        else:
            if self._is_there(session, request.path):
                raise ItemFailed(request.path, "the vehicle said that it removed it, and it is still there")

    def _is_there(self, session: _Session, path: str) -> bool:
        """Whether the folder's listing, taken now, shows it."""
        (answer,) = session.looking.look([path])
        if isinstance(answer, ItemError) and not isinstance(answer, ItemMissing):
            raise answer
        return isinstance(answer, Entry)

    def _require_version(self, session: _Session, request: RemoveRequest) -> None:
        (answer,) = session.looking.look([request.path])
        if isinstance(answer, ItemError):
            raise answer
        if session.looking.virtual:
            raise ItemRefused(request.path, "it is made up by the autopilot and cannot be removed")
        if answer.kind is not Kind.FILE or not request.fingerprint.matches(answer.fingerprint):
            raise ItemChanged(request.path, "it is another version than the one that was found")

    def _require_content(self, session: _Session, request: RemoveRequest) -> None:
        """Prove that the vehicle still has what was fetched. Raises ItemChanged, ItemRefused."""
        size = request.fingerprint.size
        if request.digest is not None and request.digest.algorithm == CRC32:
            told = self._asked_crc(session, request.path, size)
            if told is not None:
                if written(told) != request.digest.value:
                    raise ItemChanged(request.path, "its content is not what was fetched")
                return
        if not request.sha256:
            raise ItemRefused(request.path, "its content cannot be proven: no digest of it is known")
        digests = _Digests()

        def take(_offset: int, data: bytes) -> bool:
            digests.update(data)
            return True

        self._read(session, request.path, (0, size), take)
        if digests.sha256.hexdigest() != request.sha256:
            raise ItemChanged(request.path, "its content is not what was fetched")

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """Remove empty folders, the deepest first."""
        removed: set[str] = set()
        for folder in sorted(folders, key=lambda folder: -folder.count("/")):
            with self._talking() as session:
                if self._prune(session, folder):
                    removed.add(folder)
        return [folder for folder in folders if folder in removed]

    def _prune(self, session: _Session, folder: str) -> bool:
        try:
            (answer,) = session.looking.look([folder])
            if not isinstance(answer, Entry) or answer.kind is not Kind.FOLDER or session.looking.folder(folder):
                return False
            session.talk.ask(Opcode.REMOVE_FOLDER, session.looking.wire(folder))
            return not self._is_there(session, folder)
        except (ItemError, Refused, Unanswered):
            return False

    # --- the session -------------------------------------------------------------------------------------------------

    @contextmanager
    def _talking(self) -> Iterator[_Session]:
        """The session, the vehicle calm; trouble with the vehicle ends it."""
        self.connect()
        with self._trouble_ends_session():
            yield self._session or self._open()

    @contextmanager
    def _trouble_ends_session(self) -> Iterator[None]:
        try:
            yield
        except DeviceError:
            self.close()
            raise
