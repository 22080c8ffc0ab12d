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
    users = folder / "users"
    users.write_text(f"{USERNAME}:{PASSWORD_HASH}:{os.geteuid()}:{os.getegid()}::{home}:/bin/false\n")
    users.chmod(0o600)
    port = free_port()
    config = folder / "proftpd.conf"
    config.write_text("\n".join([*_settings(folder, host_key, users, port, module_folder(server)), ""]))
    with serving([server, "-n", "-c", config], port, folder / "proftpd.log") as pid:
        yield SshHost(port=port, username=USERNAME, password=PASSWORD, fingerprint=fingerprint_of(host_key), pid=pid)


def _settings(folder: Path, host_key: Path, users: Path, port: int, modules: Path) -> list[str]:
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
        "LoadModule mod_sftp.c",
        "SFTPEngine on",
        f"SFTPHostKey {host_key}",
        f"SFTPLog {folder / 'sftp.log'}",
    ]
