"""Where a device's files are, so that two names for one place are found out before anything is moved (R12)."""

from __future__ import annotations

import enum
import ipaddress
import os
import posixpath
from dataclasses import dataclass
from pathlib import Path


class Overlap(enum.Enum):
    """How two places lie to each other."""

    NONE = "are apart"
    SAME = "are the same place"
    INSIDE = "lies inside"
    AROUND = "lies around"
    UNSURE = "may be the same place"
    """The same folder of one host for different users: their views may differ (chroot)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder: `realm` is what must be equal to compare at all, `parts` the folder's path, `user` who sees it so."""

    realm: tuple[str, ...]
    parts: tuple[str, ...]
    user: str = ""
    identity: tuple[int, int] | None = None
    """Device and inode of a local folder that is there."""
    above: frozenset[tuple[int, int]] = frozenset()
    """The same of every folder around it."""

    def overlap(self, other: Place) -> Overlap:
        """How this place lies to `other`."""
        if self.realm != other.realm:
            return Overlap.NONE
        found = self._by_identity(other) or self._by_path(other)
        return Overlap.UNSURE if found is not Overlap.NONE and self.user != other.user else found

    def _by_identity(self, other: Place) -> Overlap | None:
        if self.identity is not None and self.identity == other.identity:
            return Overlap.SAME
        if self.identity in other.above:
            return Overlap.AROUND
        return Overlap.INSIDE if other.identity in self.above else None

    def _by_path(self, other: Place) -> Overlap:
        mine, theirs = self.parts, other.parts
        if mine == theirs:
            return Overlap.SAME
        if mine == theirs[: len(mine)]:
            return Overlap.AROUND
        return Overlap.INSIDE if theirs == mine[: len(theirs)] else Overlap.NONE


def folder_place(directory: Path) -> Place:
    """Return the place of a local folder: links followed, and seen through by inode where mounted twice."""
    real = Path(os.path.normcase(directory.resolve()))
    above = frozenset(found for folder in real.parents if (found := _identity(folder)) is not None)
    return Place(("local",), real.parts, identity=_identity(real), above=above)


def host_place(scheme: str, host: str, port: int, username: str, root: str) -> Place:
    """Return the place of a folder on a host; a relative root lies in the user's own folder there."""
    clean = posixpath.normpath(root)
    start = "home" if not clean.startswith("/") else "root"
    parts = tuple(part for part in clean.split("/") if part not in {"", "."})
    return Place((scheme, _plain_host(host), str(port), start), parts, user=username)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def _plain_host(host: str) -> str:
    plain = host.casefold().rstrip(".").strip("[]")
    if plain in {"localhost", "localhost.localdomain", "ip6-localhost"}:
        return "loopback"
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return plain
    return "loopback" if address.is_loopback else str(address)
