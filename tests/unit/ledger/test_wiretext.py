"""Text that no database stores comes back unchanged, and keeps its order below a folder."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from v2xsync.ledger.wiretext import from_column, to_column

any_text = st.text(st.characters(codec=None, exclude_categories=()))


@given(any_text)
def test_any_text_survives(text):
    stored = to_column(text)

    assert from_column(stored) == text
    assert "\0" not in stored
    stored.encode("utf-8")


@given(any_text, any_text)
def test_different_texts_stay_different_and_prefixes_stay_prefixes(one, other):
    assert (to_column(one) == to_column(other)) is (one == other)
    assert to_column(f"{one}/{other}").startswith(to_column(one) + "/")


def test_plain_text_is_stored_as_it_is():
    assert to_column("clay-11th/信号_spatLog.csv") == "clay-11th/信号_spatLog.csv"
    assert to_column(b"\xff".decode("utf-8", "surrogateescape")) == "\x1adcff"
