"""A real pyftpdlib server in a process of its own. Run as a module it serves until it is ended.

It is what the author of the older systems used. Its MLSD shows what links lead to; names are UTF-8 or lost.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.asyncssh_server import skip_or_fail
from tests.servers.certificates import Authority, Signed
from tests.servers.ftp_host import FtpHost
from tests.servers.running import LOOPBACK, PASSWORD, free_port, serving

USERNAME = "collector"
NO_MLSD = ("MLSD", "MLST")
BARE = (*NO_MLSD, "SIZE", "MDTM", "MFMT", "FEAT", "STAT", "APPE", "REST")
"""What was not there in 1985."""


@contextmanager
def pyftpd(
    folder: Path,
    home: Path,
    *,
    tls: str = "none",
    without: Sequence[str] = (),
    signed: Signed | None = None,
    port: int = 0,
) -> Iterator[FtpHost]:
    """Run pyftpdlib (at `port`), deaf to the commands in `without`, with a certificate that is right or `signed`."""
    if importlib.util.find_spec("pyftpdlib") is None:
        skip_or_fail("needs the real pyftpdlib, which is not installed")
    port = port or free_port()
    authority = Authority(folder)
    signed = signed or authority.sign(LOOPBACK)
    command: list[str | Path] = [sys.executable, "-m", "tests.servers.pyftpd", str(port), home]
    command += ["--tls", tls, "--signed", signed.both, "--without", *without]
    with serving(command, port, folder / "pyftpd.log", cwd=Path(__file__).parents[2]) as pid:
        yield FtpHost(
            port=port, home=home, username=USERNAME, password=PASSWORD, tls=tls, trust=authority.trust, pid=pid
        )


def _handler(tls: str, signed: str, without: Sequence[str]) -> Any:
    from pyftpdlib.handlers import FTPHandler

    if tls == "none":
        handler: Any = type("Plain", (FTPHandler,), {})
    else:
        handler = _tls_handler(implicit=tls == "implicit")
        handler.certfile = signed
        handler.tls_control_required = handler.tls_data_required = True
    if "STAT" in without:  # the library itself counts on its being there
        handler.ftp_STAT = lambda self, path: self.respond("502 Not here.")
    gone = {*without} - {"STAT"}
    handler.proto_cmds = {name: facts for name, facts in handler.proto_cmds.items() if name not in gone}
    return handler


def _tls_handler(*, implicit: bool) -> Any:
    from pyftpdlib.handlers import TLS_FTPHandler

    class Explicit(TLS_FTPHandler):  # type: ignore[misc,unused-ignore]
        """TLS after AUTH TLS."""

    class Implicit(TLS_FTPHandler):  # type: ignore[misc,unused-ignore]
        """TLS from the first byte, which the library itself does not offer."""

        def handle(self) -> None:
            self.secure_connection(self.ssl_context)

        def handle_ssl_established(self) -> None:
            super().handle()

    return Implicit if implicit else Explicit


def _serve() -> None:
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.servers import FTPServer

    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("home")
    parser.add_argument("--tls")
    parser.add_argument("--signed")
    parser.add_argument("--without", nargs="*", default=[])
    wanted = parser.parse_args()
    people = DummyAuthorizer()
    people.add_user(USERNAME, PASSWORD, wanted.home, perm="elradfmwMT")
    handler = _handler(wanted.tls, wanted.signed, wanted.without)
    handler.authorizer = people
    FTPServer((LOOPBACK, wanted.port), handler).serve_forever()


if __name__ == "__main__":
    _serve()
