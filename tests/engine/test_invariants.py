"""The invariants of ARCHITECTURE.md over the whole engine, each by name (devices in memory, faults on purpose)."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from tests.engine.rig import Rig
from tests.engine.test_once import route

from v2xsync.devices.faults import Fault, FaultAt, Faults, FaultySource, FaultyTarget, scattered
from v2xsync.devices.memory import ACKNOWLEDGING, UNTIMED, Lie
from v2xsync.devices.memory_disk import MemoryDisk
from v2xsync.errors import DeviceGone
from v2xsync.model.custody import DeliveryState
from v2xsync.model.items import Proof, Unlistable
from v2xsync.model.rules import After, RemoveRule
from v2xsync.model.views import DeviceState


def faulty_source(*plan: FaultAt) -> tuple[Faults, Any]:
    faults = Faults(plan)
    return faults, lambda device: FaultySource(device, faults, device.name)


def faulty_target(*plan: FaultAt) -> tuple[Faults, Any]:
    faults = Faults(plan)
    return faults, lambda device: FaultyTarget(device, faults, device.name)


# --- 1. removal by receipt


def test_files_that_appear_during_the_run_are_never_removed_unseen(tmp_path: Path) -> None:
    """Invariant 1: a file that came after the listing, in the same folder, stays."""

    class Late(FaultySource):
        """Two files appear right behind the listing."""

        def list(self) -> Any:
            yield from super().list()
            rig.plant("box", "archive/day/late.csv", b"late")
            rig.plant("box", "archive/day/.hidden", b"hidden")

    rig = Rig(tmp_path, (route(),), wrap={"box": lambda device: Late(device, Faults(), "box")})
    rig.plant("box", "archive/day/a.csv", b"a")

    rig.run()

    assert rig.on("office") == {"box/archive/day/a.csv": b"a"}
    assert rig.on("box") == {"archive/day/late.csv": b"late", "archive/day/.hidden": b"hidden"}


def test_zero_targets_never_count_as_delivered(tmp_path: Path) -> None:
    """Invariant 1: even a rule that the config would refuse removes nothing."""
    rig = Rig(tmp_path, (route(targets=()),))
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert rig.on("box") == {"a.csv": b"a"}


def test_a_rule_that_changed_to_never_holds_for_what_is_already_delivered(tmp_path: Path) -> None:
    """Invariant 1: the config in force at that moment decides."""
    rig = Rig(tmp_path, (route(remove=RemoveRule(after=After.DELIVERED, grace_s=3600.0)),), once=False)
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=600.0)
    assert "delivered" in rig.steps("a.csv")

    rig.routes = (route(remove=RemoveRule(after=After.NEVER)),)
    rig.build()
    rig.run(for_s=7200.0)

    assert rig.on("box") == {"a.csv": b"a"}


def test_grace_delays_the_removal(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(remove=RemoveRule(after=After.DELIVERED, grace_s=3600.0)),), once=False)
    rig.plant("box", "a.csv", b"a")

    rig.run(for_s=3000.0)
    assert rig.on("box") == {"a.csv": b"a"}

    rig.run(for_s=1200.0)
    assert rig.on("box") == {}


def test_a_store_copy_that_vanished_keeps_the_original(tmp_path: Path) -> None:
    """Invariant 1: `stored` allows the removal only while the store's copy is there."""
    rig = Rig(tmp_path, (route(targets=(), remove=RemoveRule(after=After.STORED, grace_s=60.0)),), once=False)
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=30.0)
    (tmp_path / "store" / "box" / "a.csv").unlink()

    rig.run(for_s=600.0)

    assert rig.on("box") == {"a.csv": b"a"}


def test_retention_waits_for_every_target_and_never_drops_the_last_copy(tmp_path: Path) -> None:
    """Invariant 1: the store keeps a file until every target has proven it."""
    from v2xsync.engine.station import Keep

    down, wrap = faulty_target(FaultAt("connect", 0, Fault.DISCONNECT))
    rig = Rig(tmp_path, (route(targets=("office", "cloud")),), once=False, keep=Keep(0.0), wrap={"cloud": wrap})
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=300.0)
    assert set(rig.stored()) == {"box/a.csv"}
    assert down.fired

    rig.wrap = {}
    rig.build()
    rig.run(for_s=600.0)

    assert rig.stored() == {}
    assert rig.on("cloud") == rig.on("office") == {"box/a.csv": b"a"}
    assert rig.on("box") == {}
    assert "expired" in rig.steps("a.csv")


