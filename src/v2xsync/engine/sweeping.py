"""Partials that nobody goes on with: removed from the folders of a target that deliveries used, when they are at rest.

A partial is left where a delivery ended without it: what it was to become stood there already, a person vouched for it,
or a newer version took its place. It goes only where its name carries this station's mark and the number of a delivery
that is over; whatever else stands there, another station's partials too, is kept.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from v2xsync.devices.base import OUR_PREFIX, Target
from v2xsync.engine.station import Station
from v2xsync.errors import AccessRefused, ItemError
from v2xsync.ledger.base import Ledger
from v2xsync.model.views import Level

EVERY_S = 24 * 3600.0
"""A folder is looked through at most so often, by wall time: the ledger remembers when it was."""

MOST_FOLDERS = 50
"""In one turn."""

_log = logging.getLogger(__name__)


class Wanted:
    """Paths of partials that have to stay, as `Target.sweep` asks for them one by one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __contains__(self, path: object) -> bool:
        """Whether the partial `path` stays: all but those of our own deliveries that are over."""
        name = str(path).rpartition("/")[2]
        reference = name.removeprefix(f"{OUR_PREFIX}-").rpartition(".")[0]
        return not self._ledger.is_over(reference)


class Sweeping:
    """The folders of one target that its deliveries used; shared by its workers, one leaf lock."""

    def __init__(self, station: Station, target: str) -> None:
        self._station = station
        self._target = target
        self._note = f"swept.{target}"
        self._lock = threading.Lock()
        self._used: set[str] = set()
        self._swept: dict[str, float] | None = None
        """When each was looked through last (seconds since the epoch); None: the ledger was not asked yet."""

    def note(self, partials: Iterable[str]) -> None:
        """Deliveries have had their turn, for which they would write, or wrote, `partials`.

        Folders whose day is not over are left out: nobody connects a day later only to look.
        """
        now, known = self._station.clock.now(), self._known()
        folders = {path.rpartition("/")[0] for path in partials}
        with self._lock:
            self._used |= {folder for folder in folders if _is_due(known.get(folder), now)}

    def rest(self, open_session: Callable[[], Target]) -> None:
        """Nothing is due at the target: look through what was used. Raises DeviceError."""
        folders = self._claim()
        if not folders:
            return
        try:
            gone = open_session().sweep(folders, Wanted(self._station.ledger))
        except (ItemError, AccessRefused) as error:  # a target that lets itself be written to, and not be listed
            _log.info("%s: no look for partials that were left behind: %s", self._target, error.what)
            return
        if gone:
            what = "1 partial" if len(gone) == 1 else f"{len(gone)} partials"
            self._station.board.tell(Level.INFO, f"{self._target}: {what} left behind removed", device=self._target)

    def _claim(self) -> Sequence[str]:
        """Used folders whose day is over; written down as looked through at once, so that no trouble makes it twice."""
        now = self._station.clock.now()
        with self._lock:
            used = sorted(self._used)
        if not used:
            return ()
        known = self._known()
        with self._lock:
            due = [folder for folder in used if _is_due(known.get(folder), now)][:MOST_FOLDERS]
            self._used.difference_update(due)
            self._swept = {folder: at for folder, at in known.items() if not _is_due(at, now)}
            self._swept |= dict.fromkeys(due, now)
            text = json.dumps(self._swept)
        if due:
            self._station.ledger.write_note(self._note, text)
        return due

    def _known(self) -> dict[str, float]:
        if self._swept is None:
            self._swept = json.loads(self._station.ledger.note(self._note) or "{}")
        return self._swept


def _is_due(at: float | None, now: float) -> bool:
    """Whether a folder that was looked through at `at` may be again; a clock that was set back makes it so."""
    return at is None or not 0 <= now - at < EVERY_S
