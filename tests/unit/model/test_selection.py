"""Selection: shell patterns, exclude wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.model.rules import Selection
from v2xsync.model.selection import selects

paths = st.lists(st.text("ab.*[]é", min_size=1, max_size=5), min_size=1, max_size=4).map("/".join)
patterns = st.lists(st.text("ab.*?/[]!", min_size=1, max_size=6), max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("include", "exclude", "path", "selected"),
    [
        (("*",), (), "archive/x/a.csv", True),
        (("*.csv",), (), "a.csv", True),
        (("*.csv",), (), "archive/x/a.csv", True),
        (("*.csv",), (), "a.CSV", False),
        (("*.csv",), (), "a.csv.lock", False),
        (("archive/*",), (), "archive/x/a.csv", True),
        (("archive/*",), (), "live/archive/a.csv", False),
        (("a?.csv",), (), "x/a1.csv", True),
        (("x/a?.csv",), (), "x/a1.csv", True),
        (("x/a?.csv",), (), "y/x/a1.csv", False),
        (("*",), ("*/scratch/*",), "x/scratch/deep/a.csv", False),
        (("*",), ("*/scratch/*",), "x/scratch.csv", True),
        (("a.csv",), ("a.csv",), "a.csv", False),
        (("*",), ("._*", ".Trashes/*"), "20190403_122014/._x.jpg", False),
        (("*",), ("._*", ".Trashes/*"), ".Trashes/x", False),
        (("[ab].csv", "c*"), (), "x/cd", True),
        ((), (), "a.csv", False),
        (("*",), (), "new\nline/caf\udce9", True),
    ],
)
def test_selection(include: tuple[str, ...], exclude: tuple[str, ...], path: str, selected: bool) -> None:
    assert selects(Selection(include=include, exclude=exclude), path) is selected


@given(paths, patterns, patterns)
def test_exclude_wins(path: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    both = selects(Selection(include=include, exclude=exclude), path)
    excluded = selects(Selection(include=exclude), path)
    assert both == (selects(Selection(include=include), path) and not excluded)


@given(paths)
def test_a_path_without_wildcards_selects_itself(path: str) -> None:
    quoted = "".join(f"[{c}]" if c in "*?[" else c for c in path)
    assert selects(Selection(include=(quoted,)), path)