# --- 2. order, 3. final names


class KilledError(BaseException):
    """The process dies here."""


class Mortal:
    """Stands in for any object; the process dies before or after the n-th call through it (over all of them)."""

    def __init__(self, inner: Any, countdown: list[int], *, after: bool, names: frozenset[str]) -> None:
        self._inner = inner
        self._countdown = countdown
        self._after = after
        self._names = names

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name not in self._names or not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self._countdown[0] -= 1
            dies = self._countdown[0] == 0
            if dies and not self._after:
                raise KilledError(name)
            answer = value(*args, **kwargs)
            if dies:
                raise KilledError(name)
            return answer

        return call


LEDGER_VERBS = frozenset(
    {
        "record_found", "record_stored", "record_delivered", "order_removals", "record_removed", "fetch_setback",
        "delivery_setback", "removal_setback", "save_run", "record_expired",
    }
)  # fmt: skip
DEVICE_VERBS = frozenset({"list", "fetch", "send", "prove", "stat", "remove", "prune"})
STORE_VERBS = frozenset({"begin", "commit", "expire"})


def mortal_rig(tmp_path: Path, countdown: list[int], *, after: bool) -> Rig:
    rig = Rig(tmp_path, (route(targets=("office", "cloud")),))
    for number in range(7):
        rig.plant("box", f"archive/d{number % 2}/f{number}.csv", bytes([number]) * (number * 100))
    wrap = lambda device: Mortal(device, countdown, after=after, names=DEVICE_VERBS)  # noqa: E731
    rig.wrap = {"box": wrap, "office": wrap, "cloud": wrap}
    rig.build()
    ledger: Any = Mortal(rig.ledger, countdown, after=after, names=LEDGER_VERBS)
    rig.station.ledger = ledger
    rig.crew.committer._ledger = ledger
    store: Any = Mortal(rig.station.store, countdown, after=after, names=STORE_VERBS)
    rig.station.store = store
    rig.crew.committer._store = store
    return rig


EXPECTED = {f"box/archive/d{n % 2}/f{n}.csv": bytes([n]) * (n * 100) for n in range(7)}


def final_names_are_whole(rig: Rig) -> None:
    for held in (rig.stored(), rig.on("office"), rig.on("cloud")):
        finals = {path: content for path, content in held.items() if ".v2xsync" not in path}
        assert finals.items() <= EXPECTED.items()


def every_file_has_a_good_copy(rig: Rig) -> None:
    at_source = {f"box/{path}": content for path, content in rig.on("box").items()}
    everywhere = [*at_source.items(), *rig.stored().items(), *rig.on("office").items()]
    assert all(pair in everywhere for pair in EXPECTED.items())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a dead process leaves files open
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_death_at_every_step_loses_nothing_and_leaves_no_duplicate(tmp_path: Path, after: bool) -> None:
    """Invariants 2 and 3: killed before or after any call of device, store or ledger; the restart finishes the job."""
    for death in itertools.count(1):
        folder = tmp_path / str(death)
        folder.mkdir()
        countdown = [death]
        rig = mortal_rig(folder, countdown, after=after)
        try:
            rig.run()
        except KilledError:
            final_names_are_whole(rig)
            every_file_has_a_good_copy(rig)
            rig.wrap = {}
            rig.build()
            rig.run()
        assert rig.stored() == EXPECTED, death
        assert rig.on("office") == rig.on("cloud") == EXPECTED, death
        assert rig.disks["box"].paths() == [], death
        rig.ledger.close()
        if countdown[0] > 0:
            break
    print(f"{death - 1} deaths, each followed by a restart that finished the job")
    assert death > 20


# --- 3. no overwriting


def test_different_content_at_the_target_is_never_overwritten(tmp_path: Path) -> None:
    """Invariant 3: a versioned name and a warning; both are kept."""
    rig = Rig(tmp_path, (route(),))
    rig.plant("box", "a.csv", b"new")
    rig.plant("office", "box/a.csv", b"somebody else's")

    rig.run()

    held = rig.on("office")
    assert held.pop("box/a.csv") == b"somebody else's"
    assert list(held.values()) == [b"new"]
    assert rig.on("box") == {}
    assert "different content" in rig.events()


def test_equal_content_at_the_target_is_not_sent_again(tmp_path: Path) -> None:
    faults, wrap = faulty_target(FaultAt("send", 0, Fault.DISCONNECT))
    rig = Rig(tmp_path, (route(),), wrap={"office": wrap})
    rig.plant("box", "a.csv", b"same")
    rig.plant("office", "box/a.csv", b"same")

    rig.run()

    assert rig.on("box") == {}
    assert not faults.fired


