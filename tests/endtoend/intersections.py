"""A site for end-to-end tests: intersections behind a real sshd, a real config file, and the real program."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.running import SshHost

ELEMENTS = {
    "spatLog": "spat",
    "remoteBsmLog": "remoteBsm",
    "srmLog": "srm",
    "ssmLog": "ssm",
    "msgCountsLog": "msgCount",
}
STAMPS = ("02232021_234210", "02242021_000000", "02242021_004841")


@dataclass
class Intersections:
    """Coprocessors as folders of one host, a store, an SFTP target and a local one."""

    base: Path
    host: SshHost
    names: tuple[str, ...] = ("clay-11th", "srm-street")
    extra_devices: str = ""
    extra_sources: tuple[str, ...] = ()
    expected: dict[str, bytes] = field(default_factory=dict)

    def archive(self, name: str) -> Path:
        return self.base / "field" / name / "archive"

    def plant(self, *, size: int = 3000) -> None:
        """Fill every archive with folders of the five elements, one file of no element, and one empty file."""
        for name in self.names:
            for stamp in STAMPS:
                folder = self.archive(name) / f"{name}_{stamp}"
                for word, element in ELEMENTS.items():
                    content = hashlib.sha256(f"{name}{stamp}{word}".encode()).digest() * (size // 32)
                    self._file(folder / f"{name}_{word}_{stamp}.csv", content, f"{name}/{element}")
                self._file(folder / f"notes-{stamp}.txt", b"", f"{name}/other")

    def _file(self, path: Path, content: bytes, place: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.expected[f"{place}/{path.name}"] = content

    @property
    def config(self) -> Path:
        return self.base / "station.toml"

    def device(self, name: str, root: Path, *, more: str = "") -> str:
        return (
            f'[devices.{name}]\ntype = "sftp"\nhost = "{self.host.host}"\nport = {self.host.port}\n'
            f'username = "{self.host.username}"\nidentity = "{self.host.identity}"\n'
            f'host_key = "{self.host.fingerprint}"\nroot = "{root}"\n{more}\n'
        )

    def write_config(self, *, route: str = "") -> None:
        """Write the station's config: every intersection to an SFTP target and a local one, then removed."""
        for folder in ("remote", "field"):
            (self.base / folder).mkdir(exist_ok=True)
        devices = "".join(self.device(name, self.archive(name)) for name in self.names)
        sources = ", ".join(f'"{name}"' for name in (*self.names, *self.extra_sources))
        self.config.write_text(
            f'[station]\nname = "test"\ntimezone = "America/Los_Angeles"\nstate = "{self.base}/state"\n'
            f'[store]\ndirectory = "{self.base}/store"\nmin_free = "1 MB"\n{devices}{self.extra_devices}'
            f'{self.device("remote", self.base / "remote")}'
            f'[devices.disk]\ntype = "local"\ndirectory = "{self.base}/disk"\n'
            f'[routes.all]\nfrom = [{sources}]\nto = ["remote", "disk"]\nelements = "v2x"\n'
            f'layout = "{{source}}/{{element}}/{{name}}"\nready = {{ settle = "0s" }}\n'
            f'fetch = {{ daily = "00:30", until = "05:00" }}\n'
            f'remove = {{ after = "delivered", proof = "hash", empty_folders = true }}\n{route}'
        )  # fmt: skip

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "v2xsync", "--config", str(self.config), *words]

    def call(self, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            self.command(*words), capture_output=True, text=True, timeout=120, check=False, **more
        )

    # -- looking

    def files(self, folder: str) -> dict[str, bytes]:
        """Final files below a folder of the site; partials left out."""
        root = self.base / folder
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and not any(part.startswith(".v2xsync") for part in path.relative_to(root).parts)
        }

    def left(self) -> list[str]:
        """Everything that is still below the archives."""
        return [str(path.relative_to(self.base)) for name in self.names for path in self.archive(name).rglob("*")]

    def assert_all_moved(self) -> None:
        """Store and both targets hold exactly what was planted, and the archives are empty but there."""
        assert self.files("store") == self.expected
        assert self.files("remote") == self.expected
        assert self.files("disk") == self.expected
        assert self.left() == []
        assert all(self.archive(name).is_dir() for name in self.names)
