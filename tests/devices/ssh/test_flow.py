"""Bytes on their way follow what the link holds."""

from __future__ import annotations

from v2xsync.devices.ssh.flow import MIB, MOST, START, Flow

PIECE = 255 * 1024


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def transfer(flow: Flow, clock: Clock, *, delay_s: float, rate: float, seconds: float) -> None:
    """Move content over a simulated link: as much per trip as the limit allows, never faster than `rate`."""
    flow.answered_after(delay_s)
    flow.begin()
    end = clock.now + seconds
    while clock.now < end:
        per_trip = min(flow.limit, rate * delay_s)
        clock.now += PIECE / (per_trip / delay_s)
        flow.moved(PIECE)


def test_it_grows_to_what_a_long_fast_link_holds() -> None:
    clock = Clock()
    flow = Flow(clock)
    transfer(flow, clock, delay_s=0.05, rate=100e6, seconds=5)
    assert 8e6 < flow.limit < 12e6


def test_it_stays_small_on_a_link_that_holds_little() -> None:
    clock = Clock()
    flow = Flow(clock)
    transfer(flow, clock, delay_s=0.05, rate=12e6, seconds=5)
    assert flow.limit == START


def test_it_stays_small_beside_the_server() -> None:
    clock = Clock()
    flow = Flow(clock)
    transfer(flow, clock, delay_s=0.0002, rate=900e6, seconds=2)
    assert flow.limit == START


def test_it_never_passes_the_cap() -> None:
    clock = Clock()
    flow = Flow(clock)
    transfer(flow, clock, delay_s=0.6, rate=1e9, seconds=60)
    assert flow.limit == MOST


def test_it_shrinks_when_the_link_gets_slower() -> None:
    clock = Clock()
    flow = Flow(clock)
    transfer(flow, clock, delay_s=0.05, rate=100e6, seconds=5)
    transfer(flow, clock, delay_s=0.05, rate=10e6, seconds=20)
    assert flow.limit < 4 * MIB


def test_a_clock_that_jumps_is_not_believed() -> None:
    clock = Clock()
    flow = Flow(clock)
    flow.answered_after(0.05)
    flow.answered_after(-3.0)
    for jump in (-86_400.0, 86_400.0, -1.0):
        clock.now += jump
        flow.moved(100 * MIB)
    assert (flow.limit, flow.delay_s) == (START, 0.05)


def test_a_clock_that_stands_still_leaves_the_start() -> None:
    flow = Flow(lambda: 0.0)
    flow.answered_after(0.0)
    flow.moved(MIB)
    assert (flow.limit, flow.delay_s) == (START, None)