# --- 4. acknowledgement is not proof


@pytest.mark.parametrize("lie", list(Lie))
def test_a_target_that_lies_never_frees_the_original(tmp_path: Path, lie: Lie) -> None:
    """Invariant 4: an acknowledged file is asked for again before anything is removed."""
    rig = Rig(tmp_path, (route(),), device_options={"office": {"lies": frozenset({lie})}})
    rig.plant("box", "a.csv", b"a" * 100)

    rig.run()

    assert rig.on("box") == {"a.csv": b"a" * 100}
    assert "delivered" not in rig.steps("a.csv")


@pytest.mark.parametrize(("proof", "left"), [(Proof.ACK, {}), (Proof.SIZE, {"a.csv": b"a"})])
def test_ack_removes_only_where_the_route_writes_ack(tmp_path: Path, proof: Proof, left: dict[str, bytes]) -> None:
    """Invariant 4: where nothing can be asked, `ack` must be written out."""
    rig = Rig(
        tmp_path, (route(remove=RemoveRule(after=After.DELIVERED, proof=proof)),),
        device_options={"office": {"capabilities": ACKNOWLEDGING}},
    )  # fmt: skip
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert rig.on("box") == left


# --- 5. absence


@pytest.mark.parametrize("fault", [Fault.SHORT_LISTING, Fault.DISCONNECT])
def test_short_empty_or_broken_listings_mark_nothing(tmp_path: Path, fault: Fault) -> None:
    """Invariant 5: what a listing leaves out is neither delivered nor removed, and is found again."""
    faults, wrap = faulty_source(FaultAt("list", 2, fault))
    rig = Rig(tmp_path, (route(remove=RemoveRule(), sources=("box",)),), once=False, wrap={"box": wrap})
    rig.plant("box", "a.csv", b"a")
    rig.run(for_s=400.0)
    before = rig.steps()
    rig.plant("box", "b.csv", b"b")
    rig.run(for_s=1200.0)

    assert faults.fired
    assert rig.steps()[: len(before)] == before
    assert rig.steps("a.csv") == ["found", "stored", "delivered"]
    assert rig.steps("b.csv") == ["found", "stored", "delivered"]


# --- 6. resume only the same file


@pytest.mark.parametrize("change", ["nothing", "same size", "shorter", "longer", "same size and time"])
def test_a_partial_is_continued_only_for_the_same_file(tmp_path: Path, change: str) -> None:
    """Invariant 6: cut in the middle, the file replaced meanwhile; what is stored is always one whole version."""
    content = random.Random(1).randbytes(900_000)
    other = {
        "nothing": content,
        "same size": bytes(len(content)),
        "shorter": content[:500_000],
        "longer": content + b"more",
        "same size and time": bytes(len(content)),
    }[change]
    faults = Faults((FaultAt("fetch", 1, Fault.DISCONNECT, after=600_000),))

    class Replaced(FaultySource):
        """The file is replaced at the moment in which the connection breaks."""

        def fetch(self, requests: Any, sink: Any) -> None:
            try:
                super().fetch(requests, sink)
            except DeviceGone:
                if change != "nothing":
                    rig.plant("box", "a.bin", other, age_s=3600.0 if change == "same size and time" else 60.0)
                raise

    rig = Rig(tmp_path, (route(),), wrap={"box": lambda device: Replaced(device, faults, "box")})
    rig.plant("box", "a.bin", content)

    rig.run()
    rig.build()
    rig.run()

    assert faults.fired
    assert list(rig.stored().values()) == [other]
    assert list(rig.on("office").values()) == [other]


# --- 7. unknown is a state


@pytest.mark.parametrize("duplicates", [False, True])
def test_a_lost_answer_at_a_target_that_cannot_be_asked_waits_for_a_person(tmp_path: Path, duplicates: bool) -> None:
    """Invariant 7: never sent a second time by itself, unless the route allows duplicates."""
    faults, wrap = faulty_target(FaultAt("send", 1, Fault.LOST_ANSWER))
    rig = Rig(
        tmp_path, (route(duplicates=duplicates, remove=RemoveRule(after=After.DELIVERED, proof=Proof.ACK)),),
        device_options={"office": {"capabilities": ACKNOWLEDGING}}, wrap={"office": wrap},
    )  # fmt: skip
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert faults.fired
    states = {facet.state for line in rig.ledger.dossiers("a.csv") for facet in line.deliveries}
    assert states == {DeliveryState.DELIVERED if duplicates else DeliveryState.UNKNOWN}
    assert rig.on("box") == ({} if duplicates else {"a.csv": b"a"})


