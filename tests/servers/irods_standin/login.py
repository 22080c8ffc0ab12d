"""How a session begins: StartupPack, the question about TLS, and three ways to log in.

Native (API 110000 since 4.3, API 703/704 before), PAM with a password (110000, or API 725 and 1201 before), each the
way the client's `irods.auth` and `irods.connection` play their side.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import socket
import ssl
import struct
from dataclasses import dataclass, field

from tests.servers.irods_standin.catalog import INVALID_AUTHENTICATION, INVALID_USER, PAM_FAILED, Rejected
from tests.servers.irods_standin.wire import HangUp, Message, element, fields, header_of, receive, send, take

REQUIRE, REFUSE, DONT_CARE = "CS_NEG_REQUIRE", "CS_NEG_REFUSE", "CS_NEG_DONT_CARE"
_PASSWORD_BYTES = 50


@dataclass(slots=True)
class Accounts:
    """Who may log in, and how."""

    username: str
    password: str
    pam_password: str = ""
    policy: str = DONT_CARE
    version: str = "4.3.3"
    tls: ssl.SSLContext | None = None
    tokens: set[str] = field(default_factory=set)
    """Passwords that PAM logins were given for native ones."""


def start(line: socket.socket, accounts: Accounts) -> socket.socket:
    """Greet a client; returns the line to go on with, wrapped in TLS where both want it."""
    opening = receive(line)
    if opening.kind != "RODS_CONNECT":
        raise HangUp
    secured = False
    if opening.body.value("option").endswith("request_server_negotiation"):
        send(line, body=element("CS_NEG_PI", fields(status=1, result=accounts.policy)), kind="RODS_CS_NEG_T")
        result = receive(line).body.value("result")
        if "CS_NEG_FAILURE" in result:
            raise HangUp
        secured = "CS_NEG_USE_SSL" in result
    elif accounts.policy == REQUIRE:
        raise HangUp
    version = fields(
        status=0, relVersion=f"rods{accounts.version}", apiVersion="d", reconnPort=0, reconnAddr="", cookie=400
    )
    send(line, body=element("Version_PI", version), kind="RODS_VERSION")
    return _secure(line, accounts) if secured else line


def _secure(line: socket.socket, accounts: Accounts) -> socket.socket:
    """TLS, then two headers that carry encryption settings (their lengths are no lengths) and a secret."""
    if accounts.tls is None:
        raise HangUp
    try:
        wrapped = accounts.tls.wrap_socket(line, server_side=True)
    except OSError as error:
        raise HangUp from error
    header_of(wrapped)
    take(wrapped, int(header_of(wrapped)["msgLen"]))
    return wrapped


class Login:
    """The login of one session; `done` once it succeeded."""

    def __init__(self, accounts: Accounts, *, secured: bool) -> None:
        self._accounts = accounts
        self._secured = secured
        self._challenge = ""
        self.done = False

    def handles(self, api: int) -> bool:
        """Whether an API belongs to logging in."""
        return api in (703, 704, 725, 1201, 110_000)

    def answer(self, message: Message) -> str:
        """Return the packed answer. Raises Rejected."""
        if message.api == 110_000:
            return self._plugin(message)
        if message.api == 703:
            self._challenge = secrets.token_hex(32)
            return element("authRequestOut_PI", fields(challenge=_b64(self._challenge.encode())))
        if message.api == 704:
            digest = base64.b64decode(message.body.value("response"))
            self._check(message.body.value("username").partition("#")[0], digest)
            return ""
        return self._old_pam(message)

    def _plugin(self, message: Message) -> str:
        asked = json.loads(base64.b64decode(message.body.value("buf")).rstrip(b"\0"))
        operation = asked["next_operation"]
        if asked["scheme"] == "pam_password" and operation == "auth_agent_auth_request":
            asked["request_result"] = self._token(asked["user_name"], asked["a_pw"])
        elif asked["scheme"] == "native" and operation == "auth_agent_auth_request":
            asked["request_result"] = self._challenge = secrets.token_hex(32)
        elif asked["scheme"] == "native" and operation == "auth_agent_auth_response":
            self._check(asked["user_name"], base64.b64decode(asked["digest"]))
        else:
            raise Rejected(INVALID_AUTHENTICATION)
        packed = json.dumps(asked).encode() + b"\0"
        return element("BinBytesBuf_PI", fields(buflen=len(packed), buf=_b64(packed)))

    def _old_pam(self, message: Message) -> str:
        if message.api == 725:
            token = self._token(message.body.value("pamUser"), message.body.value("pamPassword"))
            return element("pamAuthRequestOut_PI", fields(irodsPamPassword=token))
        context = re.split(r"(?<!\\);", message.body.value("context_"))
        pairs = dict(part.split("=", 1) for part in context)
        password = re.sub(r"\\(.)", r"\1", pairs["a_pw"])
        return element("authPlugReqOut_PI", fields(result_=self._token(pairs["a_user"], password)))

    def _token(self, username: str, password: str) -> str:
        if not self._secured or not self._accounts.pam_password or password != self._accounts.pam_password:
            raise Rejected(PAM_FAILED)
        if username != self._accounts.username:
            raise Rejected(INVALID_USER)
        token = secrets.token_hex(10)
        self._accounts.tokens.add(token)
        return token

    def _check(self, username: str, digest: bytes) -> None:
        if username != self._accounts.username:
            raise Rejected(INVALID_USER)
        for password in (self._accounts.password, *self._accounts.tokens):
            padded = struct.pack(f"{_PASSWORD_BYTES}s", password.encode())
            made = hashlib.md5(self._challenge.encode() + padded, usedforsecurity=False).digest()
            if made.replace(b"\0", b"\1") == digest:
                self.done = True
                return
        raise Rejected(INVALID_AUTHENTICATION)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
