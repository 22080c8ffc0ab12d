"""Host keys: known_hosts as OpenSSH writes it, and pinning that cannot be led astray."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest
from tests.real import program
from tests.servers.openssh import fingerprint_of, make_key

from v2xsync.devices.ssh.hostkeys import HostKey, host_key, known_keys, pin
from v2xsync.errors import ConfigError

BLOB = base64.b64decode("AAAAC3NzaC1lZDI1NTE5AAAAINWVAl1Xyz9hoCfvTAe4xs7Ia2VqPVvrkS2YtGxwKaKF")
KEY = host_key("ssh-ed25519", BLOB)
OTHER = host_key("ssh-ed25519", BLOB[:-1] + b"\1")


def written(folder: Path, *lines: str) -> Path:
    path = folder / "known_hosts"
    path.write_text("\n".join(lines) + "\n")
    return path


def line_of(names: str, key: HostKey = KEY) -> str:
    return f"{names} {key.algorithm} {key.key}"


@pytest.mark.parametrize(
    ("names", "known_as", "found"),
    [
        ("box", "box", True),
        ("box", "boxes", False),
        ("a,box,b", "box", True),
        ("BOX", "box", True),
        ("[box]:2222", "[box]:2222", True),
        ("[box]:2222", "box", False),
        ("box", "[box]:2222", False),
        ("*.example.org", "n1.example.org", True),
        ("10.1.2.?", "10.1.2.3", True),
        ("*,!box", "box", False),
        ("!box,*", "other", True),
        ("[10.*]:2222", "[10.1.2.3]:2222", True),
        ("|1|bad|hash", "box", False),
        ("|1|bad", "box", False),
    ],
)
def test_names_of_a_line(tmp_path: Path, names: str, known_as: str, found: bool) -> None:
    assert (KEY in known_keys([written(tmp_path, line_of(names))], known_as).good) is found


def test_lines_that_say_nothing_to_us(tmp_path: Path) -> None:
    file = written(
        tmp_path, "# box", "", "box", "box ssh-ed25519", "box ssh-ed25519 not*base64", line_of("@cert-authority box")
    )
    assert known_keys([file, tmp_path / "missing"], "box").good == ()


def test_revoked_keys_are_told_apart(tmp_path: Path) -> None:
    known = known_keys([written(tmp_path, line_of("@revoked *", OTHER), line_of("box"))], "box")
    assert (known.good, known.revoked) == ((KEY,), (OTHER,))


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        known_keys([tmp_path], "box")


@pytest.mark.real("ssh-keygen")
def test_what_ssh_keygen_hashes_is_found(tmp_path: Path) -> None:
    file = written(tmp_path, line_of("[box]:2222"))
    subprocess.run([program("ssh-keygen"), "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "box" not in file.read_text()
    assert known_keys([file], "[box]:2222").good == (KEY,)
    assert known_keys([file], "box").good == ()


@pytest.mark.real("ssh-keygen")
def test_fingerprints_and_pins_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    path = make_key(tmp_path / "key")
    algorithm, text, _ = Path(f"{path}.pub").read_text().split()
    key = host_key(algorithm, base64.b64decode(text))
    assert key.fingerprint == fingerprint_of(path)
    file = tmp_path / "state" / "known_hosts"
    pin(file, "[box]:2222", key)
    told = subprocess.run(
        [program("ssh-keygen"), "-F", "[box]:2222", "-f", file], check=True, capture_output=True, text=True
    )
    assert text in told.stdout


def test_pinning_replaces_this_host_and_keeps_the_others(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    pin(file, "box", OTHER)
    pin(file, "[box]:2222", OTHER)
    pin(file, "box", KEY)
    assert known_keys([file], "box").good == (KEY,)
    assert known_keys([file], "[box]:2222").good == (OTHER,)
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o600


def test_pinning_never_writes_through_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    file = tmp_path / "known_hosts"
    file.symlink_to(precious)
    pin(file, "box", KEY)
    assert precious.read_text() == "precious"
    assert not file.is_symlink()
    assert known_keys([file], "box").good == (KEY,)


def test_a_pin_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "known_hosts"
    pin(file, "box", KEY)

    def fail(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        pin(file, "box", OTHER)
    assert known_keys([file], "box").good == (KEY,)
    assert [path.name for path in tmp_path.iterdir()] == ["known_hosts"]
