"""The ledger's port: the verbs of the durable record (and, from `records`, the values that go in and out).

Every writing verb is one atomic step, on disk (fsync) when it returns; calls from several threads share one commit.
A facet is moved only by a legal move (`model.custody`); a row that is not in a legal state is left alone.
Claims do not write: the one process that owns the state folder remembers what is in its own hands (`skip`), so a crash
needs no clean-up. Times are seconds since the epoch, given by the caller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from v2xsync.ledger.records import (
    Backlog,
    Delivered,
    DeliveryFacet,
    DeliveryTask,
    Dossier,
    ExpiryTask,
    FetchFacet,
    FetchTask,
    Hold,
    Known,
    LogLine,
    NewItem,
    Plan,
    QueueLine,
    RemovalTask,
    Run,
    Setback,
    Stored,
)
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step

__all__ = [
    "Backlog",
    "Delivered",
    "DeliveryFacet",
    "DeliveryTask",
    "Dossier",
    "ExpiryTask",
    "FetchFacet",
    "FetchTask",
    "Hold",
    "Known",
    "Ledger",
    "LedgerReader",
    "LogLine",
    "NewItem",
    "Plan",
    "QueueLine",
    "RemovalTask",
    "Run",
    "Setback",
    "Stored",
]


class LedgerReader(Protocol):
    """What may be asked, also beside a running engine (nothing here takes the lock or writes)."""

    def known(self, source: str, paths: Sequence[str]) -> Mapping[str, Known]:
        """The newest known version of each path; unknown paths are left out."""

    def history(
        self, *, since: float | None = None, route: str = "", source: str = "", step: Step | None = None, limit: int = 0
    ) -> Iterator[LogLine]:
        """Lines of the custody log, oldest first; with `limit` the newest so many.

        Lines that name no route (the removal's, say) count for every route that has a plan for their item.
        """

    def dossiers(self, path: str) -> Sequence[Dossier]:
        """Items whose source path, store path, target path or id is `path`, the newest (at most 100) first.

        A bare name or a path's tail fits too.
        """

    def dossier(self, item_id: int) -> Dossier | None:
        """Everything about one item."""

    def holds(self) -> Sequence[Hold]:
        """Everything that waits for a person, oldest first."""

    def queue(self, limit: int) -> Sequence[QueueLine]:
        """The next work, by when it is due; all of it where `limit` is 0."""

    def backlog(self) -> Backlog:
        """Counts and bytes by device."""

    def items_of(self, source: str, routes: Collection[str]) -> Iterator[tuple[int, str]]:
        """(id, path) of every item of `source` that is neither removed nor gone and that one of `routes` plans for."""

    def note(self, key: str) -> str:
        """A small named text (config digest, last view); empty where there is none."""

    def close(self) -> None:
        """Release the database."""


class Ledger(LedgerReader, Protocol):
    """The durable record of the one process that owns the state folder."""

    # -- Finder

    def record_found(self, items: Sequence[NewItem], at: float) -> Sequence[int]:
        """Write new items with their facets (or add missing plans to known ones); returns their ids, in order.

        An older version of the same path that was not fetched yet becomes SUPERSEDED, its removal GONE. A version that
        was removed or gone and shows again is a new item. An unknown item without a plan is not written: its id is 0.
        """

    def ensure_deliveries(self, route: str, targets: Sequence[str], at: float) -> int:
        """Add deliveries of `route` that its present targets lack; how many.

        For every item whose store copy stands, is still to come, or (no local copy) whose original still stands.
        """

    # -- Downloader

    def claim_fetches(
        self, source: str, routes: Collection[str], now: float, limit: int, skip: Collection[int]
    ) -> Sequence[FetchTask]:
        """Queued fetches that are due, oldest `next_at` first; items in `skip` left out."""

    def record_stored(self, items: Sequence[Stored], at: float) -> None:
        """The fetches end as STORED with a receipt; their deliveries and removals are QUEUED, due by `at`."""

    def fetch_setback(self, setbacks: Sequence[Setback], at: float, to: FetchState = FetchState.QUEUED) -> None:
        """Queue again (later; without a time: at once), hold, or supersede fetches; logs the reason where it is new.

        Superseding means that the source does not hold this version any more: the item's idle deliveries are
        superseded with it and its removal is GONE.
        """

    # -- Uploader

    def claim_deliveries(
        self, target: str, routes: Collection[str], now: float, limit: int, skip: Collection[int]
    ) -> Sequence[DeliveryTask]:
        """Queued deliveries that are due; deliveries in `skip` left out."""

    def is_over(self, reference: str) -> bool:
        """Whether `reference` is that of a delivery of this station which is delivered or superseded.

        False for another station's, for an unknown one, and for what is no reference at all.
        """

    def mark_sending(self, delivery_ids: Sequence[int]) -> None:
        """Write down that a send to a target that cannot be asked is about to begin."""

    def recover_sending(self, at: float) -> int:
        """At start: every SENDING becomes UNKNOWN; how many."""

    def record_delivered(self, items: Sequence[Delivered], at: float) -> None:
        """The deliveries end as DELIVERED with a receipt; the items' removals are QUEUED, due by `at`.

        Where that was the item's last open delivery of the route, the store copy's expiry is to be judged.
        """

    def doubt(self, doubts: Sequence[Setback], at: float) -> Collection[int]:
        """What these deliveries were to send is bad: have it fetched again, once for each version and route.

        The fetch is QUEUED again and the delivery WAITING (without a local copy only the delivery is QUEUED); the
        receipts of the store's copy are void. Left alone where the original stands no more, or where this was done
        since a person last released it. Returns the deliveries that were moved.
        """

    def end_doubts(self, doubts: Sequence[Setback], at: float, to: DeliveryState) -> None:
        """These (`facet_id` the item, with its `route`) cannot be fetched again: their fetches are STORED as before.

        Deliveries that waited for them become `to`: HELD, or SUPERSEDED where the source holds another version (then
        the removal is GONE, and a listing finds that version as a new item).
        """

    def delivery_setback(
        self, setbacks: Sequence[Setback], at: float, to: DeliveryState = DeliveryState.QUEUED
    ) -> None:
        """Queue again (later; without a time: at once), hold, mark unknown, or supersede."""

    # -- Remover

    def claim_removals(self, source: str, now: float, limit: int, skip: Collection[int]) -> Sequence[RemovalTask]:
        """Removals that are QUEUED or ORDERED and due, with every receipt of the item."""

    def order_removals(self, item_ids: Sequence[int], at: float) -> None:
        """Write down that these are about to be removed."""

    def record_removed(self, item_ids: Sequence[int], at: float, detail: str = "") -> None:
        """They are gone from their source, by us."""

    def removal_setback(self, setbacks: Sequence[Setback], at: float, to: RemovalState = RemovalState.WAITING) -> None:
        """Wait, queue again, hold, or mark gone. One that waits for a time (`next_at`) is queued for that time."""

    def rouse_removals(self, item_ids: Sequence[int], at: float) -> None:
        """Something that these waited for has happened elsewhere: judge them again, due by `at`."""

    def requeue_removals(self) -> None:
        """After a change of the config: judge every waiting removal, and every kept store copy, again."""

    def removed_below(self, source: str, folders: Sequence[str]) -> Collection[str]:
        """Those of `folders` below which (at any depth) we have removed an item and expect none any more."""

    # -- retention of the store

    def claim_expiries(self, routes: Collection[str], now: float, limit: int) -> Sequence[ExpiryTask]:
        """Store copies whose expiry is to be judged and due, those due first in front."""

    def postpone_expiry(self, setbacks: Sequence[Setback]) -> None:
        """Judge again at `next_at`, or (None) when something changes; void where `seen_at` is out of date."""

    def record_expired(self, item_id: int, route: str, at: float) -> None:
        """The store copy was removed."""

    def users_of(self, store_path: str) -> Sequence[tuple[int, str]]:
        """(item id, route) of every fetch whose store copy stands at `store_path`."""

    def stored_sha256(self, store_path: str) -> str:
        """The sha256 of what stands at `store_path`, as the ledger knows it; empty where it does not."""

    # -- people's decisions

    def retry(self, *, routes: Collection[str] | None = None, devices: Collection[str] | None = None) -> int:
        """Make waiting retries (not holds) of those routes, or at those devices, due at once; how many."""

    def bring_to_front(self, item_id: int) -> None:
        """Let its queued work be claimed before all other."""

    def release_again(self, item_ids: Sequence[int], at: float, by: str, devices: Collection[str] = ()) -> int:
        """Do held steps of those items again, only those at `devices` where any are named; how many facets.

        A delivery is held at its target, a removal at its source, a fetch at its source and at the store.
        """

    def release_accept(self, item_ids: Sequence[int], at: float, by: str, devices: Collection[str] = ()) -> int:
        """Take held or unknown deliveries (to `devices`, where any are named) as done, by a receipt `ack` of that user.

        Returns how many facets.
        """

    # -- schedule, notes

    def last_run(self, route: str, device: str, kind: str) -> Run | None:
        """The newest run."""

    def save_run(self, run: Run) -> None:
        """Insert or update by (route, device, kind, due_at); runs long past are forgotten."""

    def write_note(self, key: str, text: str) -> None:
        """Set a small named text."""

    def log(self, step: Step, *, item_id: int, at: float, route: str, device: str, detail: str) -> None:
        """Append a line of its own (warnings); `item_id` 0: it speaks of no item."""
