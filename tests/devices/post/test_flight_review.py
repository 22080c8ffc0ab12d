"""The form of PX4's log server: what it is sent, what is never sent, and what its answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.devices.post.posting import ULOG, device, post, refusal
from tests.servers.form_server import FormServer, answering, flight_review, form_server

from v2xsync.devices.post import Form, PostDevice
from v2xsync.errors import AccessRefused, ItemCorrupt, ItemRefused

UUID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FormServer]:
    with form_server(tmp_path / "kept", flight_review) as server:
        yield server


@pytest.fixture
def session(server: FormServer) -> Iterator[PostDevice]:
    session = device(server, Form.FLIGHT_REVIEW)
    yield session
    session.close()


def test_a_log_arrives_private_and_with_everything_that_must_be_there(server: FormServer, session: PostDevice) -> None:
    """Requirement R24: anything public has to be written out."""
    feed = post(session, ULOG, "drone/10_53_02.ulg")
    assert feed.sent[0].reference == server.url(f"/plot_app?log={UUID}")
    (kept,) = server.kept
    assert (kept.file_part, kept.file_name, kept.content) == ("filearg", "10_53_02.ulg", ULOG)
    assert kept.fields == {
        "description": "", "email": "", "type": "personal",
        "allowForAnalysis": "false", "public": "false", "redirect": "false",
    }  # fmt: skip


def test_written_fields_are_sent_with_layout_fields_filled_in(server: FormServer) -> None:
    fields = {
        "description": "{source}, {date}: {name}", "email": lambda: "pilot@example.org", "public": True,
        "type": "flightreport", "windSpeed": 5, "rating": "good",
    }  # fmt: skip
    session = device(server, Form.FLIGHT_REVIEW, fields=fields)
    assert 0 in post(session, ULOG, "x.ulg", source="drone", date="2017-10-20", name="x.ulg").sent
    sent = server.kept[0].fields
    assert sent["description"] == "drone, 2017-10-20: x.ulg"
    assert (sent["email"], sent["public"], sent["type"]) == ("pilot@example.org", "true", "flightreport")
    assert (sent["windSpeed"], sent["rating"], sent["allowForAnalysis"]) == ("5", "good", "false")


def test_a_redirect_is_kept_and_never_followed(server: FormServer) -> None:
    session = device(server, Form.FLIGHT_REVIEW, fields={"redirect": True})
    feed = post(session, ULOG)
    assert feed.sent[0].reference == server.url(f"/plot_app?log={UUID}")
    assert feed.sent[0].method == "the server answered 302"
    assert server.tries == 1


@pytest.mark.parametrize(
    ("status", "body", "headers", "reference"),
    [
        (200, "", {}, ""),
        (200, '{"summary": {"ok": true}}', {}, ""),
        (201, '{"url": "https://logs.example.org/plot?log=1"}', {}, "https://logs.example.org/plot?log=1"),
        (302, "", {}, ""),
        (302, "", {"Location": "https://other.example.org/plot_app?log=1"}, "https://other.example.org/plot_app?log=1"),
        (302, "", {"Location": "plot_app/1"}, "/plot_app/1"),
        (200, '{"url": 7}', {}, ""),
        (200, '{"url": "/plot\\u001b[31m"}', {}, ""),
        (200, '{"url": "javascript:alert(1)"}', {}, ""),
        (200, '{"url": "http://[oops"}', {}, ""),
        (200, '{"a":' * 5000, {}, ""),
    ],
)
def test_an_address_is_taken_where_there_is_one(
    server: FormServer, session: PostDevice, status: int, body: str, headers: dict[str, str], reference: str
) -> None:
    server.trouble = answering(status, body, **headers)
    feed = post(session, ULOG)
    assert feed.errors == {}
    whole = server.url(reference) if reference.startswith("/") else reference
    assert feed.sent[0].reference == whole


@pytest.mark.parametrize(
    "location",
    ["https://login.example.org/", "/login?next=/upload", "/accounts/sign-in/", "/oauth2/start?rd=/", "/upload", "http://[x"],
)  # fmt: skip
def test_a_redirect_to_a_login_or_to_the_same_door_is_no_yes(
    server: FormServer, session: PostDevice, location: str
) -> None:
    """Requirement R4: the older systems would have removed the log."""
    server.trouble = answering(302, Location=location)
    with pytest.raises(AccessRefused, match="sends us on"):
        post(session, ULOG)


@pytest.mark.parametrize(("name", "content"), [("empty.ulg", b""), ("zeros.ulg", b"\0" * 16), ("short.ulg", ULOG[:12])])
def test_a_corrupt_log_is_held_and_nothing_is_sent(
    server: FormServer, session: PostDevice, name: str, content: bytes
) -> None:
    """Requirement R23."""
    assert isinstance(refusal(session, content, name), ItemCorrupt)
    assert server.tries == 0


def test_a_log_that_the_server_cannot_read_is_held(server: FormServer, session: PostDevice) -> None:
    server.trouble = answering(400, "<html><title>Failed to parse the file</title><script>x=1</script></html>")
    error = refusal(session, ULOG)
    assert isinstance(error, ItemRefused)
    assert error.what == "the server refused the file (400: Failed to parse the file)"


def test_a_text_that_the_server_would_refuse_stops_the_device(server: FormServer) -> None:
    session = device(server, Form.FLIGHT_REVIEW, fields={"description": "x" * 10_241})
    with pytest.raises(AccessRefused, match="description has more than 10240 bytes"):
        post(session, ULOG)
    assert server.tries == 0


def test_a_bad_log_does_not_keep_the_next_from_being_sent(server: FormServer, session: PostDevice) -> None:
    assert isinstance(refusal(session, b"x" * 100), ItemRefused)
    assert 0 in post(session, ULOG).sent
    assert len(server.kept) == 1


def test_the_form_server_is_as_picky_as_the_real_one(server: FormServer) -> None:
    """What flight_review answers to a form without its fields, so that the tests above mean something."""
    session = device(server, Form.MULTIPART, file_part="filearg", fields={"description": ""})
    assert "500" in refusal(session, ULOG).what
