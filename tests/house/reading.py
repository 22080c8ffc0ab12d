"""Reads the source tree as text and as syntax, once for all tests of the house."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "v2xsync"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One file of the source tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Path below the package, with ``/``."""
        return self.path.relative_to(SOURCE).as_posix()

    @property
    def room(self) -> str:
        """The folder that it stands in, empty for the entrance hall."""
        return self.name.rpartition("/")[0].partition("/")[0]

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.text.splitlines())

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def where(self, node: ast.AST) -> str:
        """``file:line`` of a node, for messages."""
        return f"{self.name}:{getattr(node, 'lineno', 0)}"


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every module of the package."""
    return tuple(read(path) for path in sorted(SOURCE.rglob("*.py")))


def read(path: Path) -> Module:
    """Parse one file."""
    text = path.read_text(encoding="utf-8")
    return Module(path, text, ast.parse(text))


def body_lines(function: Function) -> int:
    """Lines of a function from ``def`` to its end, without decorators and docstring."""
    first = function.body[0]
    docstring = 0
    if ast.get_docstring(function, clean=False) is not None:
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that belongs to the project: tracked by git, or new and not ignored; without git, every file."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if done.returncode == 0:
        found = [ROOT / name for name in done.stdout.decode("utf-8", "surrogateescape").split("\0") if name]
    else:
        hidden = {".git", ".venv", ".tools"}
        found = [path for path in ROOT.rglob("*") if not hidden & set(path.relative_to(ROOT).parts)]
    return tuple(path for path in sorted(found) if path.is_file())


def text_of(path: Path) -> str:
    """The content of a file as text, whatever it holds."""
    return path.read_bytes().decode("utf-8", "replace")
