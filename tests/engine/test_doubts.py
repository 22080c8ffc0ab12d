"""Bad content is fetched again once, by itself, before anything is held; and never is an original lost by that."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engine.rig import Rig
from tests.engine.test_invariants import LEDGER_VERBS, KilledError, Mortal, faulty_source, faulty_target
from tests.engine.test_once import route

from v2xsync.devices.base import Feed, SendRequest
from v2xsync.devices.faults import Fault, FaultAt
from v2xsync.devices.memory import ACKNOWLEDGING, MEMORY, MemoryDevice
from v2xsync.errors import ItemCorrupt
from v2xsync.ledger.base import Dossier
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.items import Proof
from v2xsync.model.rules import After, RemoveRule
from v2xsync.model.schedule import Every

GOOD, OTHER = b"good" * 100, b"another file"
ACK = RemoveRule(after=After.DELIVERED, proof=Proof.HASH, proofs={"form": Proof.ACK})
SOON = {"box": Every(60.0)}


class Picky:
    """A target that answers "corrupt" to any content that `bad` names."""

    def __init__(self, inner: MemoryDevice, bad: Callable[[bytes], bool]) -> None:
        self._inner = inner
        self._bad = bad
        self.taken: list[bytes] = []
        self.refused: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        for request in requests:
            content = feed.read(request.token, 0, request.size)
            if self._bad(content):
                self.refused.append(content)
                feed.failed(request.token, ItemCorrupt(request.path, "the server refused the file (400)"))
            else:
                self.taken.append(content)
                self._inner.send([request], feed)


class Form:
    """All sessions of one picky target that cannot be asked."""

    def __init__(self, bad: Callable[[bytes], bool]) -> None:
        self.bad = bad
        self.sessions: list[Picky] = []

    def __call__(self, device: MemoryDevice) -> Picky:
        self.sessions.append(Picky(device, self.bad))
        return self.sessions[-1]

    def now_refuses(self, bad: Callable[[bytes], bool]) -> None:
        """From now on other content is refused."""
        self.bad = bad
        for session in self.sessions:
            session._bad = bad

    @property
    def taken(self) -> list[bytes]:
        return [content for session in self.sessions for content in session.taken]

    @property
    def refused(self) -> list[bytes]:
        return [content for session in self.sessions for content in session.refused]


def all_but(content: bytes) -> Callable[[bytes], bool]:
    return lambda data: data != content


def anything(_: bytes) -> bool:
    return True


def rig_to(tmp_path: Path, form: Form, wrap: Any = None, **changes: Any) -> Rig:
    """One route from `box` to a form and an office; the original may go when both have it."""
    options = {"form": {"capabilities": ACKNOWLEDGING}}
    wraps = {"form": form} | ({"box": wrap} if wrap else {})
    made: dict[str, Any] = {"targets": ("form", "office"), "remove": ACK, "fetch": SOON} | changes
    once = made.pop("once", True)
    rig = Rig(tmp_path, (route(**made),), once=once, wrap=wraps, device_options=options)
    rig.plant("box", "a.ulg", GOOD)
    return rig


def dossiers(rig: Rig) -> list[Dossier]:
    return sorted(rig.ledger.dossiers("a.ulg"), key=lambda dossier: dossier.item_id)


def states(dossier: Dossier) -> dict[str, DeliveryState]:
    return {facet.target: facet.state for facet in dossier.deliveries}


# --- refused as corrupt


def test_a_bad_fetch_is_found_out_by_the_form_and_healed_by_itself(tmp_path: Path) -> None:
    """Requirement R23: a log that was damaged on its way has the right size and is refused with 400."""
    form = Form(all_but(GOOD))
    _, wrap = faulty_source(FaultAt("fetch", 1, Fault.CORRUPT))
    rig = rig_to(tmp_path, form, wrap)
    rig.run()

    assert form.taken == [GOOD]
    assert len(form.refused) == 1
    assert GOOD in rig.on("office").values()
    assert rig.on("box") == {}
    assert list(rig.ledger.holds()) == []
    first, second = dossiers(rig)
    assert (first.removal, states(first)["form"]) == (RemovalState.GONE, DeliveryState.SUPERSEDED)
    assert (second.removal, states(second)["form"]) == (RemovalState.REMOVED, DeliveryState.DELIVERED)
    assert "it is fetched again" in rig.events()


def test_what_is_corrupt_at_its_source_is_fetched_again_once_and_then_held(tmp_path: Path) -> None:
    """INTERFACE, holds: "a corrupt item is fetched again once by itself before it is held"."""
    form = Form(anything)
    rig = rig_to(tmp_path, form, once=False)
    rig.run(3600.0)

    assert form.refused == [GOOD, GOOD]
    assert rig.on("box") == {"a.ulg": GOOD}
    (hold,) = rig.ledger.holds()
    assert (hold.device, hold.step) == ("form", Step.DELIVERED)
    assert "it was fetched again, and is no better" in hold.reason
    assert [step for step in rig.steps("a.ulg") if step == "doubted"] == ["doubted"]
    assert rig.on("office") == {"box/a.ulg": GOOD}, "the other target's receipt stays: it is the same content"
    assert rig.steps("a.ulg").count("delivered") == 1


def test_a_release_gives_it_one_more_fetch(tmp_path: Path) -> None:
    form = Form(anything)
    rig = rig_to(tmp_path, form, once=False)
    rig.run(600.0)
    (dossier,) = dossiers(rig)
    rig.ledger.release_again([dossier.item_id], rig.clock.at, "kim")
    rig.run(600.0)
    assert len(form.refused) == 4
    assert len(rig.ledger.holds()) == 1
    form.now_refuses(lambda _: False)
    rig.ledger.release_again([dossier.item_id], rig.clock.at, "kim")
    rig.run(600.0)
    assert form.taken == [GOOD]
    assert rig.on("box") == {}


def test_a_source_that_never_gives_the_same_twice_ends_on_hold(tmp_path: Path) -> None:
    """Each time other content of the same looks: it must not go round for ever."""
    form = Form(anything)
    _, wrap = faulty_source(*(FaultAt("fetch", n, Fault.CORRUPT, after=n) for n in range(1, 50)))
    rig = rig_to(tmp_path, form, wrap, once=False)
    rig.run(3600.0)
    assert len(form.refused) == 2
    assert len(rig.ledger.holds()) == 1
    assert rig.on("box") == {"a.ulg": GOOD}


def test_a_doubted_file_that_was_written_further_is_a_new_version(tmp_path: Path) -> None:
    """It was taken before its writer had finished: the form says so, and the newer version is delivered."""
    form = Form(all_but(GOOD + OTHER))
    _, wrap = faulty_source()
    rig = rig_to(tmp_path, form, wrap, once=False, targets=("form",))

    def grow(data: bytes) -> bool:
        rig.plant("box", "a.ulg", GOOD + OTHER, age_s=60.0)
        return data != GOOD + OTHER

    form.now_refuses(grow)
    rig.run(1800.0)
    assert form.taken == [GOOD + OTHER]
    assert rig.on("box") == {}
    assert list(rig.ledger.holds()) == []


def test_a_doubted_original_that_is_gone_is_held_and_says_so(tmp_path: Path) -> None:
    """Nothing is forgotten: the store's copy stays, and a person is told."""
    form = Form(anything)
    rig = rig_to(tmp_path, form, once=False)

    def vanish(_: bytes) -> bool:
        rig.disks["box"].drop("a.ulg")
        return True

    form.now_refuses(vanish)
    rig.run(1800.0)
    (hold,) = rig.ledger.holds()
    assert "cannot be fetched again" in hold.reason
    (dossier,) = dossiers(rig)
    assert dossier.fetches[0].state is FetchState.STORED
    assert rig.stored() == {"box/a.ulg": GOOD}
    assert rig.on("office") == {"box/a.ulg": GOOD}


