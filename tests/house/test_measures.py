"""The house keeps its measures: files that fit a few screens, functions that fit a few lines, words on everything.

The numbers are those of code that people like to read (see CONTRIBUTING.md).
"""

from __future__ import annotations

import ast
import statistics

import pytest

from tests.house.reading import Module, body_lines, modules

MEDIAN_FILE_LINES = 150
MOST_FILE_LINES = 400
MOST_ADAPTER_LINES = 600
MEDIAN_FUNCTION_LINES = 8
P90_FUNCTION_LINES = 30
MOST_FUNCTION_LINES = 60

every_module = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)


def is_adapter(module: Module) -> bool:
    return module.room == "devices"


@every_module
def test_no_file_is_too_long(module: Module):
    assert module.lines <= (MOST_ADAPTER_LINES if is_adapter(module) else MOST_FILE_LINES)


def test_the_median_file_is_short():
    assert statistics.median(module.lines for module in modules()) <= MEDIAN_FILE_LINES


@every_module
def test_no_function_is_too_long(module: Module):
    too_long = {
        f"{module.where(function)} {function.name}": body_lines(function)
        for function in module.functions()
        if body_lines(function) > MOST_FUNCTION_LINES
    }
    assert not too_long


def test_functions_are_short_at_the_median_and_at_the_ninetieth_percentile():
    lengths = [body_lines(function) for module in modules() for function in module.functions()]
    assert statistics.median(lengths) <= MEDIAN_FUNCTION_LINES
    assert statistics.quantiles(lengths, n=10)[-1] <= P90_FUNCTION_LINES


@every_module
def test_modules_classes_and_public_functions_have_docstrings(module: Module):
    bare = [] if ast.get_docstring(module.tree) else [module.name]
    bare.extend(
        f"{module.where(node)} {node.name}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    )
    bare.extend(_bare_functions(module, module.tree))
    assert not bare


def _bare_functions(module: Module, scope: ast.Module | ast.ClassDef) -> list[str]:
    """Public functions of `scope` and of its public classes; functions inside functions are nobody's business."""
    bare = []
    for node in scope.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bare.extend(_bare_functions(module, node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            private = node.name.startswith("_") and node.name != "__str__"
            if not private and not ast.get_docstring(node) and not _is_overload(node):
                bare.append(f"{module.where(node)} {node.name}")
    return bare


def _is_overload(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id in {"overload", "override"} for mark in function.decorator_list)


@every_module
def test_everything_is_annotated(module: Module):
    bare = []
    for function in module.functions():
        given = function.args
        named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        missing = [
            argument.arg
            for argument in named
            if argument is not None and argument.annotation is None and argument.arg not in {"self", "cls"}
        ]
        if missing or (function.returns is None):
            bare.append(f"{module.where(function)} {function.name} {missing}")
    assert not bare
