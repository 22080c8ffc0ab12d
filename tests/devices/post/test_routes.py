"""Whole routes to a form, the engine on a fake clock and the server real: what is removed, held, waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.devices.post.posting import PATHS, ULOG
from tests.engine.rig import Rig
from tests.engine.test_once import route
from tests.servers.form_server import (
    FormServer,
    Handler,
    Trouble,
    answering,
    api,
    collector,
    flight_review,
    form_server,
    hang_up,
    keeping_and,
    stay_silent,
)

from v2xsync.devices.post import Form, PostDevice, PostOptions
from v2xsync.model.custody import DeliveryState
from v2xsync.model.items import Proof
from v2xsync.model.rules import After, ReadyRule, RemoveRule

GONE_AFTER_ACK = RemoveRule(after=After.DELIVERED, proof=Proof.ACK)
MANNERS = {Form.RAW: collector, Form.MULTIPART: api, Form.FLIGHT_REVIEW: flight_review}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FormServer]:
    with form_server(tmp_path / "kept", collector) as server:
        yield server


def make_rig(tmp_path: Path, server: FormServer, form: Form = Form.RAW, **changes: Any) -> Rig:
    """One route from `box` to the form, which takes one file at a time, in order."""
    server.manner = MANNERS[form]
    timeout_s = changes.pop("timeout_s", 20.0)

    def session(_memory: Any) -> PostDevice:
        options = PostOptions(url=server.url(PATHS[form]), form=form, timeout_s=timeout_s, max_parallel=1)
        return PostDevice("form", options)

    once = changes.pop("once", True)
    routes = (route(**{"targets": ("form",), "remove": GONE_AFTER_ACK} | changes),)
    return Rig(tmp_path, routes, once=once, wrap={"form": session})


def plant_minutes(rig: Rig, *minutes: int) -> None:
    for minute in minutes:
        rig.plant("box", f"{minute}.dat", b"%d\n" % minute)


def refusing(content: bytes, trouble: Trouble) -> Trouble:
    """That trouble for files with this content only."""

    def for_one(handler: Handler) -> bool:
        post = handler.take()
        if post.content == content:
            return trouble(handler)
        handler.server.posts.append(post)
        handler.server.manner(handler, post)
        return True

    return for_one


def states(rig: Rig) -> dict[str, DeliveryState]:
    """The state of each delivery, by the path of its file."""
    dossiers = [rig.ledger.dossier(item_id) for item_id in {line.item_id for line in rig.ledger.history()}]
    return {
        dossier.path: facet.state
        for dossier in dossiers
        for facet in (dossier.deliveries if dossier else ())
        if dossier and facet.target == "form"
    }


# --- the data collector ----------------------------------------------------------------------------------------------


def test_minute_files_go_once_each_was_answered_with_200(tmp_path: Path, server: FormServer) -> None:
    rig = make_rig(tmp_path, server, ready=ReadyRule(settle_s=0.0, locks=("{name}.lock",)))
    plant_minutes(rig, 26593136, 26593137, 26593138)
    rig.plant("box", "26593138.dat.lock", b"")

    rig.run()

    assert [kept.content for kept in server.kept] == [b"26593136\n", b"26593137\n"]
    assert set(rig.on("box")) == {"26593138.dat", "26593138.dat.lock"}
    assert rig.steps("26593136.dat") == ["found", "stored", "delivered", "removed"]


@pytest.mark.parametrize("status", [500, 404, 400, 201, 302])
def test_a_file_whose_answer_was_not_200_stays_exactly_that_one(
    tmp_path: Path, server: FormServer, status: int
) -> None:
    """The older collector ignored the answer and lost the file (requirement R4)."""
    rig = make_rig(tmp_path, server)
    plant_minutes(rig, 1, 2, 3)
    server.trouble = refusing(b"2\n", answering(status))

    rig.run()

    assert rig.on("box")["2.dat"] == b"2\n"
    if status != 404:
        assert set(rig.on("box")) == {"2.dat"}
        assert [kept.content for kept in server.kept] == [b"1\n", b"3\n"]


def test_a_500_is_tried_again_until_it_is_a_200(tmp_path: Path, server: FormServer) -> None:
    """Requirement R15: nothing is dropped for tries."""
    rig = make_rig(tmp_path, server, once=False)
    plant_minutes(rig, 1, 2)
    server.trouble = refusing(b"2\n", answering(500))
    rig.run(6 * 3600.0)
    assert set(rig.on("box")) == {"2.dat"}
    assert 10 < server.tries < 60

    server.trouble = None
    rig.run(3600.0)

    assert rig.on("box") == {}
    assert [kept.content for kept in server.kept] == [b"1\n", b"2\n"]


@pytest.mark.parametrize("proof", [Proof.HASH, Proof.SIZE])
def test_an_answer_alone_removes_nothing_where_the_route_does_not_say_so(
    tmp_path: Path, server: FormServer, proof: Proof
) -> None:
    """Invariant 4."""
    rig = make_rig(tmp_path, server, remove=RemoveRule(after=After.DELIVERED, proof=proof))
    plant_minutes(rig, 1)
    rig.run()
    assert len(server.kept) == 1
    assert set(rig.on("box")) == {"1.dat"}


def test_streamed_through_without_a_local_copy(tmp_path: Path, server: FormServer) -> None:
    rig = make_rig(tmp_path, server, stage=False)
    rig.plant("box", "big.dat", b"0123456789" * 200_000)
    rig.plant("box", "empty.dat", b"")
    rig.run()
    assert {kept.content for kept in server.kept} == {b"0123456789" * 200_000, b""}
    assert rig.on("box") == {}
    assert rig.stored() == {}


# --- flight logs -----------------------------------------------------------------------------------------------------


def test_a_log_is_posted_once_and_its_address_kept(tmp_path: Path, server: FormServer) -> None:
    rig = make_rig(tmp_path, server, Form.FLIGHT_REVIEW)
    rig.plant("box", "10_53_02.ulg", ULOG)
    rig.run()
    why = rig.service.why(next(iter(rig.ledger.history())).item_id)
    assert why is not None
    assert server.url("/plot_app?log=") in " ".join(why.summary)
    assert "proven by ack" in " ".join(why.summary)
    assert rig.on("box") == {}


def test_corrupt_logs_are_held_with_their_originals(tmp_path: Path, server: FormServer) -> None:
    """Requirement R23."""
    rig = make_rig(tmp_path, server, Form.FLIGHT_REVIEW)
    rig.plant("box", "corrupt.ulg", b"\0" * 16)
    rig.plant("box", "log002.ulg", b"")
    rig.plant("box", "good.ulg", ULOG)
    rig.run()
    assert set(rig.on("box")) == {"corrupt.ulg", "log002.ulg"}
    assert server.tries == 1
    assert {hold.path: hold.reason.partition(":")[0] for hold in rig.ledger.holds()} == {
        "corrupt.ulg": "the file does not begin as a ULog file does",
        "log002.ulg": "the file is empty",
    }


# --- lost answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", [hang_up, stay_silent])
def test_a_lost_answer_is_held_and_never_sent_again(
    tmp_path: Path, server: FormServer, then: Callable[[Handler], None]
) -> None:
    """Invariant 7, requirement R11: exactly one entry results."""
    rig = make_rig(tmp_path, server, timeout_s=1.0 if then is stay_silent else 20.0)
    plant_minutes(rig, 1)
    server.trouble = keeping_and(then)
    rig.run()
    server.trouble = None
    for _ in range(2):
        rig.build()
        rig.run()
    assert len(server.kept) == 1
    assert states(rig) == {"1.dat": DeliveryState.UNKNOWN}
    assert set(rig.on("box")) == {"1.dat"}


def test_a_person_takes_an_unknown_file_as_delivered(tmp_path: Path, server: FormServer) -> None:
    rig = make_rig(tmp_path, server)
    plant_minutes(rig, 1)
    server.trouble = keeping_and(hang_up)
    rig.run()
    (hold,) = rig.ledger.holds()
    assert "has the whole file" in hold.reason
    assert rig.service.release([hold.item_id], accept=True, by="ops") == 1
    rig.run()
    assert rig.on("box") == {}
    assert server.tries == 1


def test_where_the_route_allows_duplicates_a_lost_answer_is_sent_again(tmp_path: Path, server: FormServer) -> None:
    rig = make_rig(tmp_path, server, duplicates=True, once=False)
    plant_minutes(rig, 1)
    server.trouble = keeping_and(hang_up)
    rig.run(1.0)
    server.trouble = None
    rig.run(600.0)
    assert [kept.content for kept in server.kept] == [b"1\n", b"1\n"]
    assert rig.on("box") == {}


def test_an_outage_behind_a_gateway_makes_one_file_unknown_and_not_all(tmp_path: Path, server: FormServer) -> None:
    rig = make_rig(tmp_path, server, once=False)
    plant_minutes(rig, *range(20))
    server.trouble, server.head_answer = answering(502), (502,)
    rig.run(3600.0)
    assert server.tries == 1
    assert list(states(rig).values()).count(DeliveryState.UNKNOWN) == 1
    assert 10 < server.heads < 120

    server.trouble, server.head_answer = None, (405,)
    rig.run(600.0)

    assert len(server.kept) == 19
    assert len(rig.on("box")) == 1


def test_each_file_has_its_receipt_before_the_next_one_is_sent(tmp_path: Path, server: FormServer) -> None:
    """So that a kill makes one file unknown, and not a batch of them."""
    seen: list[list[DeliveryState]] = []

    class Watched(PostDevice):
        def send(self, requests: Any, feed: Any) -> None:
            seen.append(sorted(states(rig).values()))
            super().send(requests, feed)

    rig = make_rig(tmp_path, server)
    options = rig.session("form")._options
    rig.wrap = {"form": lambda _memory: Watched("form", options)}
    rig.build()
    plant_minutes(rig, 1, 2, 3)
    rig.run()
    delivered = [before.count(DeliveryState.DELIVERED) for before in seen]
    assert delivered == [0, 1, 2]


class Killed(BaseException):
    """The process ends here."""


def test_a_kill_after_an_answer_makes_only_that_file_unknown(tmp_path: Path, server: FormServer) -> None:
    """Every file before it has its receipt already; nothing is sent twice."""
    rig = make_rig(tmp_path, server)
    session = rig.wrap["form"]
    rig.wrap = {"form": lambda memory: KilledAfter(session(memory), server, files=3)}
    rig.build()
    plant_minutes(rig, 1, 2, 3, 4)
    with pytest.raises(Killed):
        rig.run()
    rig.wrap = {"form": session}
    rig.build()
    rig.run()
    assert sorted(kept.content for kept in server.kept) == [b"1\n", b"2\n", b"3\n", b"4\n"]
    assert list(states(rig).values()).count(DeliveryState.UNKNOWN) == 1
    assert len(rig.on("box")) == 1


class KilledAfter:
    """A session whose process is killed when so many files are there, before anybody learns of the last."""

    def __init__(self, inner: PostDevice, server: FormServer, files: int) -> None:
        self._inner = inner
        self._server = server
        self._files = files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, requests: Any, feed: Any) -> None:
        self._inner.send(requests, _Unheard(feed, self._server, self._files))


class _Unheard:
    def __init__(self, feed: Any, server: FormServer, files: int) -> None:
        self._feed = feed
        self._server = server
        self._files = files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feed, name)

    def done(self, token: int, sent: Any) -> None:
        if len(self._server.kept) == self._files:
            raise Killed
        self._feed.done(token, sent)


# --- the server is in trouble ----------------------------------------------------------------------------------------


def test_the_pause_that_a_busy_server_asks_for_is_kept(tmp_path: Path, server: FormServer) -> None:
    rig = make_rig(tmp_path, server, once=False)
    plant_minutes(rig, 1)
    server.trouble = answering(503, Retry_After="1800")
    rig.run(1790.0)
    assert server.tries == 1
    assert "left alone for 1800 s" in rig.events()
    server.trouble = None
    rig.run(20.0)
    assert len(server.kept) == 1
    assert rig.on("box") == {}


def test_a_single_run_does_not_wait_for_a_server_that_wants_to_be_left_alone(
    tmp_path: Path, server: FormServer
) -> None:
    rig = make_rig(tmp_path, server)
    plant_minutes(rig, 1)
    server.trouble = answering(429, Retry_After="3600")
    started = rig.clock.at
    rig.run()
    assert rig.clock.at - started < 130
    assert [cause.device for cause in rig.service._causes(())] == ["form"]
    assert states(rig) == {"1.dat": DeliveryState.QUEUED}


def test_a_server_that_is_always_busy_ends_a_single_run(tmp_path: Path, server: FormServer) -> None:
    rig = make_rig(tmp_path, server)
    rig.plant("box", "large.dat", b"x" * 1_000_000)
    server.trouble = answering(503)
    rig.run()
    assert server.tries <= 3
    assert [cause.kind for cause in rig.service._causes(())] == ["device"]


@pytest.mark.parametrize("status", [401, 403, 444])
def test_a_refused_login_stops_the_device_and_never_a_file(tmp_path: Path, server: FormServer, status: int) -> None:
    """Requirement R15: another system would have given those logs up for good."""
    rig = make_rig(tmp_path, server, once=False)
    plant_minutes(rig, 1, 2, 3)
    server.trouble = answering(status)
    rig.run(86_400.0)
    assert server.tries == 1
    assert list(rig.ledger.holds()) == []
    assert len(rig.on("box")) == 3

    server.trouble = None
    rig.service.retry(("form",))
    rig.run(60.0)

    assert len(server.kept) == 3
    assert rig.on("box") == {}


def test_a_form_that_is_down_holds_up_no_other_target(tmp_path: Path, server: FormServer) -> None:
    """One source, three targets, each with its own state."""
    remove = RemoveRule(after=After.DELIVERED, proof=Proof.HASH, proofs={"form": Proof.ACK})
    rig = make_rig(tmp_path, server, Form.FLIGHT_REVIEW, targets=("form", "office", "cloud"), remove=remove, once=False)
    rig.plant("box", "a.ulg", ULOG)
    server.trouble = answering(503)
    rig.run(600.0)
    assert rig.on("office") == rig.on("cloud") == {"box/a.ulg": ULOG}
    assert set(rig.on("box")) == {"a.ulg"}
    server.trouble = None
    rig.run(120.0)
    assert len(server.kept) == 1
    assert rig.on("box") == {}
