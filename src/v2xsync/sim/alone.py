"""One simulated machine by itself on loopback, to point a config of yours at: `v2xsync demo --only PART`."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from v2xsync.sim import site_config
from v2xsync.sim.form_server import COLLECT, UPLOAD, FormServer
from v2xsync.sim.ftp_server import FtpServer
from v2xsync.sim.intersection import Intersection
from v2xsync.sim.minute_files import MinuteWriter
from v2xsync.sim.sftp_server import SftpServer
from v2xsync.sim.site import JUNCTIONS

_FOLDER_LENGTH: Final = dt.timedelta(minutes=1)
_TICK_S: Final = 0.5
_SEED: Final = 3


class Part(ABC):
    """What runs alone: it stands in `folder`, and lives by the clock that it is given."""

    @abstractmethod
    def start(self, now: dt.datetime) -> None:
        """Begin; raises OSError where its port is taken."""

    @abstractmethod
    def stop(self) -> None:
        """End. May be repeated."""

    @abstractmethod
    def advance(self, now: dt.datetime) -> None:
        """Do what is due until `now`; some servers only answer."""

    @abstractmethod
    def facts(self) -> Mapping[str, str]:
        """What a person needs to reach it, by name."""

    @abstractmethod
    def config(self) -> str:
        """TOML tables to paste into a config."""


class _Archive:
    """The finished folders of an intersection, one more each minute."""

    def __init__(self, folder: Path) -> None:
        chance = random.Random(_SEED)  # noqa: S311 - invented traffic, no secret
        self._intersection = Intersection(folder, JUNCTIONS[0], chance)
        self._next = dt.datetime.max.replace(tzinfo=dt.UTC)

    def start(self, now: dt.datetime) -> None:
        self._intersection.prefill(folders=2, length=_FOLDER_LENGTH, until=now)
        self._intersection.open_live(now)
        self._next = now + _FOLDER_LENGTH

    def advance(self, now: dt.datetime) -> None:
        self._intersection.advance(now)
        if now >= self._next:
            self._intersection.roll_over(now)
            self._next = now + _FOLDER_LENGTH


class _Sftp(Part):
    """An intersection's coprocessor."""

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._archive = _Archive(folder)
        self._server = SftpServer(folder, port=port)

    def start(self, now: dt.datetime) -> None:
        self._archive.start(now)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def advance(self, now: dt.datetime) -> None:
        self._archive.advance(now)

    def facts(self) -> Mapping[str, str]:
        server = self._server
        return {
            "address": f"sftp://{server.host}:{server.port}/archive",
            "username": server.username,
            "password": server.password,
            "host key": server.fingerprint,
        }

    def config(self) -> str:
        return site_config.sftp_device("sim-sftp", self._server, "/archive", f'"{self._server.password}"')


class _Ftp(Part):
    """The same data behind FTP."""

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._archive = _Archive(folder)
        self._server = FtpServer(folder, port=port)

    def start(self, now: dt.datetime) -> None:
        self._archive.start(now)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def advance(self, now: dt.datetime) -> None:
        self._archive.advance(now)

    def facts(self) -> Mapping[str, str]:
        server = self._server
        return {
            "address": f"ftp://{server.host}:{server.port}/archive",
            "username": server.username,
            "password": server.password,
        }

    def config(self) -> str:
        return site_config.ftp_device("sim-ftp", self._server, "archive", f'"{self._server.password}"')


class _Post(Part):
    """The upload forms."""

    def __init__(self, folder: Path, port: int) -> None:
        self._server = FormServer(folder, port=port)

    def start(self, now: dt.datetime) -> None:
        del now
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def advance(self, now: dt.datetime) -> None:
        """Only answer."""

    def facts(self) -> Mapping[str, str]:
        url = self._server.url
        return {"flight_review form": url + UPLOAD, "bare bodies": url + COLLECT, "results": url + "/"}

    def config(self) -> str:
        url = self._server.url
        forms = site_config.review_device("sim-review", url + UPLOAD)
        return f"{forms}\n{site_config.plain_post_device('sim-post', url + COLLECT)}"


