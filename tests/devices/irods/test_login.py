"""Logging in: every way, every wrong way, and never a secret in a message."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from irods.password_obfuscation import encode
from tests.contract.ends import MIB, Collected, ask, content
from tests.devices.irods.certificates import Issued, issue
from tests.devices.irods.sending import request, send
from tests.devices.irods.zones import ZoneFarSide, connected, options
from tests.servers.irods_standin import StandIn
from tests.servers.irods_standin.login import REFUSE, REQUIRE

from v2xsync.devices.irods import IrodsDevice
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone, ProtocolFault

PAM_SECRET = "pam;se=cr\\et"


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    return issue(tmp_path / "certificates")


@pytest.fixture
def secured(tmp_path: Path, issued: Issued) -> Iterator[StandIn]:
    """A zone that insists on TLS, with PAM."""
    with StandIn(tmp_path / "secured", tls=issued.context, policy=REQUIRE) as standin:
        standin.accounts.pam_password = PAM_SECRET
        ZoneFarSide(standin)
        yield standin


def tls(issued: Issued, **more: Any) -> dict[str, Any]:
    return {"settings": {"client_server_policy": REQUIRE, "ssl_ca_certificate_file": str(issued.ca_file), **more}}


def refusal(standin: StandIn, /, **changes: Any) -> DeviceError:
    """How a login fails; asserts that it does, and that no secret is told."""
    device = IrodsDevice("cyverse", options(standin, **changes))
    with pytest.raises(DeviceError) as caught:
        device.connect()
    device.close()
    told = repr(caught.value) + str(caught.value) + caught.value.remedy
    accounts = standin.accounts
    for secret in (accounts.password, accounts.pam_password, str(changes.get("password", "")), *accounts.tokens):
        assert not secret or secret not in told
    assert caught.value.device == "cyverse"
    return caught.value


def write_environment(folder: Path, zone: StandIn, token: str = "", **more: Any) -> Path:
    """An environment as `iinit` leaves it."""
    folder.mkdir()
    known = {
        "irods_host": zone.host,
        "irods_port": zone.port,
        "irods_zone_name": zone.name,
        "irods_user_name": zone.username,
        "irods_authentication_uid": 1000,
    }
    path = folder / "irods_environment.json"
    path.write_text(json.dumps(known | more), encoding="utf-8")
    if token:
        (folder / ".irodsA").write_text(encode(token, 1000) + "\n", encoding="utf-8")
    return path


class TestNative:
    @pytest.mark.parametrize("version", ["4.2.11", "4.3.3", "5.0.2"])
    def test_login(self, zone: StandIn, far: ZoneFarSide, version: str):
        """Before 4.3 a login is API 703 and 704, since then 110000."""
        zone.accounts.version = version
        with connected(zone) as device:
            assert device.probe().detail == f"iRODS {version}, zone tempZone"
        assert zone.faults.calls[703] == (version == "4.2.11")

    def test_the_password_is_read_when_it_is_needed(self, zone: StandIn):
        asked: list[int] = []

        def reveal() -> str:
            asked.append(1)
            return zone.password

        device = IrodsDevice("cyverse", options(zone, password=reveal))
        assert asked == []
        device.connect()
        assert asked == [1]
        device.close()

    def test_a_wrong_password_is_refused(self, zone: StandIn):
        error = refusal(zone, password="not-the-password")
        assert isinstance(error, AccessRefused)
        assert "CAT_INVALID_AUTHENTICATION -826000" in error.what
        assert "alice" in error.what
        assert "password" in error.remedy

    def test_an_unknown_user_is_refused(self, zone: StandIn):
        assert "CAT_INVALID_USER" in refusal(zone, username="mallory").what

    def test_without_a_password_nothing_is_tried(self, zone: StandIn):
        assert isinstance(refusal(zone, password=None), AccessRefused)
        assert zone.faults.logins == 0

    @pytest.mark.parametrize("code", [-840_000, -827_000, -13_000])
    def test_login_codes_stop_the_lane(self, zone: StandIn, code: int):
        zone.faults.refuse[110_000] = code
        assert isinstance(refusal(zone), AccessRefused)

    @pytest.mark.parametrize("code", [-178_000, -1_824_000, -999_999])
    def test_codes_that_the_client_does_not_know_stop_the_lane_too(self, zone: StandIn, code: int):
        zone.faults.refuse[110_000] = code
        assert isinstance(refusal(zone), AccessRefused)

    @pytest.mark.parametrize("code", [-803_000, -37_000, -185_000])
    def test_a_catalog_that_is_down_is_waited_for(self, zone: StandIn, code: int):
        zone.faults.refuse[110_000] = code
        assert isinstance(refusal(zone), DeviceGone)


class TestEnvironment:
    def test_native_with_a_token_file(self, zone: StandIn, far: ZoneFarSide, tmp_path: Path):
        path = write_environment(tmp_path / "home", zone, token=zone.password)
        nothing = {"host": "", "port": None, "zone": "", "username": "", "password": None}
        with connected(zone, environment=path, **nothing) as device:
            device.probe()

    def test_the_devices_own_keys_win(self, zone: StandIn, far: ZoneFarSide, tmp_path: Path):
        path = write_environment(tmp_path / "home", zone, irods_host="192.0.2.1", irods_port="1", irods_user_name="x")
        with connected(zone, environment=path) as device:
            device.probe()

    def test_the_token_of_a_pam_login_is_used_natively(self, secured: StandIn, issued: Issued, tmp_path: Path):
        secured.accounts.tokens.add("token-of-iinit")
        path = write_environment(
            tmp_path / "home",
            secured,
            token="token-of-iinit",
            irods_authentication_scheme="PAM",
            irods_ssl_ca_certificate_file=str(issued.ca_file),
        )
        with connected(secured, environment=path, password=None) as device:
            device.probe()

    def test_no_login_writes_beside_the_environment(
        self, secured: StandIn, issued: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """Given the file itself, the client library would put a new PAM token into ~/.irods/.irodsA."""
        monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
        monkeypatch.setenv("IRODS_AUTHENTICATION_FILE", str(tmp_path / "home" / "written"))
        scheme = {"irods_authentication_scheme": "pam_password"}
        path = write_environment(tmp_path / "home", secured, **scheme)
        with connected(secured, environment=path, password=PAM_SECRET, **tls(issued)) as device:
            device.probe()
        assert sorted(entry.name for entry in (tmp_path / "home").iterdir()) == ["irods_environment.json"]
        assert not (tmp_path / "nobody").exists()

    @pytest.mark.parametrize("content", ["{", "[]", '{"irods_host": "h"}', '{"irods_port": "x"}'])
    def test_a_broken_environment_is_named(self, zone: StandIn, tmp_path: Path, content: str):
        path = tmp_path / "irods_environment.json"
        path.write_text(content, encoding="utf-8")
        nothing = {"host": "", "zone": ""} if "port" not in content else {"port": None}
        assert isinstance(refusal(zone, environment=path, **nothing), AccessRefused)

    def test_a_missing_environment_is_named(self, zone: StandIn, tmp_path: Path):
        assert "No such file" in refusal(zone, environment=tmp_path / "none.json").what

    def test_a_garbled_token_file_is_named(self, zone: StandIn, tmp_path: Path):
        path = write_environment(tmp_path / "home", zone)
        (tmp_path / "home" / ".irodsA").write_text("x", encoding="utf-8")
        assert ".irodsA" in refusal(zone, environment=path, password=None).what

    def test_logins_that_are_not_possible_are_named(self, zone: StandIn):
        assert '"krb"' in refusal(zone, auth="krb").what


class TestTls:
    def test_login_and_a_look(self, secured: StandIn, issued: Issued):
        with connected(secured, **tls(issued)) as device:
            device.probe()
            assert list(device.list()) == []

    @pytest.mark.parametrize(
        ("verify", "method"), [("hostname", "tls channel"), ("none", "the server's sha256 checksum")]
    )
    def test_files_pass_and_the_channel_is_a_proof_where_the_other_end_is_known(
        self, secured: StandIn, issued: Issued, verify: str, method: str
    ):
        data = content(3 * MIB)
        with connected(secured, **tls(issued, ssl_verify_server=verify)) as device:
            assert 0 in send(device, request("a.bin", data), data=data).sent
            secured.zone.require(f"{secured.home}/v2x/a.bin").first.checksum = ""
            sink = Collected()
            device.fetch(ask(device, ["a.bin"]), sink)
        assert sink.content(0) == data
        assert sink.finished[0].method == method

    def test_pam(self, secured: StandIn, issued: Issued):
        with connected(secured, auth="pam_password", password=PAM_SECRET, **tls(issued)) as device:
            device.probe()
        assert len(secured.accounts.tokens) == 1

    @pytest.mark.parametrize("long", [False, True], ids=["by API 1201", "by API 725"])
    def test_pam_before_4_3(self, secured: StandIn, issued: Issued, long: bool):
        secured.accounts.version = "4.2.12"
        secured.accounts.pam_password = "p" * 1_100 if long else PAM_SECRET
        password = secured.accounts.pam_password
        with connected(secured, auth="pam_password", password=password, **tls(issued)) as device:
            device.probe()
        assert secured.faults.calls[725 if long else 1201] == 1

    def test_a_wrong_pam_password_is_refused(self, secured: StandIn, issued: Issued):
        error = refusal(secured, auth="pam_password", password="wrong-pam", **tls(issued))
        assert isinstance(error, AccessRefused)
        assert "PAM_AUTH_PASSWORD_FAILED" in error.what

    def test_a_pam_password_never_goes_over_a_plain_line(self, zone: StandIn):
        error = refusal(zone, auth="pam_password", settings={"client_server_policy": REFUSE})
        assert isinstance(error, AccessRefused)
        assert "TLS only" in error.what

    def test_a_zone_that_insists_on_tls_says_so(self, secured: StandIn):
        error = refusal(secured, settings={"client_server_negotiation": "request_server_negotiation"})
        assert isinstance(error, AccessRefused)
        assert "insists on TLS" in error.what

    def test_a_zone_without_tls_says_so(self, tmp_path: Path, issued: Issued):
        with StandIn(tmp_path / "plain", policy=REFUSE) as plain:
            error = refusal(plain, **tls(issued))
        assert isinstance(error, AccessRefused)
        assert "a plain line" in error.what

    def test_a_ca_that_nobody_named_is_not_trusted(self, secured: StandIn):
        """The client library alone would not look at the certificate here."""
        error = refusal(secured, settings={"client_server_policy": REQUIRE})
        assert isinstance(error, AccessRefused)
        assert "certificate" in error.what

    def test_a_certificate_for_another_name_is_refused(self, tmp_path: Path):
        other = issue(tmp_path / "other", address="192.0.2.7")
        with StandIn(tmp_path / "z", tls=other.context, policy=REQUIRE) as standin:
            ZoneFarSide(standin)
            assert isinstance(refusal(standin, **tls(other)), AccessRefused)
            with connected(standin, **tls(other, ssl_verify_server="cert")) as device:
                device.probe()

    def test_an_expired_certificate_is_refused(self, tmp_path: Path):
        old = issue(tmp_path / "old", expired=True)
        with StandIn(tmp_path / "z", tls=old.context, policy=REQUIRE) as standin:
            error = refusal(standin, **tls(old))
            assert isinstance(error, AccessRefused)
            assert "expired" in error.what

    def test_a_missing_ca_file_is_named(self, secured: StandIn):
        settings = {"client_server_policy": REQUIRE, "ssl_ca_certificate_file": "/nonexistent/ca.pem"}
        assert "CA file" in refusal(secured, settings=settings).what

    def test_verification_is_switched_off_only_in_so_many_words(self, secured: StandIn):
        settings = {"client_server_policy": REQUIRE, "ssl_verify_server": "none"}
        with connected(secured, settings=settings) as device:
            device.probe()
        settings["ssl_verify_server"] = "maybe"
        assert 'ssl_verify_server = "maybe"' in refusal(secured, settings=settings).what


class TestNobodyThere:
    def test_a_port_where_nothing_listens(self, zone: StandIn):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        error = refusal(zone, port=port)
        assert isinstance(error, DeviceGone)
        assert str(port) in error.what

    def test_a_name_that_does_not_exist(self, zone: StandIn):
        assert isinstance(refusal(zone, host="no-such-host.invalid"), DeviceGone)

    def test_a_server_that_accepts_and_says_nothing(self, zone: StandIn):
        with speaking(b"", hang=True) as port:
            started = time.monotonic()
            assert isinstance(refusal(zone, port=port, timeout_s=0.4), DeviceGone)
            assert time.monotonic() - started < 5

    def test_a_login_that_hangs(self, zone: StandIn):
        zone.faults.hang[110_000] = 1
        assert isinstance(refusal(zone, timeout_s=0.4), DeviceGone)

    @pytest.mark.parametrize(
        "greeting",
        [
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\0\0\0\x04abcd",
            b"\0\0\0\x0e<a>&nothing;</a>"[:18],
            b"",
        ],
        ids=["ssh", "http", "no xml", "entity", "closes"],
    )
    def test_something_else_answers(self, zone: StandIn, greeting: bytes):
        with speaking(greeting) as port:
            assert isinstance(refusal(zone, port=port, timeout_s=2.0), DeviceGone | ProtocolFault)


@contextmanager
def speaking(greeting: bytes, *, hang: bool = False) -> Iterator[int]:
    """A server that says `greeting` to everybody and closes; with `hang` it stays silent until the end."""
    over = threading.Event()

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                line.recv(65_536)
                line.sendall(greeting)
                if hang:
                    over.wait(20)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)
