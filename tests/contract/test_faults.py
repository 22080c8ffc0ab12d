"""Faults happen exactly where the plan says; without a plan the wrappers keep the whole contract."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.contract.ends import MIB, Collected, Contents, ask, content
from tests.contract.far import FarSide
from tests.contract.suite import SourceContract, TargetContract
from tests.contract.target_checks import plan
from tests.contract.test_memory import MemoryFarSide
from v2xsync.devices.base import Proven, ProveRequest, RemoveRequest
from v2xsync.devices.faults import APPLIES, Fault, FaultAt, Faults, FaultySource, FaultyTarget, scattered
from v2xsync.devices.memory import MEMORY, MemoryDevice
from v2xsync.devices.memory_disk import MemoryDisk
from v2xsync.errors import AccessRefused, DeviceBusy, DeviceGone, NoSpace, OutcomeUnknown
from v2xsync.model.items import Entry, Proof


class FaultyFarSide(MemoryFarSide):
    """Memory behind wrappers that have nothing to do."""

    def __init__(self, wrapper: type[Any]) -> None:
        super().__init__(MEMORY)
        self.wrapper = wrapper

    def session(self) -> Any:
        return self.wrapper(super().session(), Faults())


class TestFaultlessSource(SourceContract):
    adapter, server = "faults", "memory, empty plan"

    @pytest.fixture
    def far(self) -> FarSide:
        return FaultyFarSide(FaultySource)


class TestFaultlessTarget(TargetContract):
    adapter, server = "faults", "memory, empty plan"

    @pytest.fixture
    def far(self) -> FarSide:
        return FaultyFarSide(FaultyTarget)


FILES = {f"{number}.bin": content(300_000 + number) for number in range(4)}


def source_with(*faults: FaultAt) -> tuple[FaultySource, Faults, MemoryDisk]:
    disk = MemoryDisk(FILES)
    running = Faults(faults)
    source = FaultySource(MemoryDevice("box", disk), running, "box")
    source.connect()
    return source, running, disk


def target_with(*faults: FaultAt) -> tuple[FaultyTarget, Faults, MemoryDisk]:
    disk = MemoryDisk()
    running = Faults(faults)
    target = FaultyTarget(MemoryDevice("box", disk), running, "box")
    target.connect()
    return target, running, disk


def listed(source: FaultySource) -> list[str]:
    return [entry.path for entry in source.list()]


def test_a_plan_that_cannot_happen_is_refused() -> None:
    with pytest.raises(ValueError, match="probe cannot have NO_SPACE"):
        FaultAt("probe", 1, Fault.NO_SPACE)


def test_a_scattered_plan_can_be_made_again() -> None:
    verbs = tuple(APPLIES)
    plans = [scattered(seed, verbs, count=20, calls=5, span=1_000) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


def test_the_nth_call_disconnects_and_stays_broken_until_connect() -> None:
    source, running, _ = source_with(FaultAt("probe", 2, Fault.DISCONNECT))
    source.probe()
    for _ in range(2):
        with pytest.raises(DeviceGone):
            source.probe()
    with pytest.raises(DeviceGone):
        list(source.list())
    source.connect()
    assert listed(source) == sorted(FILES)
    assert running.fired == [FaultAt("probe", 2, Fault.DISCONNECT)]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.HANG, DeviceGone), (Fault.BUSY, DeviceBusy), (Fault.REFUSED, AccessRefused)],
)
def test_connect_fails_at_every_call(fault: Fault, error: type[Exception]) -> None:
    source = FaultySource(MemoryDevice("box"), Faults([FaultAt("connect", 0, fault)]))
    for _ in range(3):
        with pytest.raises(error):
            source.connect()


def test_fetch_disconnects_after_k_bytes() -> None:
    source, _, _ = source_with(FaultAt("fetch", 1, Fault.DISCONNECT, after=400_000))
    requests = ask(source, FILES)
    sink = Collected()
    with pytest.raises(DeviceGone):
        source.fetch(requests, sink)
    assert set(sink.finished) == {0}
    assert len(sink.content(0)) + len(sink.content(1)) == 400_000
    source.connect()
    again = Collected()
    source.fetch(requests, again)
    assert [again.content(token) for token in range(4)] == list(FILES.values())


def test_fetch_loses_the_rest_of_one_file_without_a_word() -> None:
    source, _, _ = source_with(FaultAt("fetch", 1, Fault.SHORT_READ, after=10))
    sink = Collected()
    source.fetch(ask(source, FILES), sink)
    assert len(sink.finished) == 4
    assert sink.content(0) == FILES["0.bin"][:10]
    assert sink.content(1) == FILES["1.bin"]


def test_fetch_flips_one_bit() -> None:
    source, _, _ = source_with(FaultAt("fetch", 1, Fault.CORRUPT, after=300_005))
    sink = Collected()
    source.fetch(ask(source, FILES), sink)
    wrong = [at for at, (a, b) in enumerate(zip(sink.content(1), FILES["1.bin"], strict=True)) if a != b]
    assert wrong == [5]
    assert sink.content(0) == FILES["0.bin"]


def test_fetch_loses_the_answer_after_all_bytes() -> None:
    source, _, _ = source_with(FaultAt("fetch", 1, Fault.LOST_ANSWER, after=1))
    sink = Collected()
    with pytest.raises(DeviceGone):
        source.fetch(ask(source, FILES), sink)
    assert set(sink.finished) == {0}
    assert sink.content(1) == FILES["1.bin"]


def test_listings_break_end_early_or_are_stale() -> None:
    source, _, disk = source_with(
        FaultAt("list", 2, Fault.SHORT_LISTING, after=1),
        FaultAt("list", 3, Fault.DISCONNECT, after=2),
        FaultAt("list", 5, Fault.STALE_LISTING),
    )
    assert listed(source) == sorted(FILES)
    assert listed(source) == ["0.bin"]
    seen: list[str] = []
    with pytest.raises(DeviceGone):
        seen.extend(entry.path for entry in source.list())
    assert seen == ["0.bin", "1.bin"]
    source.connect()
    before = listed(source)
    disk.drop("0.bin")
    assert listed(source) == before
    assert listed(source) == ["1.bin", "2.bin", "3.bin"]


def test_remove_breaks_before_a_file_or_loses_its_answer() -> None:
    source, _, disk = source_with(
        FaultAt("remove", 1, Fault.DISCONNECT, after=1), FaultAt("remove", 2, Fault.LOST_ANSWER, after=1)
    )
    facts = {entry.path: entry for entry in source.list() if isinstance(entry, Entry)}
    requests = [RemoveRequest(n, path, facts[path].fingerprint) for n, path in enumerate(facts)]
    answers: list[Any] = []
    with pytest.raises(DeviceGone):
        answers.extend(source.remove(requests))
    assert disk.paths() == ["1.bin", "2.bin", "3.bin"]
    source.connect()
    with pytest.raises(DeviceGone):
        answers.extend(source.remove(requests[1:]))
    assert answers == [(0, None), (1, None)]
    assert disk.paths() == ["3.bin"]


def test_prune_may_lose_its_answer() -> None:
    source, _, disk = source_with(FaultAt("prune", 1, Fault.LOST_ANSWER))
    disk.plant_folder("d")
    with pytest.raises(DeviceGone):
        source.prune(["d"])
    assert "d" not in disk.paths()


def test_send_runs_out_of_space_after_k_bytes() -> None:
    target, _, disk = target_with(FaultAt("send", 1, Fault.NO_SPACE, after=MIB))
    with pytest.raises(NoSpace):
        target.send([plan("a.bin", content(3 * MIB))], Contents({0: content(3 * MIB)}))
    assert disk.look("a.bin") is None
    target.probe()


def test_send_loses_the_answer_to_a_commit() -> None:
    target, _, disk = target_with(FaultAt("send", 1, Fault.LOST_ANSWER))
    feed = Contents({0: b"x"})
    with pytest.raises(DeviceGone):
        target.send([plan("a.bin", b"x")], feed)
    assert isinstance(feed.errors[0], OutcomeUnknown)
    assert feed.errors[0].path == "a.bin"
    assert disk.look("a.bin") == b"x"


def test_send_stores_a_wrong_bit_that_a_proof_shows() -> None:
    target, _, disk = target_with(FaultAt("send", 1, Fault.CORRUPT, after=2))
    target.send([plan("a.bin", b"abcd")], Contents({0: b"abcd"}))
    assert disk.look("a.bin") == b"abbd"
    ((_, proven),) = target.prove([ProveRequest(0, "a.bin", 4, Proof.HASH)])
    assert isinstance(proven, Proven)
    assert proven.digest is not None
    assert proven.digest.value != hashlib.sha256(b"abcd").hexdigest()


def test_prove_reads_back_wrongly_once() -> None:
    target, running, disk = target_with(FaultAt("prove", 1, Fault.CORRUPT))
    disk.plant("a.bin", b"x")
    right = hashlib.sha256(b"x").hexdigest()
    told = []
    for _ in range(2):
        ((_, proven),) = target.prove([ProveRequest(0, "a.bin", 1, Proof.HASH)])
        assert isinstance(proven, Proven)
        assert proven.digest is not None
        told.append(proven.digest.value == right)
    assert told == [False, True]
    assert len(running.fired) == 1
