"""How often a screen lets the station read its ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.engine.rig import Rig
from tests.engine.test_once import route

from v2xsync.ledger.base import QueueLine


def looks_in(tmp_path: Path, monkeypatch, *, seconds: int, each_takes_s: float) -> int:
    """How often the queue is read while a screen asks for a view four times a second."""
    rig, looks = Rig(tmp_path, (route(),)), []
    read = rig.ledger.queue

    def queue(rows: int) -> Sequence[QueueLine]:
        looks.append(rows)
        rig.clock.at += each_takes_s
        return read(rows)

    monkeypatch.setattr(rig.ledger, "queue", queue)
    until = rig.clock.at + seconds
    while rig.clock.at < until:
        rig.service.view(10_000)
        rig.clock.at += 0.25
    return len(looks)


def test_a_short_queue_is_read_every_second(tmp_path, monkeypatch):
    assert looks_in(tmp_path, monkeypatch, seconds=20, each_takes_s=0.001) in range(15, 21)


def test_a_long_queue_is_read_so_seldom_that_it_costs_a_twentieth_of_the_time(tmp_path, monkeypatch):
    assert looks_in(tmp_path, monkeypatch, seconds=20, each_takes_s=0.1) in range(8, 12)


def test_even_a_very_slow_ledger_is_read_every_five_seconds(tmp_path, monkeypatch):
    assert looks_in(tmp_path, monkeypatch, seconds=50, each_takes_s=1.0) in range(9, 12)
