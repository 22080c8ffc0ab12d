"""The pipeline: answers by number in any order, bounded bytes, lazy draws, clean ends."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from tests.devices.ssh.peer import DATA, Peer, PeerLine, packet, status

from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.flow import START, Flow
from v2xsync.devices.ssh.pipeline import Job, Pipeline, Steps, ask, ask_all
from v2xsync.errors import DeviceGone, ItemFailed, NoSpace, ProtocolFault

READ_BYTES = 64 * 1024


def pipeline_to(peer: Peer, **line: object) -> Pipeline:
    """A pipeline that has greeted `peer`."""
    pipeline = Pipeline(PeerLine(peer, **line), Flow(lambda: 0.0), "box")  # type: ignore[arg-type]
    pipeline.greet()
    return pipeline


def drawing(jobs: Iterator[Job]) -> Callable[[], Job | None]:
    return lambda: next(jobs, None)


def look(path: bytes) -> wire.Request:
    return wire.of_path(wire.LSTAT, path)


def test_answers_in_any_order_reach_their_steps() -> None:
    peer = Peer()
    for number in range(50):
        peer.plant(f"{number}.csv", b"x" * number)
    pipeline = pipeline_to(peer, piece=7, shuffle=random.Random(1).shuffle)
    sizes: dict[int, int | None] = {}

    def steps(number: int) -> Steps[None]:
        path = b"%d.csv" % number
        first, second = yield from ask_all(look(path), look(b"missing"))
        assert isinstance(first, wire.Attrs)
        assert isinstance(second, wire.Status)
        again = yield from ask(look(path))
        assert again == first
        sizes[number] = first.size

    for _ in pipeline.run(drawing(Job(steps(number)) for number in range(50)), 20):
        pass
    assert sizes == {number: number for number in range(50)}


def test_no_more_jobs_at_once_than_asked_for() -> None:
    pipeline = pipeline_to(Peer())
    live = most = 0

    def steps() -> Steps[None]:
        nonlocal live, most
        live += 1
        most = max(most, live)
        yield from ask(look(b"a"))
        yield from ask(look(b"b"))
        live -= 1

    for _ in pipeline.run(drawing(Job(steps()) for _ in range(40)), 7):
        pass
    assert (live, most) == (0, 7)


class Hoarder(Peer):
    """Answers a READ only when the client waits, so that it knows how much was asked for before."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_bytes = 0
        self.most_bytes = 0
        self.twist[wire.READ] = self.hoard

    def hoard(self, _: Peer, number: int, body: bytes) -> list[bytes]:
        self.asked_bytes += READ_BYTES
        self.most_bytes = max(self.most_bytes, self.asked_bytes)
        return [packet(DATA, number, wire.string(b"x" * READ_BYTES))]


def test_bytes_on_their_way_stay_within_the_limit() -> None:
    peer = Hoarder()
    pipeline = pipeline_to(peer, piece=1 << 20)

    def steps() -> Steps[None]:
        batch = (wire.read(b"h", number * READ_BYTES, READ_BYTES) for number in range(500))
        answer = yield batch
        for _ in range(499):
            assert isinstance(answer.reply, wire.Data)
            peer.asked_bytes -= READ_BYTES
            answer = yield ()

    for _ in pipeline.run(drawing(iter([Job(steps(), 500 * READ_BYTES)])), 1):
        pass
    assert START - READ_BYTES < peer.most_bytes <= START + READ_BYTES


def test_jobs_are_drawn_only_as_far_as_their_bytes_have_room() -> None:
    pipeline = pipeline_to(Peer())
    drawn = 0

    def draw() -> Job | None:
        nonlocal drawn
        drawn += 1
        return Job(steps(), START) if drawn <= 20 else None

    seen: list[int] = []

    def steps() -> Steps[None]:
        seen.append(drawn)
        yield from ask(look(b"a"))
        seen.append(drawn)

    for _ in pipeline.run(draw, 100):
        pass
    assert drawn >= 20
    assert max(seen[:3]) <= 3