def test_a_lost_answer_at_a_target_that_can_be_asked_is_probed(tmp_path: Path) -> None:
    """Invariant 7: the answer to a commit is lost; exactly one object results."""
    _faults, wrap = faulty_target(FaultAt("send", 1, Fault.LOST_ANSWER))
    rig = Rig(tmp_path, (route(),), wrap={"office": wrap})
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert rig.on("office") == {"box/a.csv": b"a"}
    assert rig.on("box") == {}


# --- 8. one bad device


def test_a_hung_device_delays_only_its_own_lane(tmp_path: Path) -> None:
    """Invariant 8: a source and a target that never answer; everybody else finishes."""
    _f1, hung_source = faulty_source(FaultAt("connect", 0, Fault.HANG))
    _f2, hung_target = faulty_target(FaultAt("connect", 0, Fault.HANG))
    rig = Rig(
        tmp_path, (route(sources=("box", "bad"), targets=("office", "away")),),
        wrap={"bad": hung_source, "away": hung_target},
    )  # fmt: skip
    rig.plant("box", "a.csv", b"a")
    rig.plant("bad", "b.csv", b"b")

    rig.run()

    assert rig.on("office") == {"box/a.csv": b"a"}
    assert rig.on("box") == {"a.csv": b"a"}
    states = {device.name: device.state for device in rig.service.view().devices}
    assert states["bad"] is DeviceState.AWAY
    assert states["away"] is DeviceState.AWAY
    assert states["office"] is DeviceState.UP


def test_a_refused_login_stops_that_device_and_no_other(tmp_path: Path) -> None:
    """Invariant 8: a person is needed there; the lane stops asking."""
    faults, wrap = faulty_source(FaultAt("connect", 0, Fault.REFUSED))
    rig = Rig(tmp_path, (route(sources=("box", "bad")),), once=False, wrap={"bad": wrap})
    rig.plant("box", "a.csv", b"a")

    rig.run(for_s=4 * 3600.0)

    assert rig.on("office") == {"box/a.csv": b"a"}
    assert len(faults.fired) == 1


# --- 9. names are hostile


@pytest.mark.parametrize(
    "name", ["a\x1b[2Jb", "line\nbreak", "\u202eevil", "nul-like\x7f", "back\\slash", "\udcff\udcfe"]
)
def test_names_from_the_wire_are_stored_reversibly_and_never_drawn_raw(tmp_path: Path, name: str) -> None:
    """Invariant 9: control characters reach neither the log nor the screen."""
    rig = Rig(tmp_path, (route(),))
    rig.plant("box", name, b"x")

    rig.run()

    assert rig.on("box") == {}
    assert len(rig.stored()) == 1
    shown = rig.events() + "".join(row.path for row in rig.service.view().queue)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert "\x1b" not in shown


def test_names_that_cannot_be_stored_are_held_with_their_reason(tmp_path: Path) -> None:
    """Invariant 9: a name that grows past 255 bytes when mapped is on hold; nothing of it is deleted."""
    rig = Rig(tmp_path, (route(),))
    rig.plant("box", "\x01" * 200, b"x")
    rig.plant("box", "n" * 255, b"y")

    rig.run()

    assert rig.on("box") == {"\x01" * 200: b"x"}
    assert [hold.path for hold in rig.ledger.holds()] == ["\x01" * 200]
    assert "too long" in rig.ledger.holds()[0].reason or "255" in rig.ledger.holds()[0].reason


def test_a_name_that_leads_out_of_the_root_is_held_and_its_neighbours_are_fetched(tmp_path: Path) -> None:
    """Invariant 9: a listing that offers `../../etc/x` or an absolute path."""

    class Hostile(FaultySource):
        """Offers names that lead elsewhere, beside an honest one."""

        def list(self) -> Any:
            yield from super().list()
            yield Unlistable("../../etc/x", "the name leads out of the folder")
            yield Unlistable("/etc/passwd", "the name is absolute")

    rig = Rig(tmp_path, (route(),), wrap={"box": lambda device: Hostile(device, Faults(), "box")})
    rig.plant("box", "a.csv", b"a")

    rig.run()

    assert rig.on("office") == {"box/a.csv": b"a"}
    assert sorted(hold.path for hold in rig.ledger.holds()) == ["../../etc/x", "/etc/passwd"]
    assert all("unsafe" in hold.reason for hold in rig.ledger.holds())


