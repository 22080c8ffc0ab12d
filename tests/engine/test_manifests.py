"""The store's manifests, and a ledger that is made again from them: nothing is removed or sent twice."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.engine.rig import Rig
from tests.engine.test_once import route

from v2xsync.devices.faults import Fault, FaultAt, Faults, FaultyTarget
from v2xsync.devices.memory import MEMORY
from v2xsync.engine.manifests import Manifests, folder_in, read
from v2xsync.engine.station import Keep
from v2xsync.engine.verifying import store_difference
from v2xsync.errors import LedgerError
from v2xsync.ledger.base import ExpiryTask
from v2xsync.ledger.care import check
from v2xsync.ledger.manifest import ManifestLine
from v2xsync.ledger.rebuild import Rebuilt, rebuild
from v2xsync.ledger.sqlite import LEDGER_NAME, open_ledger
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState
from v2xsync.model.items import Proof
from v2xsync.model.rules import After, RemoveRule

FORM = {"office": {"capabilities": replace(MEMORY, probeable=False)}}
"""The target is a form: nothing can be asked there."""

ACK = RemoveRule(after=After.DELIVERED, proof=Proof.ACK)


def lines_of(rig: Rig) -> Sequence[ManifestLine]:
    lines, torn = read(rig.tmp / "store")
    assert torn == 0
    return lines


def lose_the_ledger(rig: Rig) -> None:
    rig.ledger.close()
    for file in (rig.tmp / "state").glob(f"{LEDGER_NAME}*"):
        file.unlink()


def rebuilt(rig: Rig) -> Rebuilt:
    """Lose the ledger, make it again from the manifests, and start the station anew."""
    lose_the_ledger(rig)
    result = rebuild_only(rig)
    rig.ledger = open_ledger(rig.tmp / "state")
    rig.build()
    return result


def rebuild_only(rig: Rig) -> Rebuilt:
    store = rig.tmp / "store"
    lines, _torn = read(store)

    def is_whole(line: ManifestLine) -> bool:
        return store_difference(store, line.place, line.bytes, line.sha256) == ""

    return rebuild(rig.tmp / "state", lines, is_whole, rig.clock.at)


# --- writing


def test_every_hop_is_written_down_beside_the_store(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    assert [line.step for line in lines_of(rig)] == ["stored", "delivered", "removed"]
    stored, delivered, removed = lines_of(rig)
    assert {line.path for line in (stored, delivered, removed)} == {"a.csv"}
    assert (stored.place, stored.bytes, stored.proof) == ("box/a.csv", 1, "hash")
    assert (delivered.target, delivered.place, delivered.sha256) == ("office", "box/a.csv", stored.sha256)
    assert removed.sha256 == stored.sha256


def test_there_is_one_file_for_each_route_and_local_date(tmp_path: Path) -> None:
    """Half past ten in the evening UTC on the 14th is the 15th in Berlin."""
    rig = Rig(tmp_path, (route(name="a/../b"),), zone="Europe/Berlin")
    rig.clock.at += 3600
    rig.plant("box", "a.csv", b"a")
    rig.run()
    files = [path.relative_to(folder_in(tmp_path / "store")) for path in (tmp_path / "store").rglob("*.jsonl")]
    assert [str(file) for file in files] == ["a%2F..%2Fb/2023-11-15.jsonl"]


def test_a_name_that_is_not_text_comes_back_unchanged(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    rig.plant("box", "a\udcff\x1b\n.csv", b"a")
    rig.run()
    assert {line.path for line in lines_of(rig)} == {"a\udcff\x1b\n.csv"}


def test_a_group_is_one_append(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So small files stay fast: five hundred of them cost one fsync more."""
    appends: list[int] = []
    rig = Rig(tmp_path, (route(targets=(), remove=RemoveRule()),))
    for number in range(200):
        rig.plant("box", f"{number}.csv", b"a")
    write = rig.station.manifests._write

    def counting(lines: Sequence[Mapping[str, object]], at: float) -> None:
        appends.append(len(lines))
        write(lines, at)

    monkeypatch.setattr(rig.station.manifests, "_write", counting)
    rig.crew.committer.wake_by(lambda: None)
    rig.run()
    rig.crew.committer.flush()
    assert sum(appends) == 200
    assert len(appends) < 5


def test_a_manifest_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    folder_in(tmp_path / "store").write_bytes(b"in the way")
    for name in ("a.csv", "b.csv"):
        rig.plant("box", name, b"a")
    rig.run()
    assert set(rig.on("office")) == {"box/a.csv", "box/b.csv"}
    assert rig.on("box") == {}
    assert rig.events().count("the ledger alone knows") == 1


def test_nothing_is_given_to_a_form_before_that_is_written_down(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(remove=ACK),), device_options=FORM)
    folder_in(tmp_path / "store").write_bytes(b"in the way")
    rig.plant("box", "a.csv", b"a")
    rig.run()
    assert rig.on("office") == {}
    assert rig.on("box") == {"a.csv": b"a"}


