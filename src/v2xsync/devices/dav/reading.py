"""Reading files: whole, from an offset, or a piece; each answer is held against what was asked for.

A server may answer a request for a range with the whole file (200): then what comes before is passed over. It may
compress although it was asked not to: such an answer is refused, never unfolded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Final

import httpx

from v2xsync.devices.dav.answers import Resource
from v2xsync.devices.dav.line import Line, mtime_ns, plain
from v2xsync.errors import DeviceError, DeviceGone, ItemChanged, ItemError, ItemFailed, ProtocolFault
from v2xsync.model.items import Fingerprint

_PARTIAL: Final = 206
_BEYOND_THE_END: Final = 416
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


def read(line: Line, path: str, wanted: Fingerprint, offset: int = 0) -> Generator[bytes, None, None]:
    """Yield the file from `offset` to its end; it has to be the version `wanted`, with exactly its size (ItemChanged).

    A connection that breaks because the file was cut off under the server counts as a change of the file, too.
    """
    try:
        yield from _read(line, path, wanted, offset)
    except (DeviceGone, ProtocolFault) as error:
        _blame_the_file(line, path, wanted, error)
        raise


def _read(line: Line, path: str, wanted: Fingerprint, offset: int) -> Iterator[bytes]:
    if offset >= wanted.size:
        return
    with line.answer("GET", path, headers=_headers(offset)) as response:
        passed_over = _begin(line, path, response, offset)
        _require_version(line, path, wanted, response)
        at = offset - passed_over
        for piece in response.iter_raw():
            at += len(piece)
            if at > wanted.size:
                raise ItemChanged(path, "it is longer than it was said to be")
            if at > offset:
                yield piece[max(0, len(piece) - (at - offset)) :]
    if at < wanted.size:
        raise ItemChanged(path, "it is shorter than it was said to be")


def digests(line: Line, path: str, wanted: Fingerprint, offset: int = 0) -> tuple[str, str]:
    """Read all of the version `wanted`; return sha256 of the whole, and of what lies from `offset` on."""
    whole, tail, at = hashlib.sha256(), hashlib.sha256(), 0
    with closing(read(line, path, wanted)) as pieces:
        for piece in pieces:
            whole.update(piece)
            tail.update(piece[max(0, offset - at) :])
            at += len(piece)
    return whole.hexdigest(), tail.hexdigest()


def read_range(line: Line, path: str, offset: int, length: int) -> bytes:
    """Return `length` bytes at `offset`; nothing where the server does not give just these."""
    headers = {**_headers(0), "Range": f"bytes={offset}-{offset + length - 1}"}
    with line.answer("GET", path, headers=headers) as response:
        if response.status_code != _PARTIAL or _starts_at(response) != offset:
            return b""
        taken = b""
        for piece in response.iter_raw():
            taken += piece
            if len(taken) > length:
                return b""
    return taken


def _headers(offset: int) -> dict[str, str]:
    asked = {"Cache-Control": "no-cache"}
    return {**asked, "Range": f"bytes={offset}-"} if offset else asked


def _begin(line: Line, path: str, response: httpx.Response, offset: int) -> int:
    """Return how many bytes before `offset` the answer begins with. Raises ItemErrors for other answers."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if response.is_success and encoding != "identity":
        remedy = "switch compression off for this address"
        raise ItemFailed(path, f"the server sends it compressed ({plain(encoding, 20)})", remedy=remedy)
    if response.status_code == _PARTIAL and offset:
        if _starts_at(response) != offset:
            raise ItemFailed(path, "the server sends another part of it than was asked for")
        return 0
    if response.status_code == 200:
        return offset
    if response.status_code == _BEYOND_THE_END:
        raise ItemChanged(path, "it is shorter than it was said to be")
    raise line.refusal(path, response, "read it")


def _starts_at(response: httpx.Response) -> int | None:
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _require_version(line: Line, path: str, wanted: Fingerprint, response: httpx.Response) -> None:
    """Compare with what the answer itself says; where that is not enough or not the same, ask."""
    told = Fingerprint(_whole_size(response), mtime_ns(response.headers.get("Last-Modified", "")))
    if told.mtime_ns is None or wanted.mtime_ns is None or not wanted.matches(told):
        require_version(line, path, wanted)


def _whole_size(response: httpx.Response) -> int:
    """Return the size of the whole file; -1 where the answer does not tell it."""
    ranged = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    told = ranged[3] if ranged else response.headers.get("Content-Length", "")
    return int(told) if told.isascii() and told.isdigit() else -1


def require_version(line: Line, path: str, wanted: Fingerprint) -> Resource:
    """Look at `path` afresh, and return what is told of it; raises ItemChanged where `wanted` does not stand there."""
    found = line.look(path)
    if found.is_folder:
        raise ItemChanged(path, "this is no file but a folder")
    if not wanted.matches(line.entry(path, found).fingerprint):
        raise ItemChanged(path, "another version stands there now")
    return found


def _blame_the_file(line: Line, path: str, wanted: Fingerprint, error: DeviceError) -> None:
    """Raise what became of the file, where something did; a server that is gone says nothing about it."""
    try:
        require_version(line, path, wanted)
    except ItemError as found:
        raise found from error
    except DeviceError:
        return
