"""Many requests on their way over one channel, their answers matched by number in whatever order they come.

Work is written as *steps*: a generator that yields the requests to send and is resumed with each answer to one of its
own, so the work on one file reads from top to bottom while hundreds of files are in motion. A tuple of requests leaves
at once; any other iterable is drawn as room comes free, one iterable after the other, so that bytes on their way stay
within `Flow.limit` and files are finished in the order they were begun. `Instead` takes back what was not drawn yet. An
ItemError raised while drawing is raised inside the steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.flow import Flow
from v2xsync.errors import ItemError, NoSpace, ProtocolFault

T = TypeVar("T")

_FLUSH_BYTES = 32 * 1024
_APART_BYTES = 8 * 1024
"""Content of this size goes to the line by itself instead of through the buffer of small requests."""

_SILENT_SHELL = "see that the start-up files of the account's shell print nothing"


class Answer(NamedTuple):
    """A reply, and the request that it answers."""

    request: wire.Request
    reply: wire.Reply


class Instead(tuple[wire.Request, ...]):
    """Requests in place of everything that the same steps have yielded and was not drawn yet.

    They leave when all answers to what was drawn have come; those answers are dropped.
    """

    __slots__ = ()


Batch = Iterable[wire.Request]
Steps = Generator[Batch, Answer, T]


class Line(Protocol):
    """A channel to the peer's SFTP server."""

    @property
    def pending(self) -> bool:
        """Whether `receive` would return at once."""

    def send(self, data: wire.Buffer) -> None:
        """Send all of `data`. Raises DeviceGone."""

    def receive(self) -> bytes:
        """Return the next bytes, at least one. Raises DeviceGone at the end and after too long a silence."""


class Job:
    """Steps under way. `weight` is how many bytes of content they will move, as far as known."""

    __slots__ = ("awaited", "crew", "instead", "over", "steps", "weight")

    def __init__(self, steps: Steps[None], weight: int = 0) -> None:
        self.steps = steps
        self.weight = weight
        self.over = False
        self.awaited = 0
        self.instead: Instead | None = None
        self.crew: _Crew | None = None


class _Crew:
    """The jobs of one verb."""

    __slots__ = ("draw", "failure", "live", "width")

    def __init__(self, draw: Callable[[], Job | None], width: int) -> None:
        self.draw = draw
        self.width = width
        self.live: set[Job] = set()
        self.failure: NoSpace | None = None


def ask(request: wire.Request) -> Steps[wire.Reply]:
    """Steps: send `request` and return its reply; late answers to earlier requests are dropped."""
    answer = yield (request,)
    while answer.request is not request:
        answer = yield ()
    return answer.reply


def ask_all(*requests: wire.Request) -> Steps[list[wire.Reply]]:
    """Steps: send `requests` together and return their replies in the same order."""
    replies: dict[int, wire.Reply] = {}
    awaited = {id(request) for request in requests}
    batch = requests
    while awaited:
        answer = yield batch
        batch = ()
        if id(answer.request) in awaited:
            awaited.discard(id(answer.request))
            replies[id(answer.request)] = answer.reply
    return [replies[id(request)] for request in requests]


def give_up(handle: bytes) -> Steps[None]:
    """Steps: close `handle` before its time. Nothing may reach it afterwards: servers use its number again."""
    yield Instead((wire.of_handle(wire.CLOSE, handle),))


