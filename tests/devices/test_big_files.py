"""Files that are larger than memory should be, on a disk and over SFTP: the process does not grow with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers.openssh import openssh

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc how much memory was used")

MIB = 1 << 20
MOST_GROWTH = 120 * MIB
CHECKOUT = Path(__file__).parents[2]

CARRY = """
import re, sys, time
from pathlib import Path
from v2xsync.devices.base import FetchRequest, ProveRequest, SendRequest
from v2xsync.model.items import Proof

kind, size, root, *login = sys.argv[1:]
if kind == "local":
    from v2xsync.devices.local import LocalDevice, LocalOptions
    device = LocalDevice("d", LocalOptions(root=Path(root)))
else:
    from v2xsync.devices.sftp import SftpDevice
    from v2xsync.devices.ssh.options import SftpOptions
    host, port, user, identity, key = login
    device = SftpDevice("d", SftpOptions(
        host=host, port=int(port), username=user, identity=Path(identity), host_key=key,
        pinned=Path("/nonexistent"), root=root), time.time)

class Nothing:
    def __init__(self): self.seen = self.ended = 0
    def write(self, token, offset, data): self.seen += len(data); return True
    def read(self, token, offset, length): return bytes(min(length, int(size) - offset))
    def progress(self, token, position): self.seen = position
    def done(self, token, told): self.ended += 1
    def failed(self, token, error): raise error

def memory(field):
    return int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

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

HUGE = pytest.param(2048 * MIB, marks=[pytest.mark.slow, pytest.mark.timeout(900)], id="2 GiB")
SIZES = [pytest.param(64 * MIB, id="64 MiB"), HUGE]


def carry(root: Path, size: int, kind: str, *login: str) -> None:
    """Fetch a sparse file of `size`, send as much, read it back: by how much the process grew."""
    root.mkdir()
    with (root / "big.bin").open("wb") as stream:
        stream.truncate(size)
    command = [sys.executable, "-c", CARRY, kind, str(size), str(root), *login]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=800, check=False)
    (root / "sent.bin").unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr
    print(f"{kind}, {size // MIB} MiB: grew by {int(done.stdout) / MIB:.1f} MiB")
    assert int(done.stdout) < MOST_GROWTH


@pytest.mark.parametrize("size", SIZES)
def test_a_disk_needs_no_memory_for_a_large_file(tmp_path: Path, size: int) -> None:
    carry(tmp_path / "root", size, "local")


@pytest.mark.real("sshd")
@pytest.mark.parametrize("size", SIZES)
def test_sftp_needs_no_memory_for_a_large_file(tmp_path: Path, size: int) -> None:
    (tmp_path / "sshd").mkdir()
    with openssh(tmp_path / "sshd") as host:
        login = (host.host, str(host.port), host.username, str(host.identity), host.fingerprint)
        carry(tmp_path / "root", size, "sftp", *login)
