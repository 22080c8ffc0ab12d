"""The Uploader: delivers stored items to one target, and asks the target again before it believes anything.

For every batch: look what stands under the final names; what is equal already gets its receipt without a byte sent,
what differs is never overwritten but gets a versioned name; send the rest; prove everything by fresh requests; record.
A kill at any point leaves deliveries queued, and the look at the start finds what had arrived (invariants 2, 4, 7).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from v2xsync.devices.base import Proven, ProveRequest, SendRequest, Sent, Target, partial_beside
from v2xsync.engine.claims import Claims
from v2xsync.engine.feed import StoreFeed
from v2xsync.engine.setbacks import DeliverySetbacks
from v2xsync.engine.station import Station
from v2xsync.engine.streaming import StreamFeed, StreamSources
from v2xsync.engine.sweeping import Sweeping
from v2xsync.engine.telling import tell_done
from v2xsync.engine.work import WORKED, Turn, earliest
from v2xsync.errors import Cancelled, DeviceError, IntegrityError, ItemError, ItemMissing, ItemRefused, V2xSyncError
from v2xsync.ledger.base import Delivered, DeliveryTask, Setback
from v2xsync.model.items import Digest, Entry, Kind, Proof
from v2xsync.model.layout import layout_values, render
from v2xsync.model.naming import safe_relative, versioned
from v2xsync.model.views import Level

BATCH = 100
"""Deliveries of one batch: enough to fill a long link, few enough that receipts come soon."""

BATCH_OF_UNPROBEABLE = 1
"""Where nothing can be asked again, a kill must not make more than one file unknown: each gets its receipt at once."""


@dataclass(slots=True)
class Parcel:
    """One delivery of a batch on its way."""

    task: DeliveryTask
    path: str
    proof: Proof
    facts: Mapping[str, str] = field(default_factory=dict)
    """What a form or metadata may say of the item."""
    note: str = ""
    sent: Sent | None = None
    proven: Proven | None = None
    error: V2xSyncError | None = None

    @property
    def request(self) -> SendRequest:
        """What the target is asked to write."""
        return SendRequest(
            token=self.task.delivery_id,
            path=self.path,
            partial=partial_beside(self.path, self.task.reference),
            size=self.task.size,
            mtime_ns=self.task.fingerprint.mtime_ns,
            sha256=self.task.sha256,
            facts={**self.facts, "sha256": self.task.sha256},
        )


@dataclass(slots=True)
class Batch:
    """All parcels of one batch, by delivery id."""

    parcels: dict[int, Parcel] = field(default_factory=dict)

    def open(self) -> list[Parcel]:
        """Parcels without an outcome yet."""
        return [p for p in self.parcels.values() if p.error is None and p.proven is None]


class Uploader:
    """The Uploader of one worker at one target; workers of the same target share their claims."""

    name = "uploader"

    def __init__(
        self,
        station: Station,
        target: str,
        sources: StreamSources,
        claims: Claims[DeliveryTask],
        sweeping: Sweeping,
    ) -> None:
        self._station = station
        self._target = target
        self._sources = sources
        self._claims = claims
        self._sweeping = sweeping
        self._probeable = station.devices[target].capabilities.probeable
        self._setbacks = DeliverySetbacks(station, target, self._claims, lambda: self._probeable)

    def turn(self, open_session: Callable[[], Target]) -> Turn:
        """Deliver one batch of what is due."""
        gates = self._station.gates
        routes = gates.deliver_open(self._target)
        if not routes or self._station.draining.is_set():
            self._tidy(open_session)
            return Turn(worked=False, next_at=gates.next_look("deliver", self._target))
        now = self._station.clock.now()
        most = BATCH if self._probeable else BATCH_OF_UNPROBEABLE
        tasks = self._claims.take(lambda n, skip: self._claim(routes, now, n, skip), most)
        if not tasks:
            self._tidy(open_session)
            return self._idle(routes)
        try:
            self._deliver(open_session(), tasks)
        except Cancelled:
            return Turn(worked=False)
        finally:
            self._sources.rest()
            self._claims.give_back(task.delivery_id for task in tasks)
        return WORKED

    def _claim(self, routes: Collection[str], now: float, limit: int, skip: Collection[int]) -> Sequence[DeliveryTask]:
        return self._station.ledger.claim_deliveries(self._target, routes, now, limit, skip)

    def _tidy(self, open_session: Callable[[], Target]) -> None:
        """Look for partials that were left behind, when nobody is sending and the target may be talked to."""
        resting = not self._station.draining.is_set() and not self._claims.taken
        if self._probeable and resting and not self._station.gates.paused(self._target):
            self._sweeping.rest(open_session)

    def _idle(self, routes: Collection[str]) -> Turn:
        upcoming = self._claims.peek(lambda n, skip: self._claim(routes, math.inf, n, skip))
        for route in routes:
            if self._nothing_left(route) and self._station.gates.note_delivered_all(route):
                self._station.ring("remover", self._station.routes[route].sources)
        look = self._station.gates.next_look("deliver", self._target)
        return Turn(worked=False, next_at=earliest(upcoming.next_at if upcoming else None, look))

    def _nothing_left(self, route: str) -> bool:
        ledger = self._station.ledger
        return not any(
            ledger.claim_deliveries(target, [route], math.inf, 1, ()) for target in self._station.routes[route].targets
        )

    # -- one batch

    def _deliver(self, session: Target, tasks: Sequence[DeliveryTask]) -> None:
        batch = Batch({task.delivery_id: self._parcel(task) for task in tasks})
        told = False
        try:
            if self._probeable:
                self._look(session, batch)
            self._send(session, [parcel for parcel in batch.open() if parcel.task.stage])
            for parcel in batch.open():
                if not parcel.task.stage:
                    self._stream(session, parcel)
            if self._probeable:
                self._prove(session, batch, [p for p in batch.open() if p.sent is not None])
            told = True
        except V2xSyncError:
            told = True
            raise
        finally:
            if not self._probeable:
                _acknowledge(batch)
            self._record(batch)
            if self._probeable:
                self._sweeping.note(parcel.request.partial for parcel in batch.parcels.values() if parcel.path)
            elif told:
                self._queue_again(batch.open())

    def _parcel(self, task: DeliveryTask) -> Parcel:
        route = self._station.routes[task.route]
        proof = route.remove.proof_for(self._target)
        about = self._station.fields(
            source=task.source, path=task.path, element=task.element, route=task.route,
            mtime_ns=task.fingerprint.mtime_ns, found_at=task.found_at,
        )  # fmt: skip
        try:
            return Parcel(task, safe_relative(render(route.target_path, about)), proof, layout_values(about))
        except ItemRefused as error:
            return Parcel(task, "", proof, error=error)

    def _look(self, session: Target, batch: Batch) -> None:
        """What stands under the final names already; twice, because a versioned name may stand there too."""
        waiting = batch.open()
        for _ in range(2):
            taken = self._taken(session, waiting)
            self._learn_content([parcel for parcel, _ in taken])
            taken = [(parcel, entry) for parcel, entry in taken if parcel.error is None]
            same = [parcel for parcel, entry in taken if entry.size == parcel.task.size and entry.kind is Kind.FILE]
            self._compare(session, batch, same)
            waiting = [self._rename(parcel) for parcel, _ in taken if parcel.proven is None and parcel.error is None]
            if not waiting:
                return
        for parcel, _ in self._taken(session, waiting):
            parcel.error = ItemRefused(
                parcel.path, "both its name and its versioned name are taken by different content at the target"
            )

    def _taken(self, session: Target, parcels: Sequence[Parcel]) -> Sequence[tuple[Parcel, Entry]]:
        taken: list[tuple[Parcel, Entry]] = []
        for parcel, answer in zip(parcels, session.stat([p.path for p in parcels]), strict=True):
            if isinstance(answer, Entry):
                taken.append((parcel, answer))
            elif not isinstance(answer, ItemMissing):
                parcel.error = answer
        return taken

    def _compare(self, session: Target, batch: Batch, parcels: Sequence[Parcel]) -> None:
        """Equal content gets its receipt without a byte sent; always by content where the target allows."""
        strongest = self._station.devices[self._target].capabilities.delivery_proof
        for parcel, answer in self._ask(session, batch, parcels, strongest):
            if isinstance(answer, Proven) and _difference(parcel, answer) is None:
                parcel.proven, parcel.note = answer, "equal content was there already"
            elif isinstance(answer, ItemError) and not isinstance(answer, ItemMissing):
                parcel.error = answer

    def _learn_content(self, parcels: Sequence[Parcel]) -> None:
        """A streamed file whose name is taken is hashed at its source first, to compare and to name it."""
        for parcel in parcels:
            if not parcel.task.stage and not parcel.task.sha256:
                try:
                    parcel.task = replace(parcel.task, sha256=self._sources.digest(parcel.task))
                except (ItemError, DeviceError) as error:
                    self._note_source(parcel, error)

    def _note_source(self, parcel: Parcel, error: V2xSyncError) -> None:
        """Trouble of the source is not the target's: the delivery waits, the target goes on."""
        parcel.error = error
        if isinstance(error, DeviceError):
            self._sources.drop(parcel.task.source)

    def _stream(self, session: Target, parcel: Parcel) -> None:
        """One file straight from its source (`stage = false`)."""
        if self._station.draining.is_set():
            return
        if not self._probeable:
            self._mark_sending(parcel)
        feed = StreamFeed(self._station, self._target, parcel.task, self._sources.session(parcel.task.source))
        try:
            session.send([replace(parcel.request, resume=False)], feed)
        finally:
            error = feed.finish()
            if error is not None:
                self._note_source(parcel, error)
        parcel.sent = feed.sent
        parcel.task = replace(parcel.task, sha256=feed.sha256)

    def _rename(self, parcel: Parcel) -> Parcel:
        original = parcel.path
        parcel.path = versioned(self._first_path(parcel), parcel.task.sha256)
        parcel.note = f"{original} holds different content at {self._target}; delivered as {parcel.path}"
        return parcel

    def _first_path(self, parcel: Parcel) -> str:
        return self._parcel(parcel.task).path

    def _send(self, session: Target, parcels: Sequence[Parcel]) -> None:
        if not parcels:
            return
        feed = StoreFeed(self._station, self._target, {p.task.delivery_id: p for p in parcels})
        try:
            session.send(self._requests(feed, parcels), feed)
        finally:
            feed.close()

    def _requests(self, feed: StoreFeed, parcels: Sequence[Parcel]) -> Iterator[SendRequest]:
        for parcel in parcels:
            if self._station.draining.is_set() or self._station.stop.is_set():
                return
            if not feed.open(parcel):
                continue
            if not self._probeable:
                self._mark_sending(parcel)
            yield parcel.request

    def _mark_sending(self, parcel: Parcel) -> None:
        self._station.manifests.sending(parcel.task, self._station.clock.now())
        self._station.ledger.mark_sending([parcel.task.delivery_id])

    def _prove(self, session: Target, batch: Batch, parcels: Sequence[Parcel]) -> None:
        """Acknowledgement is not proof: ask again for each file that was sent (invariant 4)."""
        for level in {parcel.proof for parcel in parcels}:
            asked = [parcel for parcel in parcels if parcel.proof is level]
            for parcel, answer in self._ask(session, batch, asked, level):
                self._judge(parcel, answer)

    def _ask(
        self, session: Target, batch: Batch, parcels: Sequence[Parcel], level: Proof
    ) -> Iterator[tuple[Parcel, Proven | ItemError]]:
        requests = [ProveRequest(p.task.delivery_id, p.path, p.task.size, level) for p in parcels]
        if requests:
            for token, answer in session.prove(requests):
                yield batch.parcels[token], answer

    def _judge(self, parcel: Parcel, answer: Proven | ItemError) -> None:
        if isinstance(answer, ItemError):
            parcel.error = answer
            return
        parcel.error = _difference(parcel, answer)
        if parcel.error is None:
            parcel.proven = answer

    # -- outcomes

    def _queue_again(self, parcels: Sequence[Parcel]) -> None:
        """At a target that cannot be asked: what the adapter left without a word was never sent, and is due at once.

        After a fault of ours nobody knows that: then it stays in sending, and is unknown at the next start.
        """
        setbacks = [Setback(parcel.task.delivery_id, "it was not sent yet", counts=False) for parcel in parcels]
        self._station.ledger.delivery_setback(setbacks, self._station.clock.now())

    def _record(self, batch: Batch) -> None:
        """Write receipts and failures; what has neither (the device broke) simply stays queued."""
        now = self._station.clock.now()
        good = [parcel for parcel in batch.parcels.values() if parcel.proven is not None]
        receipts = [(parcel.task, _delivered(parcel)) for parcel in good]
        self._station.manifests.delivered(receipts, now)
        self._station.ledger.record_delivered([receipt for _, receipt in receipts], now)
        for parcel in good:
            self._station.board.count("delivered")
            if parcel.note and "different" in parcel.note:
                self._station.board.tell(Level.WARNING, parcel.note, device=self._target, item_id=parcel.task.item_id)
        tell_done(self._station.board, "delivered", ((self._target, p.task.path, p.task.size) for p in good))
        self._setbacks.write([(p.task, p.error) for p in batch.parcels.values() if p.error is not None])
        self._station.tell_target(self._target, {parcel.task.route for parcel in batch.parcels.values()})
        if good:
            self._station.ring("remover", {parcel.task.source for parcel in good})
            self._station.ring("remover", ["store"])


