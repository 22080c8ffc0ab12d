"""A real vsftpd on an unprivileged port, with the rights of whoever runs the tests.

It lets "anonymous" in, because everybody else needs PAM. It has no MLSD, writes files that only their owner may read,
and with TLS demands that data connections continue the session of the control connection.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real import program
from tests.servers.certificates import Authority
from tests.servers.ftp_host import FtpHost
from tests.servers.running import LOOPBACK, free_port, serving


@contextmanager
def vsftpd(folder: Path, home: Path, *, tls: str = "none", **changes: str) -> Iterator[FtpHost]:
    """Run vsftpd with its files in `folder`; `changes` are settings by name."""
    port = free_port()
    authority = Authority(folder)
    (folder / "empty").mkdir()
    settings = _settings(folder, home, port) | _tls_settings(authority, tls) | changes
    config = folder / "vsftpd.conf"
    config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    with serving([program("vsftpd"), config], port, folder / "vsftpd.log") as pid:
        yield FtpHost(
            port=port, home=home, username="anonymous", password="tests", tls=tls, trust=authority.trust, pid=pid
        )


def _settings(folder: Path, home: Path, port: int) -> dict[str, str]:
    yes = (
        "listen", "run_as_launching_user", "anonymous_enable", "write_enable", "anon_upload_enable",
        "anon_mkdir_write_enable", "anon_other_write_enable",
    )  # fmt: skip
    no = ("background", "local_enable", "anon_world_readable_only", "seccomp_sandbox", "xferlog_enable")
    return {
        **dict.fromkeys(yes, "YES"),
        **dict.fromkeys(no, "NO"),
        "listen_address": LOOPBACK,
        "listen_port": str(port),
        "ftp_username": pwd.getpwuid(os.geteuid()).pw_name,
        "anon_root": str(home),
        "secure_chroot_dir": str(folder / "empty"),
    }


def _tls_settings(authority: Authority, tls: str) -> dict[str, str]:
    if tls == "none":
        return {}
    signed = authority.sign(LOOPBACK)
    yes = ("ssl_enable", "allow_anon_ssl", "force_anon_logins_ssl", "force_anon_data_ssl", "require_ssl_reuse")
    return {
        **dict.fromkeys(yes, "YES"),
        "implicit_ssl": "YES" if tls == "implicit" else "NO",
        "rsa_cert_file": str(signed.both),
        "ssl_ciphers": "HIGH",
    }
