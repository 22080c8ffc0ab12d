"""Names from the wire: drawn safely, stored safely, and never lost (invariant 9).

A path is mapped into the store part by part. Plain names map to themselves; what a file system, a shell script or a
terminal must not meet is written ``%XX`` (one ASCII character, or one byte that is not UTF-8) or ``%uXXXX`` (another
code point). A percent sign that would read as such an escape is escaped itself, so the mapping can be undone.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from v2xsync.errors import ItemRefused

OUR_PREFIX: Final = ".v2xsync"
"""Every name that we make for work in progress starts so; a name from the wire never does, once mapped."""

MAX_NAME_BYTES: Final = 255
"""The longest name of ext4, XFS, APFS and NTFS."""

MAX_PATH_BYTES: Final = 3900
"""Linux takes 4096 for the whole path: this leaves room for the store's own folder."""

_IMPROPER: Final = frozenset(("", ".", ".."))
_SHORTEN: Final = "give the file or its folders shorter names on the device"

_ESCAPED: Final = re.compile(r"%(?:u([0-9A-F]{4})|([0-9A-F]{2}))")
_NEEDS_ESCAPE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]|%(?=u[0-9A-F]{4}|[0-9A-F]{2})")
_WINDOWS_NEEDS_ESCAPE: Final = re.compile(_NEEDS_ESCAPE.pattern + r'|[<>:"|?*]|[. ]\Z')
_WINDOWS_DEVICE: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|\Z)", re.IGNORECASE
)
_CUT_ESCAPE: Final = re.compile(r"%(?:u[0-9A-F]{0,3}|[0-9A-F]?)\Z")
_BYTE_SURROGATES: Final = range(0xDC80, 0xDD00)
"""How Python carries bytes that are not UTF-8 (PEP 383)."""

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that take no room or draw nothing, although Unicode does not call them format characters."""


# --- on the terminal --------------------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """Return `text` safe to draw: controls, bidi marks, zero-width characters and the like as visible escapes.

    Ordinary text of any language stays as it is. Applying it twice changes nothing more.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _drawable(character) else _visible(character) for character in text)


def _drawable(character: str) -> bool:
    if character.isprintable():
        return not _INVISIBLE.match(character)
    return unicodedata.category(character) == "Zs"


def _visible(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


# --- in the store -----------------------------------------------------------------------------------------------------


def proper_parts(path: str) -> list[str]:
    """The parts of a proper relative path; raises ItemRefused where it is absolute, climbs, or holds a NUL."""
    parts = path.split("/")
    if "\0" in path or not _IMPROPER.isdisjoint(parts):
        raise ItemRefused(path, "the path leaves the root or is malformed", remedy="rename the file on the device")
    return parts


def safe_relative(path: str, *, windows: bool = False) -> str:
    """Map a wire path to a relative path that is safe in the local store; `original` undoes it.

    `windows` also escapes what Windows forbids. Raises ItemRefused for paths that are no proper relative ones, and for
    those that are too long once mapped.
    """
    parts = proper_parts(path)
    if not windows and _is_plain(path):
        return path
    mapped = [_safe_name(part, windows=windows) for part in parts]
    if any(byte_length(part) > MAX_NAME_BYTES for part in mapped):
        raise ItemRefused(path, f"a name in the path is longer than {MAX_NAME_BYTES} bytes", remedy=_SHORTEN)
    joined = "/".join(mapped)
    if byte_length(joined) > MAX_PATH_BYTES:
        raise ItemRefused(path, f"the path is longer than {MAX_PATH_BYTES} bytes", remedy=_SHORTEN)
    return joined


def _is_plain(path: str) -> bool:
    """Whether `path` maps to itself, told at a glance: most do, and every file passes here twice."""
    short = len(path) <= MAX_NAME_BYTES and path.isascii()
    return short and OUR_PREFIX not in path.lower() and not _NEEDS_ESCAPE.search(path)


def _safe_name(name: str, *, windows: bool) -> str:
    needs_escape = _WINDOWS_NEEDS_ESCAPE if windows else _NEEDS_ESCAPE
    safe = needs_escape.sub(lambda found: _escape(found[0]), name)
    if name.casefold().startswith(OUR_PREFIX) or (windows and _WINDOWS_DEVICE.match(name)):
        return _escape(safe[0]) + safe[1:]
    return safe


def _escape(character: str) -> str:
    code = ord(character)
    if code in _BYTE_SURROGATES:
        return f"%{code - 0xDC00:02X}"
    return f"%{code:02X}" if code < 0x80 else f"%u{code:04X}"


def original(mapped: str) -> str:
    """The wire path that `safe_relative` mapped to `mapped`."""
    return _ESCAPED.sub(_unescape, mapped)


def _unescape(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    code = int(found[2], 16)
    return chr(code if code < 0x80 else 0xDC00 + code)


def byte_length(text: str) -> int:
    """How many bytes `text` takes on disk (bytes that are not UTF-8, still unmapped, count three each)."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


# --- beside each other ------------------------------------------------------------------------------------------------


def split_suffix(name: str) -> tuple[str, str]:
    """Split a bare name before its last dot; a leading dot begins no suffix, and a dot at the end is none."""
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if stem.strip(".") and ending else (name, "")


def versioned(path: str, sha256: str) -> str:
    """The name for different content: ``<stem>~<first 8 hex><suffix>``, its stem cut to stay within 255 bytes."""
    folder, slash, name = path.rpartition("/")
    stem, suffix = split_suffix(name)
    mark = f"~{sha256[:8]}"
    if byte_length(mark + suffix) >= MAX_NAME_BYTES:
        stem, suffix = name, ""
    return f"{folder}{slash}{_shortened(stem, MAX_NAME_BYTES - byte_length(mark + suffix))}{mark}{suffix}"


def _shortened(text: str, room: int) -> str:
    """The beginning of `text` that fits into `room` bytes, whole characters and whole escapes only."""
    if byte_length(text) <= room:
        return text
    while byte_length(text) > room:
        text = text[:-1]
    return _CUT_ESCAPE.sub("", text)


def folded(path: str) -> str:
    """A key that is equal for paths which a disk that ignores case and composition would take for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
