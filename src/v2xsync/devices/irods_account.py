"""Who we are at an iRODS zone: a device's own keys, joined with ``irods_environment.json`` and ``.irodsA``.

What the device's keys say wins over the environment file. The files have the format of the iCommands and are only read:
the client library would write a PAM token into ``~/.irods/.irodsA`` when it is given the environment file itself.

TLS is stricter than the client's own: without a CA file it would not look at the certificate at all; here the system's
certificates are used, and only ``ssl_verify_server = "none"`` turns the look off.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from v2xsync.errors import AccessRefused

Secret = str | Callable[[], str]
"""A secret itself, or what reads it at the last moment."""

DEFAULT_PORT: Final = 1247
ANONYMOUS: Final = "anonymous"

REQUIRE_TLS: Final = "CS_NEG_REQUIRE"
REFUSE_TLS: Final = "CS_NEG_REFUSE"
NEGOTIATE: Final = "request_server_negotiation"

_SCHEMES: Final = {"native": "native", "pam": "pam_password", "pam_password": "pam_password"}
_ENCRYPTION: Final = {
    "encryption_algorithm": "AES-256-CBC",
    "encryption_key_size": 32,
    "encryption_num_hash_rounds": 16,
    "encryption_salt_size": 8,
}
"""What the iCommands use where nothing is written; only parallel transfers, which we do not do, are encrypted so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IrodsOptions:
    """Where an iRODS zone is, who we are there, and what is noted about each file.

    `settings` are further keys of ``irods_environment.json`` without their ``irods_`` (``client_server_policy``,
    ``ssl_verify_server``, ``ssl_ca_certificate_file``, ``default_resource``, ...).
    """

    root: str
    """The collection that all paths are relative to, from the zone down."""
    environment: Path | None = None
    host: str = ""
    port: int | None = None
    zone: str = ""
    username: str = ""
    password: Secret | None = field(default=None, repr=False)
    auth: str = ""
    """``native`` or ``pam_password``; empty: as the environment file says."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] | None = None
    """AVU pairs for every file that is sent, beside source, element, sha256 and captured-at; None: no metadata.

    Values may hold layout fields (``{source}``, ``{date}``, ...).
    """
    timeout_s: float = 20.0
    """Seconds of silence after which the server counts as gone."""
    max_parallel: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the server's certificate is checked: ``hostname``, ``cert`` (any name) or ``none``."""

    verify: str = "hostname"
    ca_file: str | None = None
    ca_path: str | None = None

    @property
    def authentic(self) -> bool:
        """Whether we know who is at the other end."""
        return self.verify != "none"

    def context(self) -> ssl.SSLContext:
        """Return a context for one connection. Raises OSError where the CA file cannot be read."""
        context = ssl.create_default_context(cafile=self.ca_file, capath=self.ca_path)
        context.check_hostname = self.verify == "hostname"
        context.verify_mode = ssl.CERT_REQUIRED if self.authentic else ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A complete login."""

    host: str
    port: int
    zone: str
    username: str
    password: str = field(repr=False)
    scheme: str
    tls: Tls | None
    negotiates: bool
    """Whether the server is asked about TLS at all (older ones close the line at the question)."""
    resource: str
    encryption: Mapping[str, Any]

    @property
    def address(self) -> str:
        """Host and port for people."""
        return f"{self.host}:{self.port}"


def read_account(device: str, options: IrodsOptions, environ: Mapping[str, str] = os.environ) -> Account:
    """Join the device's keys with its environment file. Raises AccessRefused where no login comes of it."""
    told = {**_environment(device, options.environment), **_given(options)}
    missing = [key for key in ("host", "zone_name", "user_name") if not told.get(key)]
    if missing:
        names = ", ".join(key.removesuffix("_name") for key in missing)
        raise AccessRefused(device, f"not known: {names}", remedy="write the keys, or correct the environment file")
    scheme = _scheme(device, str(told.get("authentication_scheme") or "native"))
    password, scheme = _password(device, options, told, scheme, environ)
    tls = _tls(device, told, scheme)
    return Account(
        host=str(told["host"]),
        port=_number(device, told.get("port") or DEFAULT_PORT, "port"),
        zone=str(told["zone_name"]),
        username=str(told["user_name"]),
        password=password,
        scheme=scheme,
        tls=tls,
        negotiates=tls is not None or told.get("client_server_negotiation") == NEGOTIATE,
        resource=str(told.get("default_resource") or ""),
        encryption={key: told.get(key) or usual for key, usual in _ENCRYPTION.items()},
    )


