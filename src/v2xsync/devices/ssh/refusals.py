"""What a server's refusals mean for a file, in our errors and in words for people."""

from __future__ import annotations

from typing import Final

from v2xsync.devices.ssh import wire
from v2xsync.errors import ItemError, ItemFailed, ItemMissing, ItemRefused

_TOLD_MOST: Final = 200
_FULL_WORDS: Final = ("no space", "disk full", "quota")


def refusal(path: str, reply: wire.Reply, doing: str) -> ItemError:
    """Return the error for `reply`, which ended `doing` (as in "the server failed to ...") with `path`."""
    if not isinstance(reply, wire.Status) or reply.code in (wire.OK, wire.EOF):
        return ItemFailed(path, f"the server gave an answer that does not fit when asked to {doing}")
    if reply.code == wire.NO_SUCH_FILE:
        return ItemMissing(path, "it is not there")
    if reply.code == wire.PERMISSION_DENIED:
        remedy = "give the user that we log in as the right to do it"
        return ItemRefused(path, f"the server denies the permission to {doing}", remedy=remedy)
    if reply.code == wire.UNSUPPORTED:
        return ItemRefused(path, f"the server is not able to {doing}")
    return ItemFailed(path, f"the server failed to {doing}{told(reply)}")


def told(reply: wire.Status) -> str:
    """Return the server's own words, made harmless and introduced, or nothing where it has none to add."""
    words = "".join(character if character.isprintable() else "?" for character in reply.message)[:_TOLD_MOST]
    return f": {words}" if words and words.lower() != "failure" else ""


def is_full(reply: wire.Status) -> bool:
    """Whether the server itself says that a disk is full or a quota used up."""
    words = reply.message.lower()
    return reply.code in wire.NO_SPACE_CODES or any(word in words for word in _FULL_WORDS)
