"""Paths: ours below the root as text, the server's as bytes; and what a server tells of a file as our values.

Names travel as bytes and are UTF-8 with surrogate escapes on our side, whatever this machine's locale is, so that every
name that a server can have comes back to it unchanged.
"""

from __future__ import annotations

import stat
from typing import Final

from v2xsync.devices.base import require_safe
from v2xsync.devices.ssh.wire import Attrs
from v2xsync.errors import ItemRefused
from v2xsync.model.items import NS_PER_S, Entry, Kind

LONGEST_PATH: Final = 4096
"""Bytes; no POSIX server opens a longer one, so a listing that goes deeper is made up."""
_LARGEST: Final = (1 << 63) - 1
_KINDS: Final = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}
_LONGNAME_KINDS: Final = {b"-": Kind.FILE, b"d": Kind.FOLDER, b"l": Kind.LINK}


class Root:
    """A device's root folder: absolute, or relative to the folder that a login begins in (also written ``~``)."""

    def __init__(self, root: str) -> None:
        text = root.removeprefix("~/") if root != "~" else "."
        self.told: Final = root
        self.wire: Final = _encoded(text.rstrip("/") or ("/" if text.startswith("/") else "."))
        self._front = b"" if self.wire == b"." else self.wire.rstrip(b"/") + b"/"

    def path(self, path: str) -> bytes:
        """Return what the server calls `path`. Raises ItemRefused where `path` could leave the root."""
        return self.inside(require_safe(path))

    def inside(self, path: str) -> bytes:
        """Return what the server calls `path`, which is known to be safe (or empty: the root itself)."""
        if not path:
            return self.wire
        return self._front + _encoded(path)


def _encoded(path: str) -> bytes:
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ItemRefused(path, "the path cannot be written in UTF-8", remedy="rename the file") from error


def name_of(told: bytes) -> str | None:
    """Return a name of a folder's listing as text; None where no folder can hold it."""
    if not told or b"/" in told or b"\0" in told or told in (b".", b".."):
        return None
    return told.decode("utf-8", "surrogateescape")


def kind_of(attrs: Attrs, longname: bytes = b"") -> Kind | None:
    """Return the kind of file that `attrs` tell; else what the first letter of `longname` does; else None."""
    if attrs.mode is not None and stat.S_IFMT(attrs.mode):
        return _KINDS.get(stat.S_IFMT(attrs.mode), Kind.OTHER)
    return _LONGNAME_KINDS.get(longname[:1])


def told_kind(attrs: Attrs) -> Kind:
    """Return the kind of what LSTAT told; a server that tells sizes but no kinds is taken to mean files."""
    return kind_of(attrs) or (Kind.OTHER if attrs.size is None else Kind.FILE)


def entry_of(path: str, attrs: Attrs, kind: Kind) -> Entry:
    """Return what `attrs` tell of `path`. A size that no file can have makes it something other than a file."""
    size = attrs.size or 0
    if size > _LARGEST or (kind is Kind.FILE and attrs.size is None):
        return Entry(path, Kind.OTHER)
    return Entry(path, kind, size, None if attrs.mtime is None else attrs.mtime * NS_PER_S)
