"""Whatever stands in a name, the page stays a page: everything comes back as it was, and nothing breaks out."""

from __future__ import annotations

import copy
import json
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.config.legacy.samples import SIMPLE_PULL, SINGLE_WORKER

from v2xsync.config.fields import require_name
from v2xsync.config.legacy.draft import fit_name
from v2xsync.config.legacy.judging import settle
from v2xsync.config.legacy.shapes import draft_of
from v2xsync.config.legacy.toml import comment, key, quoted, value
from v2xsync.config.legacy.writing import Page
from v2xsync.model.naming import printable

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
PASSWORDS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
"""No program could ever take a password with NUL from its environment: those are refused."""

BREAKERS = [
    '"',
    "'",
    "\\",
    '"""',
    "]",
    "\n[routes.evil]\n",
    "\r",
    "\x7f",
    "\x00",
    "#",
    "=",
    "a.b",
    "\u202eabc",
    "é",
    "{x}",
]


@settings(deadline=None)
@given(TEXT, TEXT)
def test_any_text_comes_back_from_a_reader(name: str, content: str):
    written = f"{key(name)} = {quoted(content)}"
    assert tomllib.loads(written) == {name: content}
    assert printable(written) == written, "and nothing that a terminal would obey is in it"


@settings(deadline=None)
@given(st.dictionaries(TEXT, st.one_of(TEXT, st.booleans(), st.integers(-(2**40), 2**40), st.lists(TEXT, max_size=3))))
def test_any_table_comes_back_from_a_reader(table: dict[str, object]):
    assert tomllib.loads(f"x = {value(table)}") == {"x": table}


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_comment_can_be_broken_out_of(text: str):
    written = comment(text)
    assert "\n" not in written
    assert tomllib.loads(written.encode("utf-8").decode("utf-8")) == {}


@settings(deadline=None)
@given(st.text(max_size=150))
def test_a_fitted_name_is_always_allowed(name: str):
    fit = fit_name(name)
    require_name(fit, "device")
    assert fit_name(fit) == fit


@settings(max_examples=40, deadline=None)
@given(TEXT, PASSWORDS)
def test_any_name_and_password_make_a_page_that_loads(name: str, password: str):
    old = copy.deepcopy(SIMPLE_PULL)
    old["intersections"][0] |= {"name": name, "password": password, "username": f"u{name.strip()}"}
    old[f"more{name}"] = name
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "old.json"
        file.write_text(json.dumps(old))
        draft = draft_of([file])
        assert not settle(draft, {"HOME": folder})
    toml = tomllib.loads(Page(draft).text())
    assert toml["devices"][draft.devices[0].name]["username"] == f"u{name.strip()}".strip()
    assert set(toml["routes"]) == {draft.routes[0].name}


@pytest.mark.parametrize("breaker", BREAKERS)
def test_known_breakers_stay_inside_their_quotes(breaker: str, tmp_path: Path):
    old = copy.deepcopy(SINGLE_WORKER)
    old["name"] = f"x{breaker}"
    old["rules"]["include"] = [f"*{breaker}"]
    old["target"]["args"]["mount_point"] = f"/out{breaker.strip()}x"
    file = tmp_path / "old.json"
    file.write_text(json.dumps(old))
    draft = draft_of([file])
    settle(draft, {"HOME": "/home/tester"})
    page = Page(draft).text()
    toml = tomllib.loads(page)
    assert set(toml) <= {"station", "devices", "routes"}
    assert "evil" not in toml.get("routes", {})
    if toml.get("routes"):
        (route,) = toml["routes"].values()
        assert route["include"] == [f"*{breaker}"]
