"""What an attached screen sees: pictures that go on over restarts of the service, and never an exception."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.control.conftest import Post
from tests.ui import scenes
from tests.ui.cast import event

from v2xsync.control.caller import Caller
from v2xsync.control.remote import LONGEST_PAUSE_S, RemoteFacade
from v2xsync.engine.facade import Facade
from v2xsync.errors import ServiceAway
from v2xsync.model.views import StationState


class Ticks:
    """Time that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def conforms(remote: RemoteFacade, caller: Caller) -> tuple[Facade, Facade]:
    """Checked by mypy alone."""
    return remote, caller


def test_nobody_there_at_the_start_is_said(folder) -> None:
    def call() -> Caller:
        raise ServiceAway("nobody")

    with pytest.raises(ServiceAway):
        RemoteFacade(call, Ticks())


def test_a_service_that_goes_away_leaves_its_last_picture_and_comes_back(post: Post) -> None:
    ticks = Ticks()
    remote = RemoteFacade(post.call, ticks)
    before = remote.view()
    assert before == post.station.view()

    post.server.stop()
    away = remote.view()
    assert away.state is StationState.AWAY
    assert [(device.name, device.state) for device in away.devices] == [(d.name, d.state) for d in before.devices]
    assert (away.transfers, away.totals.rate_in) == ((), 0.0)
    assert away.generation > before.generation
    assert remote.view() is away
    assert (remote.why(4), list(remote.history()), list(remote.holds()), remote.retry()) == (None, [], [], 0)
    remote.force()

    post.start()
    assert remote.view().state is StationState.AWAY, "not before the pause is over"
    ticks.now += LONGEST_PAUSE_S
    back = remote.view()
    assert back.state is before.state
    assert back.generation > away.generation
    assert post.station.asked == []


def test_the_numbers_of_a_new_run_go_on_where_the_old_ones_were(post: Post) -> None:
    ticks = Ticks()
    remote = RemoteFacade(post.call, ticks)
    seen = remote.events_since(0)
    old = remote.view()
    post.server.stop()
    remote.view()

    fresh = replace(post.station.scene, started=old.started + 60, generation=1, last_event=2)
    post.station.scene, post.station.events = fresh, [event(1, 0, "started"), event(2, 0, "again")]
    post.start()
    ticks.now += LONGEST_PAUSE_S
    new = remote.view()
    assert new.generation > old.generation
    assert new.last_event == old.last_event + 2
    newer = remote.events_since(seen[-1].seq)
    assert [one.text for one in newer] == ["started", "again"]
    assert [one.seq for one in newer] == [seen[-1].seq + 1, seen[-1].seq + 2]


def test_pauses_between_calls_grow_up_to_a_limit(post: Post) -> None:
    ticks, calls = Ticks(), 0

    def call() -> Caller:
        nonlocal calls
        calls += 1
        return post.call()

    remote = RemoteFacade(call, ticks)
    post.server.stop()
    for _ in range(240):  # a minute, four pictures a second
        remote.view()
        ticks.now += 0.25
    assert 12 <= calls <= 18
    post.start()


def test_a_service_that_stops_is_away_and_not_the_end(post: Post) -> None:
    remote = RemoteFacade(post.call, Ticks())
    post.station.change(state=StationState.STOPPED)
    assert remote.view().state is StationState.AWAY


def test_a_refusal_is_no_absence(post: Post) -> None:
    remote = RemoteFacade(lambda: post.call(read_only=True), Ticks())
    remote.stop()
    assert not remote.away
    assert remote.view().state is scenes.busy().scene.state
