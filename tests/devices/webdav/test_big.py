"""Files that are larger than memory should be: the process does not grow with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.devices.webdav.sites import Site
from tests.servers.running import PASSWORD

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc how much memory was used")

MIB = 1 << 20
MOST_GROWTH = 120 * MIB
CHECKOUT = Path(__file__).parents[3]

CARRY = """
import re, sys, time
from pathlib import Path
from v2xsync.devices.base import FetchRequest, ProveRequest, SendRequest
from v2xsync.devices.webdav import WebdavDevice, WebdavOptions
from v2xsync.model.items import Proof

url, root, user, password, size = sys.argv[1:]

class Nothing:
    def __init__(self): self.seen = self.ended = 0
    def write(self, token, offset, data): self.seen += len(data); return True
    def read(self, token, offset, length): return bytes(length)
    def progress(self, token, position): self.seen = position
    def done(self, token, told): self.ended += 1
    def failed(self, token, error): raise error

def memory(field):
    return int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

device = WebdavDevice("d", WebdavOptions(url=url, root=root, username=user, password=password), time.time)
device.connect()
device.probe()
idle = memory("VmRSS")
(entry,) = device.stat(["big.bin"])
sink, feed = Nothing(), Nothing()
device.fetch([FetchRequest(0, "big.bin", entry.fingerprint)], sink)
device.send([SendRequest(0, "sent.bin", ".v2xsync-st-0.part", int(size))], feed)
((_, proven),) = device.prove([ProveRequest(0, "sent.bin", int(size), Proof.HASH)])
assert (sink.seen, sink.ended, feed.seen, feed.ended) == (int(size), 1, int(size), 1)
assert (proven.size, proven.proof) == (int(size), Proof.HASH), proven
device.close()
print(memory("VmHWM") - idle)
"""

HUGE = pytest.param(2048 * MIB, marks=[pytest.mark.slow, pytest.mark.timeout(900)])


@pytest.mark.real("apache2")
@pytest.mark.parametrize("size", [64 * MIB, HUGE])
def test_memory_does_not_grow_with_the_file(site: Site, size: int):
    with site.plant("big.bin", b"").open("r+b") as stream:
        stream.truncate(size)
    options = site.host.options(site.root)
    who = [options.url, options.root, options.username, PASSWORD, str(size)]
    done = subprocess.run(
        [sys.executable, "-c", CARRY, *who], cwd=CHECKOUT, capture_output=True, text=True, timeout=800, check=False
    )
    print(f"{size // MIB} MiB: grew by {int(done.stdout or 0) / MIB:.1f} MiB")
    (site.root / "sent.bin").unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MOST_GROWTH