def test_trouble_while_drawing_is_raised_inside_the_steps() -> None:
    pipeline = pipeline_to(Peer())
    caught: list[str] = []

    def requests() -> Iterator[wire.Request]:
        yield look(b"a")
        raise ItemFailed("a", "cannot be read")

    def steps() -> Steps[None]:
        try:
            yield requests()
            yield ()
        except ItemFailed as error:
            caught.append(error.what)
            yield from ask(look(b"a"))
            caught.append("went on")

    for _ in pipeline.run(drawing(iter([Job(steps())])), 1):
        pass
    assert caught == ["cannot be read", "went on"]
    assert not pipeline.broken


def test_a_full_disk_lets_the_others_finish_and_draws_no_more() -> None:
    pipeline = pipeline_to(Peer())
    finished: list[int] = []

    def steps(number: int) -> Steps[None]:
        yield from ask(look(b"a"))
        if number == 2:
            raise NoSpace("box", "full")
        yield from ask(look(b"b"))
        finished.append(number)

    with pytest.raises(NoSpace):
        for _ in pipeline.run(drawing(Job(steps(number)) for number in range(100)), 5):
            pass
    assert finished == [0, 1, 3, 4]
    assert not pipeline.broken


def test_any_other_error_closes_every_job_and_breaks_the_line() -> None:
    pipeline = pipeline_to(Peer())
    closed: list[int] = []

    def steps(number: int) -> Steps[None]:
        try:
            yield from ask(look(b"a"))
            if number == 1:
                raise LookupError
            yield from ask(look(b"b"))
        except GeneratorExit:
            closed.append(number)
            raise

    with pytest.raises(LookupError):
        for _ in pipeline.run(drawing(Job(steps(number)) for number in range(4)), 4):
            pass
    assert sorted(closed) == [0, 2, 3]
    assert pipeline.broken


def test_a_run_that_is_left_early_breaks_the_line() -> None:
    pipeline = pipeline_to(Peer())
    run = pipeline.run(drawing(Job(_two_questions()) for _ in range(4)), 4)
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert pipeline.broken


def _two_questions() -> Steps[None]:
    yield from ask(look(b"a"))
    yield from ask(look(b"b"))


def test_late_answers_of_finished_steps_are_dropped() -> None:
    pipeline = pipeline_to(Peer())

    def hasty() -> Steps[None]:
        yield (look(b"a"), look(b"b"), look(b"c"))

    for _ in range(3):
        for _ in pipeline.run(drawing(iter([Job(hasty())])), 1):
            pass
    assert isinstance(pipeline.result(ask(look(b"."))), wire.Attrs)


@pytest.mark.parametrize(
    "answer",
    [
        [status(99_999, wire.OK)],
        [status(1, wire.OK), status(1, wire.OK)],
        [b"\0\0\0\0"],
        [b"\xff\xff\xff\xff"],
        [packet(77, 1)],
        [b"\0\0\0\2\x65\0"],
    ],
    ids=["unknown number", "answered twice", "empty", "endless", "unknown type", "cut off"],
)
def test_a_peer_that_breaks_the_protocol_is_told_as_such(answer: list[bytes]) -> None:
    peer = Peer()
    pipeline = pipeline_to(peer)
    peer.twist[wire.LSTAT] = lambda *_: answer
    with pytest.raises(ProtocolFault):
        pipeline.result(_two_questions())
    assert pipeline.broken


@pytest.mark.parametrize(
    "greeting", [b"Welcome to box!\n", b"\0\0\0\1\2", b"\0\0\0\5\x65\0\0\0\3", b"\0\0\0\x07\2\0\0\0\3\0\0"]
)
def test_a_first_packet_that_is_no_greeting(greeting: bytes) -> None:
    peer = Peer()
    peer.greeting = greeting
    with pytest.raises(ProtocolFault):
        pipeline_to(peer)


def test_silence_ends_a_run() -> None:
    peer = Peer()
    pipeline = pipeline_to(peer)
    peer.twist[wire.LSTAT] = lambda *_: []
    with pytest.raises(DeviceGone):
        pipeline.result(ask(look(b"a")))
