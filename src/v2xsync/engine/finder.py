"""The Finder: takes listings, judges which files are finished, and writes new items to the ledger.

A listing that broke or is incomplete proves nothing about what it left out (invariant 5), and its lock files may be
among what it left out: nothing below an unlistable folder is picked up.
"""

from __future__ import annotations

import heapq
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from v2xsync.devices.base import Source, require_safe
from v2xsync.engine.listing import Line, Listing, covers, files_of
from v2xsync.engine.station import Cause, Station
from v2xsync.engine.telling import tell_done
from v2xsync.engine.units import Units
from v2xsync.engine.work import WORKED, Turn, earliest
from v2xsync.errors import ItemError, ItemRefused
from v2xsync.ledger.base import NewItem, Plan, Setback
from v2xsync.model.custody import FetchState
from v2xsync.model.elements import element_of
from v2xsync.model.grouping import unit_of
from v2xsync.model.items import Entry, Fingerprint, Kind, Unlistable
from v2xsync.model.naming import printable
from v2xsync.model.readiness import Readiness, Sighting, companions_of, judge
from v2xsync.model.rules import Route
from v2xsync.model.views import Level, UnreadyView

_KNOWN_CHUNK = 1000
_FOUND_CHUNK = 500
_RECHECK_CHUNK = 500
_SHOWN = 50
"""So many files that are not finished are named on the board, by device."""

OLD_LOCK_S = 3600.0
"""A lock that is older than this is told: its writer may have died."""
_GLANCE = 100
"""After so many lines of a listing the ledger is asked whether there is news in it."""


@dataclass(slots=True)
class Candidate:
    """A file that is not finished yet, as far as we know."""

    entry: Entry
    routes: Sequence[Route]
    sighting: Sighting
    check_at: float | None
    reason: str
    settling: bool
    """Only the settle window is missing: `--once` waits for that, and for nothing else."""
    lock_age_s: float | None = None
    """How old the lock is that it waits for."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that is finished: what to write to the ledger, and what was seen, should it have to wait for its group."""

    item: NewItem
    line: Line
    sighting: Sighting


