"""A real wsgidav, served by cheroot in a process of its own. Run as a module it serves until it is ended."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.servers.asyncssh_server import skip_or_fail
from tests.servers.dav_host import USERNAME, DavHost
from tests.servers.running import LOOPBACK, PASSWORD, free_port, serving


@contextmanager
def wsgidav(folder: Path, home: Path, *, auth: Literal["basic", "digest"] = "basic") -> Iterator[DavHost]:
    """Run wsgidav over `home`; its log is in `folder`."""
    if importlib.util.find_spec("wsgidav") is None or importlib.util.find_spec("cheroot") is None:
        skip_or_fail("needs the real wsgidav, which is not installed")
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "tests.servers.wsgidav_server", str(port), home, auth]
    with serving(command, port, folder / "wsgidav.log", cwd=Path(__file__).parents[2]) as pid:
        yield DavHost(port=port, home=home, pid=pid)


def _serve(port: int, home: str, auth: str) -> None:
    from cheroot import wsgi
    from wsgidav.wsgidav_app import WsgiDAVApp

    digest = auth == "digest"
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": home},
            "http_authenticator": {"accept_basic": not digest, "accept_digest": digest, "default_to_digest": digest},
            "simple_dc": {"user_mapping": {"*": {USERNAME: {"password": PASSWORD}}}},
            "lock_storage": True,
            "verbose": 1,
        }
    )
    wsgi.Server((LOOPBACK, port), app, numthreads=8).start()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])
