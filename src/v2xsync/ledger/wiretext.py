"""Text from the wire in a column of text: names with bytes that are not UTF-8 go in and come out unchanged.

A lone surrogate (how Python carries such a byte), a NUL and the escape itself become the escape character U+001A and
four hex digits. The form keeps `/` and prefixes, so a range of paths is a range in the database.
"""

from __future__ import annotations

import re

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_ESCAPE = "\x1a"
_UNSTORABLE = re.compile("[\x00\x1a\ud800-\udfff]")
_ESCAPED = re.compile("\x1a([0-9a-f]{4})")


def to_column(text: str) -> str:
    """The form of `text` that any database stores."""
    if text.isascii() and _ESCAPE not in text and "\0" not in text:
        return text
    return _UNSTORABLE.sub(lambda found: f"{_ESCAPE}{ord(found[0]):04x}", text)


def from_column(stored: str) -> str:
    """The text that `to_column` was given."""
    if _ESCAPE not in stored:
        return stored
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), stored)


class WireText(TypeDecorator[str]):
    """A column of text from the wire."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else to_column(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Database to Python."""
        return None if value is None else from_column(value)
