"""A target's own manifests: a ``SHA256SUMS`` file for each route and date, so that custody outlives this station.

``SHA256SUMS/<route>/<date>.sha256`` below the target's root has a line for every copy that was proven there on that
local date; ``sha256sum -c`` in the root checks them without a ledger, a store or this program. A day's file grows: each
new version is written whole under a partial name and takes the place of our former one in one step. What stands under
its name and is not ours is never touched: then ours gets a versioned name. The ledger notes how far the files tell, so
a kill at any point only means that they are written again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from v2xsync.devices.base import ProveRequest, SendRequest, Sent, Target, partial_beside
from v2xsync.engine.setbacks import reason_of
from v2xsync.engine.station import Station
from v2xsync.engine.work import WORKED, Turn, earliest
from v2xsync.errors import Cancelled, IntegrityError, ItemError, ItemFailed, ItemMissing, ItemRefused, NameTaken
from v2xsync.ledger.base import LogLine
from v2xsync.model.custody import Step
from v2xsync.model.items import Digest, Entry, Kind, Proof
from v2xsync.model.localtime import first_instant, wall_time
from v2xsync.model.naming import versioned
from v2xsync.model.views import Level

FOLDER: Final = "SHA256SUMS"
PAUSE_S: Final = 300.0
"""While files trickle in, a day's manifest is written again at most so often."""

_DAYS_KEPT: Final = 8
"""Of so many days the ledger remembers which version is ours; an older one does not change any more."""

_CLOCK_SET_BACK_S: Final = 86_400.0
"""Receipts may carry a time before that of earlier ones by so much."""

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class Day:
    """One date's file at the target: where it stands, and the sha256 of each content that may be our last one."""

    path: str
    ours: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Told:
    """How far the manifests of a route at a target tell: up to line `seq` of the custody log, written at `at`."""

    seq: int = 0
    at: float = 0.0
    days: dict[str, Day] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Told:
        """What the ledger's note says; nothing told yet where there is none."""
        known = json.loads(text) if text else {}
        days = {date: Day(**day) for date, day in known.get("days", {}).items()}
        return cls(known.get("seq", 0), known.get("at", 0.0), days)

    def text(self) -> str:
        """The note."""
        newest = sorted(self.days)[-_DAYS_KEPT:]
        return json.dumps({"seq": self.seq, "at": self.at, "days": {day: asdict(self.days[day]) for day in newest}})


