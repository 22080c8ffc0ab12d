"""The few phrases that every query of the ledger is made of.

States are written into the query's text as constants, never bound as parameters: a partial index `WHERE state = 0`
serves only a query that says `state = 0`. Lists are bound as one JSON text, so that a query keeps one prepared form
however long its list is.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    TableValuedAlias,
    Text,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)

from v2xsync.ledger.wiretext import WireText, to_column
from v2xsync.model.custody import Step, legal_sources

_LEFT_BEHIND = frozenset({"SUPERSEDED", "GONE"})
"""What shows again is a new item; these never come back."""

_NOT_IN_HAND = _LEFT_BEHIND | {"WAITING", "HELD"}
"""Nobody works on a facet in these states: a report that it is to go on waiting comes late and moves nothing."""


def given(name: str) -> BindParameter[Any]:
    """A value that each run of a statement gives, bound as `name`."""
    return bindparam(name)


def given_text(name: str) -> BindParameter[str]:
    """A text from the wire that each run of a statement gives, bound as `name`."""
    return bindparam(name, type_=WireText())


def words(text: str) -> ColumnElement[str]:
    """A text of ours as a constant of the query's text."""
    return literal_column(f"'{text}'", Text)


def state(value: enum.IntEnum) -> ColumnElement[int]:
    """A state as a constant of the query's text."""
    return literal_column(str(int(value)), Integer)


def step(value: Step) -> ColumnElement[str]:
    """A step of the custody log as a constant of the query's text."""
    return literal_column(f"'{value.value}'", Text)


def one_of(column: ColumnElement[int], values: Iterable[int]) -> ColumnElement[bool]:
    """`column` is one of `values`, written as constants in rising order."""
    return column.in_(_constants(values))


def none_of(column: ColumnElement[int], values: Iterable[int]) -> ColumnElement[bool]:
    """`column` is none of `values`, written as constants in rising order."""
    return column.not_in(_constants(values))


def _constants(values: Iterable[int]) -> Sequence[ColumnElement[int]]:
    return [literal_column(str(value), Integer) for value in sorted(map(int, values))]


def listing(name: str) -> TableValuedAlias:
    """The list bound as `name` (a JSON text, made by `listed` or `listed_paths`) as a table with the column `value`."""
    return func.json_each(bindparam(name, type_=Text)).table_valued("value", name=name)


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`column` is in the list bound as `name`."""
    return column.in_(select(listing(name).c.value))


def among_or_all(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`column` is in the list bound as `name`, or that list is empty."""
    return or_(func.json_array_length(bindparam(name, type_=Text)) == 0, among(column, name))


def not_among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`column` is not in the list bound as `name`."""
    return column.not_in(select(listing(name).c.value))


def listed(numbers: Iterable[int]) -> str:
    """The JSON text of a list of ids."""
    return f"[{','.join(map(str, numbers))}]"


def listed_paths(paths: Iterable[str]) -> str:
    """The JSON text of a list of paths."""
    return json.dumps([to_column(path) for path in paths])


def movable(moves: Mapping[Any, frozenset[Any]], to: Any) -> frozenset[int]:
    """The states that a report "now it is `to`" moves: legal ones only, and `to` itself where it is no end."""
    sources = frozenset(legal_sources(moves, to))
    if to.name in ("QUEUED", "WAITING"):
        sources -= {int(source) for source in moves if source.name in _NOT_IN_HAND}
    if moves[to] and to.name not in _LEFT_BEHIND:
        sources |= {int(to)}
    return sources
