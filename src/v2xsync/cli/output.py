"""What a command prints: data on stdout (plain text, or one JSON document), talk on stderr. See docs/json.md."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from v2xsync.errors import DeviceError, V2xSyncError
from v2xsync.model.naming import printable

SCHEMA: Final = "v2xsync/1"
"""Grows by new keys only; a change of a key's meaning is a new number."""

WIDEST_COLUMN: Final = 48
"""One long name does not make every line long."""


class Output:
    """Where one command prints. With `as_json` stdout gets exactly one JSON document."""

    def __init__(self, command: str, *, as_json: bool, stdout: TextIO, stderr: TextIO) -> None:
        self._command = command
        self.as_json: Final = as_json
        self._stdout = stdout
        self._stderr = stderr

    def document(self, content: Mapping[str, object]) -> None:
        """Print the one document of this command."""
        self._stdout.write(_encode({**self._head, **content}) + "\n")

    def stream(self, key: str, values: Iterable[object], content: Mapping[str, object] | None = None) -> None:
        """Print the one document with a list that may be long, value by value."""
        head = _encode({**self._head, **(content or {})}).removesuffix("}")
        self._stdout.write(f"{head}, {_encode(key)}: [")
        separator = "\n"
        for value in values:
            self._stdout.write(separator + _encode(value))
            separator = ",\n"
        self._stdout.write("\n]}\n")

    def line(self, text: str = "") -> None:
        """Print one line of data; what came from the wire is made safe to draw."""
        self._stdout.write(printable(text) + "\n")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print columns, the last one as wide as it likes. Nothing is printed where there are no rows.

        A cell that is wider than `WIDEST_COLUMN` pushes only its own line.
        """
        safe = [[printable(cell) for cell in row] for row in rows]
        if not safe:
            return
        widths = [min(WIDEST_COLUMN, max(len(row[column]) for row in [head, *safe])) for column in range(len(head))]
        for row in [[word.upper() for word in head], *safe]:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            self._stdout.write("  ".join(cells).rstrip() + "\n")

    def rows(self, head: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]) -> None:
        """Print a long table, row by row as it comes; `widths` are the least of all columns but the last."""
        for row in itertools.chain([[word.upper() for word in head]], rows):
            cells = [printable(cell).ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
            self._stdout.write("  ".join(cells).rstrip() + "\n")

    def talk(self, text: str) -> None:
        """Say something to the person; never data."""
        self._stderr.write(printable(text) + "\n")

    def trouble(self, error: V2xSyncError, exit_code: int) -> None:
        """Say what went wrong: one line ``v2xsync: what -- remedy`` for each problem, and in JSON the same as data."""
        problems: Sequence[V2xSyncError] = getattr(error, "problems", (error,))
        for problem in problems:
            self.talk(f"v2xsync: {_sentence(problem)}")
        if self.as_json:
            self.document({"exit_code": exit_code, "errors": [_facts(problem) for problem in problems]})

    @property
    def _head(self) -> Mapping[str, object]:
        return {"schema": SCHEMA, "command": self._command}


def plain(value: Any) -> Any:
    """Return a value of ours as JSON can hold it: dataclasses as tables, enums by their words, paths as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _encode(value: object) -> str:
    """JSON in plain ASCII on one line, so that no name can reach a terminal raw."""
    return json.dumps(plain(value)).replace("\x7f", "\\u007f")


def _sentence(error: V2xSyncError) -> str:
    """The message of an error with its remedy; a config error brings both, and its place, itself."""
    text = str(error)
    if isinstance(error, DeviceError) and error.device not in text:
        text = f"{error.device}: {text}"
    return text if not error.remedy or error.remedy in text else f"{text} -- {error.remedy}"


def _facts(error: V2xSyncError) -> Mapping[str, object]:
    """An error as data: its kind, what happened, the remedy, and what it is about."""
    about = {
        name: value
        for name in ("file", "key", "device", "path", "fingerprint")
        if isinstance(value := getattr(error, name, None), str) and value
    }
    return {"kind": type(error).__name__, "what": error.what, "remedy": error.remedy, **about}
