"""TOML as text: every name and value comes back from a reader exactly as it was, whatever is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from v2xsync.model.naming import printable

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def quoted(text: str) -> str:
    """Return `text` as a basic string; what cannot be drawn is escaped. `text` must not hold lone surrogates."""
    return '"' + "".join(_SHORT.get(character) or _escaped(character) for character in text) + '"'


def key(name: str) -> str:
    """Return `name` as one part of a key, quoted where it must be."""
    return name if _BARE.fullmatch(name) else quoted(name)


def value(content: object) -> str:
    """Return a text, truth value, number, list or inline table. Raises TypeError for anything else."""
    if isinstance(content, str):
        return quoted(content)
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, int | float):
        return str(content)
    if isinstance(content, Mapping):
        inner = ", ".join(f"{key(name)} = {value(held)}" for name, held in content.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(content, Sequence):
        return f"[{', '.join(map(value, content))}]"
    raise TypeError(f"{type(content).__name__} has no place in a config")


def comment(text: str) -> str:
    """Return `text` as one comment line; nothing in it can end the comment."""
    return f"# {printable(text)}".rstrip()


def _escaped(character: str) -> str:
    if printable(character) == character:
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
