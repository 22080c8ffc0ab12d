"""Listings of servers that lie: nothing outside the root, nothing twice, nothing believed that is not whole."""

from __future__ import annotations

import re

import pytest
from tests.contract.ends import MIB, bounded_memory
from tests.devices.webdav.sites import Site, answering, on
from tests.devices.webdav.test_answers import LAUGHS
from tests.servers.http_peer import Exchange, Reply

from v2xsync.devices.webdav import WebdavDevice
from v2xsync.errors import DeviceBusy, DeviceError, ItemFailed, ItemMissing, ItemRefused, ProtocolFault
from v2xsync.model.items import Entry, Kind, Unlistable

pytestmark = pytest.mark.real("apache2")


def listed(device: WebdavDevice) -> tuple[set[str], list[Unlistable]]:
    found = list(device.list())
    paths = {entry.path for entry in found if isinstance(entry, Entry)}
    return paths, [part for part in found if isinstance(part, Unlistable)]


def changing(pattern: bytes, by: bytes, *, depth: str = "1"):
    """The real server's answer to PROPFIND, with every fit of `pattern` changed."""

    def change(exchange: Exchange) -> bool:
        real = exchange.real()
        body = re.sub(pattern, by, real.body) if exchange.headers["depth"] == depth else real.body
        return exchange.pass_on(Reply(real.status, real.reason, real.headers, body))

    return on("PROPFIND", "", change)


def test_folders_come_before_what_is_in_them(site: Site):
    for path in ("b/c/d.csv", "b/a.csv", "a.csv", "z/y/x/w.csv"):
        site.plant(path, b"x")
    found = [entry for entry in site.device().list() if isinstance(entry, Entry)]
    order = [entry.path for entry in found]
    assert len(order) == len(set(order)) == 9
    for path in order:
        parent = path.rpartition("/")[0]
        assert not parent or order.index(parent) < order.index(path)
    assert {entry.path for entry in found if entry.kind is Kind.FOLDER} == {"b", "b/c", "z", "z/y", "z/y/x"}


@pytest.mark.parametrize(
    "href",
    ["https://other.example/x.csv", "/etc/passwd", "../x.csv", "x.csv", "{base}d%2Fx.csv", "{base}..%2F..%2Fx.csv",
     "{base}../x.csv", "{base}d/e/x.csv", "{base}y.csv", "{base}", "{base}x%00.csv"],
)  # fmt: skip
def test_an_address_that_cannot_be_believed_makes_the_folder_incomplete(site: Site, href):
    """Invariants 5 and 9."""
    site.plant("x.csv", b"x")
    site.plant("y.csv", b"y")
    base = f"/{site.root.name}/"
    target = href.format(base=base).encode()
    with site.through(changing(rf"{base}x\.csv".encode(), target)) as (device, _):
        paths, gaps = listed(device)
    if href == "{base}":  # a file that says that it is the folder itself
        assert paths == {"y.csv"}
    else:
        assert [gap.path for gap in gaps] == [""]
        assert "x.csv" not in paths


def test_a_file_whose_size_is_not_told_makes_the_folder_incomplete(site: Site):
    site.plant("d/x.csv", b"x")
    site.plant("y.csv", b"y")
    with site.through(changing(rb"getcontentlength>1<", b"getcontentlength>one<")) as (device, _):
        paths, gaps = listed(device)
    assert paths == {"d"}
    assert {gap.path for gap in gaps} == {"", "d"}


def test_an_answer_that_does_not_speak_of_the_folder_is_not_believed(site: Site):
    """Requirement R7: an empty answer is no empty folder."""
    site.plant("x.csv", b"x")
    with site.through(changing(rb"(?s)<D:response .*</D:response>", b"")) as (device, _):
        paths, gaps = listed(device)
    assert paths == set()
    assert [gap.path for gap in gaps] == [""]


def test_a_part_that_the_server_may_not_show_makes_the_folder_incomplete(site: Site):
    site.plant("x.csv", b"x")
    part = b'<D:response xmlns:D="DAV:"><D:href>/%s/secret</D:href><D:status>HTTP/1.1 403 Forbidden</D:status>'
    added = part % site.root.name.encode() + b"</D:response></D:multistatus>"
    with site.through(changing(rb"</D:multistatus>", added)) as (device, _):
        paths, gaps = listed(device)
    assert paths == {"x.csv"}
    assert "403" in gaps[0].reason


@pytest.mark.parametrize("status", [403, 401, 500])
def test_a_folder_that_may_not_be_listed_leaves_the_others(site: Site, status):
    site.plant("closed/x.csv", b"x")
    site.plant("open/y.csv", b"y")
    with site.through(on("PROPFIND", "/closed/", answering(status))) as (device, _):
        paths, gaps = listed(device)
    assert paths == {"closed", "open", "open/y.csv"}
    assert [gap.path for gap in gaps] == ["closed"]


