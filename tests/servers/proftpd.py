"""A real ProFTPD with mod_sftp on an unprivileged port."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real import module_folder, program
from tests.servers.openssh import fingerprint_of, make_key
from tests.servers.running import LOOPBACK, PASSWORD, SshHost, free_port, serving

USERNAME = "collector"
PASSWORD_HASH = "$6$v2xsync$cKSxkqG.lFe3Ov1EGVuwgSJUV0crpql8dFEm8dG4SSy1zuRAnjGIlnPfN/2IJLI3zNhAHMGLBspkDINtf96B.1"


@contextmanager
def proftpd(folder: Path, home: Path) -> Iterator[SshHost]:
    """Run proftpd with fresh keys in `folder`; a login begins in `home` with the rights of whoever runs the tests."""
    server = program("proftpd")
    host_key = make_key(folder / "host_ed25519")
    port = free_port()
    config = folder / "proftpd.conf"
    config.write_text("\n".join([*head_of_config(folder, home, port, server), *_sftp(folder, host_key), ""]))
    with serving([server, "-n", "-c", config], port, folder / "proftpd.log") as pid:
        yield SshHost(port=port, username=USERNAME, password=PASSWORD, fingerprint=fingerprint_of(host_key), pid=pid)


def head_of_config(folder: Path, home: Path, port: int, server: Path) -> list[str]:
    """The lines that every proftpd of ours begins with, and its one user in `folder`, who begins in `home`."""
    users = folder / "users"
    users.write_text(f"{USERNAME}:{PASSWORD_HASH}:{os.geteuid()}:{os.getegid()}::{home}:/bin/false\n")
    users.chmod(0o600)
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
        f"ModulePath {module_folder(server)}",
    ]


def _sftp(folder: Path, host_key: Path) -> list[str]:
    return [
        "LoadModule mod_sftp.c",
        "SFTPEngine on",
        f"SFTPHostKey {host_key}",
        f"SFTPLog {folder / 'sftp.log'}",
    ]
