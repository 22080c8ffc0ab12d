"""Faults on purpose: wrappers around the ports that break at a place written down beforehand.

A plan is a value: the same plan breaks at the same byte of the same call every time. It is used by tests and by the
simulator; nothing here waits, and a peer that hangs is shown as what an adapter makes of it, `DeviceGone`.

::

    faults = Faults((FaultAt("fetch", 2, Fault.DISCONNECT, after=70_000),))
    source = FaultySource(MemoryDevice("box", disk), faults)
"""

from __future__ import annotations

import enum
import random
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from v2xsync.devices.base import (
    Capabilities,
    Feed,
    Fetched,
    FetchRequest,
    FetchSink,
    Health,
    Proven,
    ProveRequest,
    RemoveRequest,
    SendRequest,
    Sent,
    Source,
    Target,
)
from v2xsync.errors import AccessRefused, DeviceBusy, DeviceGone, ItemError, NoSpace, OutcomeUnknown, V2xSyncError
from v2xsync.model.items import Digest, Entry, Unlistable

T = TypeVar("T")


class Fault(enum.Enum):
    """What may go wrong."""

    DISCONNECT = "the connection breaks"
    HANG = "no answer comes within the timeout"
    BUSY = "the device is busy"
    REFUSED = "the login is refused"
    NO_SPACE = "the disk is full"
    SHORT_READ = "the rest of one file is missing, and nobody says so"
    CORRUPT = "one bit is wrong"
    LOST_ANSWER = "it was done, but the answer is lost"
    SHORT_LISTING = "the listing ends early, and nobody says so"
    STALE_LISTING = "the listing is the one of the time before"


_ALWAYS = frozenset({Fault.DISCONNECT, Fault.HANG, Fault.BUSY})

APPLIES: Mapping[str, frozenset[Fault]] = {
    "connect": _ALWAYS | {Fault.REFUSED},
    "probe": _ALWAYS,
    "stat": _ALWAYS,
    "list": _ALWAYS | {Fault.SHORT_LISTING, Fault.STALE_LISTING},
    "fetch": _ALWAYS | {Fault.SHORT_READ, Fault.CORRUPT, Fault.LOST_ANSWER},
    "remove": _ALWAYS | {Fault.LOST_ANSWER},
    "prune": _ALWAYS | {Fault.LOST_ANSWER},
    "send": _ALWAYS | {Fault.NO_SPACE, Fault.CORRUPT, Fault.LOST_ANSWER},
    "prove": _ALWAYS | {Fault.CORRUPT},
    "sweep": _ALWAYS | {Fault.LOST_ANSWER},
}
"""Which fault is possible at which verb."""


@dataclass(frozen=True, slots=True)
class FaultAt:
    """One fault: at the `call`-th call of `verb` (from 1, over all sessions; 0: at every call).

    `after` counts what passes unharmed before: bytes (fetch, send), entries (list), files (remove, prove); with
    LOST_ANSWER always answers. Raises ValueError for a fault that this verb cannot have.
    """

    verb: str
    call: int
    fault: Fault
    after: int = 0

    def __post_init__(self) -> None:
        """Refuse what could never happen."""
        if self.fault not in APPLIES[self.verb]:
            raise ValueError(f"{self.verb} cannot have {self.fault.name}")


def scattered(seed: int, verbs: Sequence[str], *, count: int, calls: int, span: int) -> tuple[FaultAt, ...]:
    """Return `count` faults at random among the first `calls` calls of `verbs`, each within the first `span` units."""
    dice = random.Random(seed)  # noqa: S311 - a plan that can be made again, no secret
    plan = []
    for _ in range(count):
        verb = dice.choice(verbs)
        fault = dice.choice(sorted(APPLIES[verb], key=lambda fault: fault.name))
        plan.append(FaultAt(verb, dice.randint(1, calls), fault, dice.randrange(span)))
    return tuple(plan)


class Faults:
    """A plan being carried out; shared by all sessions of a device, from any thread."""

    def __init__(self, plan: Iterable[FaultAt] = ()) -> None:
        self._plan = tuple(plan)
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self.fired: list[FaultAt] = []
        """What has happened so far."""
        self.last_listing: tuple[Entry | Unlistable, ...] | None = None

    def next(self, verb: str) -> FaultAt | None:
        """Count a call of `verb`; the fault that it is to have."""
        with self._lock:
            self._calls[verb] += 1
            return next((f for f in self._plan if f.verb == verb and f.call in (0, self._calls[verb])), None)

    def note(self, fault: FaultAt) -> None:
        """Write down that `fault` happened."""
        with self._lock:
            self.fired.append(fault)