def test_a_folder_that_vanishes_meanwhile_is_left_out(site: Site):
    site.plant("d/x.csv", b"x")
    site.plant("y.csv", b"y")
    with site.through(on("PROPFIND", "/d/", answering(404))) as (device, _):
        assert listed(device) == ({"d", "y.csv"}, [])


def test_a_listing_that_breaks_off_is_an_error(site: Site):
    site.plant("x.csv", b"x")

    def cut(exchange: Exchange) -> bool:
        if exchange.headers["depth"] == "0":
            return False
        body = exchange.real().body
        exchange.raw(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:-30])
        return exchange.break_off()

    with site.through(on("PROPFIND", "", cut)) as (device, _), pytest.raises(DeviceError):
        list(device.list())


@pytest.mark.parametrize(
    "body", [LAUGHS, b"<multistatus", b"<html>hotel</html>", b""], ids=["laughs", "xml", "html", "-"]
)
def test_broken_xml_is_a_broken_protocol(site: Site, body):
    broken = pytest.raises(ProtocolFault, match="WebDAV is broken")
    with site.through(on("PROPFIND", "", answering(207, body))) as (device, _), broken:
        device.connect()
    with site.through(on("PROPFIND", "/d", answering(207, body))) as (device, _):
        (answer,) = device.stat(["d"])
        assert isinstance(answer, ItemFailed)
    site.plant("d/x.csv", b"x")
    with site.through(on("PROPFIND", "/d/", answering(207, body))) as (device, _), pytest.raises(ProtocolFault):
        list(device.list())


def test_names_with_control_characters_are_carried_as_they_are(site: Site):
    """They are mapped where they are written and drawn (invariant 9); here they must name the very same file."""
    site.plant("red\x1b[31m\r\n.csv", b"x")
    assert listed(site.device()) == ({"red\x1b[31m\r\n.csv"}, [])


def test_an_endless_tree_ends(site: Site):
    site.plant("d/x", b"x")

    def nest(exchange: Exchange) -> bool:
        own = exchange.target
        folder = "<response><href>{}</href><propstat><prop><resourcetype><collection/></resourcetype></prop>{}"
        status = "<status>HTTP/1.1 200 OK</status></propstat></response>"
        parts = [folder.format(own, status), folder.format(f"{own}{'d' * 200}/", status)]
        return exchange.reply(207, f'<multistatus xmlns="DAV:">{"".join(parts)}</multistatus>'.encode())

    with site.through(on("PROPFIND", "/d/", nest)) as (device, _):
        paths, gaps = listed(device)
    assert len(paths) < 100
    assert len(gaps) == 1


def test_a_large_folder_is_listed_in_bounded_memory(site: Site):
    site.plant("d/x", b"x")
    one = (
        "<response><href>{}{:07}.csv</href><propstat><prop><resourcetype/><getcontentlength>1</getcontentlength>"
        "</prop><status>HTTP/1.1 200 OK</status></propstat></response>"
    )
    itself = (
        "<response><href>{}</href><propstat><prop><resourcetype><collection/></resourcetype></prop>"
        "<status>HTTP/1.1 200 OK</status></propstat></response>"
    )
    count = 8_000

    def many(exchange: Exchange) -> bool:
        lines = [itself.format(exchange.target), *(one.format(exchange.target, n) for n in range(count))]
        return exchange.reply(207, f'<multistatus xmlns="DAV:">{"".join(lines)}</multistatus>'.encode())

    with site.through(on("PROPFIND", "/d/", many)) as (device, _):
        device.connect()
        with bounded_memory(24 * MIB):
            assert sum(1 for _ in device.list()) == count + 1


def test_a_busy_server_says_for_how_long(site: Site):
    with site.through(answering(503, Retry_After="120")) as (device, _), pytest.raises(DeviceBusy, match="120 s"):
        device.connect()
    late = answering(429, Date="Tue, 14 Nov 2023 22:13:20 GMT", Retry_After="Tue, 14 Nov 2023 22:14:20 GMT")
    with site.through(late) as (device, _), pytest.raises(DeviceBusy, match="60 s"):
        device.connect()
    with site.through(answering(503, Retry_After="soon")) as (device, _), pytest.raises(DeviceBusy, match=r"\(503\)$"):
        device.connect()


def test_what_a_server_tells_of_one_address_only_counts_for_that(site: Site):
    site.plant("x.csv", b"x")
    with site.through(changing(rb"x\.csv", b"y.csv", depth="0")) as (device, _):
        (answer,) = device.stat(["x.csv"])
    assert isinstance(answer, ItemFailed)
    gone = b'<multistatus xmlns="DAV:"><response><href>/%s/x.csv</href><status>HTTP/1.1 %d X</status></response>'
    for status, kind in ((404, ItemMissing), (403, ItemRefused)):
        body = gone % (site.root.name.encode(), status) + b"</multistatus>"
        with site.through(on("PROPFIND", "x.csv", answering(207, body))) as (device, _):
            (answer,) = device.stat(["x.csv"])
        assert isinstance(answer, kind)
