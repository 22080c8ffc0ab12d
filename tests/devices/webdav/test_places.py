"""Addresses: every path has one, and no href leads out of the folder that was asked for (invariant 9)."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xsync.devices.base import require_safe
from v2xsync.devices.dav.places import Astray, Place
from v2xsync.errors import ItemRefused

PLACE = Place("https://h.example:8443/dav%20x/", "sub/é")
BASE = "/dav%20x/sub/%C3%A9"


def is_safe(path: str) -> bool:
    try:
        require_safe(path)
    except ItemRefused:
        return False
    return True


names = st.binary(min_size=1, max_size=20).map(lambda raw: raw.decode(errors="surrogateescape"))
paths = st.lists(names, min_size=1, max_size=4).map("/".join).filter(is_safe)


@given(paths)
def test_every_path_has_one_address_and_back(path):
    address = PLACE.url(path)
    assert address.startswith(f"https://h.example:8443{BASE}/")
    assert PLACE.path_of(address) == path
    assert PLACE.path_of(address.removeprefix("https://h.example:8443")) == path
    assert str(httpx.URL(address)) == address, "the client must not change it on its way"


def test_the_root_ends_with_a_slash():
    assert PLACE.told == f"https://h.example:8443{BASE}/"
    assert Place("http://h").told == "http://h/"
    assert PLACE.path_of(BASE) == PLACE.path_of(f"{BASE}/") == ""


def test_an_address_of_the_same_host_behind_a_proxy_counts():
    assert PLACE.path_of(f"http://H.example{BASE}/a") == "a"


@pytest.mark.parametrize(
    "href",
    [
        f"https://other.example{BASE}/a",
        f"//other.example{BASE}/a",
        f"ftp://h.example{BASE}/a",
        "/etc/passwd",
        "/dav%20x/sub",
        "/dav%20x/sub/e/a",
        "a.csv",
        "",
        f"{BASE}/..",
        f"{BASE}/../../a",
        f"{BASE}/%2e%2e/a",
        f"{BASE}/a%2Fb",
        f"{BASE}/..%2f..%2fa",
        f"{BASE}//a",
        f"{BASE}/./a",
        f"{BASE}/a%00b",
        f"{BASE}/a?b",
        f"{BASE}/a#b",
        f"{BASE}/" + "a/" * 3000,
        "http://[::1",
    ],
)
def test_an_address_that_leads_elsewhere_is_astray(href):
    with pytest.raises(Astray):
        PLACE.path_of(href)


def test_a_redirect_counts_only_where_it_adds_a_slash():
    assert PLACE.is_folder_of(f"{BASE}/d/", "d")
    assert not PLACE.is_folder_of(f"{BASE}/d", "d")
    assert not PLACE.is_folder_of(f"{BASE}/e/", "d")
    assert not PLACE.is_folder_of(f"https://other.example{BASE}/d/", "d")
