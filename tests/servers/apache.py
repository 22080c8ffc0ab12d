"""A real Apache with mod_dav on an unprivileged port, for whoever runs the tests: root or not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.real import module_folder, program
from tests.servers.certificates import Signed
from tests.servers.dav_host import USERNAME, DavHost, open_up, shared_folder
from tests.servers.running import LOOPBACK, PASSWORD, free_port, serving

_REALM = "v2x"
_MODULES = (
    "mpm_event", "authz_core", "authz_user", "authn_core", "authn_file", "auth_basic", "auth_digest", "dav", "dav_fs",
    "dir", "mime",
)  # fmt: skip


@contextmanager
def apache(
    *,
    auth: Literal["basic", "digest"] = "basic",
    tls: Signed | None = None,
    ca: Path | None = None,
    lines: Sequence[str] = (),
) -> Iterator[DavHost]:
    """Run Apache over a fresh folder; `lines` end its config, `ca` is what clients trust."""
    server = program("apache2")
    with shared_folder() as folder:
        home, run = folder / "home", folder / "run"
        for place in (home, run):
            place.mkdir()
            open_up(place)
        port = free_port()
        config = folder / "apache.conf"
        modules = module_folder(server) / "modules"
        users = _users(folder, auth)
        named = [*_MODULES, *(["ssl"] if tls else [])]
        config.write_text(
            "\n".join(
                [
                    *(f"LoadModule {name}_module {modules / f'mod_{name}.so'}" for name in named),
                    *_settings(run, home, port),
                    *_tls(folder, tls),
                    *_directory(home, users, auth),
                    *lines,
                    "",
                ]
            )
        )
        with serving([server, "-f", config, "-DFOREGROUND"], port, folder / "apache.log") as pid:
            scheme = "https" if tls else "http"
            yield DavHost(port=port, home=home, scheme=scheme, ca=ca, pid=pid)


def _users(folder: Path, auth: str) -> Path:
    users = folder / "users"
    if auth == "digest":
        secret = hashlib.md5(f"{USERNAME}:{_REALM}:{PASSWORD}".encode(), usedforsecurity=False).hexdigest()
        users.write_text(f"{USERNAME}:{_REALM}:{secret}\n")
    else:
        sha1 = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()
        users.write_text(f"{USERNAME}:{{SHA}}{base64.b64encode(sha1).decode()}\n")
    return users


def _settings(run: Path, home: Path, port: int) -> list[str]:
    return [
        f"ServerRoot {run}",
        "ServerName localhost",
        f"Listen {LOOPBACK}:{port}",
        f"PidFile {run / 'apache.pid'}",
        f"ErrorLog {run / 'error.log'}",
        f"DefaultRuntimeDir {run}",
        "User #65534",
        "Group #65534",
        "ServerLimit 1",
        "StartServers 1",
        "ThreadsPerChild 16",
        "MaxRequestWorkers 16",
        "TypesConfig /dev/null",
        f"DavLockDB {run / 'locks'}",
        f"DocumentRoot {home}",
    ]


def _tls(folder: Path, tls: Signed | None) -> list[str]:
    if tls is None:
        return []
    both = folder / "server.pem"
    both.write_bytes(tls.both.read_bytes())
    return ["SSLEngine on", f"SSLCertificateFile {both}", f"SSLCertificateKeyFile {both}"]


def _directory(home: Path, users: Path, auth: str) -> list[str]:
    return [
        f"<Directory {home}>",
        "Dav On",
        "Options None",
        f"AuthType {auth.title()}",
        f"AuthName {_REALM}",
        *([f"AuthUserFile {users}"] if auth == "basic" else ["AuthDigestProvider file", f"AuthUserFile {users}"]),
        "Require valid-user",
        "</Directory>",
    ]
