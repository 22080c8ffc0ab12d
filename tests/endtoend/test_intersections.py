"""The mission, end to end: the real program, a real OpenSSH server, files that must not be lost."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.endtoend.intersections import Intersections
from tests.servers.openssh import openssh
from tests.servers.running import SshHost

pytestmark = pytest.mark.real("sshd")

KILLS = 20


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with openssh(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, host: SshHost) -> Intersections:
    site = Intersections(tmp_path, host)
    site.plant()
    site.write_config()
    return site


def test_every_file_reaches_store_and_targets_and_the_second_run_moves_nothing(site: Intersections) -> None:
    first = site.call("--no-ui", "--once")
    assert first.returncode == 0, first.stdout + first.stderr
    site.assert_all_moved()

    history = json.loads(site.call("history", "--json").stdout)["lines"]
    second = site.call("--no-ui", "--once")
    assert second.returncode == 0
    assert json.loads(site.call("history", "--json").stdout)["lines"] == history
    hops: dict[tuple[str, str], set[str]] = {(line["source"], line["path"]): set() for line in history}
    for line in history:
        hops[line["source"], line["path"]].add(line["step"])
    assert all(steps == {"found", "stored", "delivered", "removed"} for steps in hops.values())


def test_plan_lists_what_a_run_then_does_and_touches_nothing(site: Intersections) -> None:
    told = site.call("plan", "--json")
    assert told.returncode == 0
    plan = json.loads(told.stdout)["lines"]
    assert len([line for line in plan if line["action"] == "fetch"]) == len(site.expected)
    assert len([line for line in plan if line["action"] == "remove"]) == len(site.expected)
    assert not (site.base / "store").exists()
    assert not (site.base / "state").exists()

    site.call("--no-ui", "--once")
    history = json.loads(site.call("history", "--json").stdout)["lines"]
    removed = [line["path"] for line in history if line["step"] == "removed"]
    assert sorted(removed) == sorted(line["path"] for line in plan if line["action"] == "remove")


def test_why_explains_one_file(site: Intersections) -> None:
    site.call("--no-ui", "--once")
    told = site.call("why", "clay-11th_spatLog_02242021_000000.csv").stdout
    assert "in the store as clay-11th/spat/clay-11th_spatLog_02242021_000000.csv" in told
    assert "remote has it" in told
    assert "The original was removed from clay-11th" in told


@pytest.mark.parametrize("seed", [20, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(21, 30))])
def test_kill_9_at_random_moments_loses_nothing_and_duplicates_nothing(site: Intersections, seed: int) -> None:
    """Invariant 2 with the real program: twenty kills, each at another moment, then one run to the end."""
    dice = random.Random(seed)
    site.plant(size=60_000)
    for _ in range(KILLS):
        process = subprocess.Popen(
            site.command("--no-ui", "--once"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=dice.uniform(0.2, 1.6))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait(10)
        for folder in ("store", "remote", "disk"):
            assert site.files(folder).items() <= site.expected.items(), folder

    last = site.call("--no-ui", "--once")

    assert last.returncode == 0, last.stdout + last.stderr
    site.assert_all_moved()


def test_an_unknown_host_key_is_refused_with_the_command_that_enrols_it(site: Intersections) -> None:
    text = site.config.read_text().replace(f'host_key = "{site.host.fingerprint}"\n', "", 1)
    site.config.write_text(text)

    told = site.call("--no-ui", "--once")

    assert told.returncode == 3
    assert "v2xsync trust clay-11th" in told.stdout + told.stderr
    assert site.files("remote").keys() == {place for place in site.expected if place.startswith("srm-street/")}

    pinned = site.call("trust", "clay-11th", "--fingerprint", site.host.fingerprint)
    assert pinned.returncode == 0, pinned.stderr
    assert site.call("--no-ui", "--once").returncode == 0
    site.assert_all_moved()


def test_a_wrong_password_stops_that_device_and_the_others_finish(site: Intersections) -> None:
    identity = f'identity = "{site.host.identity}"\n'
    site.config.write_text(site.config.read_text().replace(identity, 'password = "wrong-word"\n', 1))

    told = site.call("--no-ui", "--once")

    assert told.returncode == 3
    assert "wrong-word" not in told.stdout + told.stderr
    assert "clay-11th" in told.stderr
    assert "Traceback" not in told.stdout + told.stderr
    assert site.files("remote").keys() == {place for place in site.expected if place.startswith("srm-street/")}


def test_hostile_names_stay_inside_the_store_and_off_the_terminal(site: Intersections) -> None:
    """Invariant 9 with real files: escape sequences, a name of 255 bytes, case twins, a link loop, no UTF-8."""
    folder = site.archive("clay-11th") / "odd"
    folder.mkdir()
    names = [b"esc\x1b[31mred", b"new\nline", b"n" * 255, b"Case.csv", b"case.csv", b"\xff\xfe.csv", b"empty.csv"]
    for name in names:
        with open(bytes(folder) + b"/" + name, "wb") as file:  # noqa: PTH123 - a path of bytes
            file.write(b"" if name == b"empty.csv" else name)
    (folder / "loop").symlink_to(folder)
    (folder / "passwd").symlink_to("/etc/passwd")

    told = site.call("--no-ui", "--once")

    assert told.returncode == 0, told.stdout + told.stderr
    shown = told.stdout + told.stderr + site.call("history").stdout + site.call("plan").stdout
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert sorted(path.name for path in folder.iterdir()) == ["loop", "passwd"]
    assert len(list((site.base / "store" / "clay-11th" / "other").iterdir())) == len(names) + 3
    assert set(site.files("remote")) == set(site.files("store")) == set(site.files("disk"))
    outside = {path.name for path in site.base.iterdir()}
    assert outside == {"field", "remote", "disk", "store", "state", "station.toml"}


def test_ten_thousand_files_in_one_folder(site: Intersections) -> None:
    folder = site.archive("clay-11th") / "many"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"f{number:05d}.csv").write_bytes(b"x")
    text = site.config.read_text().replace('to = ["remote", "disk"]', "to = []")
    site.config.write_text(text.replace('after = "delivered", proof = "hash"', 'after = "stored", proof = "size"'))

    told = site.call("--no-ui", "--once")

    assert told.returncode == 0, told.stdout + told.stderr
    assert len(site.files("store")) == len(site.expected) + 10_000
    assert site.left() == []
