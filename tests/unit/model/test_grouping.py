"""Which files are one shot."""

from __future__ import annotations

import pytest

from v2xsync.model.grouping import unit_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("20190403/20190403_122537_816_R.jpg", "20190403/20190403_122537_816_8b.JPG"),
        ("20190403/20190403_122537_816_R.jpg", "20190403/20190403_122537_816.TIFF"),
        ("a/20190403_122700_000.MOV", "a/20190403_122700_000.SRT"),
        ("A/x.MOV", "a/X.srt"),
    ],
)
def test_files_of_one_shot_share_a_unit(one: str, other: str) -> None:
    assert unit_of(one) == unit_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/x.mov", "b/x.srt"),
        ("20190403_122537_816_R.jpg", "20190403_122537_817_R.jpg"),
        ("x.a.mov", "x.mov"),
        ("_R.jpg", "_8b.jpg"),
    ],
)
def test_other_files_do_not(one: str, other: str) -> None:
    assert unit_of(one) != unit_of(other)
