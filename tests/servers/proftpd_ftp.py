"""A real ProFTPD speaking FTP on an unprivileged port: plain, or with TLS that demands continued sessions."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.real import module_folder, program
from tests.servers.certificates import Authority
from tests.servers.ftp_host import FtpHost
from tests.servers.proftpd import PASSWORD_HASH, USERNAME
from tests.servers.running import LOOPBACK, PASSWORD, free_port, serving


@contextmanager
def proftpd_ftp(folder: Path, home: Path, *, tls: str = "none", lines: Sequence[str] = ()) -> Iterator[FtpHost]:
    """Run proftpd with its files in `folder`; `lines` go to the end of its config."""
    server = program("proftpd")
    users = folder / "users"
    users.write_text(f"{USERNAME}:{PASSWORD_HASH}:{os.geteuid()}:{os.getegid()}::{home}:/bin/false\n")
    users.chmod(0o600)
    port = free_port()
    authority = Authority(folder)
    config = folder / "proftpd.conf"
    settings = [*_settings(folder, users, port, module_folder(server)), *_tls_settings(folder, authority, tls), *lines]
    config.write_text("\n".join([*settings, ""]))
    with serving([server, "-n", "-c", config], port, folder / "proftpd.log") as pid:
        yield FtpHost(
            port=port, home=home, username=USERNAME, password=PASSWORD, tls=tls, trust=authority.trust, pid=pid
        )


def _settings(folder: Path, users: Path, port: int, modules: Path) -> list[str]:
    return [
        "ServerType standalone",
        "ServerName v2x",
        f"Port {port}",
        f"DefaultAddress {LOOPBACK}",
        "SocketBindTight on",
        "UseIPv6 off",
        "UseReverseDNS off",
        f"User {pwd.getpwuid(os.geteuid()).pw_name}",
        f"Group {grp.getgrgid(os.getegid()).gr_name}",
        f"PidFile {folder / 'proftpd.pid'}",
        f"ScoreboardFile {folder / 'scoreboard'}",
        f"SystemLog {folder / 'system.log'}",
        "WtmpLog off",
        f"AuthUserFile {users}",
        "AuthOrder mod_auth_file.c",
        "DelayEngine off",
        "RequireValidShell off",
        "RootLogin on",
        "AllowOverwrite on",
        "AllowStoreRestart on",
        f"ModulePath {modules}",
    ]


def _tls_settings(folder: Path, authority: Authority, tls: str) -> list[str]:
    if tls == "none":
        return []
    signed = authority.sign(LOOPBACK)
    return [
        "LoadModule mod_tls.c",
        "TLSEngine on",
        "TLSRequired on",
        f"TLSECCertificateFile {signed.certificate}",
        f"TLSECCertificateKeyFile {signed.key}",
        f"TLSLog {folder / 'tls.log'}",
        *(["TLSOptions UseImplicitSSL"] if tls == "implicit" else []),
    ]
