"""Statements for many rows say exactly which values they take."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from sqlalchemy import bindparam, create_engine, insert, select, update

from v2xsync import ledger as house
from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.tables import items, notes


def every_bulk() -> list[tuple[str, Bulk]]:
    modules = [
        importlib.import_module(f"{house.__name__}.{found.name}") for found in pkgutil.iter_modules(house.__path__)
    ]
    return [
        (f"{module.__name__}.{name}", value)
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Bulk)
    ]


@pytest.mark.parametrize(("name", "bulk"), every_bulk())
def test_every_statement_of_the_ledger_takes_the_values_it_names(name, bulk):
    with create_engine("sqlite://").connect() as connection:
        assert bulk._compiled(connection).count("?") == len(bulk._names)


@pytest.mark.parametrize(
    "bulk",
    [
        Bulk(insert(notes), "text", "key"),
        Bulk(update(notes).where(notes.c.key == bindparam("which")).values(text=bindparam("what")), "which", "what"),
        Bulk(update(notes).values(text="a constant")),
        Bulk(insert(notes).from_select(["key", "text"], select(items.c.path, bindparam("what"))), "what", "more"),
    ],
)
def test_values_in_another_order_are_refused(bulk):
    with create_engine("sqlite://").connect() as connection, pytest.raises(TypeError, match="the statement takes"):
        bulk.run(connection, [("a", "b")])
