"""Forms: what is put around a file that goes out by HTTP POST, and what an upload form may be told in its fields.

``multipart/form-data`` (RFC 7578) in our own few lines, because the file's own bytes must pass by in pieces while the
length of the whole is known before the first one. Names in ``Content-Disposition`` are written as browsers do (HTML5:
UTF-8, ``"`` as ``%22``, line ends as ``%0D`` ``%0A``); every other control character, the backslash (half of the
servers take it for an escape) and bytes that are not UTF-8 are percent-encoded too, so that no name from the wire can
end its line or break its quotes. Text fields come first and the file last: the streaming parser of flight_review loses
small parts that follow a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from v2xsync.devices.base import SendRequest
from v2xsync.errors import ItemCorrupt
from v2xsync.model.naming import split_suffix

Wording = str | bool | int
"""A text (with layout fields in braces), true or false, or a number."""

FieldValue = Wording | Callable[[], str]
"""The same, or what reads a text at the last moment."""

FILE_TYPE: Final = "application/octet-stream"
RAW_TYPE: Final = "text/plain"

_UNSAFE: Final = re.compile(rb'[\x00-\x1f\x7f"\\]')


class Form(Enum):
    """How a file travels."""

    FLIGHT_REVIEW = "flight_review"
    """As PX4's log server wants it: ULog files, file part ``filearg``, certain fields always present."""
    MULTIPART = "multipart"
    """As an upload form of a browser: free fields, and a file part of a free name."""
    RAW = "raw"
    """The file's bytes and nothing else, as text/plain."""


FLIGHT_REVIEW_PART: Final = "filearg"
FLIGHT_REVIEW_LIMIT: Final = 300 * 1024 * 1024
"""What logs.px4.io takes; above it the server breaks the connection without a word."""
FLIGHT_REVIEW_TEXT_LIMIT: Final = 10 * 1024
"""The server refuses a longer text field."""
FLIGHT_REVIEW_FIELDS: Final[Mapping[str, FieldValue]] = {
    "description": "",
    "email": "",
    "type": "personal",
    "allowForAnalysis": False,
    "public": False,
    "redirect": False,
}
"""What is sent where the config is silent: description and email must be there at all, and nothing is public (R24)."""

ULOG_MAGIC: Final = b"\x55\x4c\x6f\x67\x01\x12\x35"
"""The first seven bytes of a ULog file; a version byte and the start time (uint64, microseconds) follow."""
ULOG_HEADER_BYTES: Final = 16
ENCRYPTED_ULOG_MAGIC: Final = b"ULog"
ENCRYPTED_ULOG_SUFFIX: Final = ".ulge"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What goes before and after a file's own bytes, and the Content-Type of the whole."""

    content_type: str
    head: bytes = b""
    tail: bytes = b""

    def length(self, size: int) -> int:
        """Bytes of the whole body around a file of `size` bytes."""
        return len(self.head) + size + len(self.tail)


def raw_envelope() -> Envelope:
    """Nothing around it: the file is the body."""
    return Envelope(RAW_TYPE)


def multipart_envelope(fields: Iterable[tuple[str, str]], file_part: str, file_name: str, boundary: str) -> Envelope:
    """The parts of all `fields`, and the opening of the part `file_part` with the file `file_name`.

    `boundary` is up to 70 letters and digits that occur in none of the values, nor in the file.
    """
    line = b"--" + boundary.encode("ascii")
    parts = [
        b"%s\r\n%s\r\n\r\n%s\r\n" % (line, _disposition(name), value.encode("utf-8", "surrogateescape"))
        for name, value in fields
    ]
    opening = b'%s; filename="%s"' % (_disposition(file_part), quoted(file_name))
    parts.append(b"%s\r\n%s\r\nContent-Type: %s\r\n\r\n" % (line, opening, FILE_TYPE.encode("ascii")))
    return Envelope(f"multipart/form-data; boundary={boundary}", b"".join(parts), b"\r\n%s--\r\n" % line)


def _disposition(name: str) -> bytes:
    return b'Content-Disposition: form-data; name="%s"' % quoted(name)


def quoted(name: str) -> bytes:
    """`name` as it may stand between quotes in a header of a part: UTF-8 without anything that could end it."""
    whole = name.encode("utf-8", "surrogateescape")
    try:
        whole.decode("utf-8")
    except UnicodeDecodeError:
        whole = b"".join(bytes([byte]) if byte < 0x80 else b"%%%02X" % byte for byte in whole)
    return _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], whole)


def known_facts(request: SendRequest) -> Mapping[str, str]:
    """Every layout field of a file: what the engine says of it, else what its path at the target tells, else empty."""
    path = request.facts.get("path") or request.path
    folder, _, name = path.rpartition("/")
    stem, suffix = split_suffix(name)
    own = {"path": path, "dir": folder, "name": name, "stem": stem, "suffix": suffix}
    return _Known({**own, **request.facts})


class _Known(dict[str, str]):
    """What nobody says of this file is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def resolved(fields: Mapping[str, FieldValue]) -> Mapping[str, Wording]:
    """Read the values that lie elsewhere (raises what reading them raises); their braces mean nothing."""
    return {
        name: value().replace("{", "{{").replace("}", "}}") if callable(value) else value
        for name, value in fields.items()
    }


def worded(value: Wording, facts: Mapping[str, str]) -> str:
    """A field's value as text: booleans as lower-case words (the server compares with ``true``), braces filled in."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.format_map(facts) if isinstance(value, str) else str(value)


def refuse_bad_ulog(path: str, size: int, beginning: bytes) -> None:
    """Raise ItemCorrupt unless `beginning` is that of a ULog file (requirement R23); `path` tells encrypted ones."""
    encrypted = path.lower().endswith(ENCRYPTED_ULOG_SUFFIX)
    magic = ENCRYPTED_ULOG_MAGIC if encrypted else ULOG_MAGIC
    if size >= ULOG_HEADER_BYTES and beginning.startswith(magic):
        return
    what = "the file is empty" if not size else "the file does not begin as a ULog file does"
    raise ItemCorrupt(
        path, f"{what}: it is corrupt, or no flight log, and was not sent",
        remedy="compare it with the original on its device",
    )  # fmt: skip
