"""The two kinds of rooms that the ledger's verbs live in: those that only read, and those that also write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable

from v2xsync.ledger.commit import GroupCommit
from v2xsync.ledger.faults import plain_faults

T = TypeVar("T")


class ReadingRoom:
    """Verbs that read, from any thread; each block of `_reading` sees one moment of the ledger."""

    def __init__(self, readers: Engine) -> None:
        self._readers = readers

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with plain_faults(), self._readers.connect() as connection:
            yield connection

    def _rows(self, statement: Executable, values: dict[str, object] | None = None) -> Sequence[Any]:
        with self._reading() as connection:
            return connection.execute(statement, values).all()


class WritingRoom(ReadingRoom):
    """Verbs that also write: each is one mutation of the group commit."""

    def __init__(self, readers: Engine, commit: GroupCommit) -> None:
        super().__init__(readers)
        self._commit = commit

    def _write(self, mutation: Callable[[Connection], T]) -> T:
        return self._commit.run(mutation)
