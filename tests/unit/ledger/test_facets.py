"""Facets against a tiny model of them: whatever is said in whatever order, they move by legal moves only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.ledger.acts import LATE, SOURCE, delivered, delivery_ids, dossier, new, plan, stored

from v2xsync.ledger.base import Setback
from v2xsync.ledger.sqlite import open_memory
from v2xsync.model.custody import (
    DELIVERY_MOVES,
    FETCH_MOVES,
    REMOVAL_MOVES,
    DeliveryState,
    FetchState,
    RemovalState,
    Step,
)

STAGED, STREAM = "staged", "stream"
PLANS = (plan("cyverse", "office", route=STAGED), plan("px4", route=STREAM, stage=False))
OVER = (RemovalState.REMOVED, RemovalState.GONE)

picks = st.integers(0, 99)
Key = tuple[Any, ...]
"""("fetch", item id, route), ("deliver", item id, route, target) or ("remove", item id)"""

MOVES: Mapping[str, Mapping[Any, Collection[Any]]] = {
    "fetch": FETCH_MOVES,
    "deliver": DELIVERY_MOVES,
    "remove": REMOVAL_MOVES,
}


class Facets(RuleBasedStateMachine):
    """Says things to a ledger and to a dictionary."""

    @initialize()
    def start(self) -> None:
        self.ledger = open_memory()
        self.states: dict[Key, Any] = {}
        self.newest: dict[str, tuple[int, int]] = {}
        self.before: dict[Key, Any] = {}
        self.items = 0

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()

    # -- the model

    def move(self, key: Key, to: Any, *sources: Any) -> bool:
        """Move one facet where it stands in one of the sources."""
        if self.states[key] not in sources:
            return False
        self.states[key] = to
        return True

    def deliveries(self, item_id: int) -> list[Key]:
        return [key for key in self.states if key[:2] == ("deliver", item_id)]

    def leave_behind(self, item_id: int) -> None:
        """The original is not there any more."""
        gone = (RemovalState.WAITING, RemovalState.QUEUED, RemovalState.ORDERED)
        self.move(("remove", item_id), RemovalState.GONE, *gone)

    def wake(self, item_id: int) -> None:
        self.move(("remove", item_id), RemovalState.QUEUED, RemovalState.WAITING)

    def item(self, pick: int) -> int:
        return pick % self.items + 1

    def delivery(self, pick: int) -> Key:
        keys = [key for key in self.states if key[0] == "deliver"]
        return keys[pick % len(keys)]

    def delivery_id(self, key: Key) -> int:
        return delivery_ids(self.ledger, key[1])[key[3]]

    # -- what is said

    @rule(path=st.sampled_from("ab"), size=st.integers(1, 2))
    def find(self, path: str, size: int) -> None:
        self.ledger.record_found([new(path, *PLANS, size=size)], 1.0)
        known = self.newest.get(path)
        if known and known[1] == size and self.states["remove", known[0]] not in OVER:
            return
        if known:
            self.replace(known[0])
        self.items += 1
        self.newest[path] = (self.items, size)
        self.states["fetch", self.items, STAGED] = FetchState.QUEUED
        self.states["fetch", self.items, STREAM] = FetchState.SKIPPED
        for target in ("cyverse", "office"):
            self.states["deliver", self.items, STAGED, target] = DeliveryState.WAITING
        self.states["deliver", self.items, STREAM, "px4"] = DeliveryState.QUEUED
        self.states["remove", self.items] = RemovalState.WAITING

    def replace(self, item_id: int) -> None:
        """A newer version came."""
        self.move(("fetch", item_id, STAGED), FetchState.SUPERSEDED, FetchState.QUEUED, FetchState.HELD)
        for key in self.deliveries(item_id):
            idle = (DeliveryState.WAITING, DeliveryState.QUEUED)
            if self.states["fetch", item_id, key[2]] is not FetchState.STORED:
                self.move(key, DeliveryState.SUPERSEDED, *idle)
        self.leave_behind(item_id)

    @precondition(lambda self: self.items)
    @rule(pick=picks)
    def store(self, pick: int) -> None:
        item_id = self.item(pick)
        self.ledger.record_stored([stored(item_id, route=STAGED)], 2.0)
        if self.move(("fetch", item_id, STAGED), FetchState.STORED, FetchState.QUEUED):
            for key in self.deliveries(item_id):
                self.move(key, DeliveryState.QUEUED, DeliveryState.WAITING)
            self.wake(item_id)

    @precondition(lambda self: self.items)
    @rule(pick=picks, to=st.sampled_from([FetchState.QUEUED, FetchState.HELD, FetchState.SUPERSEDED]))
    def fetch_setback(self, pick: int, to: FetchState) -> None:
        item_id = self.item(pick)
        key = ("fetch", item_id, STAGED)
        self.ledger.fetch_setback([Setback(item_id, f"to {to.name}", 3.0, STAGED)], 3.0, to)
        if to is FetchState.HELD:
            self.move(key, to, FetchState.QUEUED)
        if to is FetchState.SUPERSEDED and self.move(key, to, FetchState.QUEUED, FetchState.HELD):
            for delivery in self.deliveries(item_id):
                self.move(delivery, DeliveryState.SUPERSEDED, DeliveryState.WAITING)
            self.leave_behind(item_id)

    @precondition(lambda self: self.items)
    @rule(pick=picks)
    def send(self, pick: int) -> None:
        key = self.delivery(pick)
        self.ledger.mark_sending([self.delivery_id(key)])
        self.move(key, DeliveryState.SENDING, DeliveryState.QUEUED)

    @rule()
    def restart(self) -> None:
        lost = [key for key, state in self.states.items() if key[0] == "deliver" and state is DeliveryState.SENDING]
        assert self.ledger.recover_sending(4.0) == len(lost)
        for key in lost:
            self.states[key] = DeliveryState.UNKNOWN

    @precondition(lambda self: self.items)
    @rule(pick=picks)
    def deliver(self, pick: int) -> None:
        key = self.delivery(pick)
        self.ledger.record_delivered([delivered(self.delivery_id(key))], 5.0)
        open_ = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD, DeliveryState.UNKNOWN)
        if self.move(key, DeliveryState.DELIVERED, *open_):
            self.wake(key[1])

    @precondition(lambda self: self.items)
    @rule(pick=picks, to=st.sampled_from(["QUEUED", "HELD", "UNKNOWN", "SUPERSEDED"]))
    def delivery_setback(self, pick: int, to: str) -> None:
        key, state = self.delivery(pick), DeliveryState
        self.ledger.delivery_setback([Setback(self.delivery_id(key), f"to {to}", 6.0)], 6.0, state[to])
        sources = {
            "QUEUED": (state.SENDING, state.UNKNOWN),
            "HELD": (state.QUEUED, state.SENDING),
            "UNKNOWN": (state.SENDING,),
            "SUPERSEDED": (state.WAITING, state.QUEUED, state.SENDING),
        }
        self.move(key, state[to], *sources[to])

    @precondition(lambda self: self.items)
    @rule(pick=picks)
    def order(self, pick: int) -> None:
        self.ledger.order_removals([self.item(pick)], 7.0)
        self.move(("remove", self.item(pick)), RemovalState.ORDERED, RemovalState.QUEUED)

    @precondition(lambda self: self.items)
    @rule(pick=picks)
    def remove(self, pick: int) -> None:
        self.ledger.record_removed([self.item(pick)], 8.0)
        self.move(("remove", self.item(pick)), RemovalState.REMOVED, RemovalState.ORDERED)

    @precondition(lambda self: self.items)
    @rule(pick=picks, to=st.sampled_from(["WAITING", "QUEUED", "HELD", "GONE"]))
    def removal_setback(self, pick: int, to: str) -> None:
        state = RemovalState
        self.ledger.removal_setback([Setback(self.item(pick), f"to {to}")], 9.0, state[to])
        sources = {
            "WAITING": (state.QUEUED, state.ORDERED),
            "QUEUED": (state.ORDERED,),
            "HELD": (state.QUEUED, state.ORDERED),
            "GONE": (state.WAITING, state.QUEUED, state.ORDERED),
        }
        self.move(("remove", self.item(pick)), state[to], *sources[to])

    @rule()
    def requeue(self) -> None:
        self.ledger.requeue_removals()
        for item_id in range(1, self.items + 1):
            self.wake(item_id)

    @precondition(lambda self: self.items)
    @rule(pick=picks)
    def release_again(self, pick: int) -> None:
        item_id = self.item(pick)
        released = [
            self.move(("fetch", item_id, STAGED), FetchState.QUEUED, FetchState.HELD),
            self.move(("remove", item_id), RemovalState.QUEUED, RemovalState.HELD),
            *(
                self.move(key, DeliveryState.QUEUED, DeliveryState.HELD, DeliveryState.UNKNOWN)
                for key in self.deliveries(item_id)
            ),
        ]
        assert self.ledger.release_again([item_id], 10.0, "kim") == sum(released)

    @precondition(lambda self: self.items)
    @rule(pick=picks)
    def release_accept(self, pick: int) -> None:
        item_id = self.item(pick)
        held = (DeliveryState.HELD, DeliveryState.UNKNOWN)
        taken = [self.move(key, DeliveryState.DELIVERED, *held) for key in self.deliveries(item_id)]
        if any(taken):
            self.wake(item_id)
        assert self.ledger.release_accept([item_id], 11.0, "kim") == sum(taken)

    # -- what must be so

    def shown(self) -> dict[Key, Any]:
        shown: dict[Key, Any] = {}
        for item_id in range(1, self.items + 1):
            item = dossier(self.ledger, item_id)
            shown |= {("fetch", item_id, fetch.route): fetch.state for fetch in item.fetches}
            shown |= {("deliver", item_id, one.route, one.target): one.state for one in item.deliveries}
            shown["remove", item_id] = item.removal
        return shown

    @invariant()
    def the_ledger_says_what_the_model_says(self) -> None:
        shown = self.shown()
        assert shown == self.states
        for key, state in shown.items():
            last = self.before.get(key, state)
            assert state is last or state in MOVES[key[0]][last]
        self.before = shown

    @invariant()
    def what_is_queued_is_claimed_and_nothing_else(self) -> None:
        def standing(kind: str, *states: Any) -> set[int]:
            return {key[1] for key, state in self.states.items() if key[0] == kind and state in states}

        routes = (STAGED, STREAM)
        claimed = {task.item_id for task in self.ledger.claim_fetches(SOURCE, routes, LATE, 99, ())}
        assert claimed == standing("fetch", FetchState.QUEUED)
        sent = {
            task.item_id
            for target in ("cyverse", "office", "px4")
            for task in self.ledger.claim_deliveries(target, routes, LATE, 999, ())
        }
        assert sent == standing("deliver", DeliveryState.QUEUED)
        judged = {task.item_id for task in self.ledger.claim_removals(SOURCE, LATE, 99, ())}
        assert judged == standing("remove", RemovalState.QUEUED, RemovalState.ORDERED)

    @invariant()
    def every_hop_is_told_once(self) -> None:
        for item_id in range(1, self.items + 1):
            hops = Counter((line.step, line.route, line.device) for line in dossier(self.ledger, item_id).log)
            ends = (Step.FOUND, Step.STORED, Step.DELIVERED, Step.REMOVED, Step.GONE, Step.SUPERSEDED)
            assert not [hop for hop, count in hops.items() if hop[0] in ends and count > 1]


Facets.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestFacets = Facets.TestCase
