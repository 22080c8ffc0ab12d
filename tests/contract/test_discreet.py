"""The wrapper that never repeats a secret keeps the whole contract, and blots what a peer says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.far import FarSide
from tests.contract.suite import SourceContract, TargetContract
from tests.contract.test_memory import MemoryFarSide
from v2xsync.devices.base import Health, Sent
from v2xsync.devices.discreet import Discreet
from v2xsync.devices.memory import MEMORY
from v2xsync.errors import AccessRefused, ItemCorrupt
from v2xsync.model.items import Unlistable


class DiscreetFarSide(MemoryFarSide):
    """Memory that is never quoted."""

    def __init__(self) -> None:
        super().__init__(MEMORY)

    def session(self) -> Any:
        return Discreet(super().session(), without_secret)


def without_secret(text: str) -> str:
    return text.replace("geheim", "***")


class TestDiscreetSource(SourceContract):
    adapter, server = "discreet", "memory"

    @pytest.fixture
    def far(self) -> FarSide:
        return DiscreetFarSide()


class TestDiscreetTarget(TargetContract):
    adapter, server = "discreet", "memory"

    @pytest.fixture
    def far(self) -> FarSide:
        return DiscreetFarSide()


class Tattler:
    """A peer's session that says the secret in everything that it says."""

    refused = ItemCorrupt("a", "geheim is wrong", remedy="not geheim")

    def connect(self) -> None:
        raise AccessRefused("box", "geheim is wrong", remedy="not geheim")

    def probe(self) -> Health:
        return Health(detail="geheim server")

    def stat(self, _paths: Any) -> Any:
        return [self.refused]

    def list(self) -> Any:
        yield Unlistable("a", "geheim")

    def remove(self, _requests: Any) -> Any:
        yield 1, self.refused

    def send(self, _requests: Any, feed: Any) -> None:
        feed.failed(1, self.refused)
        feed.done(2, Sent(3, "geheim", "http://box/?key=geheim"))

    def fetch(self, _requests: Any, sink: Any) -> None:
        sink.failed(1, self.refused)


class Heard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.read = self.progress = self.write = None

    def failed(self, _token: int, error: Any) -> None:
        self.told.append((error.what, error.remedy))

    def done(self, _token: int, sent: Any) -> None:
        self.told.append(sent)


def fetched(session: Discreet) -> Any:
    session.fetch((), heard := Heard())  # type: ignore[arg-type]
    return heard.told


def sent(session: Discreet) -> Any:
    session.send((), heard := Heard())  # type: ignore[arg-type]
    return heard.told


@pytest.mark.parametrize(
    "ask",
    [
        Discreet.probe,
        lambda session: [(error.what, error.remedy) for error in session.stat(["a"])],
        lambda session: list(session.list()),
        lambda session: [(error.what, error.remedy) for _, error in session.remove(())],
        fetched,
        sent,
    ],
    ids=["probe", "stat", "list", "remove", "fetch", "send"],
)
def test_what_a_peer_says_is_told_without_the_secret(ask: Callable[[Discreet], Any]) -> None:
    told = repr(ask(Discreet(Tattler(), without_secret)))
    assert "***" in told
    assert "geheim" not in told


def test_an_error_keeps_its_class_and_loses_the_secret() -> None:
    with pytest.raises(AccessRefused) as told:
        Discreet(Tattler(), without_secret).connect()
    assert (told.value.what, told.value.remedy, str(told.value)) == ("*** is wrong", "not ***", "*** is wrong")