class Finder:
    """The Finder at one source. With `units`, files that share a stem are found together or not at all."""

    name = "finder"

    def __init__(self, station: Station, source: str, units: Units | None = None) -> None:
        self._station = station
        self._source = source
        self._units = units
        self._candidates: dict[str, Candidate] = {}
        self._told_gaps: frozenset[Unlistable] = frozenset()
        self._told_locks: set[str] = set()
        self.expecting = False
        """A listing is under way that has shown new files: whoever will fetch them may connect meanwhile."""

    @property
    def settling(self) -> bool:
        """Whether files wait only for their settle window (then a run is not over)."""
        return any(candidate.settling for candidate in tuple(self._candidates.values()))

    @property
    def waiting(self) -> int:
        """How many files were seen that their writers have not finished."""
        return len(self._candidates)

    def turn(self, open_session: Callable[[], Source]) -> Turn:
        """Take the listing that is due, or look again at files that were not finished."""
        gates = self._station.gates
        routes = gates.listing_due(self._source)
        if routes:
            session = open_session()
            gates.begin_listing(self._source, routes)
            self._list(session, routes)
            gates.note_listed(self._source, routes)
            self._station.ring("downloader", [self._source])
            return WORKED
        if gates.fetch_open(self._source):
            due = self._due()
            if due:
                self._recheck(open_session(), due)
                return WORKED
        return Turn(worked=False, next_at=earliest(self._next_check(), gates.next_look("fetch", self._source)))

    # -- listing

    def _list(self, session: Source, routes: frozenset[str]) -> None:
        try:
            listing = self._read(session, routes)
        finally:
            self.expecting = False
        self._tell_gaps(listing)
        before, self._candidates = self._candidates, {}
        if self._units is not None:
            self._units.take(entry for files in listing.files.values() for entry in files.values())
        ready = [
            one
            for line in self._unknown(list(self._lines(listing, routes)))
            if (one := self._judge(line, before.get(line.entry.path)))
        ]
        self._record(self._whole_units(ready))
        self._prune(session, listing)
        self._show_unready()

    def _read(self, session: Source, routes: frozenset[str]) -> Listing:
        listing = Listing()
        for count, entry in enumerate(session.list(), start=1):
            listing.add(entry)
            if count == _GLANCE and any(self._unknown(list(self._lines(listing, routes)))):
                self.expecting = True
                self._station.ring("downloader", [self._source])
        return listing

    def _lines(self, listing: Listing, routes: frozenset[str]) -> Iterator[Line]:
        return files_of(listing, lambda path: self._selecting(path, routes))

    def _tell_gaps(self, listing: Listing) -> None:
        before, self._told_gaps = self._told_gaps, frozenset(listing.unlistable)
        for gap in listing.unlistable:
            if gap not in before:
                text = f"{self._source}: cannot list {gap.path}: {gap.reason}"
                self._station.board.tell(Level.WARNING, text, device=self._source)
            self._station.note_cause(Cause("listing", self._source, gap.reason, path=printable(gap.path)))
            if _hostile(gap.path):
                self._hold_hostile(gap)

    def _hold_hostile(self, gap: Unlistable) -> None:
        """A name that may not even be asked for is still an item: on hold, with its reason."""
        routes = self._station.selecting(self._source, gap.path)
        if not routes or gap.path in self._station.ledger.known(self._source, [gap.path]):
            return
        now = self._station.clock.now()
        item = NewItem(self._source, gap.path, Fingerprint(0), tuple(_plan(route, gap.path) for route in routes))
        for item_id in self._station.ledger.record_found([item], now):
            holds = [Setback(item_id, f"its name is unsafe: {gap.reason}", route=route.name) for route in routes]
            self._station.ledger.fetch_setback(holds, now, FetchState.HELD)
        self._station.board.count("held")

    def _selecting(self, path: str, due: frozenset[str]) -> Sequence[Route]:
        return [route for route in self._station.selecting(self._source, path) if route.name in due]

    def _unknown(self, seen: Sequence[Line]) -> Iterable[Line]:
        """Leave out what the ledger has already, as the same version and with every plan."""
        fat = self._station.devices[self._source].capabilities.fat_times
        for start in range(0, len(seen), _KNOWN_CHUNK):
            chunk = seen[start : start + _KNOWN_CHUNK]
            known = self._station.ledger.known(self._source, [line.entry.path for line in chunk])
            for line in chunk:
                if not covers(known.get(line.entry.path), line.entry, line.routes, fat_times=fat):
                    yield line

    def _judge(self, line: Line, earlier: Candidate | None) -> Ready | None:
        """One item with its plans where it is finished; otherwise it stays a candidate."""
        now = self._station.clock.now()
        sighting = earlier.sighting if earlier else None
        answers = [judge(route.ready, line.entry, line.siblings, now, sighting) for route in line.routes]
        waiting = [answer for answer in answers if not answer.ready]
        if waiting:
            self._candidates[line.entry.path] = _candidate(line, waiting, now)
            return None
        plans = tuple(_plan(route, line.entry.path) for route in line.routes)
        item = NewItem(self._source, line.entry.path, line.entry.fingerprint, plans)
        return Ready(item, line, answers[0].sighting)

    def _whole_units(self, ready: Sequence[Ready]) -> Sequence[NewItem]:
        """The items of `ready`; with units, what belongs to a file that is not finished waits with it."""
        if self._units is None:
            return [one.item for one in ready]
        unfinished = {unit_of(path): candidate for path, candidate in self._candidates.items()}
        whole: list[NewItem] = []
        for one in ready:
            other = unfinished.get(unit_of(one.item.path))
            if other is None:
                whole.append(one.item)
                continue
            reason = f"waits for {printable(posixpath.basename(other.entry.path))} of its group"
            self._candidates[one.item.path] = Candidate(
                one.line.entry, one.line.routes, one.sighting, other.check_at, reason, other.settling
            )
        return whole

    def _record(self, ready: Sequence[NewItem]) -> None:
        now = self._station.clock.now()
        ready = sorted(ready, key=_written)
        found = ((self._source, item.path, item.fingerprint.size) for item in ready)
        tell_done(self._station.board, "found", found)
        for start in range(0, len(ready), _FOUND_CHUNK):
            chunk = ready[start : start + _FOUND_CHUNK]
            self._station.ledger.record_found(chunk, now)
            self._station.board.count("found", len(chunk))
            self._station.ring("downloader", [self._source])
        if any(not plan.stage for item in ready for plan in item.plans):
            self._station.ring("uploader", {t for item in ready for plan in item.plans for t in plan.targets})

    def _prune(self, session: Source, listing: Listing) -> None:
        """Folders that a crash of ours left empty."""
        if not any(route.remove.empty_folders for route in self._station.routes_from(self._source)):
            return
        emptied = self._station.ledger.removed_below(self._source, listing.hollow())
        order = [folder for folder in listing.hollow() if folder in emptied]
        if order and self._station.gates.removal_open(self._source):
            session.prune(order)

    def _show_unready(self) -> None:
        """Put what is not finished on the board; a lock that is old is told once."""
        waiting = self._candidates.values()
        first = heapq.nsmallest(_SHOWN, waiting, key=lambda candidate: candidate.sighting.since)
        shown = tuple(_unready(candidate) for candidate in first)
        self._station.board.device(self._source, not_ready=len(waiting), unready=shown)
        old = {c.entry.path for c in waiting if c.lock_age_s is not None and c.lock_age_s >= OLD_LOCK_S}
        for path in sorted(old - self._told_locks):
            text = f"{self._source}: {path} waits, {self._candidates[path].reason}: has its writer died?"
            self._station.board.tell(Level.WARNING, text, device=self._source)
        self._told_locks = old

    # -- looking again

    def _due(self) -> Sequence[Candidate]:
        now = self._station.clock.now()
        due = [c for c in self._candidates.values() if c.check_at is not None and c.check_at <= now]
        if self._station.once:
            due = [candidate for candidate in due if candidate.settling]
        return due[:_RECHECK_CHUNK]

    def _next_check(self) -> float | None:
        times = (c for c in self._candidates.values() if c.settling or not self._station.once)
        return earliest(*(candidate.check_at for candidate in times))

    def _with_companions(self, due: Sequence[Candidate]) -> Sequence[tuple[Candidate, Sequence[str]]]:
        """The candidates whose companions can be asked for one by one; for the others a listing is owed."""
        wanted: list[tuple[Candidate, Sequence[str]]] = []
        for candidate in due:
            paths = _companion_paths(candidate)
            if paths is not None:
                wanted.append((candidate, paths))
        if len(wanted) < len(due):
            self._station.gates.owe_listing(self._source)
        return wanted

    def _recheck(self, session: Source, due: Sequence[Candidate]) -> None:
        """A fresh stat of each file and of every companion that matters to it."""
        wanted = self._with_companions(due)
        paths = [path for candidate, others in wanted for path in (candidate.entry.path, *others)]
        answers = dict(zip(paths, session.stat(paths), strict=True))
        ready: list[Ready] = []
        for candidate, others in wanted:
            del self._candidates[candidate.entry.path]
            fresh = answers[candidate.entry.path]
            if isinstance(fresh, ItemError) or fresh.kind is not Kind.FILE:
                continue
            siblings = {posixpath.basename(p): e for p in others if isinstance(e := answers[p], Entry)}
            siblings[posixpath.basename(fresh.path)] = fresh
            one = self._judge(Line(fresh, candidate.routes, siblings), candidate)
            if one is not None:
                ready.append(one)
        self._record(self._whole_units(ready))
        self._show_unready()