def test_a_torn_line_harms_no_other(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    (file,) = (tmp_path / "store").rglob("*.jsonl")
    file.write_bytes(file.read_bytes() + b'{"step":"stored","at":1.0,"rou')
    rig.build()
    rig.plant("box", "b.csv", b"b")
    rig.run()
    lines, torn = read(tmp_path / "store")
    assert torn == 1
    assert [line.step for line in lines if line.path == "b.csv"] == ["stored", "delivered", "removed"]


def test_a_short_write_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may take a part of what it is given; the rest is given again."""
    write = os.write
    monkeypatch.setattr("v2xsync.engine.manifests.os.write", lambda fd, data: write(fd, data[:7]))
    Manifests(tmp_path, ZoneInfo("UTC"), print).expired(ExpiryTask(1, "r", "p", "aa", 0.0, ()), 1.0)
    monkeypatch.undo()
    lines, torn = read(tmp_path)
    assert [(line.step, line.place, line.at) for line in lines] == [("expired", "p", 1.0)]
    assert torn == 0


# --- rebuilding


def test_a_rebuilt_ledger_knows_what_happened_and_does_nothing_twice(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(targets=("office", "form"), remove=RemoveRule()),),
              device_options={"form": FORM["office"]})  # fmt: skip
    for name in ("a.csv", "b.csv"):
        rig.plant("box", name, name.encode())
    rig.run()
    before = {name: rig.disks[name].paths() for name in ("office", "form", "box")}
    history = [(line.step, line.path, line.device, line.at, line.proof, line.sha256) for line in rig.ledger.history()]

    result = rebuilt(rig)
    assert (result.items, result.stored, result.delivered, result.unknown) == (2, 2, 4, 0)
    after = [(line.step, line.path, line.device, line.at, line.proof, line.sha256) for line in rig.ledger.history()]
    assert sorted(after, key=str) == sorted(history, key=str)
    assert check(tmp_path / "state") == []

    steps = len(rig.steps())
    rig.run()
    assert {name: rig.disks[name].paths() for name in before} == before
    assert len(rig.steps()) == steps


def test_a_removal_that_waited_is_done_by_the_receipts_of_the_manifest(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(remove=RemoveRule()),))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    rig.routes = (route(),)
    rebuilt(rig)
    rig.run()
    assert rig.on("box") == {}


def test_a_copy_that_was_fetched_again_is_taken_from_where_it_stands_now(tmp_path: Path) -> None:
    """The first place holds something that somebody else wrote; the second one is ours."""
    down = Faults(FaultAt("connect", call, Fault.DISCONNECT) for call in (1, 2))
    rig = Rig(tmp_path, (route(remove=RemoveRule()),), once=False)
    rig.wrap = {"office": lambda device: FaultyTarget(device, down, "office")}
    rig.build()
    rig.plant("box", "a.csv", b"good")
    rig.run(0.5)
    (tmp_path / "store" / "box" / "a.csv").write_bytes(b"evil")
    rig.run(60.0)
    assert [line.step for line in lines_of(rig)] == ["stored", "stored", "delivered"]
    result = rebuilt(rig)
    assert (result.items, result.stored, result.delivered, result.missing) == (1, 1, 1, [])
    (dossier,) = rig.ledger.dossiers("a.csv")
    assert (tmp_path / "store" / dossier.fetches[0].store_path).read_bytes() == b"good"


def test_a_lost_delivery_line_means_a_second_look_and_no_removal_before(tmp_path: Path) -> None:
    """Without its receipt nothing goes: the target is asked again first."""
    rig = Rig(tmp_path, (route(remove=RemoveRule()),))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    (file,) = (tmp_path / "store").rglob("*.jsonl")
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])
    rebuilt(rig)
    (dossier,) = rig.ledger.dossiers("a.csv")
    assert dossier.removal is not RemovalState.REMOVED
    assert [line.step.value for line in dossier.log] == ["found", "stored"]
    rig.disks["office"].plant("box/a.csv", b"another", 0)
    rig.routes = (route(),)
    rig.build()
    rig.run()
    assert rig.on("box") == {}
    assert b"a" in rig.on("office").values()


def test_a_send_without_an_answer_is_unknown_and_never_sent_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(remove=ACK),), device_options=FORM)
    rig.plant("box", "a.csv", b"a")
    rig.run()
    (file,) = (tmp_path / "store").rglob("*.jsonl")
    kept = [text for text in file.read_bytes().splitlines(keepends=True) if b'"delivered"' not in text]
    file.write_bytes(b"".join(text for text in kept if b'"removed"' not in text))
    rig.plant("box", "a.csv", b"a")
    at_the_form = rig.disks["office"].paths()

    assert rebuilt(rig).unknown == 1
    rig.run()
    assert rig.disks["office"].paths() == at_the_form
    (dossier,) = rig.ledger.dossiers("a.csv")
    assert [facet.state for facet in dossier.deliveries] == [DeliveryState.UNKNOWN]
    assert rig.on("box") == {"a.csv": b"a"}


def test_a_lost_answer_stays_a_hold(tmp_path: Path) -> None:
    faults = Faults((FaultAt("send", 1, Fault.LOST_ANSWER),))
    wrap = {"office": lambda device: FaultyTarget(device, faults, "office")}
    rig = Rig(tmp_path, (route(remove=ACK),), device_options=FORM, wrap=wrap)
    rig.plant("box", "a.csv", b"a")
    rig.run()
    assert len(rig.ledger.holds()) == 1

    assert rebuilt(rig).unknown == 1
    rig.run()
    assert [hold.may_accept for hold in rig.ledger.holds()] == [True]
    assert len(rig.disks["office"].paths()) == 2
    assert rig.on("box") == {"a.csv": b"a"}


@pytest.mark.parametrize("damage", [b"x", b"longer", None])
def test_a_copy_that_is_gone_or_damaged_has_no_receipt_and_is_fetched_again(
    damage: bytes | None, tmp_path: Path
) -> None:
    rig = Rig(tmp_path, (route(remove=RemoveRule()),))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    copy = tmp_path / "store" / "box" / "a.csv"
    copy.unlink()
    if damage is not None:
        copy.write_bytes(damage)
    rig.routes = (route(remove=RemoveRule(after=After.STORED)),)

    assert rebuilt(rig).missing == ["box/a.csv"]
    (dossier,) = rig.ledger.dossiers("a.csv")
    assert [facet.state for facet in dossier.fetches] == [FetchState.QUEUED]
    assert [facet.state for facet in dossier.deliveries] == [DeliveryState.DELIVERED]
    assert check(tmp_path / "state") == []
    sent = rig.disks["office"].paths()
    rig.run()
    assert b"a" in rig.stored().values()
    assert rig.disks["office"].paths() == sent
    assert rig.on("box") == {}


def test_what_the_retention_rule_took_from_the_store_is_not_missing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(remove=RemoveRule()),), keep=Keep(0.0))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    assert rig.stored() == {}
    assert rebuilt(rig).missing == []
    rig.run()
    assert rig.stored() == {}
    assert rig.steps() == ["found", "stored", "delivered", "expired"]


def test_a_place_that_two_routes_share_is_emptied_for_both(tmp_path: Path) -> None:
    routes = tuple(route(name=name, remove=RemoveRule(), layout="{path}") for name in ("r", "s"))
    rig = Rig(tmp_path, routes, keep=Keep(0.0))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    assert rig.stored() == {}
    assert [line.step for line in lines_of(rig)].count("expired") == 1
    assert rebuilt(rig).missing == []
    steps = len(rig.steps())
    rig.run()
    assert len(rig.steps()) == steps


def test_a_file_that_came_again_after_its_removal_has_two_lives(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    for content in (b"a", b"a", b"b"):
        rig.disks["box"].plant("a.csv", content, 1_600_000_000 * 10**9)
        rig.clock.at += 100.0
        rig.build()
        rig.run()
    steps = rig.steps()
    result = rebuilt(rig)
    assert (result.items, result.removed) == (3, 3)
    assert sorted(rig.steps()) == sorted(steps)
    rig.plant("box", "a.csv", b"new")
    rig.run()
    assert rig.on("box") == {}


def test_without_a_local_copy_the_receipts_are_the_targets(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(stage=False, remove=ACK),), device_options=FORM)
    rig.plant("box", "a.csv", b"a")
    rig.run()
    assert [line.step for line in lines_of(rig)] == ["sending", "delivered", "removed"]
    assert rebuilt(rig).removed == 1
    sent = rig.disks["office"].paths()
    rig.run()
    assert rig.disks["office"].paths() == sent


def test_a_second_rebuild_comes_to_the_same(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(remove=RemoveRule()),))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    first = rebuilt(rig)
    rig.plant("box", "b.csv", b"b")
    rig.run()
    second = rebuilt(rig)
    assert (first.items, second.items, second.delivered) == (1, 2, 2)


def test_a_sound_ledger_is_never_replaced_and_a_damaged_one_is_kept(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    rig.plant("box", "a.csv", b"a")
    rig.run()
    with pytest.raises(LedgerError, match="uses the state folder"):
        rebuild_only(rig)
    rig.ledger.close()
    with pytest.raises(LedgerError, match="not damaged"):
        rebuild_only(rig)
    (tmp_path / "state" / LEDGER_NAME).write_bytes(b"rubbish" * 1000)
    assert rebuild_only(rig).items == 1
    assert (tmp_path / "state" / "ledger-damaged-1.sqlite3").read_bytes() == b"rubbish" * 1000
    names = {path.name for path in (tmp_path / "state").iterdir() if not path.name.endswith(("-wal", "-shm"))}
    assert names == {"ledger-damaged-1.sqlite3", LEDGER_NAME, "lock"}
    rig.ledger = open_ledger(tmp_path / "state")


def test_without_manifests_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no manifests"):
        rebuild(tmp_path / "state", (), lambda _line: True, 0.0)
    assert not (tmp_path / "state").exists()
