"""Each of the twelve invariants has tests that name it, and ARCHITECTURE.md says which."""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.house.reading import ROOT, read, text_of

ALL = range(1, 13)
NAMED = re.compile(r"\binvariants?\s+((?:\d+(?:\s*(?:,|and)\s*)?)+)", re.IGNORECASE)
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def invariants_in(docstring: str) -> set[int]:
    return {int(number) for match in NAMED.finditer(docstring) for number in re.findall(r"\d+", match[1])}


@functools.cache
def guards() -> dict[int, list[str]]:
    """Tests (functions, and modules or classes that hold some) by the invariants that their docstrings name."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path == Path(__file__):
            continue
        tree = read(path).tree
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and holds_tests(node):
                for number in invariants_in(ast.get_docstring(node) or ""):
                    found[number].append(f"{path.relative_to(ROOT)}:{getattr(node, 'name', 'module')}")
    return found


def holds_tests(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> bool:
    return any(isinstance(part, ast.FunctionDef) and part.name.startswith("test") for part in ast.walk(node))


@pytest.mark.parametrize("number", ALL)
def test_every_invariant_is_named_by_a_test(number):
    assert guards()[number]


def test_numbers_are_read_out_of_docstrings():
    assert invariants_in("Invariant 3, and invariants 1 and 12; invariant\n7.") == {1, 3, 7, 12}
    assert invariants_in("Nothing about the 12 of them.") == set()


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "docs/threats.md", "docs/nothing-lost.md"])
def test_every_test_that_a_document_names_exists(document):
    named = REFERENCE.findall(text_of(ROOT / document))
    assert named
    missing = []
    for file, function in named:
        path = ROOT / file
        if not path.exists() or (function and f"def {function}(" not in text_of(path)):
            missing.append(f"{file}::{function}")
    assert not missing


@pytest.mark.parametrize("number", ALL)
def test_the_architecture_names_a_guard_for_every_invariant(number):
    rows = re.findall(rf"^\| {number} \|.*$", text_of(ROOT / "ARCHITECTURE.md"), flags=re.MULTILINE)
    assert len(rows) == 1
    assert REFERENCE.search(rows[0])