def _written(item: NewItem) -> tuple[int, str]:
    """The order in which a writer wrote, as far as times tell it, then by name: listings have none."""
    return item.fingerprint.mtime_ns or 0, item.path


def _candidate(line: Line, waiting: Sequence[Readiness], now: float) -> Candidate:
    slowest = max(waiting, key=lambda answer: (answer.locked, answer.check_at or now))
    settling = all(answer.settling for answer in waiting)
    return Candidate(
        line.entry, line.routes, slowest.sighting, slowest.check_at, slowest.reason, settling, slowest.lock_age_s
    )


def _unready(candidate: Candidate) -> UnreadyView:
    return UnreadyView(
        path=printable(candidate.entry.path),
        size=candidate.entry.size,
        reason=candidate.reason,
        since=candidate.sighting.since,
        check_at=candidate.check_at,
    )


def _companion_paths(candidate: Candidate) -> Sequence[str] | None:
    """Every path whose presence decides about the candidate; None where only a listing can tell."""
    folder, name = posixpath.split(candidate.entry.path)
    names: set[str] = set()
    for route in candidate.routes:
        companions = companions_of(route.ready, name)
        if companions is None:
            return None
        names |= companions
    return [posixpath.join(folder, other) for other in sorted(names)]


def _plan(route: Route, path: str) -> Plan:
    element = element_of(posixpath.basename(path), route.elements) if route.elements else ""
    return Plan(route.name, element, route.stage, route.targets)


def _hostile(path: str) -> bool:
    try:
        require_safe(path)
    except ItemRefused:
        return True
    return False