# --- 10. vehicles come first


def test_an_exclusive_device_never_sees_two_sessions(tmp_path: Path) -> None:
    """Invariant 10: one request chain for a device that can take only one (an autopilot)."""
    rig = Rig(
        tmp_path, (route(remove=RemoveRule(after=After.DELIVERED)),),
        device_options={"box": {"capabilities": UNTIMED}}, disks={"box": MemoryDisk()},
    )  # fmt: skip
    rig.disks["box"].plant("a.ulg", b"u" * 1000, None)

    rig.run()

    assert rig.disks["box"].sessions <= 1
    assert rig.on("office") == {"box/a.ulg": b"u" * 1000}
    assert rig.on("box") == {}
    assert "busy" not in rig.events()


# --- 11. nothing is dropped


def test_a_file_that_fails_for_hours_is_still_tried(tmp_path: Path) -> None:
    """Invariant 11: neither age nor tries ever drop an item; pauses grow but stay bounded."""
    faults, wrap = faulty_source(FaultAt("fetch", 0, Fault.SHORT_READ))
    rig = Rig(tmp_path, (route(),), once=False, wrap={"box": wrap})
    rig.plant("box", "a.csv", b"a" * 10)
    rig.run(for_s=6 * 3600.0)
    tries = len(faults.fired)
    assert 6 * 3 < tries < 6 * 8

    rig.wrap = {}
    rig.build()
    rig.run(for_s=3600.0)

    assert rig.on("office") == {"box/a.csv": b"a" * 10}


def test_a_target_that_is_down_for_hours_is_caught_up(tmp_path: Path) -> None:
    """Invariant 11: fetching goes on meanwhile, and the delivery starts at the first good probe."""
    _faults, wrap = faulty_target(*[FaultAt("connect", n, Fault.DISCONNECT) for n in range(1, 200)])
    rig = Rig(tmp_path, (route(),), once=False, wrap={"office": wrap})
    rig.plant("box", "a.csv", b"a")

    rig.run(for_s=4 * 3600.0)

    assert rig.on("office") == {"box/a.csv": b"a"}
    assert rig.on("box") == {}


@pytest.mark.parametrize("seed", range(40))
def test_random_faults_everywhere_lose_nothing(tmp_path: Path, seed: int) -> None:
    """Invariants 1 to 8 and 11 together: scattered faults on every device; in the end everything has arrived."""
    source = Faults(
        scattered(seed, ("connect", "list", "stat", "fetch", "remove", "prune"), count=8, calls=12, span=3000)
    )
    target = Faults(scattered(seed + 1000, ("connect", "stat", "send", "prove"), count=8, calls=12, span=3000))
    rig = Rig(
        tmp_path, (route(),), once=False,
        wrap={
            "box": lambda device: FaultySource(device, source, device.name),
            "office": lambda device: FaultyTarget(device, target, device.name),
        },
    )  # fmt: skip
    contents = {f"d{n % 3}/f{n}.csv": random.Random(n).randbytes(n * 300) for n in range(8)}
    for path, content in contents.items():
        rig.plant("box", path, content)

    for _ in range(12):
        rig.run(for_s=1200.0)
        rig.service.retry()  # what a person does about a refused login

    assert {f"box/{path}": content for path, content in contents.items()}.items() <= rig.on("office").items()
    assert rig.on("box") == {}


def test_a_poison_file_that_breaks_every_connection_does_not_stop_the_others(tmp_path: Path) -> None:
    """Invariant 8 within one device: the culprit is found out and waits; the rest is fetched."""

    class Poisoned(FaultySource):
        """Whoever opens the poison file loses the connection."""

        def fetch(self, requests: Any, sink: Any) -> None:
            def watched() -> Any:
                for request in requests:
                    if "poison" in request.path:
                        raise DeviceGone("box", "the connection broke")
                    yield request

            super().fetch(watched(), sink)

    rig = Rig(tmp_path, (route(),), once=False, wrap={"box": lambda device: Poisoned(device, Faults(), "box")})
    for name in ("a.csv", "poison.csv", "z.csv"):
        rig.plant("box", name, name.encode())

    rig.run(for_s=3600.0)

    assert rig.on("office") == {"box/a.csv": b"a.csv", "box/z.csv": b"z.csv"}
    assert rig.on("box") == {"poison.csv": b"poison.csv"}