def test_one_targets_doubt_holds_up_no_other(tmp_path: Path) -> None:
    """The source is away when the doubt comes up; the office gets its file all the same."""
    form = Form(anything)
    _, away = faulty_source(*(FaultAt("fetch", n, Fault.DISCONNECT) for n in range(2, 500)))
    down, office = faulty_target(*(FaultAt("connect", n, Fault.DISCONNECT) for n in range(1, 6)))
    rig = rig_to(tmp_path, form, away, once=False)
    rig.wrap = {**rig.wrap, "office": office}
    rig.build()
    rig.run(1200.0)
    assert down.fired
    assert rig.on("office") == {"box/a.ulg": GOOD}
    assert rig.on("box") == {"a.ulg": GOOD}


def test_while_it_is_doubted_the_stores_copy_frees_no_original(tmp_path: Path) -> None:
    """Invariant 1: `after = "stored"` is not met by a copy that nobody trusts."""
    form = Form(anything)
    _, away = faulty_source(*(FaultAt("fetch", n, Fault.DISCONNECT) for n in range(2, 500)))
    rule = RemoveRule(after=After.STORED, grace_s=120.0)
    rig = rig_to(tmp_path, form, away, once=False, remove=rule)
    rig.run(3600.0)
    assert rig.on("box") == {"a.ulg": GOOD}
    (dossier,) = dossiers(rig)
    assert dossier.fetches[0].state is FetchState.QUEUED
    why = rig.service.why(dossier.item_id)
    assert why is not None
    assert "waits to be fetched again" in " ".join(why.summary)


def test_without_a_store_it_is_read_again_once(tmp_path: Path) -> None:
    form = Form(anything)
    rig = rig_to(tmp_path, form, once=False, stage=False, targets=("form",))
    rig.run(3600.0)
    assert form.refused == [GOOD, GOOD]
    assert len(rig.ledger.holds()) == 1
    assert rig.on("box") == {"a.ulg": GOOD}


