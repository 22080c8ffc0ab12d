"""Layouts: templates that are checked, dates that lie, and names that never leave their part."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.errors import ItemRefused
from v2xsync.model.items import NS_PER_S
from v2xsync.model.layout import LAYOUT_FIELDS, LayoutFields, item_date, layout_problem, render
from v2xsync.model.naming import safe_relative

PORTLAND = ZoneInfo("America/Los_Angeles")
APIA = ZoneInfo("Pacific/Apia")

# --- the template -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template",
    [
        "{source}/{element}/{name}",
        "{source}/{path}",
        "{path}",
        "{year}/{month}/{day}/{source}/{dir}/{name}",
        "{date}/{stem}{suffix}",
        "{route}/{{kept}}/{source}-{name}",
        "..{name}",
    ],
)
def test_good_templates_have_no_problem(template: str) -> None:
    assert layout_problem(template, has_elements=True) is None


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{source}/{nam}", "did you mean {name}?"),
        ("{sorce}/{name}", "did you mean {source}?"),
        ("{xyzzy}/{name}", "the fields are date, day, dir"),
        ("{}/{name}", "unknown field {}"),
        ("{0}/{name}", "unknown field {0}"),
        ("{name.__class__}/{name}", "unknown field"),
        ("{name!r}", "only the name of a field"),
        ("{name:>20}", "only the name of a field"),
        ("{source/{name}", "braces"),
        ("{source}}/{name}", "braces"),
        ("{source}/{element}", "use {path} or {name}"),
        ("{source}/{stem}.csv", "use {path} or {name}"),
        ("", "use {path} or {name}"),
        ("/srv/{name}", "absolute"),
        ("C:/data/{name}", "absolute"),
        ("{source}/../{name}", ".."),
        ("./{name}", ".."),
        ("{source}\\{name}", "separated by /"),
        ("{source}/\x1b{name}", "cannot be printed"),
        ("{source}/\0/{name}", "cannot be printed"),
        (".v2xsync/{name}", "work in progress"),
    ],
)
def test_bad_templates_are_told_in_plain_words(template: str, said: str) -> None:
    problem = layout_problem(template, has_elements=True)
    assert problem is not None
    assert said in problem


def test_element_needs_elements() -> None:
    problem = layout_problem("{source}/{element}/{name}", has_elements=False)
    assert problem is not None
    assert "elements" in problem
    assert layout_problem("{source}/{path}", has_elements=False) is None


@given(st.text("{}/.\\ab:!" + "name", max_size=20))
def test_a_template_without_a_problem_can_be_filled(template: str) -> None:
    if layout_problem(template, has_elements=True) is None:
        assert "b.csv" in render(template, fields("x/b.csv"))


# --- dates ------------------------------------------------------------------------------------------------------------

ARRIVAL = dt.datetime(2024, 3, 10, 12, tzinfo=PORTLAND).timestamp()


def told(*when: int) -> int:
    return int(dt.datetime(*when, tzinfo=PORTLAND).timestamp()) * NS_PER_S  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("path", "mtime_ns", "date"),
    [
        ("x_spatLog_02242021_235959.csv", told(2021, 2, 25), dt.date(2021, 2, 24)),
        ("2017-10-20/10_53_02.ulg", None, dt.date(2017, 10, 20)),
        ("x_spatLog_02302021_235959.csv", told(2021, 2, 25), dt.date(2021, 2, 25)),
        ("a.dat", told(2024, 3, 9, 23, 59), dt.date(2024, 3, 9)),
        ("a.dat", told(2000, 1, 1), dt.date(2000, 1, 1)),
        ("a.dat", told(1999, 12, 30), dt.date(2024, 3, 10)),
        ("a.dat", 0, dt.date(2024, 3, 10)),
        ("a.dat", -1, dt.date(2024, 3, 10)),
        ("a.dat", None, dt.date(2024, 3, 10)),
        ("a.dat", told(2024, 3, 11, 11), dt.date(2024, 3, 11)),
        ("a.dat", told(2024, 3, 11, 13), dt.date(2024, 3, 10)),
        ("a.dat", 2**63 - 1, dt.date(2024, 3, 10)),
        ("a.dat", 10**30, dt.date(2024, 3, 10)),
    ],
)
def test_the_date_is_the_stamps_else_the_sources_else_the_arrivals(
    path: str, mtime_ns: int | None, date: dt.date
) -> None:
    """R13: a time that cannot be true is routed by arrival."""
    assert item_date(path, mtime_ns, ARRIVAL, PORTLAND) == date


def test_the_date_is_the_stations() -> None:
    assert item_date("a", None, ARRIVAL, APIA) == dt.date(2024, 3, 11)


# --- filling ----------------------------------------------------------------------------------------------------------


def fields(path: str, source: str = "clay-11th", element: str = "spat", route: str = "daily") -> LayoutFields:
    return LayoutFields(source=source, element=element, path=path, date=dt.date(2021, 2, 4), route=route)


@pytest.mark.parametrize(
    ("template", "path", "filled"),
    [
        ("{source}/{element}/{name}", "archive/x/a.csv", "clay-11th/spat/a.csv"),
        ("{source}/{path}", "archive/x/a.csv", "clay-11th/archive/x/a.csv"),
        ("{dir}/{stem}{suffix}", "archive/x/a.tar.gz", "archive/x/a.tar.gz"),
        ("{dir}/{route}/{name}", "a", "daily/a"),
        ("{stem}-{date}{suffix}/{name}", "a.csv", "a-2021-02-04.csv/a.csv"),
        ("{year}/{month}/{day}/{name}", "a.csv", "2021/02/04/a.csv"),
        ("//{source}//{name}/", "a.csv", "clay-11th/a.csv"),
        ("{{x}}/{name}", "{source}", "{x}/{source}"),
    ],
)
def test_templates_are_filled(template: str, path: str, filled: str) -> None:
    assert render(template, fields(path)) == filled


def test_only_the_path_brings_folders() -> None:
    made = render("{source}/{element}/{route}/{name}", fields("a", "north/clay", "../x", "/etc"))
    assert made == "north_clay/.._x/_etc/a"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a//b", "", "a/\0"])
def test_a_malformed_wire_path_is_refused_and_never_made_proper_in_silence(path: str) -> None:
    """Invariant 9: an absolute or climbing path is held with its reason; no layout hides what it was."""
    for template in ("{source}/{path}", "{dir}/{name}", "{source}/{name}"):
        with pytest.raises(ItemRefused):
            render(template, fields(path))


value = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
proper = st.lists(value.filter(lambda v: "/" not in v and v not in (".", "..")), min_size=1, max_size=3).map("/".join)


@given(st.lists(st.sampled_from(sorted(LAYOUT_FIELDS)), max_size=5), proper, value)
def test_the_result_has_no_empty_parts_and_can_be_made_safe(names: list[str], path: str, source: str) -> None:
    template = "/".join(f"{{{name}}}" for name in [*names, "name"])
    made = render(template, fields(path, source))
    assert "" not in made.split("/")
    if not {".", ".."} & set(made.split("/")):
        assert safe_relative(made)
