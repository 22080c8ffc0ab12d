"""Group commit: writers of many threads share one transaction and one fsync, without a thread of its own.

Who finds nobody at work becomes the leader: it runs every mutation that waits, each inside a savepoint, commits once
and wakes the others. While it works, the next group gathers. So a mutation is on disk when `run` returns, one that
fails harms no other, and a crash keeps all or nothing of each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from v2xsync.errors import LedgerError
from v2xsync.ledger.faults import plain

T = TypeVar("T")


class _Ticket(Generic[T]):
    """One caller's mutation and what became of it; as a context it keeps the mutation's error for its caller."""

    def __init__(self, mutation: Callable[[Connection], T]) -> None:
        self._mutation = mutation
        self._results: list[T] = []
        self.error: BaseException | None = None
        self.committed = False
        self.finished = False

    def apply(self, connection: Connection) -> None:
        """Run the mutation."""
        with self:
            self._results.append(self._mutation(connection))

    def __enter__(self) -> None:
        """Begin to listen for errors."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return isinstance(error, Exception)

    def outcome(self) -> T:
        """What the mutation returned; raises its error, as LedgerError where the database's."""
        if isinstance(self.error, SQLAlchemyError):
            raise plain(self.error) from self.error
        if self.error is not None:
            raise self.error
        if not self.committed:
            raise LedgerError("writing the ledger was interrupted; nothing of this step was kept")
        return self._results[0]


class GroupCommit:
    """The one writer of a database. `run` may be called from any thread, never from inside a mutation."""

    def __init__(self, engine: Engine) -> None:
        self._connection: Connection | None = engine.connect()
        self._gathering = threading.Condition()
        self._waiting: list[_Ticket[object]] = []
        self._leading = False
        self.commits = 0
        """How many groups were committed."""

    def run(self, mutation: Callable[[Connection], T]) -> T:
        """Run `mutation` in a transaction and return what it returns once that is on disk."""
        ticket = _Ticket(mutation)
        group = self._join(ticket)
        if group:
            try:
                self._commit(group)
            finally:
                self._hand_back(group)
        return ticket.outcome()

    def _join(self, ticket: _Ticket[T]) -> Sequence[_Ticket[object]]:
        """Wait until the ticket is finished (an empty group) or this thread is to lead the group returned."""
        with self._gathering:
            self._waiting.append(ticket)  # type: ignore[arg-type]
            while self._leading and not ticket.finished:
                self._gathering.wait()
            if ticket.finished:
                return ()
            self._leading = True
            group, self._waiting = self._waiting, []
            return group

    def _commit(self, group: Sequence[_Ticket[object]]) -> None:
        connection = self._connection
        if connection is None:
            for ticket in group:
                ticket.error = LedgerError("the ledger is closed")
            return
        try:
            with connection.begin():
                for ticket in group:
                    _apply_alone(ticket, connection)
        except SQLAlchemyError as error:
            for ticket in group:
                ticket.error = error
            return
        self.commits += 1
        for ticket in group:
            ticket.committed = True

    def _hand_back(self, group: Sequence[_Ticket[object]]) -> None:
        with self._gathering:
            for ticket in group:
                ticket.finished = True
            self._leading = False
            self._gathering.notify_all()

    def close(self) -> None:
        """Let the connection go, after the group at work; later calls of `run` raise LedgerError."""
        with self._gathering:
            while self._leading:
                self._gathering.wait()
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _apply_alone(ticket: _Ticket[object], connection: Connection) -> None:
    """Run one mutation inside a savepoint; raises only what ends the whole group."""
    savepoint = connection.begin_nested()
    ticket.apply(connection)
    if ticket.error is None:
        savepoint.commit()
    elif _in_transaction(connection):
        savepoint.rollback()
    else:
        raise ticket.error


def _in_transaction(connection: Connection) -> bool:
    """Whether there is one still: a full disk makes SQLite end it by itself."""
    driver = connection.connection.driver_connection
    return bool(driver and driver.in_transaction)
