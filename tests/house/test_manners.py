"""Who may do what in this house: threads, clocks, names, unfinished work."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.reading import ROOT, SOURCE, Module, modules

every_module = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)

THREAD_MAKERS = {
    "threading.Thread",
    "threading.Timer",
    "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.ProcessPoolExecutor",
    "multiprocessing.Process",
    "multiprocessing.Pool",
    "asyncio.to_thread",
    "_thread.start_new_thread",
}
ROOMS_WITH_THREADS = {"engine", "sim"}
CLOCKS = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.localtime",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
}
ROOMS_WITHOUT_CLOCK = {"model", "devices", "ledger", "config"}
VAGUE_NAMES = ("util", "helper", "manager", "misc", "common", "abstract")


def aliases(module: Module) -> dict[str, str]:
    """What each imported name of the module really is, as a dotted path."""
    known: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                known[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    return known


def mentions(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every name or attribute chain that the module mentions, as a dotted path of what it really is."""
    known = aliases(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            dotted = ast.unparse(node)
            first, dot, rest = dotted.partition(".")
            if first in known:
                yield node, known[first] + dot + rest


def used(module: Module, forbidden: set[str]) -> list[str]:
    return [f"{module.where(node)} {name}" for node, name in mentions(module) if name in forbidden]


@every_module
def test_nobody_sleeps(module: Module):
    """A wait that nobody can wake is a hang in waiting."""
    assert not used(module, {"time.sleep"})


@every_module
def test_only_the_engine_and_the_simulated_site_make_threads(module: Module):
    if module.room not in ROOMS_WITH_THREADS:
        assert not used(module, THREAD_MAKERS)


@every_module
def test_no_room_below_the_engine_reads_a_clock(module: Module):
    """Invariant 12: a clock is a parameter."""
    if module.room in ROOMS_WITHOUT_CLOCK:
        assert not used(module, CLOCKS)


def test_the_search_for_clocks_and_threads_finds_them(tmp_path):
    """The tests above would be worthless if an alias could hide a call."""
    lines = (
        "import time, datetime as dt, threading as t",
        "from time import sleep as nap",
        "from concurrent.futures import ThreadPoolExecutor",
        "nap(1); time.monotonic(); dt.datetime.now(); t.Thread(); ThreadPoolExecutor()",
    )
    text = "\n".join(lines)
    module = Module(SOURCE / "model" / "never.py", text, ast.parse(text))

    assert len(used(module, {"time.sleep"})) == 1
    assert len(used(module, CLOCKS)) == 2
    assert len(used(module, THREAD_MAKERS)) == 2


@every_module
def test_names_say_what_things_are(module: Module):
    words = module.path.stem.lower().split("_") + [part.lower() for part in module.path.relative_to(SOURCE).parts[:-1]]
    assert not [word for word in words for vague in VAGUE_NAMES if word.rstrip("s") == vague]
    classes = [node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    assert not [name for name in classes for vague in VAGUE_NAMES if name.lower().endswith(vague)]


@every_module
def test_nothing_is_left_for_later(module: Module):
    marks = ("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")
    assert not re.findall(rf"\b(?:{'|'.join(marks)})\b", module.text)


@every_module
def test_no_cause_is_swallowed(module: Module):
    """No bare except, and none over everything that goes on as if nothing had been."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, module.where(node)
            if isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}:
                assert not all(isinstance(step, ast.Pass | ast.Continue) for step in node.body), module.where(node)


@every_module
def test_no_erase_all_command_exists(module: Module):
    """Invariant 10: an autopilot's logs go one by one, proven, or not at all."""
    assert "log_erase" not in module.text.lower()


def test_tests_never_sleep_either():
    """A test polls a condition with a deadline or moves a fake clock."""
    from tests.house.reading import read

    asleep = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        module = read(path)
        asleep += [
            f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            for node, name in mentions(module)
            if name == "time.sleep"
        ]
    assert not asleep
