"""A rehearsal site: simulated intersections, two targets, and the config of a station that serves them.

Everything stands in one temporary folder and listens on loopback only; nothing is left behind.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from v2xsync.sim.intersection import Intersection
from v2xsync.sim.link import LinkRules
from v2xsync.sim.sftp_server import SftpServer
from v2xsync.sim.v2x_rows import Junction

COLLECTOR_ROOT: Final = "/nojournal/bin/v2x-data"
"""Where a coprocessor keeps its data; the station is only shown `archive/` below it."""

_JUNCTIONS: Final = (
    Junction("clay-11th", 38236, 45.5106, -122.6830),
    Junction("market-10th", 38232, 45.5114, -122.6822),
    Junction("market-11th", 38234, 45.5117, -122.6834),
    Junction("market-broadway", 38230, 45.5122, -122.6800),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRules:
    """What the site is like."""

    intersections: int = 4
    flaky: bool = True
    """The last intersection's line breaks again and again."""
    folders: int = 3
    """Finished folders that wait in each archive at the start."""
    folder_length: dt.timedelta = dt.timedelta(minutes=4)
    rollover: dt.timedelta = dt.timedelta(seconds=30)
    tick_s: float = 0.5
    """How often the live files grow."""
    seed: int = 11
    line: LinkRules = field(default_factory=lambda: LinkRules(latency_s=0.01, rate_bytes_s=600_000))
    flaky_line: LinkRules = field(
        default_factory=lambda: LinkRules(latency_s=0.03, rate_bytes_s=400_000, drop_every_bytes=2_000_000)
    )


