"""Forms as bytes: what a browser's server reads out of them again, whatever the names are."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.common import ODD_NAMES
from tests.devices.post.posting import ULOG, request

from v2xsync.devices.forms import (
    known_facts,
    multipart_envelope,
    quoted,
    raw_envelope,
    refuse_bad_ulog,
    resolved,
    worded,
)
from v2xsync.errors import ItemRefused

FLIGHT_REVIEW_PARAMETER = re.compile(r';\s*([^=]+)="(.*?)"(.*)')
"""How flight_review's streaming parser takes a header of a part apart."""


def test_an_envelope_is_what_a_browser_sends() -> None:
    envelope = multipart_envelope([("description", "first flight"), ("email", "")], "filearg", "log.ulg", "b0und")
    assert envelope.content_type == "multipart/form-data; boundary=b0und"
    assert envelope.head + b"ULog" + envelope.tail == (
        b'--b0und\r\nContent-Disposition: form-data; name="description"\r\n\r\nfirst flight\r\n'
        b'--b0und\r\nContent-Disposition: form-data; name="email"\r\n\r\n\r\n'
        b'--b0und\r\nContent-Disposition: form-data; name="filearg"; filename="log.ulg"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nULog\r\n--b0und--\r\n"
    )
    assert envelope.length(4) == len(envelope.head + b"ULog" + envelope.tail)


def test_a_bare_file_has_nothing_around_it() -> None:
    assert (raw_envelope().content_type, raw_envelope().length(7)) == ("text/plain", 7)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ('a"b.csv', b"a%22b.csv"),
        ("a\r\nX-Evil: 1", b"a%0D%0AX-Evil: 1"),
        ("tail\\", b"tail%5C"),
        ("red\x1b[31m\x7f\0", b"red%1B[31m%7F%00"),
        ("перекрёсток.csv", "перекрёсток.csv".encode()),
        (b"raw\xff\xfe.csv".decode("utf-8", "surrogateescape"), b"raw%FF%FE.csv"),
        ("50%.csv", b"50%.csv"),
    ],
)
def test_names_are_written_as_browsers_do_and_safer(name: str, written: bytes) -> None:
    assert quoted(name) == written


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_flight_review_reads_every_odd_name(name: str) -> None:
    """Its parser decodes UTF-8 strictly and ends a value at the first quote."""
    line = f'; filename="{quoted(name).decode("utf-8")}"'
    found = FLIGHT_REVIEW_PARAMETER.fullmatch(line)
    assert found is not None
    assert unquote_to_bytes(found[2]) == unquote_to_bytes(name.encode("utf-8", "surrogateescape"))


@given(st.text(st.characters(max_codepoint=0x10FFFF, exclude_categories=["Cs"])))
def test_no_name_ends_its_line_or_its_quotes(name: str) -> None:
    written = quoted(name).decode("utf-8")
    assert not set(written) & {'"', "\\", "\r", "\n", "\0"}
    assert all(ord(character) >= 0x20 for character in written)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (5, "5"), ("", ""), ("{name} of {source}", "a.ulg of drone"), ("{{x}}", "{x}")],
)
def test_values_are_words(value: str | bool | int, text: str) -> None:
    assert worded(value, known_facts(request("drone/a.ulg", 1, source="drone"))) == text


def test_what_is_read_elsewhere_is_taken_as_it_is() -> None:
    fields = resolved({"email": lambda: "{name}@example.org", "public": False})
    assert worded(fields["email"], known_facts(request("a.ulg", 1))) == "{name}@example.org"
    assert fields["public"] is False


def test_facts_come_from_the_engine_and_else_from_the_path() -> None:
    facts = known_facts(request("drone/2017-10-20/10_53_02.ulg", 1, source="drone", date="2017-10-20"))
    assert (facts["dir"], facts["stem"], facts["suffix"]) == ("drone/2017-10-20", "10_53_02", ".ulg")
    assert (facts["source"], facts["date"], facts["element"]) == ("drone", "2017-10-20", "")
    told = known_facts(request("drone/x.ulg", 1, path="log/x.ulg", name="x.ulg", dir="log"))
    assert (told["path"], told["dir"]) == ("log/x.ulg", "log")


@pytest.mark.parametrize("content", [ULOG, ULOG[:16], ULOG[:7] + b"\0" * 9])
def test_a_ulog_is_known_by_its_header(content: bytes) -> None:
    refuse_bad_ulog("a.ulg", len(content), content)


@pytest.mark.parametrize("content", [b"", ULOG[:15], b"\0" * 16, b"ULog\x01\x12\x34" + b"\0" * 9, b"x" + ULOG])
def test_what_is_no_ulog_is_refused(content: bytes) -> None:
    """Requirement R23."""
    with pytest.raises(ItemRefused, match="empty" if not content else "does not begin as a ULog"):
        refuse_bad_ulog("a.ulg", len(content), content)


def test_an_encrypted_log_has_another_header() -> None:
    refuse_bad_ulog("a.ULGE", 40, b"ULogEnc" + b"\0" * 33)
    with pytest.raises(ItemRefused):
        refuse_bad_ulog("a.ulg", 40, b"ULogEnc" + b"\0" * 33)
