"""A program that writes one file per minute: ``<minute>.dat``, with ``<minute>.dat.lock`` beside it while it writes.

The number is the minute since 1970, as an older roadside collector counts. The lock stands before the first byte and
goes after the last one; that is all that tells when a file is finished.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from pathlib import Path
from typing import Final

LOCK: Final = "{name}.lock"
"""How the lock is named, as a route's `ready.lock` says it."""

_ROWS_PER_S: Final = 4


class MinuteWriter:
    """Writes into `folder`; time comes with every call, chance with the constructor.

    With a `period` shorter than a minute the numbers run ahead of the clock, so that names stay unique.
    """

    def __init__(
        self, folder: Path, chance: random.Random, *, period: dt.timedelta = dt.timedelta(minutes=1), write_s: float = 0
    ) -> None:
        """`write_s` is how much of a period is written before the lock goes; 0: all of it."""
        self.folder: Final = folder
        self._chance = chance
        self._period_s = period.total_seconds()
        self._write_s = write_s or self._period_s
        self._number = 0
        self._began = 0.0
        self._written = 0
        self._file: Path | None = None

    @property
    def file(self) -> Path | None:
        """The file being written, where one is open."""
        return self._file

    def prefill(self, files: int, until: dt.datetime) -> None:
        """Leave so many finished files, the newest of the period before `until`."""
        first = until.timestamp() - files * self._period_s
        self._number = int(until.timestamp() // 60) - files - 1
        for number in range(files):
            began = first + number * self._period_s
            self._open(began)
            self._append(began + self._write_s)
            self._close(began + self._write_s)

    def advance(self, to: dt.datetime) -> None:
        """Write what is due until `to`: rows, the end of this file, the beginning of the next."""
        now = to.timestamp()
        if self._file is not None:
            self._append(min(now, self._began + self._write_s))
            if now >= self._began + self._write_s:
                self._close(now)
        if self._file is None and now >= self._began + self._period_s:
            self._open(now)

    def close(self) -> None:
        """Finish the open file, as the program does when it ends. May be repeated."""
        if self._file is not None:
            self._lock(self._file).unlink()
            self._file = None

    def _open(self, at: float) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number = max(self._number + 1, int(at // 60) if self._period_s >= 60 else 0)
        self._file = self.folder / f"{self._number}.dat"
        self._lock(self._file).touch()
        self._file.write_text("moment,speed,heading\n", encoding="ascii")
        self._began, self._written = at, 0

    def _append(self, to: float) -> None:
        due = int((to - self._began) * _ROWS_PER_S)
        if self._file is None or due <= self._written:
            return
        with self._file.open("a", encoding="ascii") as growing:
            growing.writelines(map(self._row, range(self._written, due)))
        self._written = due

    def _row(self, number: int) -> str:
        at = self._began + number / _ROWS_PER_S
        return f"{at:.2f},{abs(self._chance.gauss(13, 4)):.1f},{self._chance.uniform(0, 360):.1f}\n"

    def _close(self, at: float) -> None:
        if self._file is not None:
            os.utime(self._file, (at, at))
        self.close()

    @staticmethod
    def _lock(file: Path) -> Path:
        return file.with_name(LOCK.format(name=file.name))