def _environment(device: str, path: Path | None) -> dict[str, Any]:
    """The environment file's values by their key without ``irods_``."""
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise AccessRefused(
            device, f"the environment file {path}: {reason}", remedy="correct `environment`, or run `iinit` again"
        ) from error
    if not isinstance(content, dict):
        raise AccessRefused(device, f"the environment file {path} holds no table of keys", remedy="run `iinit` again")
    return {str(key).removeprefix("irods_"): value for key, value in content.items()}


def _given(options: IrodsOptions) -> dict[str, Any]:
    """The device's own keys, by the names of the environment file."""
    named = {
        "host": options.host,
        "port": options.port,
        "zone_name": options.zone,
        "user_name": options.username,
        "authentication_scheme": options.auth,
        **options.settings,
    }
    return {key: value for key, value in named.items() if value}


def _scheme(device: str, written: str) -> str:
    scheme = _SCHEMES.get(written.lower())
    if scheme is None:
        raise AccessRefused(device, f'logins of type "{written}" are not possible', remedy="use native or pam_password")
    return scheme


def _password(
    device: str, options: IrodsOptions, told: Mapping[str, Any], scheme: str, environ: Mapping[str, str]
) -> tuple[str, str]:
    """Return the password and the scheme to use it with.

    What ``.irodsA`` holds after a PAM login is a token, and tokens are for native logins.
    """
    if options.password is not None:
        secret = options.password
        return (secret() if callable(secret) else secret), scheme
    path = _token_file(options, told, environ)
    token = _token(device, path, told) if path is not None else ""
    if token or told["user_name"] == ANONYMOUS:
        return token, "native"
    raise AccessRefused(device, "no password is known", remedy="write `password`, or run `iinit` to make .irodsA")


def _token_file(options: IrodsOptions, told: Mapping[str, Any], environ: Mapping[str, str]) -> Path | None:
    """Where ``.irodsA`` is: named in the environment file, by the iCommands' variable, beside that file, or usual."""
    if options.environment is None:
        return None
    named = told.get("authentication_file") or environ.get("IRODS_AUTHENTICATION_FILE")
    if named:
        return Path(str(named)).expanduser()
    beside = options.environment.with_name(".irodsA")
    return beside if beside.exists() else Path("~/.irods/.irodsA").expanduser()


def _token(device: str, path: Path, told: Mapping[str, Any]) -> str:
    from irods.password_obfuscation import decode

    uid = told.get("authentication_uid")
    try:
        return str(decode(path.read_text(encoding="utf-8").rstrip("\n"), None if uid is None else int(uid)))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise AccessRefused(device, f"{path} cannot be read or decoded", remedy="run `iinit` again") from error


def _tls(device: str, told: Mapping[str, Any], scheme: str) -> Tls | None:
    """Return how TLS is used, None for a plain line.

    ``CS_NEG_DONT_CARE`` is a plain line unless a PAM password or a CA file speaks for TLS: the client library knows
    only the other two words.
    """
    policy = told.get("client_server_policy")
    if policy == REFUSE_TLS and scheme == "pam_password":
        raise AccessRefused(
            device, "a PAM password is sent over TLS only", remedy=f'write client_server_policy = "{REQUIRE_TLS}"'
        )
    known_ca = told.get("ssl_ca_certificate_file") or told.get("ssl_ca_certificate_path")
    if policy == REFUSE_TLS or (policy != REQUIRE_TLS and scheme != "pam_password" and not known_ca):
        return None
    verify = str(told.get("ssl_verify_server") or "hostname")
    if verify not in ("hostname", "cert", "none"):
        raise AccessRefused(device, f'ssl_verify_server = "{verify}"', remedy="write hostname, cert or none")
    return Tls(
        verify=verify,
        ca_file=told.get("ssl_ca_certificate_file") or None,
        ca_path=told.get("ssl_ca_certificate_path") or None,
    )


def _number(device: str, value: Any, key: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise AccessRefused(device, f"{key} is not a number", remedy="correct the environment file") from error
