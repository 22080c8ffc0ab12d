"""Retention: copies leave the store once the route's proof is there from every target; never the last copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from v2xsync.engine.station import Station
from v2xsync.engine.work import WORKED, Turn
from v2xsync.ledger.base import ExpiryTask, Setback
from v2xsync.model.custody import Verdict, delivered_everywhere

BATCH = 250


class Retention:
    """The Remover at the store itself."""

    name = "remover"

    def __init__(self, station: Station) -> None:
        self._station = station

    def turn(self, open_session: Callable[[], Any]) -> Turn:
        """Judge one batch of store copies whose time may have come."""
        del open_session
        if self._station.keep.after_s is None or self._station.draining.is_set():
            return Turn(worked=False)
        now = self._station.clock.now()
        routes = frozenset(self._station.routes)
        tasks = self._station.ledger.claim_expiries(routes, now, BATCH)
        for task in tasks:
            self._settle(task, now)
        return WORKED if tasks else Turn(worked=False, next_at=None if self._station.once else now + 60.0)

    def _settle(self, task: ExpiryTask, now: float) -> None:
        verdict = self._judge(task, now)
        if not verdict.allowed:
            again = verdict.not_before
            wait = Setback(task.item_id, verdict.reason, again, task.route, counts=False, seen_at=task.next_at)
            self._station.ledger.postpone_expiry([wait])
            return
        users = self._station.ledger.users_of(task.store_path)
        if not [user for user in users if user != (task.item_id, task.route)]:
            self._station.store.expire(task.store_path)
            self._station.manifests.expired(task, now)
        self._station.ledger.record_expired(task.item_id, task.route, now)

    def _judge(self, task: ExpiryTask, now: float) -> Verdict:
        verdict = delivered_everywhere(self._station.routes[task.route], task.receipts)
        keep_s = self._station.keep.after_s
        if not verdict.allowed or keep_s is None:
            return verdict
        not_before = max(receipt.at for receipt in verdict.receipts) + keep_s
        if now < not_before:
            return Verdict(allowed=False, reason="the store keeps it for a while", not_before=not_before)
        return verdict
