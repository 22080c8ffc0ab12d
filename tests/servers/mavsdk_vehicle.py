"""The real counterpart: MAVSDK's own FTP server (C++, from PyPI), playing an autopilot that sends heartbeats."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SERVER = """
import sys, threading
import mavsdk
from mavsdk.plugins.ftp_server import FtpServer
root, url = sys.argv[1:]
station = mavsdk.Mavsdk(mavsdk.Configuration.create_manual(1, 1, True))
result = station.add_any_connection(url)
assert result in (None, mavsdk.ConnectionResult.SUCCESS), result
files = FtpServer(station.server_component(0))
files.set_root_dir(root)
print("READY", flush=True)
threading.Event().wait()
"""
_END_S = 10.0


@contextmanager
def mavsdk_vehicle(root: Path, url: str) -> Iterator[int]:
    """Serve `root` over `url` (``udpout://HOST:PORT``, ``serial://PORT:BAUD``); yields the process id."""
    command = [sys.executable, "-c", _SERVER, str(root), url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("READY"):
                break
        else:
            raise AssertionError(f"MAVSDK did not start: {said}")
        yield process.pid
    finally:
        process.kill()
        process.wait(_END_S)
        if process.stdout is not None:
            process.stdout.close()
