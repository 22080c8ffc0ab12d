"""Checks on a target: sending by way of a partial, never overwriting, resuming, proving, sweeping."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pytest

from tests.contract.common import ODD_NAMES, UNSAFE_PATHS, OnTarget, need
from tests.contract.ends import MIB, Contents, Counted, bounded_memory, content
from tests.contract.far import WHEN_NS, FarSide
from tests.contract.fetch_checks import SIZES, crowd
from v2xsync.devices.base import (
    OVERLAP_BYTES,
    Health,
    Proven,
    ProveRequest,
    SendRequest,
    Target,
    partial_beside,
)
from v2xsync.errors import Cancelled, ItemError, ItemFailed, ItemMissing, ItemRefused, NameTaken
from v2xsync.model.items import NS_PER_S, Entry, Proof


def plan(path: str, data: bytes, token: int = 0, *, resume: bool = True, known: bool = True) -> SendRequest:
    """A request to send `data` as `path`, as the engine makes it."""
    sha256 = hashlib.sha256(data).hexdigest() if known else ""
    partial = partial_beside(path, f"st-{token}")
    return SendRequest(token, path, partial, len(data), WHEN_NS + 60 * NS_PER_S, sha256, resume)


def successor(path: str, data: bytes) -> SendRequest:
    """A request to put `data` in the place of our earlier file."""
    return replace(plan(path, data, resume=False), replaces=True)


def send(target: Target, files: Mapping[str, bytes]) -> Contents:
    """Send all `files` in one batch."""
    feed = Contents(dict(enumerate(files.values())))
    target.send([plan(path, data, token) for token, (path, data) in enumerate(files.items())], feed)
    return feed


class TargetSessions(OnTarget):
    """Connecting, closing, probing, and fresh facts."""

    def test_is_a_target(self, target: Target) -> None:
        assert isinstance(target, Target)
        assert target.capabilities.target

    def test_probe_of_a_target(self, target: Target) -> None:
        health = target.probe()
        assert isinstance(health, Health)
        assert health.free_bytes is None or health.free_bytes >= 0

    def test_close_and_connect_a_target_again(self, far: FarSide, target: Target) -> None:
        target.connect()
        target.close()
        target.close()
        target.connect()
        assert 0 in send(target, {"a.csv": b"1"}).sent
        assert far.look("a.csv") == b"1"

    def test_stat_of_a_target_answers_in_order(self, far: FarSide, target: Target, probeable: None) -> None:
        far.plant("a.csv", b"1")
        far.plant("d/b.csv", b"22")
        answers = target.stat(["d/b.csv", "missing.csv", "../outside", "a.csv"])
        first, second, third, fourth = answers
        assert isinstance(first, Entry)
        assert isinstance(second, ItemMissing)
        assert isinstance(third, ItemRefused)
        assert isinstance(fourth, Entry)
        assert (first.size, fourth.size) == (2, 1)


class Sending(OnTarget):
    """`send`."""

    memory_bound_bytes: ClassVar[int] = 24 * MIB
    """How far memory may grow while a file of 64 MiB passes."""

    @pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
    def test_send_of_every_size(self, far: FarSide, target: Target, size: int) -> None:
        feed = send(target, {"a.bin": content(size)})
        assert feed.errors == {}
        assert feed.sent[0].size == size
        assert feed.sent[0].method
        assert feed.positions.get(0, 0) == size
        assert far.look("a.bin") == content(size)
        assert far.listing() == {"a.bin"}

    def test_send_without_a_known_hash(self, far: FarSide, target: Target) -> None:
        target.send([plan("a.bin", b"streamed", known=False)], Contents({0: b"streamed"}))
        assert far.look("a.bin") == b"streamed"

    def test_send_of_many(self, far: FarSide, target: Target) -> None:
        files = {f"d{number % 7}/sub/{number}.csv": content(number * 31) for number in range(200)}
        feed = send(target, files)
        assert set(feed.sent) == set(range(200))
        assert all(far.look(path) == data for path, data in files.items())
        assert not any(".v2xsync" in path for path in far.listing())

    def test_sends_are_drawn_as_room_comes_free(self, far: FarSide, target: Target) -> None:
        most_open = 0

        def watch(token: int, offset: int) -> None:
            nonlocal most_open
            most_open = max(most_open, requests.drawn - len(feed.sent) - len(feed.errors))

        many, most = crowd(target.capabilities, 1_500)
        requests = Counted(plan(f"{token}.csv", b"x", token) for token in range(many))
        feed = Contents(dict.fromkeys(range(many), b"x"), watch)
        target.send(requests, feed)
        assert len(feed.sent) == many
        assert 0 < most_open <= most

    def test_parents_are_made(self, far: FarSide, target: Target) -> None:
        need(capability="folders", there=target.capabilities.folders)
        assert 0 in send(target, {"a/b/c/d/e.csv": b"deep", "a/b/f.csv": b"less"}).sent
        assert far.look("a/b/c/d/e.csv") == b"deep"

    def test_a_parent_that_is_a_file_fails_that_file_only(self, far: FarSide, target: Target, probeable: None) -> None:
        far.plant("a", b"a file")
        feed = send(target, {"a/b.csv": b"x", "c.csv": b"y"})
        assert set(feed.errors) == {0}
        assert set(feed.sent) == {1}
        assert far.listing() == {"a", "c.csv"}

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
    def test_send_of_odd_names(self, far: FarSide, target: Target, name: str) -> None:
        assert 0 in send(target, {f"{name}/{name}": b"odd"}).sent
        assert far.look(f"{name}/{name}") == b"odd"

    @pytest.mark.parametrize("path", UNSAFE_PATHS)
    def test_send_refuses_unsafe_paths(self, far: FarSide, target: Target, path: str) -> None:
        feed = Contents({0: b"evil", 1: b"evil", 2: b"good"})
        bad_name = SendRequest(0, path, ".v2xsync-st-0.part", 4)
        bad_partial = SendRequest(1, "b.csv", path, 4)
        target.send([bad_name, bad_partial, plan("good.csv", b"good", 2)], feed)
        assert isinstance(feed.errors[0], ItemRefused)
        assert isinstance(feed.errors[1], ItemRefused)
        assert far.listing() == {"good.csv"}

    def test_never_overwrites(self, far: FarSide, target: Target, probeable: None) -> None:
        """Invariant 3, and requirement R12."""
        far.plant("a.csv", b"precious")
        feed = send(target, {"a.csv": b"new", "b.csv": b"other"})
        assert isinstance(feed.errors[0], NameTaken)
        assert set(feed.sent) == {1}
        assert far.look("a.csv") == b"precious"

    def test_never_overwrites_a_name_that_appears_meanwhile(
        self, far: FarSide, target: Target, probeable: None
    ) -> None:
        feed = Contents({0: content(MIB)}, lambda token, offset: far.plant("a.bin", b"quicker"))
        target.send([plan("a.bin", content(MIB))], feed)
        assert isinstance(feed.errors[0], NameTaken)
        assert far.look("a.bin") == b"quicker"

    def test_never_replaces_a_folder(self, far: FarSide, target: Target, probeable: None) -> None:
        far.plant("a.csv/inner", b"x")
        assert isinstance(send(target, {"a.csv": b"new"}).errors[0], ItemError)
        assert far.look("a.csv/inner") == b"x"

    def test_never_writes_through_a_link(self, far: FarSide, target: Target, probeable: None) -> None:
        """Neither a final name nor a partial that is a link leads anywhere."""
        far.plant("precious", b"precious")
        far.plant_link("a.csv", "precious")
        far.plant_link(".v2xsync-st-1.part", "precious")
        send(target, {"a.csv": b"new", "b.csv": b"new"})
        assert far.look("precious") == b"precious"
        assert "a.csv" in far.listing()

    def test_the_final_name_appears_only_whole(self, far: FarSide, target: Target, probeable: None) -> None:
        """Invariant 3."""
        request = plan("d/a.bin", content(3 * MIB))
        seen: set[str] = set()
        feed = Contents({0: content(3 * MIB)}, lambda token, offset: seen.update(far.listing()))
        target.send([request], feed)
        assert request.partial in seen
        assert "d/a.bin" not in seen
        assert far.listing() == {"d", "d/a.bin"}

    def test_time_is_kept(self, far: FarSide, target: Target, probeable: None) -> None:
        if not far.keeps_times:
            pytest.skip("far side: does not keep times")
        need(capability="mtime_step_s", there=target.capabilities.mtime_step_s is not None)
        send(target, {"a.csv": b"x"})
        (entry,) = target.stat(["a.csv"])
        assert isinstance(entry, Entry)
        assert entry.mtime_ns is not None
        assert abs(entry.mtime_ns - (WHEN_NS + 60 * NS_PER_S)) < max(entry.step_ns, 1)

    def test_content_that_cannot_be_read_fails_without_a_final_name(self, far: FarSide, target: Target) -> None:
        def trouble(token: int, offset: int) -> None:
            if token == 0 and offset >= MIB:
                raise ItemFailed("a.bin", "the store's disk has a bad sector")

        feed = Contents({0: content(3 * MIB), 1: b"fine"}, trouble)
        target.send([plan("a.bin", content(3 * MIB)), plan("b.csv", b"fine", 1)], feed)
        assert isinstance(feed.errors[0], ItemFailed)
        assert set(feed.sent) == {1}
        assert far.look("a.bin") is None
        assert far.look("b.csv") == b"fine"

    def test_content_that_is_too_short_gets_no_final_name(self, far: FarSide, target: Target) -> None:
        feed = Contents({0: content(MIB)[:-1]})
        target.send([plan("a.bin", content(MIB))], feed)
        assert isinstance(feed.errors[0], ItemError)
        assert far.look("a.bin") is None

    def test_a_cancelled_send_leaves_no_final_name_and_the_session_goes_on(self, far: FarSide, target: Target) -> None:
        def stop(token: int, offset: int) -> None:
            if offset >= MIB:
                raise Cancelled("stop")

        request = plan("a.bin", content(3 * MIB))
        with pytest.raises(Cancelled):
            target.send([request], Contents({0: content(3 * MIB)}, stop))
        assert far.look("a.bin") is None
        target.connect()
        target.send([request], Contents({0: content(3 * MIB)}))
        assert far.look("a.bin") == content(3 * MIB)
        assert far.listing() == {"a.bin"}

    def test_memory_stays_bounded_while_sending(self, far: FarSide, target: Target) -> None:
        size = 64 * MIB
        data = memoryview(content(size))
        feed = Contents({0: data})
        with bounded_memory(self.memory_bound_bytes + (2 * size if far.in_memory else 0)):
            target.send([SendRequest(0, "big.bin", ".v2xsync-st-0.part", size)], feed)
        assert feed.sent[0].size == size


class Replacing(OnTarget):
    """A file of ours that grows: its next version takes its place in one step."""

    def test_our_earlier_file_gives_way_to_its_next_version(
        self, far: FarSide, target: Target, replacing: None
    ) -> None:
        for data in (b"one\n", b"one\ntwo\n", b""):
            feed = Contents({0: data})
            target.send([successor("sums/day.txt", data)], feed)
            assert feed.errors == {}
            assert far.look("sums/day.txt") == data
        assert far.listing() == {"sums", "sums/day.txt"}

    def test_it_is_never_seen_in_parts(self, far: FarSide, target: Target, replacing: None) -> None:
        """Invariant 3, for readers who look while it is written."""
        send(target, {"a.bin": b"before"})
        seen: list[bytes | None] = []
        feed = Contents({0: content(MIB)}, lambda token, offset: seen.append(far.look("a.bin")))
        target.send([successor("a.bin", content(MIB))], feed)
        assert set(seen) == {b"before"}
        assert far.look("a.bin") == content(MIB)

    def test_it_takes_the_place_of_no_folder(self, far: FarSide, target: Target, replacing: None) -> None:
        far.plant("a.csv/inner", b"x")
        feed = Contents({0: b"new"})
        target.send([successor("a.csv", b"new")], feed)
        assert isinstance(feed.errors[0], ItemError)
        assert far.look("a.csv/inner") == b"x"


class Resuming(OnTarget):
    """Invariant 6 at a target: a partial is continued only where its last bytes match (requirement R6)."""

    def test_a_fitting_partial_is_continued(self, far: FarSide, target: Target, resumable: None) -> None:
        request = plan("d/a.bin", content(3 * MIB))
        far.plant(request.partial, content(2 * MIB))
        feed = Contents({0: content(3 * MIB)})
        target.send([request], feed)
        assert feed.first_offset(0) >= 2 * MIB - OVERLAP_BYTES
        assert far.look("d/a.bin") == content(3 * MIB)
        assert far.listing() == {"d", "d/a.bin"}

    def test_a_short_fitting_partial_is_continued(self, far: FarSide, target: Target, resumable: None) -> None:
        request = plan("a.bin", content(MIB))
        far.plant(request.partial, content(100))
        target.send([request], Contents({0: content(MIB)}))
        assert far.look("a.bin") == content(MIB)

    def test_a_whole_partial_only_gets_its_name(self, far: FarSide, target: Target, resumable: None) -> None:
        request = plan("a.bin", content(MIB))
        far.plant(request.partial, content(MIB))
        feed = Contents({0: content(MIB)})
        target.send([request], feed)
        assert feed.first_offset(0) >= MIB - OVERLAP_BYTES
        assert far.look("a.bin") == content(MIB)

    @pytest.mark.parametrize(
        "partial", [b"\0" * 2 * MIB, content(3 * MIB)[1:-5], content(4 * MIB), b"x"], ids=["other", "near", "long", "x"]
    )
    def test_a_partial_of_something_else_starts_over(
        self, far: FarSide, target: Target, resumable: None, partial: bytes
    ) -> None:
        request = plan("a.bin", content(3 * MIB))
        far.plant(request.partial, partial)
        feed = Contents({0: content(3 * MIB)})
        target.send([request], feed)
        assert feed.first_offset(0) == 0
        assert far.look("a.bin") == content(3 * MIB)
        assert far.listing() == {"a.bin"}

    def test_without_leave_to_resume_it_starts_over(self, far: FarSide, target: Target, resumable: None) -> None:
        request = plan("a.bin", content(MIB), resume=False)
        far.plant(request.partial, b"\0" * (MIB - OVERLAP_BYTES) + content(MIB)[MIB - OVERLAP_BYTES :])
        target.send([request], Contents({0: content(MIB)}))
        assert far.look("a.bin") == content(MIB)

    def test_what_a_cancelled_send_left_is_continued(self, far: FarSide, target: Target, resumable: None) -> None:
        def stop(token: int, offset: int) -> None:
            if offset >= 2 * MIB:
                raise Cancelled("stop")

        request = plan("a.bin", content(3 * MIB))
        with pytest.raises(Cancelled):
            target.send([request], Contents({0: content(3 * MIB)}, stop))
        target.connect()
        feed = Contents({0: content(3 * MIB)})
        target.send([request], feed)
        assert feed.first_offset(0) > 0
        assert far.look("a.bin") == content(3 * MIB)


class Proving(OnTarget):
    """Invariant 4: `prove` tells facts from fresh requests."""

    def test_prove_size(self, far: FarSide, target: Target, probeable: None) -> None:
        far.plant("d/a.csv", b"12345")
        ((token, proven),) = target.prove([ProveRequest(3, "d/a.csv", 5, Proof.SIZE)])
        assert token == 3
        assert isinstance(proven, Proven)
        assert proven.size == 5
        assert proven.proof >= Proof.SIZE
        assert proven.method

    @pytest.mark.parametrize("size", [0, 1, 3 * MIB])
    def test_prove_hash(self, far: FarSide, target: Target, hashing: None, size: int) -> None:
        far.plant("a.bin", content(size))
        ((_, proven),) = target.prove([ProveRequest(0, "a.bin", size, Proof.HASH)])
        assert isinstance(proven, Proven)
        assert (proven.size, proven.proof) == (size, Proof.HASH)
        assert proven.digest is not None
        made = hashlib.new(proven.digest.algorithm, content(size), usedforsecurity=False)
        assert proven.digest.value == made.hexdigest()

    def test_prove_tells_what_is_there_not_what_was_hoped(self, far: FarSide, target: Target, probeable: None) -> None:
        far.plant("a.csv", b"123")
        ((_, proven),) = target.prove([ProveRequest(0, "a.csv", 5, Proof.SIZE)])
        assert isinstance(proven, Proven)
        assert proven.size == 3

    def test_prove_of_many_with_bad_ones(self, far: FarSide, target: Target, probeable: None) -> None:
        for number in range(40):
            far.plant(f"{number}.csv", b"x" * number)
        requests = [ProveRequest(number, f"{number}.csv", number, Proof.HASH) for number in range(40)]
        requests.insert(3, ProveRequest(40, "missing.csv", 1, Proof.HASH))
        requests.insert(9, ProveRequest(41, "missing/deep.csv", 1, Proof.SIZE))
        requests.extend(ProveRequest(42 + n, path, 1, Proof.SIZE) for n, path in enumerate(UNSAFE_PATHS))
        answers = dict(target.prove(iter(requests)))
        assert len(answers) == len(requests)
        assert isinstance(answers[40], ItemMissing)
        assert isinstance(answers[41], ItemMissing)
        for number in range(40):
            proven = answers[number]
            assert isinstance(proven, Proven)
            assert proven.size == number
        assert all(isinstance(answers[42 + n], ItemRefused) for n in range(len(UNSAFE_PATHS)))

    def test_prove_never_follows_a_link(self, far: FarSide, target: Target, probeable: None) -> None:
        far.plant("real.csv", b"12345")
        far.plant_link("link.csv", "real.csv")
        ((_, answer),) = target.prove([ProveRequest(0, "link.csv", 5, Proof.SIZE)])
        assert isinstance(answer, ItemError)

    def test_what_was_sent_can_be_proven(self, far: FarSide, target: Target, hashing: None) -> None:
        send(target, {"a/b.bin": content(MIB)})
        ((_, proven),) = target.prove([ProveRequest(0, "a/b.bin", MIB, Proof.HASH)])
        assert isinstance(proven, Proven)
        assert proven.size == MIB


class Sweeping(OnTarget):
    """`sweep` removes our own stale partials and nothing else, ever."""

    def test_sweep_takes_only_ours_and_keeps_what_is_named(self, far: FarSide, target: Target, probeable: None) -> None:
        far.plant(".v2xsync-st-1.part", b"stale")
        far.plant("d/.v2xsync-st-2.part", b"stale")
        far.plant("d/.v2xsync-st-3.part", b"in use")
        far.plant("e/.v2xsync-st-4.part", b"not asked for")
        far.plant("d/data.csv", b"x")
        far.plant("d/data.csv.part", b"somebody else's")
        far.plant("d/.v2xsync.toml", b"a config, not a partial")
        before = far.listing()
        swept = set(target.sweep(["", "d", "missing", "../outside"], frozenset({"d/.v2xsync-st-3.part"})))
        assert swept == {".v2xsync-st-1.part", "d/.v2xsync-st-2.part"}
        assert far.listing() == before - swept

    def test_sweep_takes_no_folder_and_no_link(self, far: FarSide, target: Target, probeable: None) -> None:
        far.plant("d/.v2xsync-st-1.part/inner", b"x")
        far.plant("real", b"x")
        far.plant_link("l", "d")
        before = far.listing()
        assert list(target.sweep(["", "d", "l"], frozenset())) == []
        assert far.listing() == before
