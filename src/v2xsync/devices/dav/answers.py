"""207 answers (RFC 4918, 13): parsed while they come, piece by piece, with a bound on everything.

A body is hostile until it is parsed: no document type, so no entities (defusedxml); no element, text or tag without an
end; no tree that is deeper than any real one. Names outside the namespace ``DAV:`` are passed over. A property counts
only inside a `propstat` whose status is a success, a response with a failed status is told with that status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax import SAXException
from xml.sax.handler import ContentHandler, feature_namespaces

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

if TYPE_CHECKING:
    from xml.sax.xmlreader import AttributesNSImpl

DAV: Final = "DAV:"
LOOK: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b'<propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/><getetag/>"
    b"</prop></propfind>"
)
"""The body of a PROPFIND that asks for what an entry needs."""
LOOK_WITH_QUOTA: Final = LOOK.replace(b"<getetag/>", b"<getetag/><quota-available-bytes/>")
"""The same with RFC 4331's quota; asked for only where it is used: some servers count the whole tree for it."""

_MOST_TEXT: Final = 32 * 1024
_MOST_DEPTH: Final = 64
_MOST_SILENCE: Final = 256 * 1024
"""Bytes of one tag or comment: expat keeps them all until it ends."""
_STATUS: Final = re.compile(r"HTTP/\d(?:\.\d)? (\d{3})(?:\s|$)")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_READ: Final = frozenset({"href", "status", "getcontentlength", "getlastmodified", "getetag", "quota-available-bytes"})


class BadAnswer(Exception):
    """The body is no 207 answer that we take; says why in plain words."""


@dataclass(slots=True)
class Resource:
    """One `response` of a 207: what the server says of one address, as it says it.

    `status` is the number of its own status, 200 where it has none; `size` and `free_bytes` are None where they are not
    told, `modified` and `etag` empty.
    """

    href: str = ""
    status: int = 200
    is_folder: bool = False
    size: int | None = None
    modified: str = ""
    etag: str = ""
    free_bytes: int | None = None


def resources(body: Iterable[bytes], most: int) -> Iterator[Resource]:
    """Yield what a 207 tells, as it comes. Raises BadAnswer; a body of more than `most` bytes is one, too."""
    handler = _Reader()
    parser = DefusedExpatParser(forbid_dtd=True)
    parser.setFeature(feature_namespaces, 1)
    parser.setContentHandler(handler)
    taken = 0
    try:
        for piece in body:
            taken += len(piece)
            if taken > most:
                raise BadAnswer(f"the answer is longer than {most} bytes")
            handler.waiting += len(piece)
            parser.feed(piece)
            if handler.waiting > _MOST_SILENCE:
                raise BadAnswer("the answer has a tag without end")
            yield from handler.drain()
        parser.close()
    except DefusedXmlException as error:
        raise BadAnswer("the answer declares a document type, which no WebDAV answer needs") from error
    except (SAXException, ValueError, LookupError) as error:
        raise BadAnswer(f"the answer is no proper XML ({_brief(error)})") from error
    if not handler.is_multistatus:
        raise BadAnswer("the answer is XML, but no WebDAV answer")
    yield from handler.drain()


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


class _Reader(ContentHandler):
    """Collects resources; remembers where it is as the names of the open elements."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        """Bytes since the parser told something."""
        self.is_multistatus = False
        self._open: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._done: list[Resource] = []
        self._resource = Resource()
        self._properties: dict[str, str] = {}
        self._status: int | None = None

    def drain(self) -> list[Resource]:
        """Return the finished resources, once."""
        done, self._done = self._done, []
        return done

    def startElementNS(  # noqa: N802 - SAX names it
        self, name: tuple[str | None, str], qname: str | None, attrs: AttributesNSImpl
    ) -> None:
        """Go one element deeper."""
        del qname, attrs
        self.waiting = 0
        space, local = name
        self._open.append(local if space == DAV else "")
        if len(self._open) > _MOST_DEPTH:
            raise BadAnswer("the answer is nested without end")
        self._text, self._length = [], 0
        if self._open == ["multistatus"]:
            self.is_multistatus = True
        elif self._open == ["multistatus", "response"]:
            self._resource = Resource()
        elif self._open[2:] == ["propstat"]:
            self._properties, self._status = {}, None
        elif self._open[2:] == ["propstat", "prop", "resourcetype", "collection"]:
            self._properties["collection"] = ""

    def characters(self, content: str) -> None:
        """Keep text that may count."""
        self.waiting = 0
        if self._open and self._open[-1] in _READ:
            self._length += len(content)
            if self._length > _MOST_TEXT:
                raise BadAnswer("the answer has a text without end")
            self._text.append(content)

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:  # noqa: N802 - SAX names it
        """Take what the element told, and go one up."""
        del name, qname
        self.waiting = 0
        place, text = self._open[2:], "".join(self._text).strip()
        if place == ["href"]:
            self._resource.href = text
        elif place == ["status"]:
            self._resource.status = _status(text)
        elif place == ["propstat", "status"]:
            self._status = _status(text)
        elif place[:2] == ["propstat", "prop"] and len(place) == 3:
            self._properties.setdefault(place[2], text)
        elif place == ["propstat"]:
            self._take_properties()
        elif self._open == ["multistatus", "response"]:
            self._done.append(self._resource)
        self._open.pop()
        self._text, self._length = [], 0

    def _take_properties(self) -> None:
        if self._status is None or not 200 <= self._status < 300:
            return
        told, resource = self._properties, self._resource
        resource.is_folder = resource.is_folder or "collection" in told
        resource.size = _number(told.get("getcontentlength", ""), resource.size)
        resource.modified = told.get("getlastmodified", resource.modified)
        resource.etag = told.get("getetag", resource.etag)
        resource.free_bytes = _number(told.get("quota-available-bytes", ""), resource.free_bytes)


def _status(text: str) -> int:
    """Return the number in a status line; 0 (a failure) where there is none."""
    found = _STATUS.match(text)
    return int(found[1]) if found else 0


def _number(text: str, otherwise: int | None) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else otherwise
