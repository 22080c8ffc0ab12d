"""A camera's flash drive that somebody plugs in and pulls out: a folder that is there, and then is not.

It is the folder itself that comes and goes, by one rename, so whoever reads it sees what a yank does: files that were
there a moment ago are gone, and the open ones go on for a while.
"""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Final

_JPEG_HEAD: Final = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_JPEG_END: Final = b"\xff\xd9"


class FlashDrive:
    """Stands at `mount` while it is plugged in, and beside it under another name while it is not."""

    def __init__(self, mount: Path, chance: random.Random, *, picture_bytes: int = 60_000) -> None:
        self.mount: Final = mount
        self.uuid: Final = "D1C6-0146"
        self.label: Final = "FLIR"
        self.insertions = 0
        """How often it was plugged in."""
        self._pocket: Final = mount.with_name(f".{mount.name}-in-a-pocket")
        self._chance = chance
        self._picture_bytes = picture_bytes
        self._due: dt.datetime | None = None
        self._pocket.mkdir(parents=True, exist_ok=True)

    @property
    def plugged_in(self) -> bool:
        """Whether it is there now."""
        return self.mount.exists()

    def record(self, shots: int, at: dt.datetime) -> None:
        """Take pictures, as a FLIR camera names them: a folder for each flight, two files for each shot."""
        base = self.mount if self.plugged_in else self._pocket
        folder = base / f"{at:%Y%m%d_%H%M%S}"
        folder.mkdir(parents=True, exist_ok=True)
        for shot in range(shots):
            moment = at + dt.timedelta(seconds=shot)
            stem = f"{moment:%Y%m%d_%H%M%S}_{moment.microsecond // 1000:03}"
            for ending in ("_R.jpg", "_8b.jpg"):
                (folder / f"{stem}{ending}").write_bytes(self._picture())

    def plug_in(self) -> None:
        """Appear. May be repeated."""
        if not self.plugged_in:
            self.insertions += 1
            self._pocket.rename(self.mount)

    def pull_out(self) -> None:
        """Vanish, whatever is being read. May be repeated."""
        if self.plugged_in:
            self.mount.rename(self._pocket)

    def follow(self, now: dt.datetime, *, there: dt.timedelta, away: dt.timedelta, shots: int) -> None:
        """Be pulled out after so long, and come back after so long with new pictures."""
        if self._due is None:
            self._due = now + there
        if now < self._due:
            return
        if self.plugged_in:
            self.pull_out()
            self._due = now + away
        else:
            self.record(shots, now)
            self.plug_in()
            self._due = now + there

    def _picture(self) -> bytes:
        size = int(self._picture_bytes * (0.5 + self._chance.random()))
        return _JPEG_HEAD + self._chance.randbytes(size) + _JPEG_END
