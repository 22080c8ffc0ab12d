"""Who is on the other side, and who we are: certificates, logins, redirects, and peers that are no HTTP servers."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.contract.ends import MIB, bounded_memory, content
from tests.devices.webdav.sites import BRIEF_S, Site, answering, fetch, on, send
from tests.servers.apache import apache
from tests.servers.certificates import Authority, Signed
from tests.servers.dav_host import USERNAME, DavHost
from tests.servers.http_peer import Exchange, http_peer
from tests.servers.running import PASSWORD, free_port
from tests.servers.silent import listening

from v2xsync.devices.http import busy, make_client, mapped, retry_after_s, seconds_of_date, was_never_sent
from v2xsync.devices.webdav import WebdavDevice, WebdavOptions
from v2xsync.errors import (
    AccessRefused,
    DeviceBusy,
    DeviceError,
    DeviceGone,
    HostKeyRefused,
    ItemFailed,
    ItemRefused,
    ProtocolFault,
)

pytestmark = pytest.mark.real("apache2")

BIG = content(3 * MIB)


def device_at(port: int, *, scheme: str = "http", host: str = "127.0.0.1", ca: Path | None = None) -> WebdavDevice:
    options = WebdavOptions(
        url=f"{scheme}://{host}:{port}/dav", username=USERNAME, password=PASSWORD, ca=ca, timeout_s=5.0
    )
    return WebdavDevice("box", options, time.time)


# --- certificates (requirement R18) ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def refused_certificate(signed: Signed, trust: Path | None) -> HostKeyRefused:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.both)
    reached = []

    def never(exchange: Exchange) -> bool:
        reached.append(exchange)
        return exchange.reply(207)

    with http_peer(never, tls=context) as peer, pytest.raises(HostKeyRefused) as refused:
        device_at(peer.port, scheme="https", ca=trust).connect()
    assert reached == [], "nothing is asked of a server that cannot prove who it is"
    assert refused.value.remedy
    return refused.value


def test_a_certificate_for_another_name_is_refused(authority: Authority):
    assert "another" in refused_certificate(authority.sign("other.example"), authority.trust).what


def test_an_expired_certificate_is_refused(authority: Authority):
    signed = authority.sign("127.0.0.1", first_day=-30, last_day=-1)
    assert "has expired" in refused_certificate(signed, authority.trust).what


def test_a_certificate_of_tomorrow_is_refused(authority: Authority):
    signed = authority.sign("127.0.0.1", first_day=1, last_day=30)
    assert "not valid yet" in refused_certificate(signed, authority.trust).what


def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority):
    assert "nobody" in refused_certificate(authority.sign("127.0.0.1"), None).what


def test_naming_authorities_trusts_them_alone(authority: Authority, tmp_path: Path):
    stranger = Authority(tmp_path)
    assert "nobody" in refused_certificate(authority.sign("127.0.0.1"), stranger.trust).what


def test_a_file_without_certificates_is_no_authority(tmp_path: Path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(AccessRefused, match="authorities"):
            device_at(1, scheme="https", ca=path).connect()


def test_a_port_without_tls_is_told():
    greeting = listening(lambda plug: plug.sendall(b"220 ftp.example ready\r\n"))
    with greeting as port, pytest.raises(ProtocolFault, match="TLS"):
        device_at(port, scheme="https").connect()


def test_over_tls_a_fetch_is_hashed_in_line(authority: Authority):
    with apache(tls=authority.sign("127.0.0.1"), ca=authority.trust) as host:
        site = Site(host, host.home)
        site.plant("a.bin", b"12345")
        finished = fetch(site.device(), "a.bin").finished[0]
        site.close()
    assert (finished.method, finished.digest) == ("tls channel", None)


# --- logins ----------------------------------------------------------------------------------------------------------


def test_a_wrong_password_stops_the_device(site: Site):
    with pytest.raises(AccessRefused, match="another login") as refused:
        site.device(password="wrong").connect()
    assert "password" in refused.value.remedy


def test_no_login_where_one_is_wanted_stops_the_device(site: Site):
    with pytest.raises(AccessRefused):
        site.device(username="", password="").connect()


def test_a_password_that_is_changed_meanwhile_is_no_file_s_fault(site: Site):
    changed = False

    def lock_out(exchange: Exchange) -> bool:
        return changed and exchange.reply(401, WWW_Authenticate='Basic realm="x"')

    site.plant("a.bin", b"1")
    with site.through(lock_out) as (device, _):
        device.connect()
        changed = True
        with pytest.raises(AccessRefused):
            device.stat(["a.bin"])


def test_one_address_that_wants_another_login_is_that_file_s_trouble(site: Site):
    def ask(exchange: Exchange) -> bool:
        return exchange.reply(401, WWW_Authenticate='Basic realm="vault"')

    with site.through(on("PROPFIND", "a.bin", ask)) as (device, _):
        (answer,) = device.stat(["a.bin"])
    assert isinstance(answer, ItemRefused)


def test_the_password_is_read_when_it_is_asked_for_and_stands_in_no_message(site: Site):
    asked = []

    def password() -> str:
        asked.append(True)
        return PASSWORD

    device = site.device(password=password)
    assert asked == []
    device.connect()
    assert asked == [True]
    assert PASSWORD not in repr(WebdavOptions(url="https://h/", password=PASSWORD))


def test_basic_is_sent_unasked_once_it_was_asked_for(site: Site):
    site.plant("a.bin", b"1")
    with site.through(lambda exchange: False) as (device, peer):
        device.stat(["a.bin"] * 5)
        assert len(peer.seen) == len(peer.logins) + 1
    assert base64.b64decode(peer.logins[0].removeprefix("Basic ")).decode() == f"{USERNAME}:{PASSWORD}"


@pytest.fixture(scope="module")
def digest_host() -> Iterator[DavHost]:
    with apache(auth="digest") as host:
        yield host


def test_a_challenge_that_went_stale_in_the_middle_costs_nothing(digest_host: DavHost):
    """One PUT finds its nonce refused: its body is sent again from where it began."""
    stale = iter([True])

    def spoil(exchange: Exchange) -> bool:
        if exchange.method != "PUT" or not next(stale, False):
            return False
        exchange.body()
        return exchange.pass_on(exchange.real(b"", authorization=""))

    site = Site(digest_host, digest_host.home)
    with site.through(spoil) as (device, peer):
        assert 0 in send(device, "a.bin", BIG).sent
        assert peer.count("^PUT") == 4
        assert all(login.startswith("Digest ") for login in peer.logins)
    assert site.files() == {"a.bin": BIG}


def test_the_endless_text_of_a_refused_login_is_not_read():
    def endless(exchange: Exchange) -> bool:
        exchange.raw(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nTransfer-Encoding: chunked\r\n\r\n')
        while True:
            exchange.raw(b"10000\r\n" + bytes(65536) + b"\r\n")

    with http_peer(endless) as peer, bounded_memory(8 * MIB), pytest.raises(DeviceError):
        device_at(peer.port).connect()


# --- redirects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_login_is_never_carried_to_another_address(site: Site, status):
    with http_peer(lambda exchange: exchange.reply(207)) as elsewhere:
        where = f"http://127.0.0.1:{elsewhere.port}/x"
        away = answering(status, Location=where)
        with site.through(away) as (device, _), pytest.raises(DeviceGone, match="sends us to"):
            device.connect()
        with site.through(on("PROPFIND", "a.bin", away)) as (device, _):
            (answer,) = device.stat(["a.bin"])
            assert isinstance(answer, ItemFailed)
        assert elsewhere.seen == []


def test_a_redirect_that_only_adds_a_slash_names_a_folder(site: Site):
    site.plant("d/x", b"x")

    def add_slash(exchange: Exchange) -> bool:
        return exchange.target.endswith("/d") and exchange.reply(301, Location=f"{exchange.target}/")

    with site.through(add_slash) as (device, _):
        (answer,) = device.stat(["d"])
        assert getattr(answer, "path", "") == "d"
        with_loop = site.through(on("PROPFIND", "/d", lambda exchange: exchange.reply(301, Location=exchange.target)))
        with with_loop as (looping, _):
            assert isinstance(looping.stat(["d"])[0], ItemFailed)


# --- peers that are no HTTP servers ----------------------------------------------------------------------------------


def test_a_header_without_end_ends():
    """The bad input "10 GB header": refused after 100 KiB."""

    def header(plug: socket.socket) -> None:
        plug.recv(65536)
        plug.sendall(b"HTTP/1.1 207 Multi-Status\r\nX-Long: ")
        while True:
            plug.sendall(b"x" * 65536)

    with listening(header) as port, bounded_memory(4 * MIB), pytest.raises(ProtocolFault, match="proper HTTP"):
        device_at(port).connect()


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\0" * 1000, b"HTTP/1.1 twohundred\r\n\r\n"])
def test_what_is_no_http_is_told(said):
    def speak(plug: socket.socket) -> None:
        plug.recv(65536)
        plug.sendall(said)
        plug.close()

    with listening(speak) as port, pytest.raises(ProtocolFault):
        device_at(port).connect()


def test_a_server_that_hangs_up_or_is_not_there_is_gone():
    with listening(lambda plug: plug.close()) as port, pytest.raises(DeviceGone):
        device_at(port).connect()
    with pytest.raises(DeviceGone, match="cannot be reached"):
        device_at(free_port()).connect()
    with pytest.raises(DeviceGone, match="cannot be reached"):
        device_at(80, host="no-such-host.invalid").connect()


def test_a_proxy_is_not_used_for_this_machine(site: Site, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    site.device().connect()
    with pytest.raises(DeviceGone):
        device_at(80, host="webdav.example.org").connect()


# --- the shared page -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "9" * 40}, 86_400.0),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:30 GMT", "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 10.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:10 GMT", "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 0.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:30 GMT"}, None),
        ({"Retry-After": "Tue, 99 Nov 2023 22:13:30 GMT", "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}, None),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(headers, seconds):
    assert retry_after_s(httpx.Response(503, headers={k: v.encode() for k, v in headers.items()})) == seconds


def test_dates_have_no_zone_but_utc():
    assert seconds_of_date("Tue, 14 Nov 2023 22:13:20 GMT") == 1_700_000_000.0
    assert seconds_of_date("Tue, 14 Nov 2023 22:13:20") == 1_700_000_000.0
    assert seconds_of_date("Tue, 14 Nov 2023 22:13:20 -0000") == 1_700_000_000.0
    assert seconds_of_date("") is None


def test_a_busy_server_is_busy():
    assert isinstance(busy("box", httpx.Response(429)), DeviceBusy)


def hang_up(plug: socket.socket) -> None:
    plug.recv(65536)
    plug.close()


def test_what_never_left_is_told_from_what_may_have_arrived():
    with make_client("box", timeout_s=BRIEF_S) as client:
        with pytest.raises(DeviceGone) as refused, mapped("box"):
            client.get(f"http://127.0.0.1:{free_port()}/")
        assert was_never_sent(refused.value)
        with listening(hang_up) as port, pytest.raises(DeviceGone) as lost, mapped("box"):
            client.get(f"http://127.0.0.1:{port}/")
        assert not was_never_sent(lost.value)
        assert not was_never_sent(DeviceGone("box", "for another reason"))