_ERRORS: Mapping[Fault, Callable[[str], V2xSyncError]] = {
    Fault.DISCONNECT: lambda name: DeviceGone(name, "the connection broke"),
    Fault.HANG: lambda name: DeviceGone(name, "no answer within the timeout"),
    Fault.LOST_ANSWER: lambda name: DeviceGone(name, "the connection broke before the answer"),
    Fault.BUSY: lambda name: DeviceBusy(name, "the device is busy"),
    Fault.REFUSED: lambda name: AccessRefused(name, "the login is refused"),
    Fault.NO_SPACE: lambda name: NoSpace(name, "the disk is full"),
}


class _Trouble:
    """A fault that waits in one call, and the means to let it happen."""

    def __init__(self, at: FaultAt | None, happen: Callable[[FaultAt], V2xSyncError]) -> None:
        self.at = at
        self._happen = happen

    def has(self, *faults: Fault) -> bool:
        return self.at is not None and self.at.fault in faults

    @property
    def raises(self) -> bool:
        """Whether it is an error that comes before the answer."""
        return self.at is not None and self.at.fault in _ERRORS and self.at.fault is not Fault.LOST_ANSWER

    @property
    def after(self) -> int:
        return self.at.after if self.at is not None else 0

    def error(self) -> V2xSyncError:
        """Let it happen: what to raise."""
        if self.at is None:
            raise LookupError("no fault was planned for this call")
        return self._happen(self.at)

    def note(self) -> None:
        """Let it happen without an error, once."""
        if self.at is not None:
            self._happen(self.at)
            self.at = None


class _Faulty:
    """What both ports share. A broken connection stays broken until `connect` is called again."""

    def __init__(self, inner: Source | Target, faults: Faults, name: str = "faulty") -> None:
        self._port = inner
        self._faults = faults
        self._name = name
        self._broken = False

    @property
    def capabilities(self) -> Capabilities:
        """Those of the device inside."""
        return self._port.capabilities

    def connect(self) -> None:
        """Connect, unless this is the call to fail."""
        trouble = self._begin("connect", connecting=True)
        if trouble.raises:
            raise trouble.error()
        if self._broken:
            # Not closed where it broke: that was in the middle of a call of the device inside.
            self._port.close()
        self._port.connect()
        self._broken = False

    def close(self) -> None:
        """Close; never fails."""
        self._port.close()

    def probe(self) -> Health:
        """Probe, or fail."""
        return self._ask("probe", self._port.probe)

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """Stat, or fail."""
        return self._ask("stat", lambda: self._port.stat(paths))

    def _begin(self, verb: str, *, connecting: bool = False) -> _Trouble:
        if self._broken and not connecting:
            raise DeviceGone(self._name, "the connection is broken")
        return _Trouble(self._faults.next(verb), self._happen)

    def _happen(self, at: FaultAt) -> V2xSyncError:
        self._faults.note(at)
        error = _ERRORS.get(at.fault, _ERRORS[Fault.DISCONNECT])(self._name)
        if at.fault in _ERRORS and isinstance(error, DeviceGone):
            self._broken = True
        return error

    def _ask(self, verb: str, question: Callable[[], T]) -> T:
        trouble = self._begin(verb)
        if trouble.raises:
            raise trouble.error()
        answer = question()
        if trouble.has(Fault.LOST_ANSWER):
            raise trouble.error()
        return answer


class FaultySource(_Faulty):
    """A source that fails as planned."""

    def __init__(self, inner: Source, faults: Faults, name: str = "faulty") -> None:
        super().__init__(inner, faults, name)
        self._inner = inner

    def list(self) -> Iterator[Entry | Unlistable]:
        """List; broken, cut short without a word, or as it was the time before."""
        trouble = self._begin("list")
        fresh = tuple(self._inner.list())
        shown = fresh
        if trouble.has(Fault.STALE_LISTING) and self._faults.last_listing is not None:
            shown = self._faults.last_listing
            trouble.note()
        self._faults.last_listing = fresh
        for number, entry in enumerate(shown):
            if trouble.at is not None and number >= trouble.after:
                if trouble.raises:
                    raise trouble.error()
                if trouble.has(Fault.SHORT_LISTING):
                    trouble.note()
                    return
            yield entry
        if trouble.raises and trouble.after <= len(shown):
            raise trouble.error()

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """Fetch; with an error, a hole, a wrong bit or a lost answer at its byte."""
        trouble = self._begin("fetch")
        if trouble.raises and not trouble.after:
            raise trouble.error()
        self._inner.fetch(requests, _FaultySink(sink, trouble))

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """Remove; broken before a file, or after it with its answer lost."""
        trouble = self._begin("remove")
        for number, answer in enumerate(self._inner.remove(_until(requests, trouble))):
            if trouble.has(Fault.LOST_ANSWER) and number >= trouble.after:
                raise trouble.error()
            yield answer

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """Prune, or fail before or after."""
        return self._ask("prune", lambda: self._inner.prune(folders))


