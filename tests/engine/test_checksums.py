"""The manifests at targets: `sha256sum -c` must believe them, whatever happened while they were written."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.engine.rig import Rig
from tests.engine.test_invariants import DEVICE_VERBS, LEDGER_VERBS, KilledError, Mortal, faulty_target
from tests.engine.test_manifests import rebuilt
from tests.engine.test_once import route
from tests.servers.apache import apache
from tests.servers.dav_host import open_up
from tests.servers.openssh import openssh
from tests.servers.pyftpd import pyftpd

from v2xsync.devices.base import Feed, SendRequest
from v2xsync.devices.faults import Fault, FaultAt
from v2xsync.devices.ftp import FtpDevice
from v2xsync.devices.local import LocalDevice, LocalOptions
from v2xsync.devices.memory import ACKNOWLEDGING
from v2xsync.devices.sftp import SftpDevice
from v2xsync.devices.webdav import WebdavDevice
from v2xsync.engine.checksums import PAUSE_S, sums
from v2xsync.model.items import Proof
from v2xsync.model.rules import After, RemoveRule, Selection
from v2xsync.model.schedule import Every

SUMS = "SHA256SUMS/r/2023-11-14.sha256"
SOON = {"box": Every(30.0)}


def believe(root: Path, *manifests: str) -> str:
    """What `sha256sum -c` says in the target's root; it has to be content."""
    told = subprocess.run(
        ["sha256sum", "-c", "--strict", *manifests], cwd=root, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def local_rig(tmp_path: Path, **changes: Any) -> tuple[Rig, Path]:
    """One route to a folder, which wants manifests there."""
    root = tmp_path / "office"
    root.mkdir()
    made: dict[str, Any] = {"manifests": True, "fetch": SOON} | changes
    once = made.pop("once", True)
    rig = Rig(tmp_path, (route(**made),), once=once, wrap={"office": lambda _: folder(root)})
    return rig, root


def folder(root: Path) -> LocalDevice:
    return LocalDevice("office", LocalOptions(root=root))


# --- real targets


@dataclass
class Place:
    """A target, and the folder of this machine that it writes to."""

    root: Path
    session: Callable[[], Any]


@contextlib.contextmanager
def on_disk(tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "root"
    root.mkdir()
    yield Place(root, lambda: folder(root))


@contextlib.contextmanager
def on_sftp(tmp_path: Path) -> Iterator[Place]:
    (root := tmp_path / "root").mkdir()
    (server := tmp_path / "sshd").mkdir()
    with openssh(server) as host:
        yield Place(root, lambda: SftpDevice("office", host.options(root), time.time))


@contextlib.contextmanager
def on_ftp(tmp_path: Path) -> Iterator[Place]:
    (root := tmp_path / "home" / "root").mkdir(parents=True)
    (server := tmp_path / "ftpd").mkdir()
    with pyftpd(server, tmp_path / "home") as host:
        yield Place(root, lambda: FtpDevice("office", host.options(root), time.time))


@contextlib.contextmanager
def on_webdav(tmp_path: Path) -> Iterator[Place]:
    with apache() as host:
        (root := host.home / "root").mkdir()
        open_up(root)
        yield Place(root, lambda: WebdavDevice("office", host.options(root), time.time))


PLACES = [
    pytest.param(on_disk, id="local"),
    pytest.param(on_sftp, id="sftp", marks=pytest.mark.real("sshd")),
    pytest.param(on_ftp, id="ftp"),
    pytest.param(on_webdav, id="webdav", marks=pytest.mark.real("apache2")),
]


@pytest.mark.parametrize("place", PLACES)
def test_the_days_file_grows_in_its_place_and_sha256sum_believes_it(tmp_path: Path, place: Any) -> None:
    with place(tmp_path) as at, contextlib.ExitStack() as sessions:

        def session(_: Any) -> Any:
            device = at.session()
            sessions.callback(device.close)
            return device

        rig = Rig(tmp_path, (route(manifests=True, fetch=SOON),), once=False, wrap={"office": session})
        rig.plant("box", "a.csv", b"a")
        rig.plant("box", "d/odd name\\.csv", b"odd")
        rig.run(60.0)
        assert believe(at.root, SUMS).count("OK") == 2
        rig.plant("box", "b.csv", b"b")
        rig.run(2 * PAUSE_S)
        assert believe(at.root, SUMS).count("OK") == 3
        assert [path.name for path in (at.root / "SHA256SUMS").rglob("*") if path.is_file()] == [Path(SUMS).name]


# --- when, and how often


def test_a_route_with_nothing_to_tell_keeps_no_other_waiting(tmp_path: Path) -> None:
    """Manifests that are asked for later tell of what was delivered before."""
    routes = tuple(route(name=name, selection=Selection(include=(f"{name}*",)), manifests=False) for name in ("a", "b"))
    rig = Rig(tmp_path, routes)
    rig.plant("box", "b.csv", b"b")
    rig.run()
    rig.routes = tuple(replace(one, manifests=True) for one in routes)
    rig.build()
    rig.run()
    assert set(rig.on("office")) == {"box/b.csv", "SHA256SUMS/b/2023-11-14.sha256"}


def test_a_form_gets_none_and_a_route_that_does_not_ask_gets_none(tmp_path: Path) -> None:
    rule = RemoveRule(after=After.DELIVERED, proof=Proof.ACK)
    rig = Rig(tmp_path, (route(targets=("form", "office"), manifests=True, remove=rule),),
              device_options={"form": {"capabilities": ACKNOWLEDGING}})  # fmt: skip
    rig.plant("box", "a.csv", b"a")
    rig.run()
    assert set(rig.on("office")) == {"box/a.csv", SUMS}
    assert set(rig.on("form")) == {"box/a.csv"}
    (tmp_path / "two").mkdir()
    silent = Rig(tmp_path / "two", (route(),))
    silent.plant("box", "a.csv", b"a")
    silent.run()
    assert set(silent.on("office")) == {"box/a.csv"}


def test_there_is_a_file_for_each_local_date(tmp_path: Path) -> None:
    rig, root = local_rig(tmp_path, once=False, fetch={"box": Every(3600.0)})
    for day in range(3):
        rig.plant("box", f"{day}.csv", b"%d" % day)
        rig.run(86_400.0)
    days = sorted(path.name for path in (root / "SHA256SUMS" / "r").iterdir())
    assert days == ["2023-11-14.sha256", "2023-11-15.sha256", "2023-11-16.sha256"]
    assert believe(root, *(f"SHA256SUMS/r/{day}" for day in days)).count("OK") == 3


def test_a_trickle_of_files_is_not_a_trickle_of_manifests(tmp_path: Path) -> None:
    sent: list[str] = []

    class Counting(LocalDevice):
        def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
            super().send(map(self.counted, requests), feed)

        def counted(self, request: SendRequest) -> SendRequest:
            sent.append(request.path)
            return request

    rig, root = local_rig(tmp_path, once=False)
    rig.wrap = {"office": lambda _: Counting("office", LocalOptions(root=root))}
    rig.build()
    for number in range(20):
        rig.plant("box", f"{number}.csv", b"x")
        rig.run(30.0)
    rig.run(PAUSE_S)
    assert believe(root, SUMS).count("OK") == 20
    assert sent.count(SUMS) <= 4


def test_what_is_told_already_is_not_sent_again_after_a_restart(tmp_path: Path) -> None:
    rig, root = local_rig(tmp_path)
    rig.plant("box", "a.csv", b"a")
    rig.run()
    before = (root / SUMS).stat()
    rig.build()
    rig.run()
    assert (root / SUMS).stat().st_ino == before.st_ino


def test_custody_outlives_the_ledger_and_the_next_ledger_goes_on_with_the_same_file(tmp_path: Path) -> None:
    rig, root = local_rig(tmp_path)
    rig.plant("box", "a.csv", b"a")
    rig.run()
    told = (root / SUMS).read_bytes()
    rebuilt(rig)
    rig.run()
    assert (root / SUMS).read_bytes() == told
    rig.plant("box", "b.csv", b"b")
    rig.build()
    rig.run()
    assert believe(root, SUMS).count("OK") == 2


# --- what is not ours


def test_a_foreign_file_of_that_name_is_never_touched(tmp_path: Path) -> None:
    """Invariant 3: ours gets a versioned name, and grows there."""
    rig, root = local_rig(tmp_path, once=False)
    (root / SUMS).parent.mkdir(parents=True)
    (root / SUMS).write_bytes(b"somebody else's")
    for name in ("a.csv", "b.csv"):
        rig.plant("box", name, name.encode())
        rig.run(2 * PAUSE_S)
    assert (root / SUMS).read_bytes() == b"somebody else's"
    (ours,) = set((root / SUMS).parent.iterdir()) - {root / SUMS}
    assert believe(root, str(ours.relative_to(root))).count("OK") == 2


def test_a_file_of_ours_that_somebody_wrote_into_is_theirs_from_then_on(tmp_path: Path) -> None:
    rig, root = local_rig(tmp_path, once=False)
    rig.plant("box", "a.csv", b"a")
    rig.run(60.0)
    with (root / SUMS).open("ab") as file:
        file.write(b"# a note of mine\n")
    rig.plant("box", "b.csv", b"b")
    rig.run(2 * PAUSE_S)
    assert (root / SUMS).read_bytes().endswith(b"# a note of mine\n")
    assert len(list((root / SUMS).parent.iterdir())) == 2


def test_a_manifest_that_cannot_be_written_holds_up_nothing(tmp_path: Path) -> None:
    rig, root = local_rig(tmp_path)
    (root / "SHA256SUMS").write_bytes(b"in the way")
    rig.plant("box", "a.csv", b"a")
    rig.run()
    assert (root / "box" / "a.csv").read_bytes() == b"a"
    assert rig.on("box") == {}
    assert "was not written" in rig.events()


def test_a_target_that_is_away_gets_it_when_it_is_back(tmp_path: Path) -> None:
    faults, wrap = faulty_target(FaultAt("send", 2, Fault.DISCONNECT), FaultAt("send", 3, Fault.DISCONNECT))
    rig = Rig(tmp_path, (route(manifests=True),), once=False, wrap={"office": wrap})
    rig.plant("box", "a.csv", b"a")
    rig.run(3600.0)
    assert len(faults.fired) == 2
    assert SUMS in rig.on("office")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a dead process leaves files open
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_death_at_every_step_leaves_one_file_that_tells_the_truth(tmp_path: Path, *, after: bool) -> None:
    """Invariants 2 and 3: it is never half, never someone else's, and in the end it tells everything."""
    for death in itertools.count(1):
        countdown = [0]
        home = tmp_path / str(death)
        home.mkdir()
        rig = Rig(home, (route(manifests=True),))
        rig.plant("box", "a.csv", b"a")
        rig.run()
        rig.plant("box", "b.csv", b"b")
        rig.wrap = {"office": partial(Mortal, countdown=countdown, after=after, names=DEVICE_VERBS)}
        countdown[0] = death
        rig.build()
        ledger: Any = Mortal(rig.ledger, countdown, after=after, names=LEDGER_VERBS | {"write_note"})
        rig.station.ledger = ledger
        try:
            rig.run()
        except KilledError:
            rig.wrap = {}
            rig.build()
            rig.run()
        told = rig.on("office")
        assert set(told) == {"box/a.csv", "box/b.csv", SUMS}, death
        assert told[SUMS].count(b"\n") == 2, death
        rig.ledger.close()
        if countdown[0] > 0:
            break
    assert death > 8


# --- its form


def test_the_lines_are_those_of_sha256sum_whatever_the_names(tmp_path: Path) -> None:
    names = ["plain", " leading", "back\\slash", "new\nline", "carriage\rreturn", "ü", "*star", "\udcff", "a\\nb"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    by_gnu = subprocess.run(["sha256sum", "--", *names], cwd=tmp_path, capture_output=True, check=True).stdout
    copies = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in names}
    assert sorted(sums(copies).splitlines()) == sorted(by_gnu.splitlines())


def test_an_empty_day_is_an_empty_file() -> None:
    assert sums({}) == b""
