"""What is in this process's hands, and how often this sitting has tried it.

The ledger's claims do not write; so two workers of one device, or the same worker before its results are recorded, must
remember what they took. A kill needs no clean-up: the memory is gone and the ledger still says "queued".
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Claims(Generic[T]):
    """The facets of one kind (say, the fetches of one source) that are taken. Any thread; one leaf lock.

    `draw(limit, skip)` asks the ledger; it runs under the lock, so that no facet is taken twice.
    """

    def __init__(self, key: Callable[[T], int], tries_per_sitting: int = 0) -> None:
        self._key = key
        self._lock = threading.Lock()
        self._taken: set[int] = set()
        self._tries: collections.Counter[int] = collections.Counter()
        self._limit = tries_per_sitting

    def take(self, draw: Callable[[int, Collection[int]], Sequence[T]], limit: int) -> Sequence[T]:
        """Take at most `limit` facets that nobody has; of several with one key only the first."""
        with self._lock:
            tasks: dict[int, T] = {}
            for task in draw(limit, frozenset(self._skip())):
                tasks.setdefault(self._key(task), task)
            self._taken.update(tasks)
        return tuple(tasks.values())

    def peek(self, draw: Callable[[int, Collection[int]], Sequence[T]]) -> T | None:
        """The next facet that nobody has, without taking it."""
        with self._lock:
            tasks = draw(1, frozenset(self._skip()))
        return tasks[0] if tasks else None

    def _skip(self) -> Iterable[int]:
        if not self._limit:
            return self._taken
        return self._taken | {facet for facet, tries in self._tries.items() if tries >= self._limit}

    def give_back(self, facets: Iterable[int]) -> None:
        """They are recorded, or left as they were."""
        with self._lock:
            self._taken.difference_update(facets)

    def note_try(self, facet: int) -> int:
        """One more failed try of this sitting; how many now."""
        with self._lock:
            self._tries[facet] += 1
            return self._tries[facet]

    @property
    def taken(self) -> int:
        """How many are in hand."""
        with self._lock:
            return len(self._taken)
