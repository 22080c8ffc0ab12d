"""The kinds of values that upload forms take: web addresses, fields with layout fields in braces, headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ValidationInfo

from v2xsync.config.fields import secret_here
from v2xsync.config.problems import Misfit, did_you_mean
from v2xsync.config.secrets import SecretRef
from v2xsync.model.layout import LAYOUT_FIELDS

FLIGHT_REVIEW_WORDS: Final = ("allowForAnalysis", "obfuscated", "public", "redirect")
"""Fields of flight_review that are true or false; the server knows the lower-case words only."""

_FLIGHT_REVIEW_FIELDS: Final = (
    *FLIGHT_REVIEW_WORDS, "description", "email", "feedback", "type", "source", "windSpeed", "rating", "videoUrl",
    "vehicleName",
)  # fmt: skip
_OLDER_NAMES: Final = {"additionalfeedback": "feedback"}
_FILE_PART: Final = "filearg"

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = frozenset({"content-length", "content-type", "transfer-encoding", "host", "connection", "expect"})
_CONFIDENTIAL: Final = re.compile(r"auth|key|token|secret|cookie|pass", re.IGNORECASE)


def _web_address(value: object) -> str:
    remedy = 'write e.g. "https://logs.example.org/upload"'
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise Misfit("this is not a web address", remedy=remedy)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise Misfit("this is not a web address", remedy=remedy) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise Misfit("this is not a web address", remedy=remedy)
    if "@" in parts.netloc:
        raise Misfit("a login in the address would show in logs", remedy="write `username` and `password`")
    if parts.fragment:
        raise Misfit("a server never sees what stands behind #", remedy="take it out")
    return value


def _field_value(value: object, info: ValidationInfo) -> str | bool | int | SecretRef:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return secret_here(value, info)
    if not isinstance(value, str):
        remedy = 'write a text, a whole number, true or false, { file = "/path" } or { env = "NAME" }'
        raise Misfit("this is no value of a form", remedy=remedy)
    _judge_braces(value)
    return value


def _judge_braces(text: str) -> None:
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        remedy = "write {{ and }} for braces that mean nothing"
        raise Misfit("a brace stands without its partner", remedy=remedy) from error
    for _text, name, spec, conversion in pieces:
        if name is not None and (name not in LAYOUT_FIELDS or spec or conversion):
            remedy = f"{did_you_mean(name, LAYOUT_FIELDS, kind='fields')} ({{{{ and }}}} are plain braces)"
            raise Misfit(f"unknown field {{{name}}}", remedy=remedy)


def _header_value(value: object, info: ValidationInfo) -> str | SecretRef:
    if isinstance(value, SecretRef):
        return value
    if isinstance(value, Mapping):
        return secret_here(value, info)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise Misfit("this is no value of a header", remedy='write printable ASCII, or { env = "NAME" }')
    return value


def _headers(value: object) -> object:
    """Headers that carry a secret are secrets, also where they stand in the config."""
    if not isinstance(value, Mapping):
        return value
    for name in value:
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise Misfit("this cannot be the name of a header", remedy='write e.g. "X-Api-Key"', key=str(name))
        if name.lower() in _OURS:
            raise Misfit("this header is ours to write", remedy="take it out", key=name)
    return {name: _guarded(name, given) for name, given in value.items()}


def _guarded(name: str, given: object) -> object:
    return SecretRef("plain", given) if isinstance(given, str) and given and _CONFIDENTIAL.search(name) else given


def judge_flight_review(fields: Mapping[str, object]) -> None:
    """Raise Misfit for what the server would take for something else, without a word."""
    known = {name.lower(): name for name in _FLIGHT_REVIEW_FIELDS} | _OLDER_NAMES
    for name, value in fields.items():
        meant = known.get(name.replace("_", "").lower(), name)
        if meant != name:
            raise Misfit("the server does not know this field", remedy=f'did you mean "{meant}"?', key=f"fields.{name}")
        if name == _FILE_PART:
            raise Misfit("this is the part of the file itself", remedy="take it out", key=f"fields.{name}")
        if name in FLIGHT_REVIEW_WORDS and isinstance(value, str) and value not in {"true", "false"}:
            raise Misfit("the server takes this for false", remedy="write true or false", key=f"fields.{name}")


WebAddress = Annotated[str, BeforeValidator(_web_address)]
FieldValue = Annotated[str | bool | int | SecretRef, BeforeValidator(_field_value)]
Headers = Annotated[Mapping[str, Annotated[str | SecretRef, BeforeValidator(_header_value)]], BeforeValidator(_headers)]
