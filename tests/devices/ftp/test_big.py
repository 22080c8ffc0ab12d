"""Files that are larger than memory should be: they pass in pieces, and the process does not grow with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers.proftpd_ftp import proftpd_ftp

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="asks /proc how much memory was used"),
    pytest.mark.real("proftpd"),
]

MIB = 1 << 20
MOST_GROWTH = 120 * MIB
CHECKOUT = Path(__file__).parents[3]

CARRY = """
import re, sys, time
from pathlib import Path
from v2xsync.devices.base import FetchRequest, ProveRequest, SendRequest
from v2xsync.devices.ftp import FtpDevice, FtpOptions
from v2xsync.model.items import Proof

port, tls, ca, user, password, size = sys.argv[1:]

class Nothing:
    def __init__(self): self.seen = self.ended = 0
    def write(self, token, offset, data): self.seen += len(data); return True
    def read(self, token, offset, length): return bytes(length)
    def progress(self, token, position): self.seen = position
    def done(self, token, told): self.ended += 1
    def failed(self, token, error): raise error

def memory(field):
    return int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

def told(what, began):
    print(f"{what}: {int(size) / (1 << 20) / (time.monotonic() - began):.0f} MiB/s", file=sys.stderr)

options = FtpOptions(host="127.0.0.1", port=int(port), username=user, password=password, tls=tls, ca=Path(ca))
device = FtpDevice("d", options, time.time)
device.connect()
device.probe()
idle = memory("VmRSS")
(entry,) = device.stat(["big.bin"])
sink, feed = Nothing(), Nothing()
began = time.monotonic()
device.fetch([FetchRequest(0, "big.bin", entry.fingerprint)], sink)
told("fetch", began)
began = time.monotonic()
device.send([SendRequest(0, "sent.bin", ".v2xsync-st-0.part", int(size))], feed)
told("send", began)
began = time.monotonic()
((_, proven),) = device.prove([ProveRequest(0, "sent.bin", int(size), Proof.HASH)])
told("prove", began)
assert (sink.seen, sink.ended, feed.seen, feed.ended) == (int(size), 1, int(size), 1)
assert (proven.size, proven.proof) == (int(size), Proof.HASH), proven
device.close()
print(memory("VmHWM") - idle)
"""

HUGE = pytest.param(2048 * MIB + 5, marks=[pytest.mark.slow, pytest.mark.timeout(900)])


@pytest.mark.parametrize("size", [64 * MIB, HUGE])
@pytest.mark.parametrize("tls", ["none", "explicit"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, tls: str, size: int) -> None:
    folder, home = tmp_path / "server", tmp_path / "home"
    for place in (folder, home):
        place.mkdir()
    with (home / "big.bin").open("wb") as stream:
        stream.truncate(size)
    with proftpd_ftp(folder, home, tls=tls) as host:
        who = [str(host.port), tls, str(host.trust), host.username, host.password, str(size)]
        done = subprocess.run(
            [sys.executable, "-c", CARRY, *who], cwd=CHECKOUT, capture_output=True, text=True, timeout=800, check=False
        )
    print(done.stderr, f"{size // MIB} MiB: grew by {int(done.stdout or 0) / MIB:.1f} MiB")
    (home / "sent.bin").unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MOST_GROWTH
