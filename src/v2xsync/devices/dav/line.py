"""One request at a time to a WebDAV server: what it is asked, and what its answers mean.

Statuses that speak of the whole server (busy, full, a broken gateway) are DeviceErrors from any request; a refusal of
one address is asked for again at the root, so that a lost login or a lost root is never blamed on a file.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

from v2xsync.devices.dav.answers import LOOK, LOOK_WITH_QUOTA, BadAnswer, Resource, resources
from v2xsync.devices.dav.places import Astray, Place
from v2xsync.devices.http import busy, mapped, seconds_of_date, text_of, was_never_sent
from v2xsync.errors import (
    AccessRefused,
    DeviceGone,
    ItemChanged,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NoSpace,
    ProtocolFault,
)
from v2xsync.model.items import NS_PER_S, Entry, Kind

MULTI_STATUS: Final = 207
DONE: Final = frozenset({200, 201, 204})
"""Statuses that say that something was done; 202 (perhaps, later) and 207 (partly) do not."""

_FOLLOWED: Final = 424
"""Failed Dependency: not done because something else was not."""
_MOST_LOOK_BYTES: Final = 1 << 20
_MOST_FOLDER_BYTES: Final = 1 << 29
_SLOWEST_DISK: Final = 8 * 1024 * 1024
"""Bytes that a server may need a second for, before it answers that they are safe (requirement R11)."""
_LATEST_S: Final = 9e9
"""Times further away than this (the year 2255) are taken for none."""
_QUOTA_WORDS: Final = ("quota", "space", "storage")


class Line:
    """Requests below one root. Every method raises DeviceErrors for the server, ItemErrors for one path."""

    def __init__(self, name: str, place: Place, client: httpx.Client, timeout_s: float) -> None:
        self.name: Final = name
        self.place: Final = place
        self._client: Final = client
        self._timeout_s: Final = timeout_s
        self.software = ""
        """What the server calls itself."""
        self.date_s: float | None = None
        """Its clock at its last answer."""

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    @contextmanager
    def answer(
        self, method: str, path: str, *, folder: bool = False, heavy: int = 0, **more: Any
    ) -> Iterator[httpx.Response]:
        """Ask, and give the answer, its body unread. `heavy` is how many bytes the server must have safe before it."""
        timeout = httpx.Timeout(self._timeout_s, read=self._timeout_s + heavy / _SLOWEST_DISK)
        url = self.place.url(path, folder=folder)
        with mapped(self.name), self._client.stream(method, url, timeout=timeout, **more) as response:
            self.software = plain(response.headers.get("Server", ""), 80) or self.software
            self.date_s = seconds_of_date(response.headers.get("Date", ""))
            self._check_server(response)
            yield response

    def _check_server(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in {429, 503}:
            raise busy(self.name, response)
        if status in {502, 504}:
            raise DeviceGone(self.name, f"the server behind the address does not answer its gateway ({status})")
        if status == 507:
            raise NoSpace(self.name, "the server is full, or our quota there", remedy="free some space on it")
        if status == 407:
            raise AccessRefused(self.name, "the proxy on the way wants a login", remedy="put it into HTTPS_PROXY")

    # -- looking

    def look(self, path: str, *, quota: bool = False) -> Resource:
        """Return what stands at `path`. Raises ItemMissing where nothing does."""
        found = self._look(path, folder=not path, quota=quota)
        if found is None:
            found = self._look(path, folder=True, quota=quota)
        if found is None:
            raise ItemFailed(path, "the server sends us from one address to the other")
        if found.status in {404, 410}:
            raise ItemMissing(path, "nothing has this name")
        if not 200 <= found.status < 300:
            raise ItemRefused(path, f"the server does not tell about it (status {found.status})")
        return found

    def _look(self, path: str, *, folder: bool, quota: bool) -> Resource | None:
        """Return one resource; None where the server says that it is a folder, with a slash at its end."""
        headers = {"Depth": "0", "Content-Type": "application/xml; charset=utf-8"}
        body = LOOK_WITH_QUOTA if quota else LOOK
        with self.answer("PROPFIND", path, folder=folder, headers=headers, content=body) as response:
            if response.status_code == MULTI_STATUS:
                for found in self._told(response, _MOST_LOOK_BYTES):
                    if self._names(found, path):
                        return found
                raise ItemFailed(path, "the server tells of something else than it was asked for")
            if response.is_redirect and self.place.is_folder_of(response.headers.get("Location", ""), path):
                return None
            raise self.refusal(path, response, "look at it")

    def _names(self, found: Resource, path: str) -> bool:
        try:
            return self.place.path_of(found.href) == path
        except Astray:
            return False

    def members(self, folder: str) -> Generator[Resource, None, None]:
        """Yield what is in a folder, and the folder itself, as the server tells it."""
        headers = {"Depth": "1", "Content-Type": "application/xml; charset=utf-8"}
        with self.answer("PROPFIND", folder, folder=True, headers=headers, content=LOOK) as response:
            if response.status_code != MULTI_STATUS:
                raise self.refusal(folder, response, "list it")
            yield from self._told(response, _MOST_FOLDER_BYTES)

    def _told(self, response: httpx.Response, most: int) -> Iterator[Resource]:
        try:
            yield from resources(response.iter_raw(), most)
        except BadAnswer as error:
            raise ProtocolFault(self.name, f"the server's WebDAV is broken: {error}") from error

    def root(self, *, quota: bool = False) -> Resource:
        """Return the root, which has to be a folder that we may look at; raises DeviceErrors only."""
        told = self.place.told
        try:
            found = self.look("", quota=quota)
        except ItemMissing as error:
            remedy = "make the folder, or correct `url` and `root`"
            raise DeviceGone(self.name, f"the folder {told} is not there", remedy=remedy) from error
        except ItemRefused as error:
            raise AccessRefused(self.name, f"the folder {told}: {error.what}", remedy=error.remedy) from error
        except ItemError as error:
            raise DeviceGone(self.name, f"the folder {told}: {error.what}", remedy=error.remedy) from error
        if not found.is_folder:
            raise DeviceGone(self.name, f"{told} is no folder", remedy="correct `url` and `root`")
        return found

    # -- doing

    def act(self, method: str, path: str, *, folder: bool = False, heavy: int = 0, **more: Any) -> None:
        """Do something; every answer but `DONE` is a refusal (see `refusal`)."""
        with self.answer(method, path, folder=folder, heavy=heavy, **more) as response:
            if response.status_code not in DONE:
                raise self.refusal(path, response, _DOING.get(method, method))
            text_of(response)

    def refusal(self, path: str, response: httpx.Response, doing: str) -> ItemError:
        """Return what a refused request means for `path`. Asks for the root where that may be the real trouble."""
        status, text = response.status_code, ""
        if status == MULTI_STATUS:
            status = self._worst(response)
        else:
            text = text_of(response)
        response.close()
        if path and status in {401, 403, 404, 410}:
            self.root()
        if response.is_redirect:
            return _sent_away(path, response)
        if status == 413 and any(word in text.lower() for word in _QUOTA_WORDS):
            raise NoSpace(self.name, "the server says that our quota is used up", remedy="free some space on it")
        if status in _WORDS:
            kind, words, remedy = _WORDS[status]
            return kind(path, words.format(doing=doing), remedy=remedy)
        kind = ItemFailed if status >= 500 or status < 400 else ItemRefused
        return kind(path, f"the server refuses to {doing} (status {status} {plain(response.reason_phrase, 60)})")

    @contextmanager
    def about(self, path: str) -> Iterator[None]:
        """Whatever goes wrong inside is the file's own trouble as long as the server still shows its root.

        Without this, one name at which a server breaks off or falls silent would keep its whole lane waiting for ever.
        """
        try:
            yield
        except ItemMissing:
            self.root()
            raise
        except (DeviceGone, ProtocolFault) as error:
            if was_never_sent(error):
                raise
            self.root()
            raise ItemFailed(path, f"{error.what}; otherwise the server works", remedy=error.remedy) from error

    def _worst(self, response: httpx.Response) -> int:
        """Return the first failure that a 207 tells of, a cause before what only followed from it; else 207 itself."""
        found = (told.status for told in self._told(response, _MOST_LOOK_BYTES))
        failed = [status for status in found if not 200 <= status < 300]
        return next((status for status in failed if status != _FOLLOWED), next(iter(failed), MULTI_STATUS))

    # -- values

    def entry(self, path: str, found: Resource) -> Entry:
        """Return `found` as an entry. Raises ItemFailed where the server does not tell a file's size."""
        if not found.is_folder and found.size is None:
            raise ItemFailed(path, "the server does not tell its size")
        kind = Kind.FOLDER if found.is_folder else Kind.FILE
        return Entry(path, kind, 0 if found.is_folder else found.size or 0, mtime_ns(found.modified))

    def file(self, path: str) -> tuple[Entry, Resource]:
        """Return the file at `path`, seen afresh. Raises ItemRefused where something else stands there."""
        found = self.look(path)
        if found.is_folder:
            raise ItemRefused(path, "this is no file but a folder")
        return self.entry(path, found), found


