"""Sinks, feeds and counters that the checks hold against an adapter; each asserts the port's own promises."""

from __future__ import annotations

import random
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

from v2xsync.devices.base import Fetched, FetchRequest, Sent, Source
from v2xsync.errors import ItemError
from v2xsync.model.items import Entry, Proof

T = TypeVar("T")
MIB = 1 << 20
_PATTERN = random.Random(20231114).randbytes(MIB)


def content(size: int) -> bytes:
    """Bytes that do not repeat within a MiB, so that a piece in the wrong place is noticed."""
    return (_PATTERN * (size // MIB + 1))[:size]


class Counted(Generic[T]):
    """Requests that know how many of them were drawn."""

    def __init__(self, requests: Iterable[T]) -> None:
        self._requests = requests
        self.drawn = 0

    def __iter__(self) -> Iterator[T]:
        for request in self._requests:
            self.drawn += 1
            yield request


class _OneThread:
    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def check_thread(self) -> None:
        assert threading.get_ident() == self._thread, "called from another thread than the verb"


class Collected(_OneThread):
    """A sink that keeps everything; `on_write` may answer for a piece (False abandons) or raise."""

    def __init__(self, on_write: Callable[[int, int], bool] | None = None) -> None:
        super().__init__()
        self._on_write = on_write
        self.pieces: dict[int, list[tuple[int, bytes]]] = {}
        self.finished: dict[int, Fetched] = {}
        self.errors: dict[int, ItemError] = {}
        self.abandoned: set[int] = set()

    @property
    def ended(self) -> int:
        """How many requests have an outcome."""
        return len(self.finished) + len(self.errors) + len(self.abandoned)

    def write(self, token: int, offset: int, data: bytes | memoryview) -> bool:
        self.check_thread()
        self._check_open(token)
        if self._on_write is not None and not self._on_write(token, offset):
            self.abandoned.add(token)
            return False
        self.pieces.setdefault(token, []).append((offset, bytes(data)))
        return True

    def done(self, token: int, fetched: Fetched) -> None:
        self.check_thread()
        self._check_open(token)
        self.finished[token] = fetched

    def failed(self, token: int, error: ItemError) -> None:
        self.check_thread()
        self._check_open(token)
        assert isinstance(error, ItemError)
        self.errors[token] = error

    def _check_open(self, token: int) -> None:
        assert token not in self.finished, "spoken of again after done"
        assert token not in self.errors, "spoken of again after failed"
        assert token not in self.abandoned, "spoken of again after it was abandoned"

    def content(self, token: int, offset: int = 0) -> bytes:
        """The bytes of `token` from `offset`; fails where pieces overlap or leave a hole."""
        whole = bytearray()
        for at, data in sorted(self.pieces.get(token, ())):
            assert at == offset + len(whole), "pieces overlap or leave a hole"
            whole += data
        return bytes(whole)


class PatternSink(_OneThread):
    """A sink that compares with `content` and keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self.finished = 0

    def write(self, token: int, offset: int, data: bytes | memoryview) -> bool:
        start = offset % MIB
        assert bytes(data) == (_PATTERN * (len(data) // MIB + 2))[start : start + len(data)]
        self.bytes += len(data)
        return True

    def done(self, token: int, fetched: Fetched) -> None:
        self.finished += 1

    def failed(self, token: int, error: ItemError) -> None:
        raise AssertionError(error)


class Contents(_OneThread):
    """A feed over given contents; `on_read` may look at the far side or raise before each answer."""

    def __init__(
        self, contents: Mapping[int, bytes | memoryview], on_read: Callable[[int, int], None] | None = None
    ) -> None:
        super().__init__()
        self._contents = contents
        self._on_read = on_read
        self.reads: list[tuple[int, int, int]] = []
        self.positions: dict[int, int] = {}
        self.sent: dict[int, Sent] = {}
        self.errors: dict[int, ItemError] = {}

    def read(self, token: int, offset: int, length: int) -> bytes:
        self.check_thread()
        assert length > 0
        assert offset >= 0
        if self._on_read is not None:
            self._on_read(token, offset)
        data = bytes(self._contents[token][offset : offset + length])
        self.reads.append((token, offset, len(data)))
        return data

    def progress(self, token: int, position: int) -> None:
        self.check_thread()
        assert position >= self.positions.get(token, 0), "progress went backwards"
        self.positions[token] = position

    def done(self, token: int, sent: Sent) -> None:
        self._end(token)
        self.sent[token] = sent

    def failed(self, token: int, error: ItemError) -> None:
        self._end(token)
        assert isinstance(error, ItemError)
        self.errors[token] = error

    def _end(self, token: int) -> None:
        self.check_thread()
        assert token not in self.sent, "a second outcome"
        assert token not in self.errors, "a second outcome"

    def first_offset(self, token: int) -> int:
        """The lowest offset that was read; -1 where nothing was."""
        return min((at for who, at, _ in self.reads if who == token), default=-1)


def ask(source: Source, paths: Iterable[str], *, offset: int = 0, proof: Proof = Proof.HASH) -> list[FetchRequest]:
    """Requests for what stands at `paths` now; tokens count from 0."""
    wanted = list(paths)
    requests = []
    for token, entry in enumerate(source.stat(wanted)):
        assert isinstance(entry, Entry), entry
        requests.append(FetchRequest(token, wanted[token], entry.fingerprint, offset=offset, proof=proof))
    return requests


@contextmanager
def bounded_memory(limit_bytes: int) -> Iterator[None]:
    """Fail where Python's own memory grows by more than `limit_bytes` at any moment inside the block."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < limit_bytes, f"grew by {(peak - before) / MIB:.1f} MiB"
