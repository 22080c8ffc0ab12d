"""A rehearsal site: intersections, a drone, a flash drive, a collector, their targets, and a config that serves them.

Everything stands in one temporary folder and listens on loopback only; nothing is left behind.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, Self

from v2xsync.sim import site_config
from v2xsync.sim.drone.flight import FlightPlan
from v2xsync.sim.drone.radio import free_port
from v2xsync.sim.drone.vehicle import Drone, DroneRules
from v2xsync.sim.flash_drive import FlashDrive
from v2xsync.sim.form_server import COLLECT, UPLOAD, FormServer
from v2xsync.sim.intersection import Intersection
from v2xsync.sim.link import LinkRules
from v2xsync.sim.minute_files import MinuteWriter
from v2xsync.sim.sftp_server import SftpServer
from v2xsync.sim.v2x_rows import Junction

COLLECTOR_ROOT: Final = "/nojournal/bin/v2x-data"
"""Where a coprocessor keeps its data; the station is only shown `archive/` below it."""

JUNCTIONS: Final = (
    Junction("clay-11th", 38236, 45.5106, -122.6830),
    Junction("market-10th", 38232, 45.5114, -122.6822),
    Junction("market-11th", 38234, 45.5117, -122.6834),
    Junction("market-broadway", 38230, 45.5122, -122.6800),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRules:
    """What the site is like."""

    intersections: int = 3
    flaky: bool = True
    """The last intersection's line breaks again and again."""
    folders: int = 3
    """Finished folders that wait in each archive at the start."""
    folder_length: dt.timedelta = dt.timedelta(minutes=3)
    rollover: dt.timedelta = dt.timedelta(seconds=30)
    minute: dt.timedelta = dt.timedelta(seconds=10)
    """How long the collector's minutes are."""
    minutes: int = 6
    """Finished files of the collector at the start."""
    shots: int = 8
    """Pictures of each flight that the flash drive brings."""
    plugged_in: dt.timedelta = dt.timedelta(seconds=40)
    pulled_out: dt.timedelta = dt.timedelta(seconds=20)
    drone: DroneRules = field(
        default_factory=lambda: DroneRules(
            flights=3, plan=FlightPlan(first_s=45, every_s=75, flight_s=15), loss=0.01, burst_bytes_s=250_000
        )
    )
    tick_s: float = 0.5
    """How often everything moves on."""
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


class _Machine(Protocol):
    """What is switched on and off with the site."""

    def start(self) -> None:
        """Switch on."""

    def stop(self) -> None:
        """Switch off."""


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
        self.office_root: Final = self.folder / "targets" / "office"
        """The folder that the SFTP target shows as ``/``."""
        self._clock = clock
        self._stopping = threading.Event()
        self._traffic: threading.Thread | None = None
        self.places: Final = self._build_places()
        self.office: Final = self._build_office()
        self.forms: Final = FormServer(self.folder / "targets" / "uploads")
        self.collector: Final = MinuteWriter(
            self.folder / "collector", self._chance("minutes"), period=self.rules.minute
        )
        self.flash: Final = FlashDrive(self.folder / "flash", self._chance("pictures"))
        self.drone: Final = Drone(self.folder / "drone", self.rules.drone, station=free_port(), clock=clock)

    def start(self) -> None:
        """Fill the archives, start the servers, write the config, let the traffic run."""
        now = self._clock()
        for place in self.places:
            place.intersection.prefill(folders=self.rules.folders, length=self.rules.folder_length, until=now)
            place.intersection.open_live(now)
        self.collector.prefill(self.rules.minutes, now)
        self.flash.record(self.rules.shots, now)
        self.flash.plug_in()
        for machine in self._machines():
            machine.start()
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
        for machine in self._machines():
            machine.stop()
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
            f"  source  drone            mavlink from udp {self.drone.host}:{self.drone.port}  (armed now and then)",
            f"  source  collector        writes {self.collector.folder}",
            f"  source  flash            comes and goes at {self.flash.mount}",
            f"  store   {self.store}",
            f"  target  office           sftp on {self.office.host}:{self.office.port}, files in {self.office_root}",
            f"  target  disk             {self.disk}",
            f"  target  px4-logs         {self.forms.url}{UPLOAD}, results at {self.forms.url}/",
            f"  target  ingest           {self.forms.url}{COLLECT}",
            f"  config  {self.config_path}",
        ]

    def _machines(self) -> Iterator[_Machine]:
        yield from (place.server for place in self.places)
        yield self.drone
        yield self.office
        yield self.forms

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{self.rules.seed} {what}")  # noqa: S311  (invented traffic, not secrets)

    def _build_places(self) -> tuple[Place, ...]:
        count = self.rules.intersections
        return tuple(self._build_place(number, last=number == count - 1) for number in range(count))

    def _build_place(self, number: int, *, last: bool) -> Place:
        known = JUNCTIONS[number % len(JUNCTIONS)]
        again = number // len(JUNCTIONS)
        host = f"{known.host}-{again + 1}" if again else known.host
        junction = Junction(host, known.number + again, known.latitude, known.longitude)
        root = self.folder / "intersections" / host
        base = root / COLLECTOR_ROOT.strip("/")
        base.mkdir(parents=True)
        flaky = self.rules.flaky and last
        server = SftpServer(root, rules=self.rules.flaky_line if flaky else self.rules.line)
        return Place(server, Intersection(base, junction, self._chance(host)), root, flaky)

    def _build_office(self) -> SftpServer:
        self.disk.mkdir(parents=True)
        (self.office_root / "v2x").mkdir(parents=True)
        return SftpServer(self.office_root, username="courier")

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
            self.collector.advance(now)
            self.flash.follow(now, there=self.rules.plugged_in, away=self.rules.pulled_out, shots=self.rules.shots)

    def _write_config(self) -> None:
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self.office.password, encoding="ascii")
        password = f"{{ file = {site_config.quoted(secret)} }}"
        archive = f"{COLLECTOR_ROOT}/archive"
        names = [place.name for place in self.places]
        tables = [
            site_config.station_table(self.folder / "state", self.store),
            *(site_config.sftp_device(place.name, place.server, archive, password) for place in self.places),
            site_config.drone_device("drone", self.drone.station or 0),
            site_config.folder_device("collector", self.collector.folder),
            site_config.drive_device("flash", self.flash.uuid, self.flash.mount),
            site_config.sftp_device("office", self.office, "/v2x", password),
            site_config.folder_device("disk", self.disk),
            site_config.review_device("px4-logs", f"{self.forms.url}{UPLOAD}"),
            site_config.plain_post_device("ingest", f"{self.forms.url}{COLLECT}"),
            site_config.route("intersections", names, ["office", "disk"], *site_config.INTERSECTIONS),
            site_config.route("minutes", ["collector"], ["ingest"], *site_config.MINUTES),
            site_config.route("pictures", ["flash"], ["office"], *site_config.PICTURES),
            site_config.route("flights", ["drone"], ["px4-logs", "disk"], *site_config.FLIGHTS),
        ]
        self.config_path.write_text("\n".join(tables), encoding="utf-8")
