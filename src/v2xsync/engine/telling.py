"""Events for people: one line for what was done together, with the name where it was a single file."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence

from v2xsync.engine.board import Board
from v2xsync.model.amounts import in_bytes
from v2xsync.model.views import Level


def tell_done(board: Board, what: str, files: Iterable[tuple[str, str, int]]) -> None:
    """Tell what happened to `files`, (device, path, size) each: a line a device, such as ``clay: 12 files stored``."""
    by_device: dict[str, list[tuple[str, int]]] = collections.defaultdict(list)
    for device, path, size in files:
        by_device[device].append((path, size))
    for device, done in by_device.items():
        board.tell(Level.INFO, f"{device}: {_subject(done)} {what}", device=device)


def _subject(done: Sequence[tuple[str, int]]) -> str:
    size = in_bytes(sum(size for _, size in done))
    return f"{done[0][0].rpartition('/')[2]} ({size})" if len(done) == 1 else f"{len(done)} files ({size})"
