"""Text in exactly so many cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from v2xsync.ui.cells import fit, plain, right, wrap

TEXTS = st.text(max_size=60) | st.text(alphabet="aЖ交😀\u0301\x1b\u202e[/]", max_size=40)


@given(text=TEXTS, width=st.integers(0, 40), cut=st.sampled_from(["end", "middle", "start"]))
def test_fitted_text_takes_exactly_its_cells_and_holds_nothing_that_steers(text, width, cut):
    fitted = fit(text, width, cut)
    assert cell_len(fitted) == width
    assert all(char.isprintable() or char == "\u3000" or char.isspace() for char in fitted)
    assert "\x1b" not in fitted
    assert "\u202e" not in fitted


@given(text=TEXTS, width=st.integers(2, 40))
def test_wrapped_lines_stay_in_their_width_and_lose_nothing_but_spaces(text, width):
    lines = wrap(text, width)
    assert lines
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(wrap(text, 10_000)).replace(" ", "")


def test_a_name_cut_in_the_middle_keeps_both_ends():
    assert fit("clay-11th_spatLog_03042026_010700.csv", 20, "middle") == "clay-11th_s…0700.csv"
    assert fit("archive/2026/clay.csv", 12, "start") == "…26/clay.csv"


def test_long_paths_break_at_their_joints():
    assert wrap("market-2nd/srm/market-2nd_srmLog.csv", 30) == ["market-2nd/srm/market-2nd_", "srmLog.csv"]


def test_figures_stand_against_the_right_edge():
    assert right("2.1 MB/s", 10) == "  2.1 MB/s"
    assert right("much too long", 7) == "much t…"


@given(text=TEXTS)
def test_plain_text_is_ascii_and_as_wide(text):
    shown = fit(text, 30)
    assert plain(shown).isascii()
    assert cell_len(plain(shown)) == 30
