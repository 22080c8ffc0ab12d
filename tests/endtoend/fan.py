"""A site for the fan-out: one source, a store and four targets, each behind a real server (iRODS: a stand-in).

The engine is stepped on a fake clock; every byte to the targets goes over loopback. After every single step of a worker
the site asks whether the courier keeps its one promise (`Site.check`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.devices.irods.zones import ZoneFarSide, options
from tests.devices.post.posting import ULOG
from tests.engine.rig import START, FakeClock, Rig
from tests.servers.apache import apache
from tests.servers.dav_host import open_up
from tests.servers.form_server import FormServer, flight_review, form_server
from tests.servers.ftp_host import FtpHost
from tests.servers.http_peer import Exchange, Peer, Script, http_peer
from tests.servers.irods_standin import StandIn
from tests.servers.pyftpd import USERNAME, pyftpd
from tests.servers.running import LOOPBACK, PASSWORD, free_port

from v2xsync.devices.ftp import FtpDevice, FtpOptions
from v2xsync.devices.irods import IrodsDevice
from v2xsync.devices.post import Form, PostDevice, PostOptions
from v2xsync.devices.webdav import WebdavDevice
from v2xsync.model.custody import Step
from v2xsync.model.items import Proof
from v2xsync.model.rules import After, ReadyRule, RemoveRule, Route
from v2xsync.model.schedule import Every

FTP, DAV, FORM, ZONE = TARGETS = ("ftp", "webdav", "form", "irods")

ROUTE = Route(
    name="fan",
    sources=("drone",),
    targets=TARGETS,
    ready=ReadyRule(settle_s=0.0),
    layout="{name}",
    target_path="{name}",
    fetch={"drone": Every(60.0)},
    remove=RemoveRule(after=After.DELIVERED, proof=Proof.HASH, proofs={FORM: Proof.ACK}),
)


@dataclass
class Site:
    """The servers, what they hold, and a station whose every step is judged."""

    tmp: Path
    stack: ExitStack
    clock: FakeClock = field(default_factory=FakeClock)
    rig: Rig = field(init=False)
    planted: dict[str, bytes] = field(default_factory=dict)
    steps: int = 0
    """How many steps were judged."""
    on_dav: Script | None = None
    """What the WebDAV server does wrong; may change at any moment."""

    def __post_init__(self) -> None:
        """Start every server but the FTP one."""
        self.ftp_port, self.ftp_home = free_port(), self.tmp / "ftp-home"
        (self.ftp_home / "v2x").mkdir(parents=True)
        self.zone = self.stack.enter_context(StandIn(self.tmp / "zone"))
        self.zone_side = ZoneFarSide(self.zone)
        self.form: FormServer = self.stack.enter_context(form_server(self.tmp / "form", flight_review))
        dav = self.stack.enter_context(apache())
        self.dav_root = dav.home / "v2x"
        self.dav_root.mkdir()
        open_up(self.dav_root)
        self.peer: Peer = self.stack.enter_context(http_peer(self._before_dav, behind=dav.port))
        self._dav_options = dav.options(self.dav_root, url=f"http://{LOOPBACK}:{self.peer.port}/")
        self.rig = Rig(self.tmp, (ROUTE,), once=False, clock=self.clock, wrap=self._sessions())
        self._judge_every_step()

    def start_ftp(self) -> FtpHost:
        """From now on the FTP server is there."""
        (self.tmp / "ftp").mkdir()
        return self.stack.enter_context(pyftpd(self.tmp / "ftp", self.ftp_home, port=self.ftp_port))

    def _before_dav(self, exchange: Exchange) -> bool:
        return self.on_dav is not None and self.on_dav(exchange)

    def _sessions(self) -> dict[str, Callable[[Any], Any]]:
        ftp = FtpOptions(
            host=LOOPBACK, port=self.ftp_port, username=USERNAME, password=PASSWORD, tls="none", root="v2x"
        )
        form = PostOptions(url=self.form.url("/upload"), form=Form.FLIGHT_REVIEW, max_parallel=1)
        return {
            FTP: lambda _: FtpDevice(FTP, ftp, self.clock.now),
            DAV: lambda _: WebdavDevice(DAV, self._dav_options, self.clock.now),
            FORM: lambda _: PostDevice(FORM, form),
            ZONE: lambda _: IrodsDevice(ZONE, options(self.zone)),
        }

    def restart(self) -> None:
        """The station dies where it stands, its connections with it, and is started again."""
        self.hang_up()
        self.rig.build()
        self._judge_every_step()

    def hang_up(self) -> None:
        """Close every connection of the station."""
        for worker in self.rig.crew.lanes.workers:
            worker._close()

    def _judge_every_step(self) -> None:
        for worker in self.rig.crew.lanes.workers:
            worker.step = self._judged(worker.step)  # type: ignore[method-assign]

    def _judged(self, step: Callable[[], float | None]) -> Callable[[], float | None]:
        def judged() -> float | None:
            answer = step()
            self.check()
            return answer

        return judged

    def pass_time(self, to_minute: float) -> None:
        """Let the station work until so many minutes of the fake clock have gone by since the start."""
        self.rig.run(START + 60.0 * to_minute - self.clock.at)

    # -- the source

    def plant(self, name: str, size: int) -> bytes:
        """A flight log of its own content on the drone."""
        content = (ULOG + hashlib.sha256(name.encode()).digest() * (size // 32 + 1))[:size]
        self.planted[name] = content
        self.rig.plant("drone", name, content)
        return content

    # -- looking

    def holds(self, target: str) -> dict[str, bytes]:
        """What stands at a target under final names, by name."""
        if target == FORM:
            return {post.file_name: post.content for post in self.form.kept}
        if target == ZONE:
            names = {name for name in self.zone_side.listing() if ".v2xsync" not in name}
            return {name: content for name in names if (content := self.zone_side.look(name)) is not None}
        root = self.ftp_home / "v2x" if target == FTP else self.dav_root
        return {path.name: path.read_bytes() for path in root.iterdir() if not path.name.startswith(".v2xsync")}

    def posts(self) -> Counter[str]:
        """How often the form was given each content."""
        names = {content: name for name, content in self.planted.items()}
        return Counter(names[post.content] for post in self.form.posts)

    def check(self) -> None:
        """The promise: an original is gone only when every target has its bytes and every receipt is on disk.

        And at no moment: half a file under a final name, a content that the form was given twice.
        """
        self.steps += 1
        assert all(count == 1 for count in self.posts().values()), self.posts()
        held = {target: self.holds(target) for target in TARGETS}
        for target, files in held.items():
            for name, content in files.items():
                assert content == self.planted[name], f"{name} at {target} is not what was planted"
        there = self.rig.on("drone")
        for name, content in self.planted.items():
            if name in there:
                assert there[name] == content
                continue
            lacking = {target for target in TARGETS if held[target].get(name) != content}
            assert not lacking, f"{name} left the drone, and {lacking} have not got it"
            assert self.proofs(name) >= {(FTP, 3), (DAV, 3), (FORM, 1), (ZONE, 3)}, f"{name} was removed without proof"

    def proofs(self, name: str) -> set[tuple[str, int]]:
        """(target, proof) of every receipt of a file."""
        lines = self.rig.ledger.history(step=Step.DELIVERED)
        return {(line.device, int(line.proof or 0)) for line in lines if line.path == name}

    def story(self) -> list[str]:
        """The custody log as ``minute name step device proof``, by minute and name, on the fake clock."""
        told = (
            (int(line.at - START) // 60, line.path, line.step.value, line.device, line.proof.word if line.proof else "")
            for line in self.rig.ledger.history()
        )
        return [f"{minute:02} {' '.join(words).rstrip()}" for minute, *words in sorted(told, key=lambda it: it[:2])]