class Pipeline:
    """Runs steps over one line. Used from one thread."""

    def __init__(self, line: Line, flow: Flow, device: str) -> None:
        self._line = line
        self._flow = flow
        self._device = device
        self._framer = wire.Framer()
        self._owners: dict[int, tuple[Job, wire.Request]] = {}
        self._queue: deque[tuple[Job, Iterator[wire.Request]]] = deque()
        self._out = bytearray()
        self._last_number = 0
        self._loaded = 0
        self._promised = 0
        self._timed: tuple[int, float] | None = None
        self.broken = False
        """Steps were interrupted, or the peer failed: the channel can no longer be used."""

    def greet(self) -> wire.Greeting:
        """Exchange versions; the first thing on a line. Raises DeviceGone, ProtocolFault."""
        self._line.send(wire.hello())
        packets: list[memoryview] = []
        try:
            while not packets:
                packets = self._framer.feed(self._line.receive())
            return wire.decode_greeting(packets[0])
        except wire.Malformed as error:
            raise self._fault(error, remedy=_SILENT_SHELL) from error

    def run(self, draw: Callable[[], Job | None], width: int) -> Iterator[None]:
        """Run the jobs that `draw` gives (None: none now), at most `width` at once; yields after every few answers.

        Ends when no job is left and `draw` gives none. NoSpace from a job lets the other jobs finish first; any other
        error that is not an ItemError interrupts them all: their steps are closed, and so must be the line.
        """
        crew = _Crew(draw, width)
        self._flow.begin()
        try:
            self._fill(crew)
            while crew.live:
                self._flush()
                self._receive()
                self._fill(crew)
                yield
            self._flush()
        finally:
            if crew.live:
                self._interrupt(crew)
        if crew.failure is not None:
            raise crew.failure

    def result(self, steps: Steps[T]) -> T:
        """Run these steps alone and return what they return. Raises what they raise."""
        results: list[T] = []

        def keep() -> Steps[None]:
            results.append((yield from steps))

        jobs = iter((Job(keep()),))
        for _ in self.run(lambda: next(jobs, None), 1):
            pass
        return results[0]

    def _fill(self, crew: _Crew) -> None:
        while len(crew.live) < crew.width and crew.failure is None and self._has_room(crew):
            job = crew.draw()
            if job is None:
                break
            job.crew = crew
            crew.live.add(job)
            self._promised += job.weight
            self._advance(job, None)
        self._draw_queued()

    def _has_room(self, crew: _Crew) -> bool:
        return not crew.live or self._promised < 2 * self._flow.limit

    def _draw_queued(self) -> None:
        while self._queue and self._loaded < self._flow.limit:
            job, batch = self._queue[0]
            try:
                request = None if job.over else next(batch, None)
            except ItemError as error:
                self._queue.popleft()
                self._advance(job, None, error)
                continue
            if request is None:
                self._queue.popleft()
                continue
            self._put(job, request)
            if request.data and self._line.pending:
                return  # drawing content may take long (pacing): what was acknowledged meanwhile goes first

    def _advance(self, job: Job, answer: Answer | None, error: ItemError | None = None) -> None:
        try:
            if error is not None:
                batch = job.steps.throw(error)
            elif answer is not None:
                batch = job.steps.send(answer)
            else:
                batch = next(job.steps)
        except StopIteration:
            self._end(job)
        except NoSpace as failure:
            self._end(job, failure)
        else:
            self._take(job, batch)

    def _take(self, job: Job, batch: Batch) -> None:
        if isinstance(batch, Instead):
            self._queue = deque(queued for queued in self._queue if queued[0] is not job)
            job.instead = batch if job.awaited else None
        if job.instead is not None:
            return
        if isinstance(batch, tuple):
            for request in batch:
                self._put(job, request)
        else:
            self._queue.append((job, iter(batch)))

    def _end(self, job: Job, failure: NoSpace | None = None) -> None:
        job.over = True
        self._promised -= job.weight
        if job.crew is not None:
            job.crew.live.discard(job)
            job.crew.failure = job.crew.failure or failure

    def _interrupt(self, crew: _Crew) -> None:
        self.broken = True
        for job in list(crew.live):
            self._end(job)
            job.steps.close()

    def _put(self, job: Job, request: wire.Request) -> None:
        number = self._last_number = (self._last_number + 1) & 0xFFFFFFFF
        self._owners[number] = (job, request)
        job.awaited += 1
        self._loaded += request.cost
        if self._timed is None and not request.cost:
            self._timed = (number, self._flow.ticks())
        self._out += wire.header(request, number)
        if len(request.data) >= _APART_BYTES:
            self._flush()
            self._line.send(request.data)
        else:
            self._out += request.data
        if len(self._out) >= _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._out:
            out, self._out = self._out, bytearray()
            self._line.send(bytes(out))

    def _receive(self) -> None:
        try:
            for packet in self._framer.feed(self._line.receive()):
                self._dispatch(*wire.decode(packet))
        except wire.Malformed as error:
            raise self._fault(error) from error

    def _dispatch(self, number: int, reply: wire.Reply) -> None:
        owner = self._owners.pop(number, None)
        if owner is None:
            raise wire.Malformed("an answer that nobody asked for")
        job, request = owner
        if request.cost:
            self._loaded -= request.cost
            self._flow.moved(request.cost)
        elif self._timed is not None and self._timed[0] == number:
            self._flow.answered_after(self._flow.ticks() - self._timed[1])
            self._timed = None
        job.awaited -= 1
        if job.over:
            return
        moved = min(request.cost, job.weight)
        job.weight -= moved
        self._promised -= moved
        if job.instead is None:
            self._advance(job, Answer(request, reply))
        elif not job.awaited:
            batch, job.instead = job.instead, None
            self._take(job, tuple(batch))

    def _fault(self, error: wire.Malformed, *, remedy: str = "") -> ProtocolFault:
        self.broken = True
        return ProtocolFault(self._device, f"the SFTP server sent {error}", remedy=remedy)
