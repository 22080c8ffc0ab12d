"""The kinds of values that keys take, as pydantic types: each turns TOML's value into ours or raises `Misfit`.

Paths are resolved against the folder of the config file; `PathContext` carries it (pydantic's validation context).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from v2xsync.config.problems import Misfit
from v2xsync.config.quantities import clock_time, duration_s, rate_bytes_per_s, size_bytes
from v2xsync.config.secrets import SecretRef, parse_secret

NAME_REMEDY: Final = "use letters, digits, and . _ - + @ or blanks inside"
_NAME = re.compile(r"\w(?:[\w .@+-]*[\w@+-])?")
_HOST = re.compile(r"[\w.:%\[\]-]+")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")


@dataclass(frozen=True, slots=True)
class PathContext:
    """What relative paths and ``~`` mean: the folder of the config file, and the user's home (None: not known)."""

    folder: Path
    home: Path | None

    def resolve(self, text: str) -> Path:
        """Return the absolute path that `text` means, without asking the disk."""
        if text == "~" or text.startswith("~/"):
            if self.home is None:
                raise Misfit(f'"{text}" needs a home folder and there is none', remedy="write an absolute path")
            return self.home / text[2:]
        return self.folder / text


class Table(BaseModel):
    """A table of the config file: exact types, no unknown keys, never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


def _path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise Misfit("this is not a path", remedy='write e.g. "/srv/v2x-data"')
    return _context(info).resolve(value)


def secret_here(value: object, info: ValidationInfo) -> SecretRef:
    """Return where the secret is that `value` stands for, its file resolved against the folder of the config."""
    secret = parse_secret(value)
    if secret.kind != "file":
        return secret
    return SecretRef("file", str(_context(info).resolve(secret.place)))


def _context(info: ValidationInfo) -> PathContext:
    if not isinstance(info.context, PathContext):
        raise TypeError("tables with paths are validated with a PathContext")
    return info.context


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise Misfit("this is not a list of texts", remedy='write e.g. ["one", "two"]')
    if "" in value:
        raise Misfit("an empty text in the list", remedy="take it out")
    twice = next((text for number, text in enumerate(value) if text in value[:number]), None)
    if twice is not None:
        raise Misfit(f'"{twice}" stands twice in the list', remedy="take one of them out")
    return tuple(value)


def _text_or_texts(value: object) -> tuple[str, ...]:
    if value == "":
        return ()
    return (value,) if isinstance(value, str) else _texts(value)


def _patterns(value: object) -> tuple[str, ...]:
    texts = _texts(value)
    for text in texts:
        if text.startswith("/"):
            raise Misfit(
                f'"{text}" can never fit: paths are relative to the root', remedy=f'write "{text.lstrip("/") or "*"}"'
            )
        if _is_open(text):
            raise Misfit(f'"{text}" has a bracket without its partner', remedy="write [[] for a bracket itself")
    return texts


def _is_open(pattern: str) -> bool:
    """Whether a bracket begins a set that never ends; a ``]`` right behind it is a member of the set."""
    at = pattern.find("[")
    while at >= 0:
        first = at + (2 if pattern[at + 1 : at + 2] == "!" else 1)
        end = pattern.find("]", first + 1)
        if end < 0:
            return True
        at = pattern.find("[", end)
    return False


def _inclusion(value: object) -> tuple[str, ...]:
    texts = _patterns(value)
    if not texts:
        raise Misfit("an empty list selects no file at all", remedy='leave it out, or write ["*"], to take every file')
    return texts


def _fingerprint(value: object) -> str:
    if not isinstance(value, str) or not _FINGERPRINT.fullmatch(value):
        raise Misfit(
            "this is not the fingerprint of a host key",
            remedy='write "SHA256:..." as `ssh-keygen -lf` or `v2xsync trust` shows it',
        )
    return value.rstrip("=")


def _host_name(value: object) -> str:
    if not isinstance(value, str) or not _HOST.fullmatch(value):
        raise Misfit("this is not a host", remedy='write a name or an address only, e.g. "10.1.2.3"')
    return value


def require_name(name: str, kind: str) -> None:
    """Raise Misfit unless `name` can be the name of a device or route (it becomes a folder and a word on screen)."""
    if not _NAME.fullmatch(name):
        raise Misfit(f'"{name}" cannot be the name of a {kind}', remedy=NAME_REMEDY)


def _element_rules(value: object) -> str | tuple[tuple[str, str], ...]:
    if isinstance(value, str):
        if value != "v2x":
            raise Misfit(
                f'there is no rule set "{value}"', remedy='did you mean "v2x"? or write { name = "*pattern*" }'
            )
        return value
    if not isinstance(value, Mapping) or not value:
        raise Misfit("this is no set of element rules", remedy='write "v2x" or { spat = "*_spatLog_*", ... }')
    return tuple((name, pattern) for name, given in value.items() for pattern in _element_patterns(name, given))


def _element_patterns(name: str, given: object) -> tuple[str, ...]:
    try:
        require_name(name, "element")
        patterns = _text_or_texts(given)
    except Misfit as misfit:
        raise Misfit(misfit.what, remedy=misfit.remedy, key=name) from misfit
    if not patterns:
        raise Misfit("the pattern is missing", remedy='write e.g. "*_spatLog_*"', key=name)
    return patterns


PathHere = Annotated[Path, BeforeValidator(_path)]
Secret = Annotated[SecretRef, BeforeValidator(secret_here)]
Size = Annotated[int, BeforeValidator(size_bytes)]
Rate = Annotated[float | None, BeforeValidator(rate_bytes_per_s)]
Duration = Annotated[float, BeforeValidator(duration_s)]
ClockTime = Annotated[dt.time, BeforeValidator(clock_time)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Inclusion = Annotated[tuple[str, ...], BeforeValidator(_inclusion)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_patterns)]
TextOrTexts = Annotated[tuple[str, ...], BeforeValidator(_text_or_texts)]
HostName = Annotated[str, BeforeValidator(_host_name)]
HostKey = Annotated[str, BeforeValidator(_fingerprint)]
ElementsValue = Annotated[str | tuple[tuple[str, str], ...], BeforeValidator(_element_rules)]
