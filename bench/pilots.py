"""Clients of MAVLink FTP, one per run: each fetches one file from the vehicle that reports at a UDP port.

    python pilots.py ours|ours-burst|mavsdk|mavsdk-plain|pymavlink PORT PATH FOLDER

Prints ``SECONDS x``: from asking for the file to having it, without finding the vehicle. pymavlink's client is
GPL-3: it is run here as a peer, in a process of its own, and imported nowhere else.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
PATIENCE_S = 600.0


def ours(port: int, path: str, folder: Path, reading: str = "auto") -> float:
    from v2xsync.devices.base import FetchRequest
    from v2xsync.devices.mavftp.device import MavftpDevice
    from v2xsync.devices.mavftp.options import MavftpOptions
    from v2xsync.devices.mavftp.pace import Reading

    options = MavftpOptions(
        connection=f"udpin:{HOST}:{port}", root="/", rest_s=0.0, timeout_s=30.0, reading=Reading(reading)
    )
    device = MavftpDevice("drone", options, time.monotonic)
    name = path.lstrip("/")
    (entry,) = device.stat([name])
    with (folder / name).open("wb") as file:
        sink = Sink(file)
        began = time.monotonic()
        device.fetch([FetchRequest(0, name, entry.fingerprint)], sink)
        took = time.monotonic() - began
    device.close()
    if sink.error is not None:
        raise sink.error
    return took


class Sink:
    """Writes what comes to a file."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.error: Exception | None = None

    def write(self, _token: int, offset: int, data: bytes) -> bool:
        self._file.seek(offset)
        self._file.write(data)
        return True

    def done(self, _token: int, _fetched: object) -> None:
        """The file is whole, and its CRC32 is the vehicle's."""

    def failed(self, _token: int, error: Exception) -> None:
        self.error = error


def mavsdk(port: int, path: str, folder: Path, *, burst: bool = True) -> float:
    import mavsdk as library
    from mavsdk.plugins.ftp import Ftp

    courier = library.Mavsdk(library.Configuration.create_manual(255, 190, always_send_heartbeats=True))
    courier.add_any_connection(f"udpin://{HOST}:{port}")
    client = Ftp(courier.first_autopilot(30.0))
    ended, results = threading.Event(), []

    def told(result: int, *_progress: object) -> None:
        if int(result) != 2:
            results.append(int(result))
            ended.set()

    began = time.monotonic()
    client.download_async(path, str(folder), burst, told)
    if not ended.wait(PATIENCE_S) or results != [1]:
        raise SystemExit(f"MAVSDK: {results}")
    return time.monotonic() - began


def pymavlink(port: int, path: str, folder: Path) -> float:
    from pymavlink import mavftp, mavutil

    line = mavutil.mavlink_connection(f"udpin:{HOST}:{port}", source_system=255, source_component=190)
    line.wait_heartbeat()
    client = mavftp.MAVFTP(line, 1, 1)
    client.ftp_settings.burst_read_size = 239
    began = time.monotonic()
    client.cmd_get([path, str(folder / path.lstrip("/"))])
    answer = client.process_ftp_reply("OpenFileRO", timeout=PATIENCE_S)
    if answer.error_code:
        raise SystemExit(f"pymavlink: error {answer.error_code}")
    return time.monotonic() - began


PILOTS = {
    "ours": ours,
    "ours-burst": lambda *where: ours(*where, reading="burst"),
    "mavsdk": mavsdk,
    "mavsdk-plain": lambda *where: mavsdk(*where, burst=False),
    "pymavlink": pymavlink,
}


if __name__ == "__main__":
    who, at, what, to = sys.argv[1:]
    print("SECONDS", PILOTS[who](int(at), what, Path(to)), flush=True)
