"""A real ProFTPD speaking FTP on an unprivileged port: plain, or with TLS that demands continued sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.real import program
from tests.servers.certificates import Authority
from tests.servers.ftp_host import FtpHost
from tests.servers.proftpd import USERNAME, head_of_config
from tests.servers.running import LOOPBACK, PASSWORD, free_port, serving


@contextmanager
def proftpd_ftp(folder: Path, home: Path, *, tls: str = "none", lines: Sequence[str] = ()) -> Iterator[FtpHost]:
    """Run proftpd with its files in `folder`; `lines` go to the end of its config."""
    server = program("proftpd")
    port = free_port()
    authority = Authority(folder)
    config = folder / "proftpd.conf"
    settings = [*head_of_config(folder, home, port, server), *_tls_settings(folder, authority, tls), *lines]
    config.write_text("\n".join([*settings, ""]))
    with serving([server, "-n", "-c", config], port, folder / "proftpd.log") as pid:
        yield FtpHost(
            port=port, home=home, username=USERNAME, password=PASSWORD, tls=tls, trust=authority.trust, pid=pid
        )


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
