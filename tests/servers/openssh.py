"""A real OpenSSH server on an unprivileged port, for whoever runs the tests: root or not."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real import program
from tests.servers.running import LOOPBACK, SshHost, free_port, serving

_PRIVILEGE_SEPARATION = Path("/run/sshd")


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key pair at `path` and return `path`."""
    keygen = program("ssh-keygen")
    subprocess.run([keygen, "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path], check=True)
    return path


def fingerprint_of(key: Path) -> str:
    """Return the fingerprint of the public half of `key`."""
    keygen = program("ssh-keygen")
    told = subprocess.run([keygen, "-l", "-f", f"{key}.pub"], check=True, capture_output=True, text=True)
    return told.stdout.split()[1]


@contextmanager
def openssh(
    folder: Path, *, lines: tuple[str, ...] = (), key_kinds: tuple[str, ...] = ("ed25519",), port: int | None = None
) -> Iterator[SshHost]:
    """Run sshd with fresh keys in `folder` (or those of an earlier run); `lines` go in front of its config."""
    sshd = program("sshd")
    identity = folder / "identity"
    host_keys = [folder / f"host_{kind}" for kind in key_kinds]
    for path, kind in [(identity, "ed25519"), *zip(host_keys, key_kinds, strict=True)]:
        if not path.exists():
            make_key(path, kind)
    authorized = folder / "authorized_keys"
    authorized.write_bytes((folder / "identity.pub").read_bytes())
    authorized.chmod(0o600)
    port = port or free_port()
    config = folder / "sshd_config"
    config.write_text("\n".join([*lines, *_settings(folder, host_keys, port), ""]))
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    with serving([sshd, "-D", "-e", "-f", config], port, folder / "sshd.log") as pid:
        yield SshHost(
            port=port,
            username=getpass.getuser(),
            fingerprint=fingerprint_of(host_keys[0]),
            identity=identity,
            pid=pid,
        )


def _settings(folder: Path, host_keys: list[Path], port: int) -> list[str]:
    return [
        f"Port {port}",
        f"ListenAddress {LOOPBACK}",
        *(f"HostKey {key}" for key in host_keys),
        f"PidFile {folder / 'sshd.pid'}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        "StrictModes no",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "UsePAM no",
        "UseDNS no",
        "MaxStartups 100",
        "Subsystem sftp internal-sftp",
    ]
