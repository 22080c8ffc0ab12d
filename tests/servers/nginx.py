"""A real nginx with its WebDAV modules (dav, dav-ext) on an unprivileged port."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real import module_folder, program
from tests.servers.dav_host import USERNAME, DavHost, open_up, shared_folder
from tests.servers.running import LOOPBACK, PASSWORD, free_port, serving

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def nginx() -> Iterator[DavHost]:
    """Run nginx over a fresh folder."""
    server = program("nginx")
    with shared_folder() as folder:
        home, run = folder / "home", folder / "run"
        for place in (home, run):
            place.mkdir()
            open_up(place)
        users = folder / "users"
        sha1 = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()
        users.write_text(f"{USERNAME}:{{SHA}}{base64.b64encode(sha1).decode()}\n")
        port = free_port()
        config = folder / "nginx.conf"
        config.write_text(_config(module_folder(server), home, run, users, port))
        command: list[str | Path] = [server, "-p", run, "-e", run / "error.log", "-c", config]
        with serving(command, port, folder / "nginx.log") as pid:
            yield DavHost(port=port, home=home, pid=pid)


def _config(modules: Path, home: Path, run: Path, users: Path, port: int) -> str:
    temporary = "\n".join(f"  {name}_temp_path {run / name};" for name in _TEMPORARY)
    return f"""
load_module {modules / "modules" / "ngx_http_dav_ext_module.so"};
daemon off;
worker_processes 1;
pid {run / "nginx.pid"};
error_log {run / "error.log"};
events {{ worker_connections 64; }}
http {{
  access_log off;
{temporary}
  server {{
    listen {LOOPBACK}:{port};
    root {home};
    client_max_body_size 0;
    location / {{
      auth_basic v2x;
      auth_basic_user_file {users};
      disable_symlinks on;
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
      dav_access user:rw group:rw all:rw;
    }}
  }}
}}
"""