def _acknowledge(batch: Batch) -> None:
    """At a target that cannot be asked: an answer is an `ack`."""
    for parcel in batch.open():
        if parcel.sent is not None:
            parcel.proven = Proven(parcel.task.size, Proof.ACK, parcel.sent.method)


def _difference(parcel: Parcel, proven: Proven) -> IntegrityError | None:
    """Why what stands at the target is not what we sent; None where it is."""
    if proven.size != parcel.task.size:
        return IntegrityError(
            parcel.path, "the target holds another number of bytes than were sent",
            expected=str(parcel.task.size), got=str(proven.size),
        )  # fmt: skip
    if proven.digest is not None and proven.digest != Digest("sha256", parcel.task.sha256):
        return IntegrityError(
            parcel.path, "the target holds different content than was sent",
            expected=parcel.task.sha256, got=str(proven.digest),
        )  # fmt: skip
    return None


def _delivered(parcel: Parcel) -> Delivered:
    proven = parcel.proven or Proven(parcel.task.size, Proof.ACK, "")
    if proven.proof is Proof.HASH and proven.digest is None:
        proven = replace(proven, proof=Proof.SIZE)
    return Delivered(
        delivery_id=parcel.task.delivery_id,
        target_path=parcel.path,
        size=parcel.task.size,
        sha256=parcel.task.sha256,
        proof=proven.proof,
        method=proven.method,
        digest=proven.digest,
        reference=parcel.sent.reference if parcel.sent else "",
        note=parcel.note,
    )
