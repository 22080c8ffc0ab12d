"""Two sets of signs."""

from __future__ import annotations

from dataclasses import fields

import pytest
from rich.cells import cell_len

from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.views import DeviceState, Level, StationState, WorkState
from v2xsync.ui import states
from v2xsync.ui.glyphs import ASCII, UNICODE, chosen, speaks_unicode

SETS = pytest.mark.parametrize("glyphs", [ASCII, UNICODE], ids=["ascii", "unicode"])


@SETS
def test_every_sign_takes_one_cell(glyphs):
    for field in fields(glyphs):
        value = getattr(glyphs, field.name)
        if isinstance(value, str):
            assert cell_len(value) == (8 if field.name == "spark" else 1), field.name
            assert value.isascii() or not glyphs.ascii, field.name


@SETS
def test_a_bar_always_takes_its_cells_and_is_full_only_when_all_is_done(glyphs):
    for percent in range(101):
        done, rest = glyphs.bar(percent / 100, 8)
        assert len(done) + len(rest) == 8
        assert (done == glyphs.bar_done * 8) == (percent == 100)


@SETS
def test_a_curve_has_one_sign_per_value_and_scales_to_the_highest(glyphs):
    curve = glyphs.curve((0.0, 5.0, 10.0))
    assert (curve[0], curve[-1]) == (glyphs.spark[0], glyphs.spark[-1])
    assert glyphs.curve((0.0, 0.0)) == glyphs.spark[0] * 2


@pytest.mark.parametrize(
    ("table", "kinds"),
    [
        (states.DEVICE, DeviceState),
        (states.WORK, WorkState),
        (states.STATION, StationState),
        (states.STEP, Step),
        (states.LEVEL, Level),
        (states.FETCH, FetchState),
        (states.DELIVERY, DeliveryState),
        (states.REMOVAL, RemovalState),
    ],
)
def test_every_state_has_a_word_and_a_sign_in_both_sets(table, kinds):
    assert set(table) == set(kinds)
    for face in table.values():
        assert face.word
        assert face.glyph(ASCII)
        assert face.glyph(UNICODE)
    assert len({face.word for face in table.values()}) == len(table)


@pytest.mark.parametrize(
    ("environ", "unicode"),
    [
        ({"LANG": "en_US.UTF-8", "TERM": "xterm-256color"}, True),
        ({"LANG": "de_DE.utf8"}, True),
        ({"LANG": "C"}, False),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "TERM": "linux"}, False),
        ({"LANG": "en_US.UTF-8", "TERM": "dumb"}, False),
    ],
)
def test_the_set_follows_locale_and_terminal(environ, unicode):
    assert speaks_unicode(environ) is unicode
    assert chosen(ascii_only=None, environ=environ) is (UNICODE if unicode else ASCII)


def test_a_person_has_the_last_word_on_the_set():
    assert chosen(ascii_only=True, environ={"LANG": "C.UTF-8"}) is ASCII
    assert chosen(ascii_only=False, environ={"LANG": "C"}) is UNICODE
