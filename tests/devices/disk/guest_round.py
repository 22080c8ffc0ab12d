"""Runs in the emulated machine as root: a whole station, a stick that comes, is yanked in mid-copy, and comes again.

Prints ``@plug`` and ``@yank`` for the hand outside, and what it saw as ``@saw NAME JSON`` lines.
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

BASE = Path("/mnt/station")
LONG_S = 120.0
HALF_BYTES = 3 << 20

CONFIG = """
[station]
name = "drone"
timezone = "UTC"
state = "{base}/state"

[store]
directory = "{base}/store"
min_free = 0

[limits]
bandwidth = "2 MB/s"

[devices.flir]
type = "disk"
uuid = "D1C6-0146"
group = "stem"

[devices.office]
type = "local"
directory = "{base}/office"

[routes.cards]
from = ["flir"]
to = ["office"]
ready = {{ settle = "0s" }}
remove = {{ after = "delivered" }}
"""


class Station:
    """The station in a process of its own; its log is read as it comes."""

    def __init__(self) -> None:
        for folder in ("office", "store", "state"):
            (BASE / folder).mkdir(parents=True, exist_ok=True)
        (BASE / "v2xsync.toml").write_text(CONFIG.format(base=BASE))
        self.command = [sys.executable, "-X", "faulthandler", "-m", "v2xsync", "--config", str(BASE / "v2xsync.toml")]
        self.process = subprocess.Popen(
            [*self.command, "--no-ui"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            print("log", line, end="", flush=True)

    def said(self, words: str, times: int = 1) -> bool:
        return sum(words in line for line in list(self.lines)) >= times


def until(station: Station, holds: Callable[[], bool], what: str) -> None:
    ends, pause = time.monotonic() + LONG_S, threading.Event()
    while not holds():
        if time.monotonic() > ends:
            print(f"@failed never: {what}", flush=True)
            station.process.send_signal(signal.SIGABRT)  # tells where every thread is
            pause.wait(5)
            raise SystemExit(1)
        pause.wait(0.2)
    print("reached:", what, flush=True)


def saw(name: str, value: object) -> None:
    print(f"@saw {name} {json.dumps(value)}", flush=True)


def partial_bytes() -> int:
    return max((path.stat().st_size for path in (BASE / "store" / ".v2xsync").glob("*.part")), default=0)


def hashes(folder: str) -> dict[str, str]:
    root = BASE / folder
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and ".v2xsync" not in path.as_posix()
    }


def mounts() -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "vfat" in line]


def main() -> None:
    station = Station()
    until(station, lambda: station.said("started"), "the station runs")
    print("@plug", flush=True)
    until(station, lambda: partial_bytes() > HALF_BYTES, "half of the film is here")
    saw("mounted", mounts())
    print("@yank", flush=True)
    until(station, lambda: station.said("was taken out"), "the yank was noticed")
    saw("removed at the yank", station.said("removed at the source"))
    saw("kept", partial_bytes())
    print("@plug", flush=True)
    until(station, lambda: station.said("safe to remove"), "the work is done")
    saw("mounts", mounts())
    saw("office", hashes("office"))
    told = subprocess.run([*station.command, "history", "--json"], capture_output=True, text=True, check=False)
    steps = [line["step"] for line in json.loads(told.stdout)["lines"]] if told.returncode == 0 else [told.stderr]
    saw("steps", steps)
    print("@yank", flush=True)
    until(station, lambda: station.said("was taken out", 2), "it was taken out for good")
    station.process.terminate()
    saw("code", station.process.wait(60))


if __name__ == "__main__":
    main()
