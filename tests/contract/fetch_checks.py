"""Checks on `fetch`: whole files, exact pieces, lazy requests, the very version, and clean ends."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import pytest

from tests.contract.common import ODD_NAMES, UNSAFE_PATHS, OnSource, need
from tests.contract.ends import MIB, Collected, Counted, PatternSink, ask, bounded_memory, content
from tests.contract.far import WHEN_NS, FarSide
from v2xsync.devices.base import CHUNK_BYTES, Capabilities, FetchRequest, Source
from v2xsync.errors import Cancelled, ItemChanged, ItemError, ItemMissing, ItemRefused, StoreFull
from v2xsync.model.items import NS_PER_S, Fingerprint, Proof

SIZES = {
    "empty": 0,
    "one": 1,
    "chunk-1": CHUNK_BYTES - 1,
    "chunk": CHUNK_BYTES,
    "chunk+1": CHUNK_BYTES + 1,
    "3MiB": 3 * MIB,
}


def crowd(far_side: Capabilities, many: int) -> tuple[int, int]:
    """How many files are asked for at once, and how many of them may be unfinished at any moment.

    One that takes file after file, or small groups of them, shows with a few what it does with many.
    """
    return (many, 1_000) if far_side.pipelined else (200, 100)


class Fetching(OnSource):
    """`fetch`."""

    memory_bound_bytes: ClassVar[int] = 24 * MIB
    """How far memory may grow while a file of 64 MiB passes."""

    @pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
    def test_fetch_of_every_size(self, far: FarSide, source: Source, size: int) -> None:
        far.plant("d/a.bin", content(size))
        sink = Collected()
        source.fetch(ask(source, ["d/a.bin"]), sink)
        assert sink.errors == {}
        assert sink.content(0) == content(size)
        fetched = sink.finished[0]
        assert fetched.fingerprint.matches(ask(source, ["d/a.bin"])[0].fingerprint)
        assert fetched.method
        assert fetched.proof == source.capabilities.fetch_proof, "asked for HASH: the strongest that there is"

    def test_fetch_that_needs_less_proof(self, far: FarSide, source: Source) -> None:
        far.plant("a.bin", b"abc")
        sink = Collected()
        source.fetch(ask(source, ["a.bin"], proof=Proof.SIZE), sink)
        assert sink.content(0) == b"abc"
        assert sink.finished[0].proof >= Proof.SIZE

    def test_fetch_digest_is_of_the_content(self, far: FarSide, source: Source) -> None:
        far.plant("a.bin", content(MIB))
        sink = Collected()
        source.fetch(ask(source, ["a.bin"]), sink)
        digest = sink.finished[0].digest
        if digest is not None and digest.algorithm in hashlib.algorithms_available:
            assert digest.value == hashlib.new(digest.algorithm, content(MIB), usedforsecurity=False).hexdigest()

    def test_fetch_of_nothing(self, source: Source) -> None:
        sink = Collected()
        source.fetch([], sink)
        assert sink.ended == 0

    def test_fetch_of_many_small_files(self, far: FarSide, source: Source) -> None:
        paths = [f"d{number % 7}/{number}.csv" for number in range(300)]
        for number, path in enumerate(paths):
            far.plant(path, content(number * 37))
        sink = Collected()
        source.fetch(iter(ask(source, paths)), sink)
        assert len(sink.finished) == 300
        assert all(sink.content(number) == content(number * 37) for number in range(300))

    def test_fetches_are_drawn_as_room_comes_free(self, far: FarSide, source: Source) -> None:
        paths = [f"{number}.csv" for number in range(50)]
        for path in paths:
            far.plant(path, b"small")
        known = ask(source, paths)
        many, most = crowd(source.capabilities, 5_000)
        requests = Counted(
            FetchRequest(token, known[token % 50].path, known[token % 50].fingerprint) for token in range(many)
        )
        most_open = 0

        def watch(token: int, offset: int) -> bool:
            nonlocal most_open
            most_open = max(most_open, requests.drawn - sink.ended)
            return True

        sink = Collected(watch)
        source.fetch(requests, sink)
        assert len(sink.finished) == many
        assert 0 < most_open <= most

    def test_fetch_from_an_offset(self, far: FarSide, source: Source) -> None:
        need(capability="resumable_read", there=source.capabilities.resumable_read)
        size = CHUNK_BYTES + 1_000
        far.plant("a.bin", content(size))
        for offset in (1, CHUNK_BYTES - 1, CHUNK_BYTES, size - 1, size):
            sink = Collected()
            source.fetch(ask(source, ["a.bin"], offset=offset), sink)
            assert 0 in sink.finished
            assert sink.content(0, offset) == content(size)[offset:]

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
    def test_fetch_of_odd_names(self, far: FarSide, source: Source, name: str) -> None:
        far.plant(f"{name}/{name}", b"odd")
        sink = Collected()
        source.fetch(ask(source, [f"{name}/{name}"]), sink)
        assert sink.content(0) == b"odd"

    def test_fetch_refuses_another_size(self, far: FarSide, source: Source) -> None:
        far.plant("a.csv", b"abc")
        requests = ask(source, ["a.csv"])
        far.plant("a.csv", b"abcd")
        sink = Collected()
        source.fetch(requests, sink)
        assert isinstance(sink.errors[0], ItemChanged)

    def test_fetch_refuses_another_time(self, far: FarSide, source: Source, strong_times: None) -> None:
        far.plant("a.csv", b"abc")
        requests = ask(source, ["a.csv"])
        far.plant("a.csv", b"abd", WHEN_NS + 10 * NS_PER_S)
        sink = Collected()
        source.fetch(requests, sink)
        assert isinstance(sink.errors[0], ItemChanged)

    def test_one_bad_file_does_not_stop_the_others(self, far: FarSide, source: Source) -> None:
        paths = [f"{number}.csv" for number in range(40)]
        for path in paths:
            far.plant(path, path.encode())
        requests = ask(source, paths)
        far.plant("4.csv", b"another size")
        requests.insert(11, FetchRequest(40, "missing/b.csv", Fingerprint(3, WHEN_NS)))
        sink = Collected()
        source.fetch(requests, sink)
        assert isinstance(sink.errors.pop(4), ItemChanged)
        assert isinstance(sink.errors.pop(40), ItemMissing)
        assert sink.errors == {}
        assert set(sink.finished) == set(range(40)) - {4}

    @pytest.mark.parametrize("path", UNSAFE_PATHS)
    def test_fetch_refuses_unsafe_paths(self, far: FarSide, source: Source, path: str) -> None:
        far.plant("a.csv", b"x")
        (good,) = ask(source, ["a.csv"])
        sink = Collected()
        source.fetch([FetchRequest(1, path, good.fingerprint), good], sink)
        assert isinstance(sink.errors[1], ItemRefused)
        assert set(sink.finished) == {0}

    def test_fetch_of_a_folder_fails(self, far: FarSide, source: Source) -> None:
        far.plant_folder("d")
        sink = Collected()
        source.fetch([FetchRequest(0, "d", Fingerprint(4096, WHEN_NS))], sink)
        assert isinstance(sink.errors[0], ItemError)

    def test_fetch_never_follows_a_link_that_took_the_place_of_a_file(self, far: FarSide, source: Source) -> None:
        far.plant("secret", b"not for us, and longer")
        far.plant_link("a.csv", "secret")
        sink = Collected()
        source.fetch([FetchRequest(0, "a.csv", Fingerprint(3, WHEN_NS))], sink)
        assert isinstance(sink.errors[0], ItemError)
        assert sink.pieces == {}

    @pytest.mark.parametrize("size", [MIB, 4 * MIB], ids=["shrinks", "grows"])
    def test_a_file_that_changes_while_read_is_told(self, far: FarSide, source: Source, size: int) -> None:
        """The fingerprint after the last byte differs from the one asked for, or the file fails."""
        far.plant("a.bin", content(3 * MIB))
        requests = ask(source, ["a.bin"])
        changed = False

        def change(token: int, offset: int) -> bool:
            nonlocal changed
            if not changed:
                far.plant("a.bin", content(size))
                changed = True
            return True

        sink = Collected(change)
        source.fetch(requests, sink)
        assert sink.ended == 1
        if 0 in sink.finished:
            assert not sink.finished[0].fingerprint.matches(requests[0].fingerprint)

    def test_an_abandoned_file_is_not_spoken_of_again(self, far: FarSide, source: Source) -> None:
        paths = [f"{number}.bin" for number in range(6)]
        for path in paths:
            far.plant(path, content(MIB))
        sink = Collected(lambda token, offset: token != 2)
        source.fetch(ask(source, paths), sink)
        assert sink.abandoned == {2}
        assert set(sink.finished) == {0, 1, 3, 4, 5}

    @pytest.mark.parametrize("error", [Cancelled("stop"), StoreFull("full")], ids=["cancelled", "store-full"])
    def test_a_raising_sink_ends_the_fetch_and_the_session_goes_on(
        self, far: FarSide, source: Source, error: Exception
    ) -> None:
        paths = [f"{number}.bin" for number in range(4)]
        for path in paths:
            far.plant(path, content(2 * MIB))
        requests = ask(source, paths)

        def stop(token: int, offset: int) -> bool:
            if offset >= CHUNK_BYTES or token == 3:
                raise error
            return True

        with pytest.raises(type(error)):
            source.fetch(requests, Collected(stop))
        source.connect()
        sink = Collected()
        source.fetch(requests, sink)
        assert [sink.content(token) for token in range(4)] == [content(2 * MIB)] * 4

    def test_memory_stays_bounded_while_fetching(self, far: FarSide, source: Source) -> None:
        size = 64 * MIB
        far.plant("big.bin", content(size))
        requests = ask(source, ["big.bin"])
        sink = PatternSink()
        with bounded_memory(self.memory_bound_bytes):
            source.fetch(requests, sink)
        assert (sink.bytes, sink.finished) == (size, 1)