# --- the store's own copy is damaged


def damage(rig: Rig, content: bytes | None) -> None:
    place = rig.tmp / "store" / "box" / "a.ulg"
    place.unlink()
    if content is not None:
        place.write_bytes(content)


@pytest.mark.parametrize("content", [None, b"short", b"x" * len(GOOD)], ids=["gone", "shorter", "changed"])
def test_a_damaged_copy_in_the_store_is_fetched_again(tmp_path: Path, content: bytes | None) -> None:
    form = Form(lambda _: False)
    down, office = faulty_target(*(FaultAt("connect", n, Fault.DISCONNECT) for n in range(1, 4)))
    rig = rig_to(tmp_path, form, once=False)
    rig.wrap = {**rig.wrap, "office": office}
    rig.build()
    rig.run(2.0)
    assert down.fired
    damage(rig, content)
    rig.run(1800.0)
    assert rig.on("office") == {"box/a.ulg": GOOD}
    assert GOOD in rig.stored().values()
    assert content is None or content in rig.stored().values(), "what somebody else wrote there is not overwritten"
    assert form.taken == [GOOD], "the form has its receipt for the very same content"
    assert rig.on("box") == {}


def test_a_damaged_copy_whose_original_is_gone_is_held_and_says_so(tmp_path: Path) -> None:
    rig = rig_to(tmp_path, Form(lambda _: False), remove=RemoveRule(after=After.STORED), once=False)
    _, office = faulty_target(FaultAt("connect", 0, Fault.DISCONNECT))
    rig.wrap = {**rig.wrap, "office": office}
    rig.build()
    rig.run(60.0)
    assert rig.on("box") == {}
    damage(rig, b"x" * len(GOOD))
    rig.wrap = {"form": rig.wrap["form"]}
    rig.build()
    rig.run(600.0)
    (hold,) = rig.ledger.holds()
    assert "the original is not at its source any more" in hold.reason
    rig.ledger.release_again([hold.item_id], rig.clock.at, "kim")
    rig.run(600.0)
    (hold,) = rig.ledger.holds()
    damage(rig, GOOD)
    rig.ledger.release_again([hold.item_id], rig.clock.at, "kim")
    rig.run(600.0)
    assert rig.on("office") == {"box/a.ulg": GOOD}


def test_a_store_that_is_not_mounted_blames_no_file(tmp_path: Path) -> None:
    _, office = faulty_target(FaultAt("connect", 1, Fault.DISCONNECT))
    rig = rig_to(tmp_path, Form(lambda _: False), once=False)
    rig.wrap = {**rig.wrap, "office": office}
    rig.build()
    rig.run(0.5)
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    (tmp_path / "store").mkdir()
    rig.run(300.0)
    assert "doubted" not in rig.steps("a.ulg")
    assert list(rig.ledger.holds()) == []
    (tmp_path / "store").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "store")
    rig.run(600.0)
    assert rig.on("office") == {"box/a.ulg": GOOD}


# --- death at every step


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a dead process leaves files open
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("corrupt", [False, True], ids=["bad-at-the-source", "bad-on-the-way"])
def test_death_at_every_step_of_a_doubt_loses_nothing(tmp_path: Path, *, after: bool, corrupt: bool) -> None:
    """Invariant 2: killed before or after any call; the restart ends where the run without a death ends."""
    verbs = LEDGER_VERBS | {"doubt", "end_doubts", "mark_sending"}
    for death in itertools.count(1):
        countdown = [death]
        form = Form(all_but(GOOD) if corrupt else anything)
        faults = (FaultAt("fetch", 1, Fault.CORRUPT),) if corrupt else ()
        _, wrap = faulty_source(*faults)
        folder = tmp_path / str(death)
        folder.mkdir()
        rig = rig_to(folder, form, wrap)
        rig.device_options = {"form": {"capabilities": replace(MEMORY, max_parallel=1)}}
        rig.build()
        ledger: Any = Mortal(rig.ledger, countdown, after=after, names=verbs)
        rig.station.ledger = ledger
        rig.crew.committer._ledger = ledger
        try:
            rig.run()
        except KilledError:
            assert GOOD in {**rig.on("box"), **rig.on("office")}.values()
            rig.build()
            rig.run()
            rig.build()  # a run that was killed may leave the listing of the new version to the next one
            rig.run()
        held = len(rig.ledger.holds())
        if corrupt:
            assert (held, rig.on("box"), set(form.taken)) == (0, {}, {GOOD}), death
        else:
            assert (held, rig.on("box")) == (1, {"a.ulg": GOOD}), death
            assert rig.steps("a.ulg").count("doubted") == 1, death
        rig.ledger.close()
        if countdown[0] > 0:
            break
    assert death > 8
