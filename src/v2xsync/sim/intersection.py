"""The data collector of one intersection: a live folder of five growing files that moves into `archive/` in the end.

Life cycle, as on a real coprocessor: one live folder ``<host>_MMDDYYYY_HHMMSS`` beside ``archive/``; every file in it
is ``<host>_<element>Log_<the same stamp>.csv``; a roll-over moves the whole folder into ``archive/`` and opens a new
one, so only what stands below ``archive/`` is complete.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from pathlib import Path
from typing import Final

from v2xsync.sim.v2x_rows import COLUMNS, PERIODS_S, Junction, header, row

ELEMENTS: Final = tuple(COLUMNS)
"""The words that stand in file names; note the plural of ``msgCounts``."""


class Intersection:
    """Writes the data of one junction below `base`; time comes with every call, chance with the constructor.

    `base` is the collector's folder (``.../v2x-data``). Moments need a zone; stamps in names are in that zone.
    """

    def __init__(self, base: Path, junction: Junction, chance: random.Random) -> None:
        self.base: Final = base
        self.archive: Final = base / "archive"
        self.junction: Final = junction
        self._chance = chance
        self._live: Path | None = None
        self._written: dict[str, dt.datetime] = {}

    @property
    def live(self) -> Path | None:
        """The folder being written, where one is open."""
        return self._live

    def open_live(self, at: dt.datetime) -> Path:
        """Open a new live folder with five header-only files."""
        stamp = at.strftime("%m%d%Y_%H%M%S")
        host = self.junction.host
        self.archive.mkdir(parents=True, exist_ok=True)
        self._live = self.base / f"{host}_{stamp}"
        self._live.mkdir()
        for element in ELEMENTS:
            (self._live / f"{host}_{element}Log_{stamp}.csv").write_text(header(element), encoding="ascii")
        self._written = dict.fromkeys(ELEMENTS, at)
        return self._live

    def advance(self, to: dt.datetime) -> None:
        """Append every row that is due until `to` to the live files."""
        if self._live is None:
            return
        for file in sorted(self._live.iterdir()):
            element = file.name.removeprefix(f"{self.junction.host}_").partition("Log_")[0]
            rows = self._rows_until(element, to)
            if rows:
                with file.open("a", encoding="ascii") as growing:
                    growing.writelines(rows)

    def roll_over(self, at: dt.datetime) -> Path:
        """Move the live folder whole into `archive/` and open a new one; returns where the old one stands now."""
        archived = self.close()
        self.open_live(at)
        return archived

    def close(self) -> Path:
        """Move the live folder into `archive/`, as a collector does when it ends; raises RuntimeError without one."""
        if self._live is None:
            raise RuntimeError("no live folder is open")
        archived = self._live.rename(self.archive / self._live.name)
        self._live = None
        return archived

    def prefill(self, *, folders: int, length: dt.timedelta, until: dt.datetime) -> None:
        """Leave `folders` finished folders in `archive/`, each `length` long, the newest ending at `until`.

        The files carry the times of their last rows.
        """
        for number in range(folders):
            ends = until - (folders - 1 - number) * length
            self.open_live(ends - length)
            self.advance(ends)
            for file in self.close().iterdir():
                os.utime(file, (ends.timestamp(), ends.timestamp()))

    def _rows_until(self, element: str, to: dt.datetime) -> list[str]:
        period = dt.timedelta(seconds=PERIODS_S[element])
        rows = []
        while self._written[element] + period <= to:
            self._written[element] += period
            rows.append(row(element, self.junction, self._written[element], self._chance))
        return rows
