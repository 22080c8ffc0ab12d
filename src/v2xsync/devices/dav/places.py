"""Addresses: from paths below the root to URLs, and back from what the server calls its resources.

A path's bytes are percent-encoded, all but RFC 3986's unreserved ones. An href is believed only as far as it names
something right where we asked: anything else is `Astray`.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

from v2xsync.devices.base import require_safe
from v2xsync.errors import ItemRefused

LONGEST_PATH: Final = 4096
"""In bytes; servers that make up endless trees end here."""


class Astray(Exception):
    """An href leads out of the place that was asked for, or is malformed; says how in plain words."""


class Place:
    """The root: `url` (without query), and below it the folder `root`."""

    def __init__(self, url: str, root: str = "") -> None:
        parts = urlsplit(url)
        self._origin: Final = f"{parts.scheme.lower()}://{parts.netloc}"
        self._host: Final = (parts.hostname or "").casefold()
        below = [part for part in root.split("/") if part not in ("", ".")]
        self._base: Final = [*filter(None, _decoded(parts.path)), *below]
        self.is_protected: Final = parts.scheme.lower() == "https"
        self.told: Final = self.url("", folder=True)
        """The root for people."""

    def url(self, path: str, *, folder: bool = False) -> str:
        """Return the address of `path`; that of a folder ends with a slash."""
        parts = [*self._base, *(path.split("/") if path else ())]
        address = "".join(f"/{_encoded(part)}" for part in parts)
        return f"{self._origin}{address}{'/' if folder or not parts else ''}"

    def path_of(self, href: str) -> str:
        """Return the path below the root that `href` names; the root itself is empty. Raises Astray."""
        try:
            parts = urlsplit(href)
            host = parts.hostname
        except ValueError as error:
            raise Astray("an address that is none") from error
        if (parts.scheme or parts.netloc) and (parts.scheme not in {"http", "https"} or host != self._host):
            raise Astray("an address of another server")
        if parts.query or parts.fragment or not parts.path.startswith("/"):
            raise Astray("an address that is not written as one")
        names = _decoded(parts.path)
        if names[: len(self._base)] != self._base:
            raise Astray("an address outside the root")
        return _safe(names[len(self._base) :])

    def is_folder_of(self, location: str, path: str) -> bool:
        """Whether a redirect to `location` only says that `path` is a folder."""
        try:
            return location.endswith("/") and self.path_of(location) == path
        except Astray:
            return False


def _safe(names: list[str]) -> str:
    path = "/".join(names)
    if any("/" in name for name in names):
        raise Astray("a name with a slash in it")
    try:
        if path:
            require_safe(path)
    except ItemRefused as error:
        raise Astray("an address that is not below the folder") from error
    if len(path.encode(errors="surrogateescape")) > LONGEST_PATH:
        raise Astray("a path that is too long")
    return path


def _decoded(path: str) -> list[str]:
    """Return the decoded parts of an absolute path; one slash at the end says nothing."""
    plain = path.removesuffix("/").removeprefix("/")
    if not plain:
        return []
    return [unquote_to_bytes(part).decode(errors="surrogateescape") for part in plain.split("/")]


def _encoded(name: str) -> str:
    return quote(name.encode(errors="surrogateescape"), safe="-._~")
