"""`RemoteFacade`: what an attached screen sees. It outlives restarts of the service, and never raises.

While the service is away the last picture stays, in the state AWAY; it is called again with growing pauses. A service
that was started anew counts its events and pictures from one: here they go on from where they were.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from v2xsync.control.caller import Caller
from v2xsync.engine.facade import Outcome, Why
from v2xsync.errors import ControlError, ServiceAway
from v2xsync.ledger.base import Hold, LogLine
from v2xsync.model.views import EventView, StationState, StationView

T = TypeVar("T")

HELLO_S: Final = 0.5
"""A screen waits so long for a hello, and stands still meanwhile."""

ASK_S: Final = 2.0
"""A service that is silent for so long is away."""

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 5.0


class RemoteFacade:
    """A service at the other end of a socket; `call` makes a new caller, or raises ServiceAway, ControlError."""

    def __init__(self, call: Callable[[], Caller], monotonic: Callable[[], float]) -> None:
        self._call = call
        self._monotonic = monotonic
        self._caller: Caller | None = call()
        self._try_at = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._generations = self._events = 0
        """What is added to the numbers of the present run of the service."""
        self._last = self._caller.view()

    @property
    def away(self) -> bool:
        """Whether the service does not answer now."""
        return self._caller is None

    def close(self) -> None:
        """Hang up."""
        if self._caller is not None:
            self._caller.close()
            self._caller = None

    # -- the line

    def _ask(self, question: Callable[[Caller], T], instead: T) -> T:
        """The answer, or `instead` where there is none now."""
        caller = self._caller or self._again()
        if caller is None:
            return instead
        try:
            return question(caller)
        except ServiceAway:
            self._lose()
        except ControlError:  # it answered, and refused: nothing to wait for
            pass
        return instead

    def _lose(self) -> None:
        self.close()
        self._try_at = self._monotonic() + self._pause_s
        self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)

    def _again(self) -> Caller | None:
        """Call again once the pause is over."""
        if self._monotonic() < self._try_at:
            return None
        try:
            self._caller = self._call()
        except ControlError:
            self._lose()
            return None
        return self._caller

    # -- the facade

    def view(self, queue_rows: int = 200) -> StationView:
        """The present picture, or the last one with the state AWAY."""
        seen = self._ask(lambda caller: caller.view(queue_rows), None)
        if seen is None or seen.state is StationState.STOPPED:
            self._last = _as_away(self._last)
            return self._last
        self._pause_s = FIRST_PAUSE_S
        if seen.started != self._last.started:  # another run of the service
            self._events = self._last.last_event
        if seen.generation + self._generations <= self._last.generation and self._is_news(seen):
            self._generations = self._last.generation + 1 - seen.generation
        self._last = replace(
            seen, generation=seen.generation + self._generations, last_event=seen.last_event + self._events
        )
        return self._last

    def _is_news(self, seen: StationView) -> bool:
        """Whether `seen` is another picture whatever its number says: of another run, or after an absence."""
        return seen.started != self._last.started or self._last.state is StationState.AWAY

    def events_since(self, seq: int) -> Sequence[EventView]:
        """Events after `seq`; those of a run before this one are over."""
        added = self._events
        nothing: Sequence[EventView] = ()
        found = self._ask(lambda caller: caller.events_since(max(0, seq - added)), nothing)
        return [replace(event, seq=event.seq + added) for event in found] if added else found

    def force(self, names: Collection[str] = ()) -> None:
        """Sync now."""
        self._ask(lambda caller: caller.force(names), None)

    def pause(self, names: Collection[str] = ()) -> None:
        """Start nothing new there."""
        self._ask(lambda caller: caller.pause(names), None)

    def resume(self, names: Collection[str] = ()) -> None:
        """Go on there."""
        self._ask(lambda caller: caller.resume(names), None)

    def outcome(self, names: Collection[str] = ()) -> Outcome:
        """How far a forced run has come; a service that is away has not ended it."""
        return self._ask(lambda caller: caller.outcome(names), Outcome(asked=True, stuck=False, causes=()))

    def cancel(self, item_id: int) -> None:
        """Stop the file's transfer."""
        self._ask(lambda caller: caller.cancel(item_id), None)

    def retry(self, names: Collection[str] = ()) -> int:
        """Make waiting retries due."""
        return self._ask(lambda caller: caller.retry(names), 0)

    def bring_to_front(self, item_id: int) -> None:
        """Let this item go next."""
        self._ask(lambda caller: caller.bring_to_front(item_id), None)

    def why(self, item_id: int) -> Why | None:
        """Everything about one item; None while the service is away."""
        return self._ask(lambda caller: caller.why(item_id), None)

    def history(self, limit: int = 1000) -> Sequence[LogLine]:
        """The newest lines of the custody log."""
        nothing: Sequence[LogLine] = ()
        return self._ask(lambda caller: caller.history(limit), nothing)

    def holds(self) -> Sequence[Hold]:
        """What waits for a person."""
        nothing: Sequence[Hold] = ()
        return self._ask(lambda caller: caller.holds(), nothing)

    def release(self, item_ids: Collection[int], *, accept: bool, by: str, devices: Collection[str] = ()) -> int:
        """Do held steps again, or take held deliveries as done."""
        return self._ask(lambda caller: caller.release(item_ids, accept=accept, by=by, devices=devices), 0)

    def acknowledge_errors(self) -> None:
        """A person has seen the errors."""
        self._ask(lambda caller: caller.acknowledge_errors(), None)

    def drain(self) -> None:
        """Finish the files in motion, then stop."""
        self._ask(lambda caller: caller.drain(), None)

    def stop(self) -> None:
        """Stop now."""
        self._ask(lambda caller: caller.stop(), None)


def _as_away(last: StationView) -> StationView:
    """The last picture while nobody answers: nothing is known to move."""
    if last.state is StationState.AWAY:
        return last
    still = replace(last.totals, rate_in=0.0, rate_out=0.0, eta_s=None)
    devices = tuple(replace(device, rate=0.0, active=0) for device in last.devices)
    return replace(
        last, state=StationState.AWAY, generation=last.generation + 1, transfers=(), devices=devices, totals=still
    )
