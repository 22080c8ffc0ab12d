"""How often a property is tried: a few times in every run, thousands of times in the slow layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from v2xsync.model.naming import printable

PASSWORD = "geheim-5f0d"

EVERY_CHARACTER = st.characters(codec=None)
"""Lone surrogates and controls among them."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def fuzzed(usual: int, many: int) -> pytest.MarkDecorator:
    """Give a test the argument `examples`: `usual` in every run, `many` in the slow layer."""
    slow = pytest.param(many, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(1800)])
    return pytest.mark.parametrize("examples", [pytest.param(usual, id="usual"), slow])


def tries(examples: int, *strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
    """Try the decorated function at once, with `examples` values of `strategies`; what fails is shrunk and shown."""

    def run(judged: Callable[..., None]) -> None:
        relaxed = [HealthCheck.too_slow, HealthCheck.data_too_large]
        settings(max_examples=examples, deadline=None, suppress_health_check=relaxed)(given(*strategies)(judged))()

    return run


def spoiled(text: str) -> st.SearchStrategy[str]:
    """`text` with a few of its pieces cut out, doubled, or put elsewhere, and foreign ones put in."""

    def cut(places: list[tuple[int, int, str]]) -> str:
        told = text
        for place, length, more in places:
            at = place % (len(told) + 1)
            told = told[:at] + more + told[at + length :]
        return told

    foreign = st.sampled_from(['"', "[", "]", "{", "}", "\n", "=", "\0", "\x1b[2J", "..", "/", "[" * 3000])
    return st.lists(
        st.tuples(st.integers(0, len(text)), st.integers(0, 9), foreign | st.text(max_size=5)), max_size=5
    ).map(cut)


def told_well(error: Exception, most: int = 2_000) -> None:
    """Fail unless an error is told in few words, none of which steer a terminal or are the tests' password."""
    words = str(error.args[0])
    assert len(words) < most
    assert printable(words) == words
    assert PASSWORD not in words
