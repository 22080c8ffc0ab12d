"""The simulated upload server: what flight_review takes and refuses, bare bodies, and a page for each result."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from v2xsync.sim.form_server import FormServer

LOG = b"ULog\x01\x12\x35\x01" + bytes(range(256)) * 20 + b"\r\n--"
FIELDS = {"description": "", "email": ""}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FormServer]:
    with FormServer(tmp_path / "uploads") as running:
        yield running


def upload(
    server: FormServer, fields: Mapping[str, str] = FIELDS, *, content: bytes = LOG, name: str = "a.ulg"
) -> httpx.Response:
    return httpx.post(f"{server.url}/upload", data=fields, files={"filearg": (name, content)}, trust_env=False)


def test_a_log_is_kept_whole_and_its_result_has_a_page(server):
    answer = upload(server)
    assert answer.status_code == 302
    page = httpx.get(server.url + answer.headers["Location"], trust_env=False)
    assert page.status_code == 200
    assert hashlib.sha256(LOG).hexdigest() in page.text
    assert "a.ulg" in httpx.get(server.url + "/", trust_env=False).text
    (kept,) = server.folder.iterdir()
    assert kept.read_bytes() == LOG


def test_without_redirect_the_address_comes_as_json(server):
    answer = upload(server, {**FIELDS, "redirect": "false"})
    assert answer.status_code == 200
    assert answer.json()["url"].startswith("/plot_app?log=")


def test_what_flight_review_refuses_is_refused(server):
    assert upload(server, content=b"no log").status_code == 400
    assert upload(server, {"email": ""}).status_code == 500
    assert httpx.post(f"{server.url}/upload", content=LOG, trust_env=False).status_code == 500
    assert list(server.folder.iterdir()) == []


def test_bare_bodies_are_taken_anywhere_else(server):
    assert httpx.post(f"{server.url}/collect", content=b"row\n", trust_env=False).status_code == 200
    (kept,) = server.folder.iterdir()
    assert kept.read_bytes() == b"row\n"


def test_a_hostile_name_stays_in_the_folder(server):
    upload(server, name="../../../evil\x1b.ulg")
    upload(server, name="..")
    assert sorted(place.name for place in server.folder.iterdir()) == ["0001-evil_.ulg", "0002-unnamed"]


def test_what_is_too_large_or_has_no_length_is_refused_unread(server):
    assert httpx.post(server.url, content=iter([b"x"]), trust_env=False).status_code == 411
    with socket.create_connection((server.host, server.port), timeout=20) as line:
        line.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1099511627776\r\n\r\n")
        assert b" 413 " in line.recv(100)


def test_it_comes_back_under_the_same_address(server):
    address = server.url
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)
    server.start()
    assert server.url == address
    assert httpx.get(address + "/nowhere", trust_env=False).status_code == 404