class FaultyTarget(_Faulty):
    """A target that fails as planned."""

    def __init__(self, inner: Target, faults: Faults, name: str = "faulty") -> None:
        super().__init__(inner, faults, name)
        self._inner = inner

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """Send; with an error, a wrong bit or a lost answer at its byte."""
        trouble = self._begin("send")
        if trouble.raises and not trouble.after:
            raise trouble.error()
        paths: dict[int, str] = {}
        self._inner.send(_learning(requests, paths), _FaultyFeed(feed, trouble, paths))

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """Prove; broken before a file, or with a digest that is not the content's."""
        trouble = self._begin("prove")
        for number, (token, answer) in enumerate(self._inner.prove(_until(requests, trouble))):
            wrong = trouble.has(Fault.CORRUPT) and number >= trouble.after
            if wrong and isinstance(answer, Proven) and answer.digest is not None:
                trouble.note()
                yield token, replace(answer, digest=_wrong(answer.digest))
            else:
                yield token, answer

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """Sweep, or fail before or after."""
        return self._ask("sweep", lambda: self._inner.sweep(folders, keep))


class _Meter:
    """Counts bytes past a fault."""

    def __init__(self, trouble: _Trouble) -> None:
        self._trouble = trouble
        self._moved = 0
        self._answers = 0

    def reach(self, length: int) -> int | None:
        """Count `length` bytes; where among them the fault lies, None where it does not."""
        before = self._moved
        self._moved += length
        if self._trouble.at is None or not before <= self._trouble.after < self._moved:
            return None
        return self._trouble.after - before

    def answer_is_lost(self) -> bool:
        """Count an answer; whether it is the one to be lost."""
        self._answers += 1
        return self._trouble.has(Fault.LOST_ANSWER) and self._answers > self._trouble.after


class _FaultySink:
    def __init__(self, sink: FetchSink, trouble: _Trouble) -> None:
        self._sink = sink
        self._trouble = trouble
        self._meter = _Meter(trouble)
        self._cut: int | None = None

    def write(self, token: int, offset: int, data: bytes | memoryview) -> bool:
        if token == self._cut:
            return True
        place = self._meter.reach(len(data))
        if place is None:
            return self._sink.write(token, offset, data)
        if self._trouble.has(Fault.CORRUPT):
            self._trouble.note()
            return self._sink.write(token, offset, _flipped(data, place))
        if self._trouble.raises or self._trouble.has(Fault.SHORT_READ):
            wanted = not place or self._sink.write(token, offset, data[:place])
            if self._trouble.raises:
                raise self._trouble.error()
            self._trouble.note()
            self._cut = token
            return wanted
        return self._sink.write(token, offset, data)

    def done(self, token: int, fetched: Fetched) -> None:
        if self._meter.answer_is_lost():
            raise self._trouble.error()
        self._sink.done(token, fetched)

    def failed(self, token: int, error: ItemError) -> None:
        self._sink.failed(token, error)


class _FaultyFeed:
    def __init__(self, feed: Feed, trouble: _Trouble, paths: Mapping[int, str]) -> None:
        self._feed = feed
        self._trouble = trouble
        self._meter = _Meter(trouble)
        self._paths = paths

    def read(self, token: int, offset: int, length: int) -> bytes:
        data = self._feed.read(token, offset, length)
        place = self._meter.reach(len(data))
        if place is not None and self._trouble.raises:
            raise self._trouble.error()
        if place is not None and self._trouble.has(Fault.CORRUPT):
            self._trouble.note()
            return _flipped(data, place)
        return data

    def progress(self, token: int, position: int) -> None:
        self._feed.progress(token, position)

    def done(self, token: int, sent: Sent) -> None:
        if self._meter.answer_is_lost():
            error = self._trouble.error()
            self._feed.failed(token, OutcomeUnknown(self._paths[token], "the connection broke before the answer"))
            raise error
        self._feed.done(token, sent)

    def failed(self, token: int, error: ItemError) -> None:
        self._feed.failed(token, error)


def _until(requests: Iterable[T], trouble: _Trouble) -> Iterator[T]:
    """Draw requests up to the one at which the connection breaks."""
    for number, request in enumerate(requests):
        if trouble.raises and number >= trouble.after:
            raise trouble.error()
        yield request


def _learning(requests: Iterable[SendRequest], paths: dict[int, str]) -> Iterator[SendRequest]:
    for request in requests:
        paths[request.token] = request.path
        yield request


def _wrong(digest: Digest) -> Digest:
    return Digest(digest.algorithm, f"{int(digest.value[0], 16) ^ 1:x}{digest.value[1:]}")


def _flipped(data: bytes | memoryview, place: int) -> bytes:
    wrong = bytearray(data)
    wrong[place] ^= 0x01
    return bytes(wrong)
