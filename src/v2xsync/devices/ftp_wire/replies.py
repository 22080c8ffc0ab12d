"""What a server answers, and what its refusals mean: numbers decide, words only where the numbers say too little.

Reply codes: RFC 959 section 4.2. Servers use 550 for nearly everything, 553 (vsftpd) for nearly everything that fails
in writing, and 450 (ProFTPD) for a missing file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from v2xsync.errors import ItemError, ItemFailed, ItemMissing, ItemRefused

CLOSING: Final = 421
NOT_LOGGED_IN: Final = 530
NOT_UNDERSTOOD: Final = frozenset({500, 502, 504})
_NO_SPACE: Final = frozenset({452, 552})
_MISSING: Final = frozenset({450, 550})
_SYNTAX: Final = 501
_FULL_WORDS = (
    "no space", "disk full", "disk is full", "quota", "insufficient storage",
    "failure writing to local file", "input/output error",
)  # fmt: skip
"""The last two are all that vsftpd and ProFTPD say of a full disk."""
_DENIED_WORDS = ("denied", "permitted", "permission", "read-only", "forbidden")
_CROWDED_WORDS = ("too many", "maximum", "limit", "busy", "try again later")
_EMPTY_WORDS = ("no files", "no such file", "empty")
_FACT: Final = 213
_HASHED = re.compile(r"SHA-256 0-(\d{1,19}) ([0-9a-f]{64}) ", re.ASCII | re.IGNORECASE)
"""Servers differ in whether the last number is that of the last byte, or the one after it."""
_MOST_WORDS: Final = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its number, and its lines as text of single bytes, without the numbers."""

    code: int
    lines: tuple[str, ...]

    @property
    def good(self) -> bool:
        """It was done."""
        return 200 <= self.code < 300

    @property
    def understood(self) -> bool:
        """The server knows the command."""
        return self.code not in NOT_UNDERSTOOD

    @property
    def full(self) -> bool:
        """There is no room (code or words), where this answers to writing."""
        return self.code in _NO_SPACE or (self.code >= 400 and self._says(_FULL_WORDS))

    @property
    def denied(self) -> bool:
        """The words speak of rights."""
        return self._says(_DENIED_WORDS)

    @property
    def crowded(self) -> bool:
        """The words speak of too many connections."""
        return self._says(_CROWDED_WORDS)

    @property
    def missing(self) -> bool:
        """Nothing may be there: the code says so, and the words do not speak of rights."""
        return self.code in _MISSING and not self.denied

    @property
    def empty(self) -> bool:
        """Some servers refuse to list a folder without files."""
        return self.code in _MISSING and self._says(_EMPTY_WORDS)

    @property
    def cut(self) -> bool:
        """The words speak of a listing that is not whole (Pure-FTPd's limit)."""
        return self._says(("truncated",))

    def sha256(self, size: int) -> str | None:
        """The digest of a whole file of `size` bytes, where this answers HASH with one."""
        found = _HASHED.match(self.lines[-1].removeprefix("213 ")) if self.code == _FACT else None
        return found[2].lower() if found and int(found[1]) in (size, size - 1) else None

    def _says(self, words: tuple[str, ...]) -> bool:
        text = " ".join(self.lines).lower()
        return any(word in text for word in words)

    @property
    def words(self) -> str:
        """The server's own words, made harmless, for people."""
        text = " ".join(self.lines).encode("latin-1", "replace").decode("utf-8", "replace")
        return f"{self.code} " + "".join(char if char.isprintable() else "?" for char in text)[:_MOST_WORDS].strip()


class Refusal(Exception):
    """A transfer that the server refused or did not finish; `reply` is what it said."""

    def __init__(self, reply: Reply, *, begun: bool = False, restart: bool = False) -> None:
        super().__init__(reply.words)
        self.reply: Final = reply
        self.begun: Final = begun
        """The transfer had begun."""
        self.restart: Final = restart
        """It was the offset (REST) that was refused."""


def refusal(path: str, reply: Reply, doing: str) -> ItemError:
    """Return the error for `reply`, which ended `doing` (as in "the server does not ...") with `path`."""
    if reply.denied and reply.code >= 500:
        remedy = "give the user that we log in as the right to do it"
        return ItemRefused(path, f"the server does not {doing}: {reply.words}", remedy=remedy)
    if reply.code == 550 and doing == READ:
        return ItemMissing(path, "it is not there")
    if not reply.understood or reply.code == _SYNTAX:
        return ItemRefused(path, f"the server is not able to {doing}: {reply.words}")
    return ItemFailed(path, f"the server does not {doing}: {reply.words}")


READ: Final = "give it"
