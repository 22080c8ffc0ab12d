"""What each answer means for a file, for the rest of its batch, and for the device."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.ends import Contents, content
from tests.devices.post.posting import ULOG, device, post, refusal, request
from tests.servers.form_server import MIB, FormServer, answering, api, breaking_off, collector, early, form_server

from v2xsync.devices.post import Form
from v2xsync.errors import (
    AccessRefused,
    DeviceBusy,
    DeviceError,
    ItemCorrupt,
    ItemError,
    ItemFailed,
    ItemRefused,
    NoSpace,
    OutcomeUnknown,
)

FORMS = [Form.FLIGHT_REVIEW, Form.MULTIPART, Form.RAW]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FormServer]:
    with form_server(tmp_path / "kept", api) as server:
        yield server


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessRefused), (403, AccessRefused), (444, AccessRefused), (404, AccessRefused), (405, AccessRefused),
        (301, AccessRefused), (308, AccessRefused), (304, AccessRefused), (501, AccessRefused),
        (429, DeviceBusy), (503, DeviceBusy), (507, NoSpace),
    ],
)  # fmt: skip
def test_what_is_no_fault_of_the_file_stops_the_batch(
    server: FormServer, form: Form, status: int, kind: type[DeviceError]
) -> None:
    """Requirement R15: the file has no outcome and no try counted."""
    server.trouble = answering(status, Location="https://elsewhere.example.org/upload?key=secret")
    feed = Contents({0: ULOG, 1: ULOG})
    with pytest.raises(kind) as caught:
        device(server, form).send([request("a.ulg", len(ULOG)), request("b.ulg", len(ULOG), 1)], feed)
    assert str(status) in caught.value.what
    assert "secret" not in caught.value.what
    assert caught.value.device == "form"
    assert (feed.sent, feed.errors) == ({}, {})
    assert server.tries == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ItemCorrupt), (409, ItemRefused), (413, ItemRefused), (415, ItemRefused), (422, ItemCorrupt),
        (408, ItemFailed), (418, ItemFailed), (425, ItemFailed),
        (502, OutcomeUnknown), (504, OutcomeUnknown), (520, OutcomeUnknown), (206, OutcomeUnknown),
    ],
)  # fmt: skip
def test_what_is_said_of_the_file_is_said_of_it_alone(
    server: FormServer, form: Form, status: int, kind: type[ItemError]
) -> None:
    server.trouble = answering(status)
    session = device(server, form)
    error = refusal(session, ULOG)
    assert type(error) is kind
    assert str(status) in error.what
    assert error.path == "log.ulg"


@pytest.mark.parametrize(
    ("form", "kind"),
    [(Form.FLIGHT_REVIEW, OutcomeUnknown), (Form.MULTIPART, OutcomeUnknown), (Form.RAW, ItemFailed)],
)
def test_a_500_may_come_after_the_entry_was_made_but_not_from_a_collector(
    server: FormServer, form: Form, kind: type[ItemError]
) -> None:
    server.trouble = answering(500)
    assert type(refusal(device(server, form), ULOG)) is kind


@pytest.mark.parametrize(
    ("form", "yes"),
    [(Form.FLIGHT_REVIEW, {200, 201, 302, 303}), (Form.MULTIPART, {200, 201, 202, 204}), (Form.RAW, {200})],
)
def test_only_some_answers_are_a_yes(server: FormServer, form: Form, yes: set[int]) -> None:
    """Requirement R4, and the fault of the older collector: any other answer never counts."""
    taken = set()
    for status in (200, 201, 202, 203, 204, 206, 302, 303):
        server.trouble = answering(status)
        feed = post(device(server, form), ULOG)
        taken |= {status} if feed.sent else set()
        assert all(isinstance(error, OutcomeUnknown) for error in feed.errors.values())
    assert taken == yes


@pytest.mark.parametrize(
    ("headers", "asked_s"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:29:00 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 60.0),
        ({"Retry-After": "999999999999"}, 86_400.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_the_pause_that_the_server_asks_for_is_told(
    server: FormServer, headers: dict[str, str], asked_s: float | None
) -> None:
    server.trouble = answering(503, **{name.replace("-", "_"): value for name, value in headers.items()})
    with pytest.raises(DeviceBusy) as caught:
        post(device(server), b"x")
    assert caught.value.retry_after_s == asked_s


def test_the_reason_of_a_refusal_is_shown_and_nothing_of_it_raw(server: FormServer) -> None:
    server.trouble = answering(422, '{"error": "no such\x1b[31m \u202e vehicle' + "x" * 900 + '"}')
    error = refusal(device(server), b"x")
    assert error.what.startswith(r'the server refused the file (422: {"error": "no such\x1b[31m \u202e vehicle')
    assert error.what.isprintable()
    assert len(error.what) < 250


def test_a_hostile_reason_costs_no_time(server: FormServer) -> None:
    """Another thread waits while a text is searched: quadratic searches are for small texts."""
    server.trouble = answering(422, "<script" * 9_000)
    session = device(server)
    started = time.perf_counter()
    refusal(session, b"x")
    assert time.perf_counter() - started < 1.0


def test_a_collector_gets_the_bare_bytes_as_text(tmp_path: Path) -> None:
    with form_server(tmp_path, collector) as server:
        feed = post(device(server, Form.RAW), b"1 1700000000000000000\n", "26593136.dat")
    assert feed.sent[0].size == 22
    (kept,) = server.kept
    assert kept.content == b"1 1700000000000000000\n"
    assert kept.headers["Content-Type"] == "text/plain"
    assert kept.headers["Content-Length"] == "22"
    assert "26593136" not in str(kept.headers), "the protocol names no file"


def test_an_empty_file_is_a_file(server: FormServer) -> None:
    for form in (Form.MULTIPART, Form.RAW):
        server.trouble = None
        server.manner = collector if form is Form.RAW else api
        assert 0 in post(device(server, form), b"").sent
    assert [kept.content for kept in server.kept] == [b"", b""]


def test_free_fields_and_a_free_part_name(server: FormServer) -> None:
    fields = {"project": "v2x", "Ключ": "ü {name}", "empty": ""}
    feed = post(device(server, fields=fields, file_part="data[]"), b"rows", "clay/a b.csv")
    assert feed.sent[0].reference == server.url("/files/1")
    (kept,) = server.kept
    assert (kept.file_part, kept.file_name) == ("data[]", "a b.csv")
    assert kept.fields == {"project": "v2x", "Ключ": "ü a b.csv", "empty": ""}


# --- sizes -----------------------------------------------------------------------------------------------------------


def test_a_file_over_the_written_limit_is_held_unsent(server: FormServer) -> None:
    session = device(server, max_size=1000)
    assert isinstance(refusal(session, b"x" * 1001), ItemRefused)
    assert server.tries == 0
    assert 0 in post(session, b"x" * 1000).sent


def test_an_early_413_is_heard_although_the_connection_breaks(server: FormServer) -> None:
    server.trouble = early(413, after=MIB)
    error = refusal(device(server), content(48 * MIB))
    assert isinstance(error, ItemRefused)
    assert "too large" in error.what


def test_an_early_yes_is_none(server: FormServer) -> None:
    """Requirement R4: a server that stops reading at N bytes and says OK."""
    server.trouble = early(200, after=MIB)
    error = refusal(device(server), content(48 * MIB))
    assert isinstance(error, OutcomeUnknown)
    assert "said yes (200) after" in error.what


def test_a_reset_while_sending_is_no_outcome_at_all(server: FormServer) -> None:
    """Nothing can have been taken, so it may be sent again."""
    server.trouble = breaking_off(MIB)
    session = device(server)
    error = refusal(session, content(48 * MIB))
    assert type(error) is ItemFailed
    assert "max_size" in error.remedy
    server.trouble = None
    assert 0 in post(session, content(48 * MIB)).sent


def test_a_reset_over_flight_reviews_known_limit_is_a_refusal(
    server: FormServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("v2xsync.devices.post.FLIGHT_REVIEW_LIMIT", 40 * MIB)
    server.trouble = breaking_off(0)
    session = device(server, Form.FLIGHT_REVIEW)
    log = ULOG[:16] + content(48 * MIB)
    assert type(refusal(session, log)) is ItemRefused
    assert type(refusal(session, log[: 30 * MIB])) is ItemFailed
    roomy = device(server, Form.FLIGHT_REVIEW, max_size=100 * MIB)
    assert type(refusal(roomy, log)) is ItemFailed
