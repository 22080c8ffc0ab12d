"""A real asyncssh SFTP server in a process of its own. Run as a module it serves until it is ended."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.openssh import fingerprint_of, make_key
from tests.servers.running import LOOPBACK, PASSWORD, SshHost, free_port, serving

_USERNAME = "collector"


def skip_or_fail(reason: str) -> None:
    """Skip the test, or fail it where the machine promised to have everything."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@contextmanager
def asyncssh_server(folder: Path, *, way: str = "password") -> Iterator[SshHost]:
    """Run asyncssh with fresh keys in `folder`.

    `way` is how it lets people in: ``password``, ``interactive``, or ``key`` (those in `known_keys` of `folder`).
    """
    if importlib.util.find_spec("asyncssh") is None:
        skip_or_fail("needs the real asyncssh, which is not installed")
    host_key = folder / "host_ed25519"
    if not host_key.exists():
        make_key(host_key)
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "tests.servers.asyncssh_server", str(port), host_key, way]
    repository = Path(__file__).parents[2]
    with serving(command, port, folder / "asyncssh.log", cwd=repository) as pid:
        yield SshHost(port=port, username=_USERNAME, password=PASSWORD, fingerprint=fingerprint_of(host_key), pid=pid)


def _login(way: str, known_keys: Path) -> Any:
    import asyncssh

    class Login(asyncssh.SSHServer):
        """Lets one user in, by password or by one question."""

        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return way == "password"

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (_USERNAME, PASSWORD)

        def public_key_auth_supported(self) -> bool:
            return way == "key"

        def validate_public_key(self, username: str, key: Any) -> bool:
            known = known_keys.read_text().split()
            return username == _USERNAME and key.export_public_key().decode().split()[1] in known

        def kbdint_auth_supported(self) -> bool:
            return way == "interactive"

        def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
            return "login", "", "", [("Pass phrase of the day:", False)]

        def validate_kbdint_response(self, username: str, responses: Any) -> bool:
            return (username, list(responses)) == (_USERNAME, [PASSWORD])

    return Login


async def _serve(port: int, host_key: str, way: str) -> None:
    import asyncssh

    await asyncssh.listen(
        LOOPBACK,
        port,
        server_host_keys=[host_key],
        server_factory=_login(way, Path(host_key).with_name("known_keys")),
        sftp_factory=asyncssh.SFTPServer,
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
