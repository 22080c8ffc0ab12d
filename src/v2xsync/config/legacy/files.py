"""Opening a file that should be an older config: what it is instead, if it is not, is said in plain words."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from v2xsync.errors import ConfigError

LARGEST: Final = 1024 * 1024
"""Bytes. The older configs are a few kilobytes; what is larger is something else."""

_HEAD: Final = 65_536
_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_EXPECTED: Final = "name the config file of an older system (docs/import.md lists them)"


def read_old(path: Path) -> object:
    """Return what the file holds: JSON's value, or a table of texts for ``KEY=VALUE`` lines.

    Raises ConfigError for everything that is no config of an older system, with what it is instead.
    """
    raw = _bytes_of(path)
    _refuse_databases(raw[:_HEAD], str(path))
    if len(raw) > LARGEST:
        raise _not_a_config(path, "larger than a megabyte, and no config of an older system is")
    if not raw.strip():
        raise _not_a_config(path, "empty (a power cut can leave such a file)")
    if raw.lstrip()[:1] == b"<":
        raise _not_a_config(path, "XML; the parameters of a ROS launch file can be given as JSON")
    return _assignments(raw) or _json(raw, path)


def _bytes_of(path: Path) -> bytes:
    try:
        if not path.is_file():
            path.stat()
            raise _not_a_config(path, "not a file")
        with path.open("rb") as stream:
            return stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "unknown reason"
        raise ConfigError(f"cannot be read: {reason}", file=str(path), remedy="correct the path or its mode") from error


def _refuse_databases(head: bytes, file: str) -> None:
    """Raise ConfigError for the databases that lie beside the older configs, also where they are cut off."""
    known = {
        b"SQLite format 3\0": "an SQLite database",
        b'"path_on_px4"': "the database of ros_px4logs",
    }
    for mark, name in known.items():
        if mark in head:
            raise _is_database(file, name)
    if b'"source_path"' in head and head.lstrip()[:1] == b"[":
        raise _is_database(file, "the database of filesync")


def _is_database(file: str, name: str) -> ConfigError:
    what = f"this is {name}, not a config"
    return ConfigError(what, file=file, remedy="name the config; what was moved already needs no import")


def _not_a_config(path: Path, what: str) -> ConfigError:
    return ConfigError(f"this is {what}", file=str(path), remedy=_EXPECTED)


def _assignments(raw: bytes) -> Mapping[str, str]:
    """The table of an environment file; empty where any line is something else."""
    try:
        lines = [line.strip() for line in raw.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        return {}
    found = [_ASSIGNMENT.fullmatch(line) for line in lines if line and not line.startswith("#")]
    if not all(found):
        return {}
    return {match[1]: _unquoted(match[2].strip()) for match in found if match is not None}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _json(raw: bytes, path: Path) -> object:
    try:
        value: object = json.loads(raw, object_pairs_hook=_without_twins, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise _not_a_config(path, "nested deeper than any config") from error
    except (ValueError, UnicodeError) as error:
        if _is_ours(raw):
            raise _not_a_config(path, "a config of v2xsync already") from error
        raise ConfigError(f"not valid JSON: {_reason(error)}", file=str(path), remedy=_EXPECTED) from error
    return value


def _reason(error: ValueError) -> str:
    """The place of the trouble, never the text around it."""
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    return str(error) if isinstance(error, _TwinError) else "it holds something that JSON does not have"


class _TwinError(ValueError):
    """A key is written twice, and which one counts would be a guess."""


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise _TwinError("a key is written twice in one table")
    return table


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _is_ours(raw: bytes) -> bool:
    try:
        document = tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return "devices" in document or "routes" in document
