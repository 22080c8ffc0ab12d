"""Secrets are nowhere: the real program, every kind of login, peers that refuse it and say the secret again."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.servers.ftp_peer import FtpPeer, Talk, ftp_peer
from tests.servers.http_peer import Exchange, http_peer
from tests.servers.openssh import make_key, openssh
from tests.servers.running import SshHost
from tests.servers.silent import listening

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")

SECRETS: Mapping[str, str] = {
    kind: f"geheim-{kind}-7c41f0e9"
    for kind in ("sftp", "passphrase", "ftp", "webdav", "token", "field", "header", "irods", "keyed")
}
DEBUGGING = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, filename="debug.log")
from v2xsync.cli.main import main
sys.exit(main())
"""
PEERS_WORDS = re.compile(r"receive_response_headers|INFO:httpx:HTTP Request")
COMMANDS = (
    ["--no-ui", "--once", "--log-format", "json"],
    ["check", "--connect", "--json"],
    ["status", "--json"],
    ["holds", "--json"],
    ["history", "--json"],
    ["why", "a.ulg"],
)


@dataclass
class Site:
    """A folder with a config whose devices all refuse us, and all that was ever printed there."""

    folder: Path
    secrets: Path
    printed: list[str] = field(default_factory=list)
    processes: set[str] = field(default_factory=set)

    def call(self, command: list[str], *arguments: str) -> str:
        """Run the program to its end, looking at every process of it all the while."""
        out, err = self.folder / "stdout", self.folder / "stderr"
        with out.open("wb") as taken, err.open("wb") as said:
            program = subprocess.Popen(
                [sys.executable, *command, *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=taken,
                stderr=said,
            )
        with contextlib.closing(_Ended(program)) as ended:
            while not ended.within(0.05):
                self.processes |= set(_told_of(program.pid))
        told = out.read_text(errors="replace") + err.read_text(errors="replace")
        self.printed.append(told)
        assert "Traceback" not in told
        return told

    def traces(self) -> Iterator[str]:
        """Where a secret was found: in what was printed, in the process list, or in a file that was written."""
        texts = {"a print": "\n".join(self.printed), "the process list": "\n".join(sorted(self.processes))}
        for file in self.folder.rglob("*"):
            if file.is_file() and not file.is_relative_to(self.secrets):
                texts[str(file.relative_to(self.folder))] = file.read_bytes().decode("latin-1")
        for place, text in texts.items():
            for kind, secret in SECRETS.items():
                login = base64.b64encode(f"u:{secret}".encode()).decode()
                if secret[: len("geheim-") + 4] in text or login in text:
                    yield f"{kind} in {place}"


class _Ended:
    """Waits for a process in short turns, and never leaves it behind."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program
        self._left = 1_200

    def within(self, seconds: float) -> bool:
        self._left -= 1
        assert self._left, "the program does not end"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._program.wait(seconds)
        return self._program.returncode is not None

    def close(self) -> None:
        if self._program.returncode is None:
            self._program.kill()
            self._program.wait()


def _told_of(pid: int) -> Iterator[str]:
    """The command line and environment of a process, and of its children."""
    with contextlib.suppress(OSError):
        yield Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        yield Path(f"/proc/{pid}/environ").read_text(errors="replace")
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _told_of(int(child))


def _echo(exchange: Exchange) -> bool:
    """Refuse, and repeat every header of the request, as debugging pages of web frameworks do."""
    login = exchange.headers.get("authorization", "")
    if exchange.target.startswith("/dav") and not login:
        return exchange.reply(401, WWW_Authenticate='Basic realm="r"')
    said = " ".join(f"{name}={value}" for name, value in exchange.headers.items())
    body = exchange.body().decode("latin-1") + said
    if login.startswith("Basic "):
        body += base64.b64decode(login.removeprefix("Basic ")).decode()
    head = f"HTTP/1.1 400 {body[-120:]}\r\nServer: {body[-70:]}\r\nContent-Length: {len(said)}\r\n\r\n"
    return exchange.raw(f"{head}{said}".encode("latin-1"))


def _echo_password(talk: Talk, password: str) -> str:
    del talk
    return f"530 the password {password} is wrong"


def _babble(plug: socket.socket) -> None:
    plug.recv(4096)
    plug.sendall(b"\0\0\0\x10<MsgHeader_PI></")
    plug.close()


def _config(ssh: SshHost, locked: Path, http: int, ftp: int, irods: int, kept: Path) -> str:
    def device(name: str, kind: str, **keys: str) -> str:
        lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
        return f'[devices.{name}]\ntype = "{kind}"\n{lines}\n'

    def secret(kind: str) -> str:
        return f'{{ file = "{kept / kind}" }}'

    there = {"host": f'"{ssh.host}"', "port": str(ssh.port), "username": f'"{ssh.username}"'}
    there |= {"host_key": f'"{ssh.fingerprint}"'}
    opened = {**there, "identity": f'"{locked}"'}
    dav = {"url": f'"http://127.0.0.1:{http}/dav/"', "username": '"u"'}
    office = {"host": '"127.0.0.1"', "port": str(ftp), "username": '"u"', "tls": '"none"'}
    names = '"box", "wrong", "locked", "keyed", "ftp", "dav", "zone"'
    return "\n".join(
        [
            '[station]\ntimezone = "UTC"\nstate = "state"\nlogs = "logs"',
            '[store]\ndirectory = "store"\nmin_free = 0',
            device("box", "local", directory='"box"'),
            device("wrong", "sftp", **there, password=secret("sftp")),
            device("locked", "sftp", **opened, passphrase=secret("sftp")),
            device("keyed", "sftp", **opened, passphrase=secret("passphrase")),
            device("ftp", "ftp", **office, password=secret("ftp")),
            device("dav", "webdav", **dav, root='"here"', password=secret("webdav")),
            device("away", "webdav", **dav, root='"there"', password=secret("webdav")),
            device("zone", "irods", host='"127.0.0.1"', port=str(irods), zone='"z"', username='"u"',
                   password=secret("irods"), root='"/z/home/u"'),
            device("form", "post", url=f'"http://127.0.0.1:{http}/form"', form='"multipart"', token=secret("token"),
                   headers=f'{{ X-Key = {secret("header")} }}', fields=f'{{ key = {secret("field")} }}'),
            device("basic", "post", url=f'"http://127.0.0.1:{http}/form"', form='"raw"', username='"u"',
                   password=secret("keyed")),
            f'[routes.all]\nfrom = [{names}]\nto = ["form", "basic", "away"]\nready = {{ settle = "0s" }}',
            'remove = { after = "never", proof = { default = "hash", form = "ack", basic = "ack" } }',
        ]
    )  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder, kept = tmp_path / "site", tmp_path / "site" / "kept"
    kept.mkdir(parents=True, mode=0o700)
    for kind, text in SECRETS.items():
        (kept / kind).write_text(text)
        (kept / kind).chmod(0o600)
    (folder / "box").mkdir()
    (folder / "box" / "a.ulg").write_bytes(b"one log")
    locked = make_key(tmp_path / "locked", passphrase=SECRETS["passphrase"])
    peer = FtpPeer()
    peer.on["PASS"] = _echo_password
    (tmp_path / "sshd").mkdir()
    with (
        openssh(tmp_path / "sshd") as ssh,
        http_peer(_echo) as http,
        ftp_peer(peer) as ftp,
        listening(_babble) as irods,
    ):
        text = _config(ssh, locked, http.port, ftp.port, irods, kept)
        (folder / "v2xsync.toml").write_text(text)
        yield Site(folder, kept)


@pytest.mark.real("sshd")
def test_no_secret_is_printed_written_or_listed_even_where_peers_repeat_it(site: Site) -> None:
    for arguments in COMMANDS:
        site.call(["-m", "v2xsync"], *arguments)
    told = "\n".join(site.printed)
    assert "***" in told, "the peers repeated what they heard, and it was blotted"
    for device in ("wrong", "locked", "keyed", "ftp", "dav", "zone", "form", "basic"):
        assert device in told
    assert list(site.traces()) == []


@pytest.mark.real("sshd")
def test_no_secret_is_in_the_libraries_debugging_lines_either(site: Site) -> None:
    """There is no debug level to switch on; this is what somebody sees who does it in Python.

    What a peer itself repeats in its answer's head is shown there as it came: those lines are left out.
    """
    site.call(["-c", DEBUGGING], "--no-ui", "--once")
    lines = (site.folder / "debug.log").read_text(errors="replace")
    assert "DEBUG" in lines
    quiet = "\n".join(line for line in lines.splitlines() if not PEERS_WORDS.search(line))
    (site.folder / "debug.log").write_text(quiet)
    assert list(site.traces()) == []


def test_what_runs_beside_us_is_looked_at(tmp_path: Path) -> None:
    """The looking itself: a secret in a child's command line or environment is found."""
    site = Site(tmp_path, tmp_path / "none")
    idle = "import threading; threading.Event().wait(0.5)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {idle!r}, {SECRETS['ftp']!r}])"
    site.call(["-c", child])
    assert list(site.traces()) == ["ftp in the process list"]
