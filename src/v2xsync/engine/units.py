"""Units: files of a source that share a stem are ready together, and go together (`group = "stem"`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from v2xsync.engine.receipts import receipts_of
from v2xsync.engine.station import Station
from v2xsync.model.custody import RemovalState, Verdict, may_remove
from v2xsync.model.grouping import unit_of
from v2xsync.model.items import Entry
from v2xsync.model.naming import printable

LISTING_WAIT_S = 60.0
"""Before the first listing nobody knows what belongs together."""

_GONE = (RemovalState.REMOVED, RemovalState.GONE)


class Units:
    """The units of one source as its last listing showed them; used by the one worker that finds and removes there."""

    def __init__(self, station: Station, source: str) -> None:
        self._station = station
        self._source = source
        self._members: Mapping[str, Sequence[Entry]] | None = None

    def take(self, entries: Iterable[Entry]) -> None:
        """Learn from a whole listing: every file that some route selects."""
        members: dict[str, list[Entry]] = {}
        for entry in entries:
            if self._station.selecting(self._source, entry.path):
                members.setdefault(unit_of(entry.path), []).append(entry)
        self._members = members

    def judge(self, path: str, verdict: Verdict) -> Verdict:
        """`verdict` allows the removal of `path`: it holds when every other file of its unit may go too."""
        now = self._station.clock.now()
        if self._members is None:
            reason = "which files belong to it is known after the next listing"
            return Verdict(allowed=False, reason=reason, not_before=now + LISTING_WAIT_S)
        waiting: list[int] = []
        for other in self._members.get(unit_of(path), ()):
            if other.path != path:
                refusal = self._refusal(other, now, waiting)
                if refusal is not None:
                    return refusal
        self._station.ledger.rouse_removals(waiting, now)
        return verdict

    def _refusal(self, other: Entry, now: float, waiting: list[int]) -> Verdict | None:
        """Why `other` may not go; where it may and only waits for its group, its id is added to `waiting`."""
        known = self._station.ledger.known(self._source, [other.path]).get(other.path)
        name = printable(other.path.rpartition("/")[2])
        if known is None:
            return Verdict(allowed=False, reason=f"{name} of its group is not fetched yet")
        if known.removal in _GONE:
            return None
        fat = self._station.devices[self._source].capabilities.fat_times
        dossier = self._station.ledger.dossier(known.item_id)
        if dossier is None or not known.fingerprint.matches(other.fingerprint, fat_times=fat):
            return Verdict(allowed=False, reason=f"{name} of its group has changed")
        routes = self._station.selecting(self._source, other.path)
        theirs = may_remove(routes, receipts_of(dossier), now)
        if not theirs.allowed:
            reason = f"{name} of its group may not go yet: {theirs.reason}"
            return Verdict(allowed=False, reason=reason, not_before=theirs.not_before)
        if known.removal == RemovalState.HELD:
            return Verdict(allowed=False, reason=f"the removal of {name} of its group is on hold")
        if known.removal == RemovalState.WAITING:
            waiting.append(known.item_id)
        return None
