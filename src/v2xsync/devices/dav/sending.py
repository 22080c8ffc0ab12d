"""Sending one file: to its partial name in pieces that a broken link does not cost again, then to its final name.

Sent in one piece, Apache keeps nothing of a PUT that breaks off. Where a server continues a partial (PUT with
Content-Range, which RFC 9110 leaves to it), a file therefore goes in pieces, each as large as all before it. Whether it
does is found out with the first two pieces of the first file that is large enough: right size, and both sides of the
seam read back. No conditional header is trusted with what stands at the target: we look right before MOVE, which is
told not to overwrite besides.

ownCloud and Nextcloud keep names that end with ``.part`` for themselves and refuse ours; then partials end otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

import httpx

from v2xsync.devices.base import OVERLAP_BYTES, Feed, SendRequest, Sent
from v2xsync.devices.dav.line import DONE, Line
from v2xsync.devices.dav.reading import read_range
from v2xsync.devices.http import text_of, was_never_sent
from v2xsync.devices.resume import check_names, pieces_from, resume_position
from v2xsync.errors import (
    AccessRefused,
    DeviceGone,
    IntegrityError,
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NameTaken,
    OutcomeUnknown,
    ProtocolFault,
)
from v2xsync.model.items import NS_PER_S

FIRST_PIECE: Final = 1024 * 1024
LARGEST_PIECE: Final = 64 * 1024 * 1024
ENDINGS: Final = (".part", ".unfinished")
"""How partials end: as the engine says, and where the server refuses that."""
_NOT_ALLOWED: Final = frozenset({400, 401, 403, 405, 415, 422})
_NO_PARENT: Final = 409
_NAME_TAKEN: Final = 412
_PERHAPS: Final = frozenset({202, 207})


@dataclass(slots=True)
class Known:
    """What a session has learned of its server."""

    continues: bool | None = None
    """Whether it continues partials; None: not tried."""
    folders: set[str] = field(default_factory=set)
    """Those that are there."""
    ending: str = ENDINGS[0]
    """How partials have to end."""


class _OtherEnding(Exception):
    """The server refuses names that end as our partials do; from now on they end otherwise."""


class _Body:
    """Bytes `start` to `stop` of the content; may be iterated again (a login may want the request twice)."""

    def __init__(self, request: SendRequest, start: int, stop: int, feed: Feed) -> None:
        self._request: Final = replace(request, size=stop)
        self._start: Final = start
        self._feed: Final = feed

    def __iter__(self) -> Iterator[bytes]:
        for offset, piece in pieces_from(self._request, self._start, self._feed):
            yield piece
            self._feed.progress(self._request.token, offset + len(piece))


class _OnlyForward:
    """A feed whose progress of one file never goes back, also where the same bytes are sent once more."""

    def __init__(self, feed: Feed) -> None:
        self._furthest = -1
        self.read: Final = feed.read
        self.done: Final = feed.done
        self.failed: Final = feed.failed
        self._progress: Final = feed.progress

    def progress(self, token: int, position: int) -> None:
        """Pass `position` on where it is news."""
        if position > self._furthest:
            self._furthest = position
            self._progress(token, position)


class Sending:
    """Sends one file from `feed` over `line`."""

    def __init__(self, line: Line, feed: Feed, known: Known) -> None:
        self._line: Final = line
        self._feed: Final = _OnlyForward(feed)
        self._known: Final = known

    def send(self, request: SendRequest) -> Sent:
        """Send it. Raises ItemErrors for the file (NameTaken, OutcomeUnknown, ...) and DeviceErrors for the server."""
        check_names(request)
        if request.size >= FIRST_PIECE or not request.resume:
            self._require_free(request)
        self._make_folder(request.path.rpartition("/")[0])
        try:
            request = self._written(request)
        except _OtherEnding:
            request = self._written(request)
        self._require_size(request)
        self._require_free(request)
        self._move(request)
        self._require_name(request.path)
        return Sent(request.size, "its size asked for, then moved")

    # -- before

    def _require_free(self, request: SendRequest) -> None:
        try:
            there = self._line.look(request.path)
        except ItemMissing:
            return
        if there.is_folder or not request.replaces:  # a MOVE that overwrites takes whole folders away, on wsgidav
            raise NameTaken(request.path, "the name is taken")

    def _make_folder(self, folder: str) -> None:
        """Make `folder` and what is missing above it."""
        missing = []
        while folder and folder not in self._known.folders:
            if self._is_folder(folder):
                self._known.folders.add(folder)
                break
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        for below in reversed(missing):
            self._make(below)
            self._known.folders.add(below)

    def _is_folder(self, path: str) -> bool:
        try:
            found = self._line.look(path)
        except ItemMissing:
            return False
        if not found.is_folder:
            raise ItemRefused(path, "a folder has to be here, and there is a file", remedy="choose another target_path")
        return True

    def _make(self, folder: str) -> None:
        try:
            self._line.act("MKCOL", folder, folder=True)
        except ItemRefused:
            # 405: somebody was quicker. Any other refusal stands.
            with suppress(ItemError):
                if self._is_folder(folder):
                    return
            raise

    # -- the content

    def _written(self, request: SendRequest) -> SendRequest:
        """Bring the whole content under the partial name; returns the request with the name that was used."""
        request = replace(request, partial=request.partial.removesuffix(ENDINGS[0]) + self._known.ending)
        self._write(request)
        return request

    def _write(self, request: SendRequest) -> None:
        position = self._continued(request)
        self._feed.progress(request.token, position)
        if 0 < position == request.size:
            return
        in_pieces = request.resume and request.size > FIRST_PIECE and self._known.continues is not False
        if not (in_pieces and self._write_pieces(request, position)):
            self._put(request, 0, request.size)

    def _continued(self, request: SendRequest) -> int:
        """How much of a partial that is there already may stay."""
        if not request.resume or request.size <= OVERLAP_BYTES:
            return 0
        try:
            there, _ = self._line.file(request.partial)
        except ItemMissing:
            return 0
        if self._known.continues is False and there.size != request.size:
            return 0
        return resume_position(request, there.size, lambda at, count: self._read_back(request, at, count), self._feed)

    def _read_back(self, request: SendRequest, offset: int, length: int) -> bytes:
        return read_range(self._line, request.partial, offset, length)

    def _write_pieces(self, request: SendRequest, position: int) -> bool:
        """Send the content from `position` on in pieces; False where the server turns out not to continue partials."""
        while position < request.size:
            stop = min(request.size, position + min(max(position, FIRST_PIECE), LARGEST_PIECE))
            try:
                self._put(request, position, stop)
            except (ItemRefused, ItemChanged):
                if not position or self._known.continues:
                    raise
                self._known.continues = False
                return False
            if position and self._known.continues is None:
                self._known.continues = self._seam_is_good(request, position, stop)
                if not self._known.continues:
                    return False
            position = stop
        return True

    def _seam_is_good(self, request: SendRequest, seam: int, stop: int) -> bool:
        """Whether the partial now ends at `stop`, and holds our bytes on both sides of `seam`."""
        there, _ = self._line.file(request.partial)
        if there.size != stop:
            return False
        first, last = max(0, seam - OVERLAP_BYTES), min(stop, seam + OVERLAP_BYTES)
        ours = self._feed.read(request.token, first, last - first)
        return ours == self._read_back(request, first, last - first)

    def _put(self, request: SendRequest, start: int, stop: int) -> None:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(stop - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{request.size}"
        if request.mtime_ns is not None:
            headers["X-OC-Mtime"] = str(request.mtime_ns // NS_PER_S)
        body = _Body(request, start, stop, self._feed)
        with self._line.answer("PUT", request.partial, heavy=stop - start, headers=headers, content=body) as response:
            if response.status_code in DONE:
                text_of(response)
                return
            error = self._refusal(request, response)
        if not start and response.status_code in _NOT_ALLOWED:
            self._blame_the_folder(request)
        raise error

    def _blame_the_folder(self, request: SendRequest) -> None:
        """A partial was refused: return where that is for its folder, else raise AccessRefused or _OtherEnding."""
        trial = f"{request.partial.rpartition('/')[2].removesuffix(self._known.ending)}-try"
        if self._may_write(trial + self._known.ending):
            return
        if self._known.ending == ENDINGS[0] and self._may_write(trial + ENDINGS[1]):
            self._known.ending = ENDINGS[1]
            raise _OtherEnding
        what = f"nothing may be written below {self._line.place.told}"
        remedy = "give the user that we log in as the right to write there, and let the server take PUT"
        raise AccessRefused(self._line.name, what, remedy=remedy)

    def _may_write(self, name: str) -> bool:
        """Whether an empty file of this name may stand right below the root; it is removed again."""
        with self._line.answer("PUT", name, content=b"") as response:
            if response.status_code not in DONE:
                return False
            text_of(response)
        self._line.act("DELETE", name, headers={"Depth": "0"})
        return True

    def _refusal(self, request: SendRequest, response: httpx.Response) -> ItemError:
        if response.status_code == _NO_PARENT:
            self._known.folders.clear()
        return self._line.refusal(request.path, response, "write it")

    # -- the name

    def _require_size(self, request: SendRequest) -> None:
        """Acknowledged is not stored: ask for the partial's size."""
        try:
            there, _ = self._line.file(request.partial)
            got = f"{there.size} bytes"
        except ItemMissing:
            got = "nothing"
        if got != f"{request.size} bytes":
            what = "the server stored another number of bytes than it said"
            raise IntegrityError(request.path, what, expected=f"{request.size} bytes", got=got)

    def _move(self, request: SendRequest) -> None:
        headers = {"Destination": self._line.place.url(request.path), "Overwrite": "T" if request.replaces else "F"}
        try:
            with self._line.answer("MOVE", request.partial, heavy=request.size, headers=headers) as response:
                if response.status_code in DONE:
                    text_of(response)
                    return
                raise self._not_moved(request, response)
        except (DeviceGone, ProtocolFault) as error:
            if was_never_sent(error):
                raise
            what = f"the server was asked to give the file its name, and then: {error.what}"
            raise OutcomeUnknown(request.path, what) from error

    def _require_name(self, path: str) -> None:
        """Look whether a name that needs encoding was understood: wsgidav cuts it at ``;`` or ``?``, and says 201."""
        if quote(path, safe="/", errors="surrogateescape") == path:
            return
        try:
            self._line.look(path)
        except ItemMissing as error:
            what = "the server said that it gave the file its name, but gave it another one"
            raise ItemRefused(path, what, remedy="choose a target_path of letters, digits and . _ -") from error

    def _not_moved(self, request: SendRequest, response: httpx.Response) -> ItemError:
        status = response.status_code
        if status == _NAME_TAKEN:
            return NameTaken(request.path, "the name is taken")
        if status in _PERHAPS:
            return OutcomeUnknown(request.path, f"the server may have given the file its name ({status})")
        error = self._refusal(request, response)
        if isinstance(error, ItemMissing):
            return ItemFailed(request.path, "the partial file went away before it got its name")
        return error
