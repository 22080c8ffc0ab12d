"""What reaches stdout and stderr: one document, safe text, one line per trouble."""

from __future__ import annotations

import dataclasses
import enum
import io
import json
from pathlib import Path

import pytest

from v2xsync.cli.exit_codes import code_of
from v2xsync.cli.output import SCHEMA, Output
from v2xsync.config.problems import ConfigErrors
from v2xsync.errors import AccessRefused, ConfigError, HostKeyRefused, LedgerError, StateInUse, StoreFull, V2xSyncError
from v2xsync.model.items import Proof

NASTY = "a\x1b[31m\x07\x7f\x9b\u202e\udcff\nb"


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass(frozen=True)
class Thing:
    name: str
    proof: Proof
    colours: tuple[Colour, ...]
    place: Path


def output(*, as_json: bool = False) -> tuple[Output, io.StringIO, io.StringIO]:
    stdout, stderr = io.StringIO(), io.StringIO()
    return Output("test", as_json=as_json, stdout=stdout, stderr=stderr), stdout, stderr


def is_plain(text: str) -> bool:
    return all(letter.isprintable() or letter == "\n" for letter in text)


def test_a_document_says_its_schema_and_command_and_turns_values_into_words() -> None:
    out, stdout, _ = output(as_json=True)
    out.document({"thing": Thing("x", Proof.HASH, (Colour.RED,), Path("/a"))})
    assert json.loads(stdout.getvalue()) == {
        "schema": SCHEMA,
        "command": "test",
        "thing": {"name": "x", "proof": "hash", "colours": ["red"], "place": "/a"},
    }


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_is_one_document_too(count: int) -> None:
    out, stdout, _ = output(as_json=True)
    out.stream("lines", ({"n": number} for number in range(count)), {"zone": "UTC"})
    read = json.loads(stdout.getvalue())
    assert read == {"schema": SCHEMA, "command": "test", "zone": "UTC", "lines": [{"n": n} for n in range(count)]}


def test_no_name_reaches_stdout_raw_in_json_and_none_is_changed() -> None:
    out, stdout, _ = output(as_json=True)
    out.document({"path": NASTY})
    assert is_plain(stdout.getvalue())
    assert json.loads(stdout.getvalue())["path"] == NASTY


def test_no_name_reaches_the_terminal_raw_in_text() -> None:
    out, stdout, stderr = output()
    out.line(NASTY)
    out.table(("path",), [(NASTY,)])
    out.rows(("path", "b"), [(NASTY, NASTY)], (4,))
    out.talk(NASTY)
    out.trouble(V2xSyncError(NASTY, remedy=NASTY), 1)
    assert is_plain(stdout.getvalue())
    assert is_plain(stderr.getvalue())
    assert "\\x1b[31m" in stdout.getvalue()


def test_columns_line_up_and_an_empty_table_says_nothing() -> None:
    out, stdout, _ = output()
    out.table(("a", "b"), [])
    assert stdout.getvalue() == ""
    out.table(("a", "b"), [("1", "x"), ("1000", "y")])
    assert stdout.getvalue() == "A     B\n1     x\n1000  y\n"


def test_trouble_is_one_line_each_with_its_remedy() -> None:
    problems = ConfigErrors(
        [ConfigError("wrong", file="f", key="k", remedy="right it"), ConfigError("odd", remedy="even it")]
    )
    out, stdout, stderr = output()
    out.trouble(problems, 2)
    assert stdout.getvalue() == ""
    assert stderr.getvalue() == "v2xsync: f: k: wrong -- right it\nv2xsync: odd -- even it\n"


def test_trouble_is_data_too_where_data_was_asked_for() -> None:
    out, stdout, _ = output(as_json=True)
    out.trouble(HostKeyRefused("clay", "unknown", fingerprint="SHA256:x", remedy="v2xsync trust clay"), 3)
    read = json.loads(stdout.getvalue())
    assert read["exit_code"] == 3
    assert read["errors"] == [
        {
            "kind": "HostKeyRefused",
            "what": "unknown",
            "remedy": "v2xsync trust clay",
            "device": "clay",
            "fingerprint": "SHA256:x",
        }
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (ConfigErrors([ConfigError("x")]), 2),
        (StateInUse("x"), 4),
        (AccessRefused("d", "x"), 3),
        (LedgerError("x"), 1),
        (StoreFull("x"), 1),
    ],
)
def test_every_trouble_has_its_exit_code(error: V2xSyncError, code: int) -> None:
    assert code_of(error) == code
