"""The ground of a contest: trees of known content, an sshd of our own on loopback, and a slow line in front of it."""

from __future__ import annotations

import contextlib
import getpass
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv" / "bin" / "python"
FAR = "127.0.0.1"
SYSTEM_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"))

SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/user_key.pub
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
MaxStartups 500
MaxSessions 200
PrintMotd no
Subsystem sftp internal-sftp
"""

SSH_CONFIG = """\
Host far
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/user_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  StrictHostKeyChecking yes
  BatchMode yes
  ControlMaster no
"""


@dataclass(frozen=True, slots=True)
class Far:
    """The far machine: where contenders connect, and whose processor time counts as the server's."""

    port: int
    user: str
    folder: Path
    server_pid: int

    @property
    def key(self) -> Path:
        """The private key that opens it."""
        return self.folder / "user_key"

    @property
    def known_hosts(self) -> Path:
        """Its host key, pinned."""
        return self.folder / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """A config in which it is called ``far``."""
        return self.folder / "ssh_config"


@contextlib.contextmanager
def far_machine(folder: Path, *, rtt_ms: float, rate_mbit: float) -> Iterator[Far]:
    """Run an sshd (behind a slow line where one is asked for) as long as the context lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host_key", "user_key"):
        make_key(folder / name)
    with contextlib.ExitStack() as ends:
        port = free_port()
        server = ends.enter_context(running_sshd(folder, port))
        if rtt_ms or rate_mbit:
            port = ends.enter_context(running_line(port, rtt_ms, rate_mbit))
        host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
        (folder / "known_hosts").write_text(f"[{FAR}]:{port} {host_key}\n")
        user = getpass.getuser()
        (folder / "ssh_config").write_text(SSH_CONFIG.format(port=port, user=user, folder=folder))
        yield Far(port, user, folder, server.pid)


def make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((FAR, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_sshd(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    sshd = shutil.which("sshd", path=SYSTEM_PATH)
    if sshd is None:
        sys.exit("bench: sshd is not installed (openssh-server)")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    config = folder / "sshd_config"
    config.write_text(SSHD_CONFIG.format(port=port, folder=folder))
    command = [sshd, "-D", "-f", str(config), "-E", str(folder / "sshd.log")]
    with ended_after(subprocess.Popen(command)) as process:
        wait_for(port)
        yield process


@contextlib.contextmanager
def running_line(server_port: int, rtt_ms: float, rate_mbit: float) -> Iterator[int]:
    """The simulated site's slow line, in a process of its own."""
    command = [str(PYTHON), str(Path(__file__).with_name("line.py")), str(server_port), str(rtt_ms), str(rate_mbit)]
    with ended_after(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextlib.contextmanager
def ended_after(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        with process:
            try:
                yield process
            finally:
                process.terminate()
    finally:
        process.wait()


def wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((FAR, port), timeout=1):
            return
    sys.exit("bench: the sshd did not start")


# --- trees ----------------------------------------------------------------------------------------------------------


def make_tree(root: Path, *, folders: int, files_each: int, size: int) -> Path:
    """A tree of incompressible files, each different, the same for the same measures; made once."""
    tree = root / f"{folders}x{files_each}x{size}"
    if tree.exists():
        return tree
    half_made = tree.with_suffix(".half")
    shutil.rmtree(half_made, ignore_errors=True)
    noise = random.Random(1).randbytes(min(size, 1 << 20) + 8192)
    for number in range(folders):
        folder = half_made / f"d{number:03d}"
        folder.mkdir(parents=True)
        for index in range(files_each):
            write_file(folder / f"f{index:05d}.bin", size, number * files_each + index, noise)
    return half_made.rename(tree)


def write_file(path: Path, size: int, serial: int, noise: bytes) -> None:
    with path.open("wb") as file:
        left, piece = size, 0
        while left > 0:
            head = f"{serial}/{piece}".encode().ljust(24)
            start = (serial + piece) % 8000
            data = (head + noise[start : start + (1 << 20)])[:left]
            file.write(data)
            left -= len(data)
            piece += 1


def files_of(tree: Path) -> dict[str, int]:
    """Relative path -> size, without names that v2xsync keeps for itself."""
    found = {}
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if not name.startswith(".v2xsync")]
        for name in names:
            path = Path(folder, name)
            found[path.relative_to(tree).as_posix()] = path.stat().st_size
    return found
