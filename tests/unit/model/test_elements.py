"""Elements and stamps are read from names as the writers of this field make them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.model.elements import OTHER, V2X_ELEMENTS, element_of, stamp_of
from v2xsync.model.localtime import wall_time
from v2xsync.model.rules import ElementRules

V2X = ElementRules(v2x=True)
hosts = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("clay-11th_spatLog_02242021_004841.csv", "spat"),
        ("clay-11th_remoteBsmLog_02242021_004841.csv", "remoteBsm"),
        ("vehicle_hostBsmLog_02242021_000000.csv", "hostBsm"),
        ("clay-11th_srmLog_02242021_004841.csv", "srm"),
        ("clay-11th_ssmLog_02242021_004841.csv", "ssm"),
        ("clay-11th_msgCountsLog_02242021_004841.csv", "msgCount"),
        ("clay-11th_msgCountLog_02242021_004841.csv", "msgCount"),
        ("srm-street_spatLog_02242021_000000.csv", "spat"),
        ("a_srmLog_b_ssmLog_02242021_000000.csv", "ssm"),
        ("archive/x_srmLog_01012021_000000/x_spatLog_01012021_000000.csv", "spat"),
        ("clay-11th_spatlog_02242021_004841.csv", OTHER),
        ("clay-11th_mapLog_02242021_004841.csv", OTHER),
        ("clay-11th_xspatLog_02242021_004841.csv", OTHER),
        ("_spatLog_02242021_004841.csv", OTHER),
        ("clay-11th_spatLog_02242021_004841.csv.gz", OTHER),
        ("clay-11th_spatLog_02242021.csv", OTHER),
        ("spat.csv", OTHER),
        ("", OTHER),
    ],
)
def test_the_v2x_element_is_the_exact_word_before_log(name: str, element: str) -> None:
    assert element_of(name, V2X) == element


@given(hosts, st.sampled_from(V2X_ELEMENTS))
def test_no_host_name_confuses_the_element(host: str, element: str) -> None:
    word = "msgCounts" if element == "msgCount" else element
    assert element_of(f"{host}_{word}Log_02242021_004841.csv", V2X) == element


def test_own_patterns_come_first_in_their_order_and_see_the_bare_name() -> None:
    rules = ElementRules(v2x=True, patterns=(("quiet", "*_spatLog_*0000.csv"), ("pictures", "*.JPG"), ("all", "*.JPG")))
    assert element_of("pictures.JPG/a_spatLog_02242021_000000.csv", rules) == "quiet"
    assert element_of("a_spatLog_02242021_004841.csv", rules) == "spat"
    assert element_of("x/b.JPG", rules) == "pictures"
    assert element_of("x/b.jpg", rules) == OTHER


def test_without_the_v2x_rule_only_patterns_count() -> None:
    assert element_of("a_spatLog_02242021_004841.csv", ElementRules()) == OTHER


@pytest.mark.parametrize(
    ("path", "stamp"),
    [
        ("x/clay-11th_spatLog_02242021_004841.csv", "2021-02-24 00:48:41"),
        ("clay_01012020_000000_spatLog_02242021_004841.csv", "2020-01-01 00:00:00"),
        ("20190403_122014/20190403_122533_785_R.jpg", "2019-04-03 12:25:33.785000"),
        ("20190403_122014/20190403_122700.MOV", "2019-04-03 12:27:00"),
        ("._20190403_122537_816_R.jpg", "2019-04-03 12:25:37.816000"),
        ("DJI_20121210_101112.JPG", "2012-12-10 10:11:12"),
        ("log/2017-10-20/10_53_02.ulg", "2017-10-20 10:53:02"),
        ("2017-10-20/10_53_02_replayed.ulg", "2017-10-20 10:53:02"),
        ("2020-02-29/00_00_00.ulg", "2020-02-29 00:00:00"),
        ("2017-10-20/corrupt_header.ulg", None),
        ("10_53_02.ulg", None),
        ("2017-13-20/10_53_02.ulg", None),
        ("2017-10-20/24_00_00.ulg", None),
        ("a_spatLog_02302021_004841.csv", None),
        ("a_spatLog_13012021_004841.csv", None),
        ("a_spatLog_02242021_006041.csv", None),
        ("a_spatLog_02242021_0048411.csv", None),
        ("20190403_122014/notes.txt", None),
        ("20190403_122533_7850.jpg", "2019-04-03 12:25:33"),
        ("920190403_122533.jpg", None),
        ("a_01020304_050607.csv", None),
        ("sess035/log001.ulg", None),
        ("26593136.dat", None),
        ("", None),
    ],
)
def test_stamps_are_the_writers_local_time(path: str, stamp: str | None) -> None:
    assert stamp_of(path) == (stamp and dt.datetime.fromisoformat(stamp))


@given(st.integers(0, 4_102_444_799).map(lambda moment: wall_time(moment, ZoneInfo("UTC"))))
def test_every_possible_stamp_is_read_back(moment: dt.datetime) -> None:
    assert stamp_of(f"a-b/host_spatLog_{moment:%m%d%Y_%H%M%S}.csv") == moment
    assert stamp_of(f"{moment:%Y%m%d_%H%M%S}_007_R.jpg") == moment.replace(microsecond=7000)
    assert stamp_of(f"fs/log/{moment:%Y-%m-%d/%H_%M_%S}.ulg") == moment


@given(st.text())
def test_no_name_is_too_strange_to_look_at(path: str) -> None:
    assert stamp_of(path) is None or stamp_of(path) == stamp_of(path)
    assert element_of(path, V2X) in {OTHER, *V2X_ELEMENTS}
