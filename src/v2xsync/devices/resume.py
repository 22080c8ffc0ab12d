"""Where a partial at a target may be continued: the one rule on overlaps, for every adapter (requirement R6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from v2xsync.devices.base import CHUNK_BYTES, OVERLAP_BYTES, Feed, SendRequest, require_safe
from v2xsync.errors import IntegrityError, ItemRefused


def check_names(request: SendRequest) -> None:
    """Refuse (ItemRefused) unsafe names, and a partial that is not in the folder of its final name."""
    require_safe(request.path)
    require_safe(request.partial)
    if request.partial.rpartition("/")[0] != request.path.rpartition("/")[0]:
        raise ItemRefused(request.path, "the partial name is in another folder than the final name")


def resume_position(request: SendRequest, there: int, read_back: Callable[[int, int], bytes], feed: Feed) -> int:
    """Return how many of the `there` bytes of a partial may stay; 0 where it has to start again.

    `read_back(offset, length)` reads the partial. Only the last `OVERLAP_BYTES` are compared: what lies before them is
    covered by the proof of the whole file.
    """
    if not request.resume or not 0 < there <= request.size:
        return 0
    start = max(0, there - OVERLAP_BYTES)
    ours = feed.read(request.token, start, there - start)
    return there if ours == read_back(start, there - start) else 0


def pieces_from(
    request: SendRequest, position: int, feed: Feed, most: int = CHUNK_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, piece) of the content from `position` to its end, in pieces of at most `most` bytes.

    Raises IntegrityError where the content ends before its size.
    """
    while position < request.size:
        piece = feed.read(request.token, position, min(most, request.size - position))
        if not piece:
            raise IntegrityError(
                request.path,
                "the content to send ends before its size",
                expected=f"{request.size} bytes",
                got=f"{position} bytes",
            )
        yield position, piece
        position += len(piece)