@dataclass(frozen=True, slots=True)
class Place:
    """One simulated intersection: its server, its data, and the folder that its server shows as ``/``."""

    server: SftpServer
    intersection: Intersection
    root: Path
    flaky: bool

    @property
    def name(self) -> str:
        """Its name in the station's config."""
        return self.intersection.junction.host


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Site:
    """Builds the site in `folder` (a temporary one where none is given), and takes it down again.

    `clock` gives moments with a zone. As a context manager it starts and stops; a folder of its own making is removed.
    """

    def __init__(
        self, rules: SiteRules | None = None, *, folder: Path | None = None, clock: Callable[[], dt.datetime] = _now
    ) -> None:
        self.rules: Final = rules or SiteRules()
        self._own_folder = folder is None
        self.folder: Final = folder or Path(tempfile.mkdtemp(prefix="v2xsync-demo-"))
        self.config_path: Final = self.folder / "v2xsync.toml"
        self.store: Final = self.folder / "store"
        self.disk: Final = self.folder / "targets" / "disk"
        self._office_root: Final = self.folder / "targets" / "office"
        self._clock = clock
        self._stopping = threading.Event()
        self._traffic: threading.Thread | None = None
        self.places: Final = self._build_places()
        self.office: Final = self._build_office()

    @property
    def office_root(self) -> Path:
        """The folder that the SFTP target shows as ``/``."""
        return self._office_root

    def start(self) -> None:
        """Fill the archives, start the servers, write the config, let the traffic run."""
        now = self._clock()
        for place in self.places:
            place.intersection.prefill(folders=self.rules.folders, length=self.rules.folder_length, until=now)
            place.intersection.open_live(now)
            place.server.start()
        self.office.start()
        self._write_config()
        self._stopping.clear()
        self._traffic = threading.Thread(target=self._run_traffic, name="traffic", daemon=True)
        self._traffic.start()

    def stop(self) -> None:
        """Stop the traffic and the servers; remove the folder where the site made it. May be repeated."""
        self._stopping.set()
        if self._traffic is not None:
            self._traffic.join()
            self._traffic = None
        for server in (*(place.server for place in self.places), self.office):
            server.stop()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start; what is half up is taken down where that fails."""
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_how: object) -> None:
        """Stop."""
        self.stop()

    def describe(self) -> Sequence[str]:
        """Lines that say where everything is."""
        lines = [f"rehearsal site in {self.folder}"]
        for place in self.places:
            note = "  (its line keeps breaking)" if place.flaky else ""
            lines.append(f"  source  {place.name:<16} sftp on {place.server.host}:{place.server.port}{note}")
        return [
            *lines,
            f"  store   {self.store}",
            f"  target  office           sftp on {self.office.host}:{self.office.port}, files in {self._office_root}",
            f"  target  disk             {self.disk}",
            f"  config  {self.config_path}",
        ]

    def _build_places(self) -> tuple[Place, ...]:
        count = self.rules.intersections
        return tuple(self._build_place(number, last=number == count - 1) for number in range(count))

    def _build_place(self, number: int, *, last: bool) -> Place:
        known = _JUNCTIONS[number % len(_JUNCTIONS)]
        again = number // len(_JUNCTIONS)
        host = f"{known.host}-{again + 1}" if again else known.host
        junction = Junction(host, known.number + again, known.latitude, known.longitude)
        root = self.folder / "intersections" / host
        base = root / COLLECTOR_ROOT.strip("/")
        base.mkdir(parents=True)
        flaky = self.rules.flaky and last
        server = SftpServer(root, rules=self.rules.flaky_line if flaky else self.rules.line)
        chance = random.Random(self.rules.seed + number)  # noqa: S311  (invented traffic, not secrets)
        return Place(server, Intersection(base, junction, chance), root, flaky)

    def _build_office(self) -> SftpServer:
        self.disk.mkdir(parents=True)
        (self._office_root / "v2x").mkdir(parents=True)
        return SftpServer(self._office_root, username="courier")

    def _run_traffic(self) -> None:
        next_rollover = self._clock() + self.rules.rollover
        while not self._stopping.wait(self.rules.tick_s):
            now = self._clock()
            for place in self.places:
                place.intersection.advance(now)
                if now >= next_rollover:
                    place.intersection.roll_over(now)
            if now >= next_rollover:
                next_rollover = now + self.rules.rollover

    def _write_config(self) -> None:
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self.office.password, encoding="ascii")
        state = self.folder / "state"
        tables = [_STATION.format(state=_quoted(state), store=_quoted(self.store), disk=_quoted(self.disk))]
        archive = f"{COLLECTOR_ROOT}/archive"
        tables += [_device(place.name, place.server, archive, secret) for place in self.places]
        tables.append(_device("office", self.office, "/v2x", secret))
        tables.append(_ROUTE.format(sources=", ".join(_quoted(place.name) for place in self.places)))
        self.config_path.write_text("\n".join(tables), encoding="utf-8")


def _quoted(value: str | os.PathLike[str]) -> str:
    """A TOML string of `value`; backslashes of Windows paths are kept."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _device(name: str, server: SftpServer, root: str, secret: Path) -> str:
    return _DEVICE.format(
        name=name,
        host=server.host,
        port=server.port,
        username=server.username,
        secret=_quoted(secret),
        fingerprint=server.fingerprint,
        root=root,
    )


_STATION: Final = """\
[station]
name      = "rehearsal"
timezone  = "UTC"
state     = {state}
on_hangup = "stop"

[store]
directory = {store}
min_free  = "50 MB"

[devices.disk]
type      = "local"
directory = {disk}
"""

_DEVICE: Final = """\
[devices.{name}]
type     = "sftp"
host     = "{host}"
port     = {port}
username = "{username}"
password = {{ file = {secret} }}
host_key = "{fingerprint}"
root     = "{root}"
timeout  = "10s"
"""

_ROUTE: Final = """\
[routes.intersections]
from     = [{sources}]
to       = ["office", "disk"]
include  = ["*.csv"]
elements = "v2x"
ready    = {{ settle = "1s" }}
fetch    = {{ every = "10s" }}
remove   = {{ after = "delivered", proof = "hash", empty_folders = true }}
"""