class _Writer(Part):
    """The collector that writes a file each minute."""

    def __init__(self, folder: Path, port: int) -> None:
        del port
        self._writer = MinuteWriter(folder, random.Random(_SEED))  # noqa: S311 - invented rows, no secret

    def start(self, now: dt.datetime) -> None:
        self._writer.prefill(2, now)

    def stop(self) -> None:
        self._writer.close()

    def advance(self, now: dt.datetime) -> None:
        self._writer.advance(now)

    def facts(self) -> Mapping[str, str]:
        return {"writes": f"<minute>.dat each minute, with <minute>.dat.lock beside it, into {self._writer.folder}"}

    def config(self) -> str:
        device = site_config.folder_device("sim-writer", self._writer.folder)
        return f"{device}\n{site_config.route('minutes', ['sim-writer'], [], *site_config.MINUTES_KEPT)}"


class _Drone(Part):
    """The drone."""

    def __init__(self, folder: Path, port: int) -> None:
        from v2xsync.sim.drone.flight import FlightPlan
        from v2xsync.sim.drone.vehicle import USUAL_PORT, Drone, DroneRules

        plan = FlightPlan(first_s=60, every_s=120, flight_s=20)
        self._station = port or USUAL_PORT
        self._drone = Drone(folder, DroneRules(plan=plan, loss=0.01), station=self._station)

    def start(self, now: dt.datetime) -> None:
        del now
        self._drone.start()

    def stop(self) -> None:
        self._drone.stop()

    def advance(self, now: dt.datetime) -> None:
        """Only answer."""

    def facts(self) -> Mapping[str, str]:
        drone = self._drone
        return {
            "sends to": f"udp {drone.host}:{self._station}",
            "answers at": f"udp {drone.host}:{drone.port}",
            "flies": "20 s of every 2 min, first after 1 min; a log is on its card from arming on",
            "loses": "1 % of all datagrams",
        }

    def config(self) -> str:
        return site_config.drone_device("sim-drone", self._station)


_PARTS: Final[Mapping[str, Callable[[Path, int], Part]]] = {
    "ftp": _Ftp,
    "sftp": _Sftp,
    "post": _Post,
    "writer": _Writer,
    "drone": _Drone,
}

PARTS: Final[Sequence[str]] = tuple(_PARTS)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Alone:
    """Runs the part `name` in a folder of its own that is gone afterwards; `port` 0 lets it choose."""

    def __init__(self, name: str, *, port: int = 0, clock: Callable[[], dt.datetime] = _now) -> None:
        self.name: Final = name
        self.folder: Final = Path(tempfile.mkdtemp(prefix=f"v2xsync-{name}-"))
        self._part: Final = _PARTS[name](self.folder / "data", port)
        self._clock = clock
        self._stopping = threading.Event()
        self._life: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start; raises OSError where the port is taken."""
        try:
            self._part.start(self._clock())
        except OSError:
            self.stop()
            raise
        self._life = threading.Thread(target=self._live, name=self.name, daemon=True)
        self._life.start()
        return self

    def __exit__(self, *_how: object) -> None:
        """Stop."""
        self.stop()

    def stop(self) -> None:
        """End, and remove the folder. May be repeated."""
        self._stopping.set()
        if self._life is not None:
            self._life.join()
            self._life = None
        self._part.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def facts(self) -> Mapping[str, str]:
        """What a person needs to reach it, and where its files are."""
        return {**self._part.facts(), "files": str(self.folder / "data")}

    @property
    def config(self) -> str:
        """TOML tables to paste into a config."""
        return self._part.config()

    def _live(self) -> None:
        while not self._stopping.wait(_TICK_S):
            self._part.advance(self._clock())
