"""Files that are larger than memory should be: they pass by in pieces, and the process does not grow with them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.ends import Contents, bounded_memory, content
from tests.devices.post.posting import PATHS, ULOG, device, request
from tests.servers.form_server import MIB, FormServer, Handler, form_server

from v2xsync.devices.post import Form

MOST_GROWTH = 120 * MIB
CHECKOUT = Path(__file__).parents[3]

CARRY = """
import re, sys
from pathlib import Path
from v2xsync.devices.base import SendRequest
from v2xsync.devices.post import Form, PostDevice, PostOptions

url, form, path = sys.argv[1:]
size = Path(path).stat().st_size

class FromDisk:
    def __init__(self): self.file, self.steps, self.sent = open(path, "rb"), 0, None
    def read(self, token, offset, length): self.file.seek(offset); return self.file.read(length)
    def progress(self, token, position): self.steps += 1
    def done(self, token, sent): self.sent = sent
    def failed(self, token, error): raise error

def memory(field):
    return int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

device = PostDevice("d", PostOptions(url=url, form=Form(form), timeout_s=120.0))
device.connect()
device.probe()
idle = memory("VmRSS")
feed = FromDisk()
device.send([SendRequest(0, "log.ulg", ".v2xsync-st-0.part", size)], feed)
assert feed.sent.size == size
assert feed.steps > size // (1 << 20)
print(memory("VmHWM") - idle)
"""

HUGE = pytest.param(2048 * MIB + 5, marks=[pytest.mark.slow, pytest.mark.timeout(900)])


class Swallowed:
    """What a server heard: so many bytes, and their digest."""

    def __init__(self) -> None:
        self.announced = 0
        self.size = 0
        self.sha256 = hashlib.sha256()

    def __call__(self, handler: Handler) -> bool:
        self.announced = handler.unread
        while data := handler.read(MIB):
            self.size += len(data)
            self.sha256.update(data)
        handler.answer(200)
        return True


@pytest.fixture
def heard() -> Swallowed:
    return Swallowed()


@pytest.fixture
def server(tmp_path: Path, heard: Swallowed) -> Iterator[FormServer]:
    with form_server(tmp_path / "kept") as server:
        server.trouble = heard
        yield server


@pytest.mark.parametrize("form", [Form.FLIGHT_REVIEW, Form.MULTIPART, Form.RAW])
def test_64_mib_pass_in_a_few(server: FormServer, heard: Swallowed, form: Form) -> None:
    log = memoryview(ULOG[:16] + content(64 * MIB))
    feed = Contents({0: log})
    with bounded_memory(8 * MIB):
        device(server, form).send([request("log.ulg", len(log))], feed)
    assert set(feed.sent) == {0}
    assert heard.size == heard.announced
    if form is Form.RAW:
        assert heard.sha256.digest() == hashlib.sha256(log).digest()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc how much memory was used")
@pytest.mark.parametrize("form", [Form.FLIGHT_REVIEW, Form.RAW], ids=lambda form: form.value)
@pytest.mark.parametrize("size", [64 * MIB, HUGE])
def test_the_process_does_not_grow_with_the_file(
    server: FormServer, heard: Swallowed, tmp_path: Path, form: Form, size: int
) -> None:
    path = tmp_path / "log.ulg"
    with path.open("wb") as file:
        file.write(ULOG[:16])
        file.truncate(size)
    done = subprocess.run(
        [sys.executable, "-c", CARRY, server.url(PATHS[form]), form.value, str(path)],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=800, check=False,
    )  # fmt: skip
    print(f"{size // MIB} MiB as {form.value}: grew by {int(done.stdout or 0) / MIB:.1f} MiB")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MOST_GROWTH
    assert heard.size == heard.announced >= size