def mtime_ns(date: str) -> int | None:
    """Return an HTTP date in nanoseconds since the epoch; None where it is none, or none that a disk can hold."""
    seconds = seconds_of_date(date)
    return int(seconds) * NS_PER_S if seconds is not None and abs(seconds) < _LATEST_S else None


def plain(text: str, most: int) -> str:
    """Return the beginning of a peer's own words, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:most])


def _sent_away(path: str, response: httpx.Response) -> ItemError:
    where = plain(response.headers.get("Location", "nowhere"), 200)
    remedy = "write the address where it really is as `url`"
    return ItemFailed(path, f"the server sends us to {where}, and a login is not carried elsewhere", remedy=remedy)


_RIGHTS: Final = "give the user that we log in as the right to do it"
_DOING: Final = {"PUT": "write it", "DELETE": "remove it", "MKCOL": "make the folder", "MOVE": "give it its name"}
_WORDS: Final[dict[int, tuple[type[ItemError], str, str]]] = {
    401: (ItemRefused, "the server wants another login to {doing}", "correct `username` and `password`"),
    403: (ItemRefused, "the server does not allow us to {doing}", _RIGHTS),
    404: (ItemMissing, "nothing has this name", ""),
    405: (ItemRefused, "the server cannot {doing} here", "check that WebDAV is switched on for `url`"),
    409: (ItemFailed, "the folder that it should be in is missing", ""),
    410: (ItemMissing, "nothing has this name any more", ""),
    412: (ItemChanged, "the server has another version of it", ""),
    413: (ItemRefused, "the file is too big for the server", "let the server's owner raise its limit"),
    414: (ItemRefused, "the path is too long for the server", "choose a shorter target_path"),
    423: (ItemFailed, "somebody has locked it", "wait until the other program is done with it"),
    501: (ItemRefused, "the server cannot {doing}", "check that WebDAV is switched on for `url`"),
}
"""What a status says of one path."""
