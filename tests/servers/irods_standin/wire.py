"""Framing and packing: a length, a header, then message, errors and content (the client's ``iRODSMessage``).

Messages are XML in name only: names of files may hold any byte but ``<``, ``>`` and ``&``, which come as entities.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_TAG = re.compile(r"<(/?)(\w+)>")
_ENTITIES = (("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&apos;"))


class HangUp(Exception):
    """The line is closed, by the peer or on purpose."""


@dataclass(slots=True)
class Node:
    """An element of a message: children, or text."""

    tag: str
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, tag: str) -> list[Node]:
        """Return the children with this tag."""
        return [child for child in self.children if child.tag == tag]

    def node(self, tag: str) -> Node:
        """Return the first child with this tag; an empty one where there is none."""
        return next(iter(self.all(tag)), Node(tag))

    def value(self, tag: str) -> str:
        """Return the text of the first child with this tag."""
        return self.node(tag).text

    def number(self, tag: str) -> int:
        """Return the whole number in the first child with this tag; 0 where there is none."""
        return int(self.value(tag) or 0)

    def pairs(self, tag: str = "KeyValPair_PI", keys: str = "keyWord", values: str = "svalue") -> dict[str, str]:
        """Return keywords and their values."""
        inside = self.node(tag)
        return {key.text: value.text for key, value in zip(inside.all(keys), inside.all(values), strict=True)}


@dataclass(frozen=True, slots=True)
class Message:
    """What came in: `kind` (RODS_API_REQ, ...), the API number, the message and the bytes behind it."""

    kind: str
    api: int
    body: Node
    content: bytes


def unescape(text: str) -> str:
    """Undo entities, the ampersand last."""
    for character, entity in _ENTITIES:
        text = text.replace(entity, character)
    return text.replace("&amp;", "&")


def escape(text: str) -> str:
    """Write the five entities, as servers since 4.2.9 do."""
    text = text.replace("&", "&amp;")
    for character, entity in _ENTITIES:
        text = text.replace(character, entity)
    return text


def parse(packed: bytes) -> Node:
    """Return the element that a packed message is; one without a tag where there is none."""
    text = packed.decode()
    top = Node("")
    path, end = [top], 0
    for found in _TAG.finditer(text):
        if found[1]:
            closed = path.pop()
            if not closed.children:
                closed.text = unescape(text[end : found.start()])
        else:
            opened = Node(found[2])
            path[-1].children.append(opened)
            path.append(opened)
        end = found.end()
    return top.children[0] if top.children else top


def element(tag: str, *inside: str) -> str:
    """Return a packed element around packed ones."""
    return f"<{tag}>{''.join(inside)}</{tag}>"


def fields(**values: object) -> str:
    """Return packed elements with text, one for each value."""
    return "".join(element(tag, escape(str(value))) for tag, value in values.items())


def take(line: socket.socket, size: int) -> bytes:
    """Read exactly `size` bytes. Raises HangUp."""
    taken = bytearray()
    while len(taken) < size:
        piece = line.recv(min(size - len(taken), 256 * 1024))
        if not piece:
            raise HangUp
        taken += piece
    return bytes(taken)


def header_of(line: socket.socket) -> Mapping[str, str]:
    """Read a header."""
    (length,) = struct.unpack(">i", take(line, 4))
    return {child.tag: child.text for child in parse(take(line, length)).children}


def receive(line: socket.socket) -> Message:
    """Read one message. Raises HangUp."""
    header = header_of(line)
    body = take(line, int(header["msgLen"]))
    take(line, int(header["errorLen"]))
    content = take(line, int(header["bsLen"]))
    return Message(header["type"], int(header["intInfo"]), parse(body), content)


def pack(kind: str, status: int, body: str = "", content: bytes = b"", errors: str = "") -> Iterator[bytes]:
    """Yield the parts of an answer."""
    message, stack = body.encode(), errors.encode()
    header = element(
        "MsgHeader_PI",
        fields(type=kind, msgLen=len(message), errorLen=len(stack), bsLen=len(content), intInfo=status),
    ).encode()
    yield struct.pack(">i", len(header)) + header + message + stack
    yield content


def send(
    line: socket.socket, status: int = 0, body: str = "", content: bytes = b"", errors: str = "", kind: str = ""
) -> None:
    """Send one answer."""
    for part in pack(kind or "RODS_API_REPLY", status, body, content, errors):
        line.sendall(part)


def error_stack(code: int, words: str) -> str:
    """Return the server's own words beside an error code."""
    return element("RError_PI", fields(count=1), element("RErrMsg_PI", fields(status=code, msg=words)))
