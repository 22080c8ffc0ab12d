"""207 answers are parsed piece by piece, and nothing in them is without bounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.ends import MIB, bounded_memory

from v2xsync.devices.dav.answers import BadAnswer, Resource, resources

FILE = b"""<?xml version="1.0" encoding="utf-8"?>
<d:multistatus xmlns:d="DAV:" xmlns:x="urn:x">
 <d:response>
  <d:href>/v2x/a%20b.csv</d:href>
  <d:propstat>
   <d:prop>
    <d:resourcetype/><d:getcontentlength> 12 </d:getcontentlength>
    <d:getlastmodified>Tue, 14 Nov 2023 22:13:20 GMT</d:getlastmodified><d:getetag>"e"</d:getetag>
    <x:getcontentlength>99</x:getcontentlength>
   </d:prop>
   <d:status>HTTP/1.1 200 OK</d:status>
  </d:propstat>
  <d:propstat><d:prop><d:quota-available-bytes>5</d:quota-available-bytes></d:prop>
   <d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>
 </d:response>
</d:multistatus>"""
OPEN = b'<multistatus xmlns="DAV:">'
LAUGHS = b"".join(
    [
        b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">',
        *(b'<!ENTITY lol%d "%s">' % (n, b"&lol%d;" % (n - 1) * 10 if n > 1 else b"&lol;" * 10) for n in range(1, 10)),
        b"]>" + OPEN + b"<response><href>&lol9;</href></response></multistatus>",
    ]
)


def parse(body: bytes, piece: int = 64 * 1024, most: int = MIB) -> list[Resource]:
    return list(resources((body[at : at + piece] for at in range(0, len(body), piece)), most))


@pytest.mark.parametrize("piece", [1, 7, 65536])
def test_a_file_is_told_with_its_own_properties_only(piece):
    told = Resource("/v2x/a%20b.csv", 200, False, 12, "Tue, 14 Nov 2023 22:13:20 GMT", '"e"', None)
    assert parse(FILE, piece) == [told]


def test_a_folder_is_known_by_its_type():
    body = FILE.replace(b"<d:resourcetype/>", b"<d:resourcetype><d:collection/></d:resourcetype>")
    assert parse(body)[0].is_folder
    foreign = FILE.replace(b"<d:resourcetype/>", b"<d:resourcetype><x:collection/></d:resourcetype>")
    assert not parse(foreign)[0].is_folder


@pytest.mark.parametrize("line", ["HTTP/1.1 403 Forbidden", "200 OK", "", "HTTP/1.1 2000 OK"])
def test_properties_with_a_failed_status_do_not_count(line):
    (told,) = parse(FILE.replace(b"HTTP/1.1 200 OK", line.encode()))
    assert (told.size, told.modified) == (None, "")


def test_a_response_may_have_a_status_of_its_own():
    body = OPEN + b"<response><href>/x</href><status>HTTP/1.1 423 Locked</status></response></multistatus>"
    assert [told.status for told in parse(body)] == [423]


@pytest.mark.parametrize("number", ["-1", "1e9", "0x10", "9" * 19, "٣", ""])
def test_a_length_that_is_none_is_not_told(number):
    assert parse(FILE.replace(b" 12 ", number.encode()))[0].size is None


BAD = {
    "nothing": (b"", "XML"),
    "html": (b"<html><body>Welcome to the hotel</body></html>", "no WebDAV answer"),
    "not-xml": (b"%PDF-1.4", "XML"),
    "cut-off": (FILE[:-20], "XML"),
    "not-closed": (FILE.replace(b"</d:href>", b""), "XML"),
    "two-roots": (FILE + OPEN + b"</multistatus>", "XML"),
    "billion-laughs": (LAUGHS, "document type"),
    "file-of-ours": (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + OPEN + b"&e;</multistatus>",
        "document type",
    ),
    "document-type": (b"<!DOCTYPE multistatus>" + OPEN + b"</multistatus>", "document type"),
    "unknown-entity": (OPEN + b"&nbsp;</multistatus>", "XML"),
    "nested": (OPEN + b"<a>" * 1000, "nested"),
    "long-text": (OPEN + b"<response><href>" + b"x" * 40_000, "text without end"),
    "long-tag": (OPEN + b'<response a="' + b"x" * 400_000, "tag without end"),
    "long-comment": (OPEN + b"<!-- " + b"x" * 400_000, "tag without end"),
    "unknown-encoding": (b'<?xml version="1.0" encoding="rot13"?><a/>', "XML"),
    "wide-encoding": (b'<?xml version="1.0" encoding="utf-7"?><a/>', "XML"),
    "not-utf8": (OPEN + b"<response><href>/\xff</href></response></multistatus>", "XML"),
    "control": (OPEN + b"<response><href>/\x07</href></response></multistatus>", "XML"),
}


@pytest.mark.parametrize("piece", [1000, 65536])
@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_answer_is_refused_in_plain_words(bad, piece):
    body, words = BAD[bad]
    with pytest.raises(BadAnswer, match=words):
        parse(body, piece)


def test_a_body_that_is_too_long_is_refused():
    with pytest.raises(BadAnswer, match="longer than"):
        parse(OPEN + b"<response/>" * 100_000, most=MIB // 2)


def test_an_endless_answer_fills_no_memory():
    def endless() -> Iterator[bytes]:
        yield OPEN
        while True:
            yield b"<response><href>/x</href></response>" * 1000

    with bounded_memory(2 * MIB), pytest.raises(BadAnswer, match="longer than"):
        assert all(told.href == "/x" for told in resources(endless(), 2 * MIB))


@pytest.mark.parametrize("inside", [b'<a b="', b"<!-- ", b"<response><href>", b"<![CDATA["])
def test_an_endless_tag_fills_no_memory(inside):
    def endless() -> Iterator[bytes]:
        yield OPEN + inside
        while True:
            yield b"x" * 65536

    with bounded_memory(8 * MIB), pytest.raises(BadAnswer):
        list(resources(endless(), 1 << 30))
