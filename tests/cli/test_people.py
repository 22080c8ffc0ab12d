"""Commands by which a person decides: holds, release, retry."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import NASTY, SPAT, Run

from v2xsync.ledger.base import Ledger, NewItem, Plan, Setback, Stored
from v2xsync.ledger.sqlite import open_ledger
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState
from v2xsync.model.items import Fingerprint, Proof

NOW = 1_800_000_000.0
SHA = "ab" * 32


@pytest.fixture
def prepared(site: Path) -> Callable[[Callable[[Ledger], None]], None]:
    """Write into the station's ledger before the command line looks at it."""

    def prepare(write: Callable[[Ledger], None]) -> None:
        ledger = open_ledger(site / "state")
        try:
            write(ledger)
        finally:
            ledger.close()

    return prepare


def found(ledger: Ledger, path: str) -> int:
    plan = Plan("all", "spat", stage=True, targets=("office",))
    (item,) = ledger.record_found([NewItem("clay", path, Fingerprint(4, 5), (plan,))], NOW)
    return item


def hold_fetch(ledger: Ledger, path: str = NASTY) -> None:
    ledger.fetch_setback([Setback(found(ledger, path), "no such name", route="all")], NOW, FetchState.HELD)


def lose_answer(ledger: Ledger) -> None:
    item = found(ledger, SPAT)
    ledger.record_stored([Stored(item, "all", "clay/spat/x.csv", 4, SHA, Proof.HASH, "local read")], NOW)
    (task,) = ledger.claim_deliveries("office", ["all"], NOW, 10, [])
    ledger.mark_sending([task.delivery_id])
    ledger.delivery_setback([Setback(task.delivery_id, "no answer")], NOW, DeliveryState.UNKNOWN)


def test_holds_shows_what_waits_with_its_reason(run: Run, prepared: Callable[..., None]) -> None:
    prepared(hold_fetch)
    answer = run("holds")
    assert answer.code == 0
    assert "no such name" in answer.out
    assert "\\x1b[31m" in answer.out
    assert "--accept" not in answer.err
    (hold,) = run("holds", "--json").document["holds"]
    assert hold["path"] == NASTY
    assert hold["step"] == "stored"
    assert hold["may_accept"] is False


def test_a_held_step_is_done_again_without_a_flag_where_nothing_else_is_possible(
    run: Run, prepared: Callable[..., None]
) -> None:
    prepared(hold_fetch)
    answer = run("release", "1", "--json")
    assert answer.code == 0, answer
    assert answer.document["released"] == 1
    assert answer.document["way"] == "again"
    assert run("holds", "--json").document["holds"] == []


def test_where_both_ways_are_possible_a_person_has_to_choose(run: Run, prepared: Callable[..., None]) -> None:
    prepared(lose_answer)
    for items in (["1"], ["--all"]):
        answer = run("release", *items)
        assert answer.code == 2
        assert "--again does the step again" in answer.err
    assert run("release", "--all", "--again", "--accept").code == 2
    assert len(run("holds", "--json").document["holds"]) == 1


def test_accepting_is_a_receipt_in_the_persons_name(run: Run, prepared: Callable[..., None]) -> None:
    prepared(lose_answer)
    answer = run("release", SPAT, "--accept", "--json")
    assert answer.document["by"] == getpass.getuser()
    assert answer.document["released"] == 1
    vouched = [line for line in run("history", "--json").document["lines"] if line["by"]]
    assert [(line["by"], line["proof"]) for line in vouched] == [(getpass.getuser(), "ack")]


def held_twice(ledger: Ledger) -> None:
    plan = Plan("all", "spat", stage=True, targets=("office", "form"))
    (item,) = ledger.record_found([NewItem("clay", "x.csv", Fingerprint(4, 5), (plan,))], NOW)
    ledger.record_stored([Stored(item, "all", "clay/x.csv", 4, SHA, Proof.HASH, "local read")], NOW)
    for target in ("office", "form"):
        (task,) = ledger.claim_deliveries(target, ["all"], NOW, 10, [])
        ledger.delivery_setback([Setback(task.delivery_id, "no answer")], NOW, DeliveryState.HELD)


def held_at(run: Run) -> list[str]:
    return [hold["device"] for hold in run("holds", "--json").document["holds"]]


@pytest.mark.parametrize("items", [["x.csv"], ["--all"]])
def test_who_vouches_for_one_of_several_targets_names_it(
    items: list[str], run: Run, prepared: Callable[..., None]
) -> None:
    """Vouching for a form must not take another target's delivery as done."""
    prepared(held_twice)
    answer = run("release", *items, "--accept")
    assert answer.code == 2
    assert "on hold at office and at form" in answer.err
    assert "--accept --at office" in answer.err
    assert held_at(run) == ["office", "form"]
    answer = run("release", *items, "--accept", "--at", "form", "--json")
    assert (answer.document["released"], answer.document["at"]) == (1, ["form"])
    assert held_at(run) == ["office"]


def test_a_step_is_done_again_only_where_it_was_said(run: Run, prepared: Callable[..., None]) -> None:
    prepared(held_twice)
    answer = run("release", "x.csv", "--again", "--at", "clay")
    assert answer.code == 2
    assert "nothing of this is on hold at clay" in answer.err
    assert run("release", "x.csv", "--again", "--at", "office", "--json").document["released"] == 1
    assert held_at(run) == ["form"]
    assert run("release", "x.csv", "--again", "--at", "form", "--at", "form", "--json").document["released"] == 1
    assert held_at(run) == []


def test_doing_it_again_says_that_it_may_be_there_twice(run: Run, prepared: Callable[..., None]) -> None:
    prepared(lose_answer)
    answer = run("release", "--all", "--again")
    assert answer.code == 0
    assert "second copy" in answer.err


def test_a_release_says_plainly_when_the_original_is_gone(run: Run, prepared: Callable[..., None]) -> None:
    """Then nothing can be fetched again, and the store's copy is all there is."""

    def damaged_and_gone(ledger: Ledger) -> None:
        lose_answer(ledger)
        ledger.removal_setback([Setback(1, "nothing is there")], NOW, RemovalState.GONE)

    prepared(damaged_and_gone)
    assert "the original is not at clay any more" in run("release", "--all", "--again").err


def test_nobody_can_vouch_for_what_is_no_delivery(run: Run, prepared: Callable[..., None]) -> None:
    prepared(hold_fetch)
    answer = run("release", "1", "--accept")
    assert answer.code == 2
    assert "--again" in answer.err


@pytest.mark.parametrize("arguments", [[], ["1", "--all"], ["99"], ["nothing.csv"]])
def test_release_needs_to_know_what(arguments: list[str], run: Run, prepared: Callable[..., None]) -> None:
    prepared(hold_fetch)
    answer = run("release", *arguments)
    assert answer.code == 2
    assert "holds" in answer.err
    assert len(run("holds", "--json").document["holds"]) == 1


def test_retry_makes_waiting_work_due_and_leaves_holds(run: Run, prepared: Callable[..., None]) -> None:
    def trouble(ledger: Ledger) -> None:
        hold_fetch(ledger)
        item = found(ledger, SPAT)
        ledger.fetch_setback([Setback(item, "broke", NOW + 9e6, "all")], NOW)

    prepared(trouble)
    assert run("retry", "office", "--json").document["due"] == 0
    assert run("retry", "clay", "--json").document["due"] == 1
    assert len(run("holds", "--json").document["holds"]) == 1
    assert run("retry", "nowhere").code == 2