class Checksums:
    """Writes the manifests of the routes that want one, at one target; the turn after the Uploader's."""

    name = "checksums"

    def __init__(self, station: Station, target: str) -> None:
        self._station = station
        self._target = target
        self._routes = tuple(r.name for r in station.routes.values() if r.manifests and target in r.targets)
        self._not_before: dict[str, float] = {}
        self._tries: dict[str, int] = {}
        station.untold.update((target, route) for route in self._routes)

    def turn(self, open_session: Callable[[], Target]) -> Turn:
        """Write what one route's manifests lack, once nothing of it is on its way."""
        station, now = self._station, self._station.clock.now()
        waiting = [route for route in self._routes if self._waits(route)]
        for route in () if station.draining.is_set() else waiting:
            due = self._not_before.get(route, 0.0) <= now and not self._delivering(route, now)
            if due and self._tell(open_session, route, now):
                return WORKED
        later = (self._not_before.get(route, 0.0) for route in waiting)
        return Turn(worked=False, next_at=earliest(*(at for at in later if at > now)))

    def _waits(self, route: str) -> bool:
        station = self._station
        wanted = (self._target, route) in station.untold and not station.gates.paused(self._target, route)
        return wanted and (not station.once or station.gates.forced(route))

    def _delivering(self, route: str, now: float) -> bool:
        """Whether more receipts are about to come."""
        at_work = route in self._station.gates.deliver_open(self._target)
        return at_work and bool(self._station.ledger.claim_deliveries(self._target, [route], now, 1, ()))

    def _tell(self, open_session: Callable[[], Target], route: str, now: float) -> bool:
        """Write the dates that have new receipts; whether there were any."""
        key = (self._target, route)
        self._station.untold.discard(key)  # before the look: what comes from now on counts again
        try:
            worked = self._write(open_session, route)
        except ItemError as error:
            self._failed(route, error, now)
            return True
        except BaseException:
            self._station.untold.add(key)
            raise
        self._tries.pop(route, None)
        if worked:
            self._not_before[route] = 0.0 if self._station.once else now + PAUSE_S
        return worked

    def _failed(self, route: str, error: ItemError, now: float) -> None:
        """Nothing waits for a manifest: it is told, and tried again."""
        self._tries[route] = tries = self._tries.get(route, 0) + 1
        text = f"{self._target}: the manifest {error.path} was not written: {reason_of(error)}"
        self._station.board.tell(Level.WARNING, text, device=self._target)
        if not self._station.item_patience.exhausted(tries):
            self._station.untold.add((self._target, route))
            self._not_before[route] = now + self._station.item_patience.pause(tries, self._station.chance)

    # -- one route

    def _write(self, open_session: Callable[[], Target], route: str) -> bool:
        note = f"manifests of {route} at {self._target}"
        told = Told.read(self._station.ledger.note(note))
        fresh = [line for line in self._receipts(route, told.at - _CLOCK_SET_BACK_S) if line.seq > told.seq]
        if not fresh:
            return False
        session = open_session()
        if not session.capabilities.replaces:
            raise ItemRefused(FOLDER, "this server cannot put a file in the place of an earlier one")
        for date in sorted({self._date(line.at) for line in fresh}):
            self._write_day(session, route, date, told, lambda: self._station.ledger.write_note(note, told.text()))
        told.seq, told.at = max(line.seq for line in fresh), max(line.at for line in fresh)
        self._station.ledger.write_note(note, told.text())
        return True

    def _receipts(self, route: str, since: float) -> Iterable[LogLine]:
        history = self._station.ledger.history(since=since, route=route, step=Step.DELIVERED)
        return (line for line in history if line.device == self._target and line.place and line.sha256)

    def _date(self, at: float) -> str:
        return wall_time(at, self._station.zone).date().isoformat()

    def _write_day(self, session: Target, route: str, date: str, told: Told, save: Callable[[], None]) -> None:
        """One date's file, whole. What may be ours is noted before it is sent, and alone once it is proven."""
        begins = first_instant(dt.datetime.combine(dt.date.fromisoformat(date), dt.time()), self._station.zone)
        lines = (line for line in self._receipts(route, begins) if self._date(line.at) == date)
        content = sums({line.place: line.sha256 for line in lines})
        sha256 = hashlib.sha256(content).hexdigest()
        usual = f"{FOLDER}/{route}/{date}.sha256"
        day = told.days.get(date) or Day(usual)
        for path in dict.fromkeys((day.path, versioned(usual, sha256))):
            standing = self._standing(session, path)
            if standing in ("", sha256, *day.ours):
                break
        else:
            raise NameTaken(usual, "its name is taken by something that is not ours")
        told.days[date] = Day(path, [*day.ours, sha256])
        save()
        if standing != sha256:
            self._send(session, path, content, sha256, replaces=bool(standing))
        told.days[date] = Day(path, [sha256])

    def _standing(self, session: Target, path: str) -> str:
        """The sha256 of the file that stands at `path`; empty where there is none. Raises NameTaken for a folder."""
        (entry,) = session.stat([path])
        if isinstance(entry, ItemMissing):
            return ""
        if not isinstance(entry, Entry):
            raise entry
        if entry.kind is not Kind.FILE:
            raise NameTaken(path, "its name is taken by something that is no file")
        return self._proven(session, path, entry.size)

    def _proven(self, session: Target, path: str, size: int) -> str:
        ((_, proven),) = session.prove([ProveRequest(0, path, size, Proof.HASH)])
        if isinstance(proven, ItemError):
            raise proven
        digest = proven.digest or Digest("", "unknown")
        return digest.value if digest.algorithm == "sha256" else str(digest)

    def _send(self, session: Target, path: str, content: bytes, sha256: str, *, replaces: bool) -> None:
        """Send it and ask again. Raises ItemError."""
        feed = _Text(self._station, path, content)
        partial = partial_beside(path, f"sums-{sha256[:16]}")
        session.send(
            [SendRequest(0, path, partial, len(content), sha256=sha256, resume=False, replaces=replaces)], feed
        )
        if feed.error is not None:
            raise feed.error
        if self._proven(session, path, len(content)) != sha256:
            raise IntegrityError(path, "the target holds different content than was sent")


class _Text:
    """A short content on its way to a target (see devices.base.Feed)."""

    def __init__(self, station: Station, path: str, content: bytes) -> None:
        self._station = station
        self._content = content
        self.error: ItemError | None = ItemFailed(path, "the target said nothing about it")

    def read(self, token: int, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`."""
        del token
        if self._station.stop.is_set():
            raise Cancelled("asked to stop")
        self._station.throttle.take(length, self._station.stop)
        return self._content[offset : offset + length]

    def progress(self, token: int, position: int) -> None:
        """Nobody watches."""

    def done(self, token: int, sent: Sent) -> None:
        """It has its name."""
        del token, sent
        self.error = None

    def failed(self, token: int, error: ItemError) -> None:
        """It has not."""
        del token
        self.error = error


def sums(copies: Mapping[str, str]) -> bytes:
    """The lines of ``sha256sum`` for `copies` (path to sha256), by path; names are escaped as GNU does."""
    lines = []
    for path, sha256 in sorted(copies.items()):
        escaped = path.translate(_ESCAPES)
        mark = "\\" if escaped != path else ""
        lines.append(f"{mark}{sha256}  {escaped}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")
