"""Whether a folder of ours can be at all: the disk is asked, nothing is made."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from v2xsync.config.problems import Problems

_KERNELS_OWN: Final = (Path("/proc"), Path("/sys"))


def judge_folder(key: str, folder: Path | None, problems: Problems) -> None:
    """Add a problem where `folder` cannot be made: a file stands in its way, or nothing can be kept there.

    Rights are not judged: who checks a config is not always who runs it.
    """
    found = None if folder is None else _nearest(folder)
    if found is None:
        return
    place, mode = found
    if not stat.S_ISDIR(mode):
        what = "is a file" if place == folder else f"cannot be made: {place} is a file"
        problems.add(key, f"{folder} {what}", remedy="name a folder")
    elif any(place.resolve().is_relative_to(own) for own in _KERNELS_OWN):
        problems.add(key, f"nothing can be kept in {folder}", remedy="name a folder on a disk")


def _nearest(folder: Path) -> tuple[Path, int] | None:
    """The folder, or the nearest thing above it that is there, with its mode; None where that cannot be told."""
    for place in (folder, *folder.parents):
        try:
            return place, place.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
    return None
