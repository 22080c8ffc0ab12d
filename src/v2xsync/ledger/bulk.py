"""Statements for many rows: one Core statement, compiled once, handed to the driver with plain tuples.

Core's own way of running a statement for many rows builds a dictionary and looks up its types for each row; here a row
costs little more than SQLite's own work.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Insert, Update

Values = Sequence[tuple[object, ...]]


class Bulk:
    """A writing statement for many rows; each row gives its values in the order of `names` (raw: no column types)."""

    def __init__(self, statement: Insert | Update, *names: str) -> None:
        self._statement = statement
        self._names = names
        self._sql = ""

    def run(self, connection: Connection, rows: Values) -> None:
        """Run it for every row; nothing at all for no rows."""
        if rows:
            self._sql = self._sql or self._compiled(connection)
            connection.exec_driver_sql(self._sql, list(rows))

    def _compiled(self, connection: Connection) -> str:
        of_values = isinstance(self._statement, Insert) and self._statement.select is None
        columns = list(self._names) if of_values else None
        compiled = self._statement.compile(dialect=connection.dialect, column_keys=columns)
        order = tuple(compiled.positiontup or ())
        if order != self._names:
            raise TypeError(f"the statement takes {order}, not {self._names}: {compiled}")
        return str(compiled)
