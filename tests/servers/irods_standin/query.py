"""GenQuery (API 702): the columns and conditions that the client and the adapter use, as the server takes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.servers.irods_standin.catalog import DataObject, Replica, Zone

Row = dict[int, str]

DATA_COLUMNS = range(400, 500)
AVU_COLUMNS = range(600, 606)


def rows(zone: Zone, columns: Sequence[int], conditions: Mapping[int, str]) -> list[tuple[str, ...]]:
    """Return the distinct rows of a query, sorted by collection, name and replica as far as these are asked for."""
    asked = set(columns) | set(conditions)
    tests = {column: condition(text) for column, text in conditions.items()}
    found = {
        tuple(row.get(column, "") for column in columns)
        for row in _joined(zone, asked, tests.get(501))
        if all(test(row.get(column, "")) for column, test in tests.items())
    }
    by = [columns.index(column) for column in (501, 403, 404) if column in columns]
    return sorted(found, key=lambda row: [row[place] for place in by])


def condition(text: str) -> Callable[[str], bool]:
    """Return the test that a condition is.

    With ``=`` and its like everything between the first and the last quote counts; ``in`` splits at each quote.
    """
    word, quoted = text.strip().partition("'")[::2]
    operator = word.strip().lower().rstrip("(").strip()
    if operator == "in":
        members = set(re.findall(r"'([^']*)'", text))
        return lambda value: value in members
    wanted = quoted.rpartition("'")[0]
    if operator == "like":
        pattern = re.compile("".join(_like(character) for character in wanted), re.DOTALL)
        return lambda value: pattern.fullmatch(value) is not None
    compare: dict[str, Callable[[str], bool]] = {
        "=": lambda value: value == wanted,
        "<>": lambda value: value != wanted,
        "!=": lambda value: value != wanted,
        ">": lambda value: value > wanted,
        "<": lambda value: value < wanted,
    }
    return compare[operator]


def _like(character: str) -> str:
    return {"%": ".*", "_": "."}.get(character, re.escape(character))


def _joined(zone: Zone, asked: set[int], in_collection: Callable[[str], bool] | None) -> Iterator[Row]:
    """Rows of the tables that the columns need."""
    for path, held in zone.collections.items():
        if in_collection is not None and not in_collection(path):
            continue
        collection = _collection_row(zone, path)
        if not any(column in DATA_COLUMNS or column in AVU_COLUMNS for column in asked):
            yield collection
            continue
        for name, found in held.items():
            for replica in found.replicas:
                row = collection | {402: collection[500]} | _object_row(name, found, replica)
                if any(column in AVU_COLUMNS for column in asked):
                    yield from (row | _avu_row(place, avu) for place, avu in enumerate(found.avus))
                else:
                    yield row


def _collection_row(zone: Zone, path: str) -> Row:
    return {
        500: zone.id_of(path),
        501: path,
        502: zone.split(path)[0],
        503: zone.username,
        504: zone.name,
        506: "",
        508: "01700000000",
        509: "01700000000",
        510: zone.special.get(path, ""),
    }


def _object_row(name: str, found: DataObject, replica: Replica) -> Row:
    return {
        401: str(found.id),
        403: name,
        404: str(replica.number),
        405: "",
        406: "generic",
        407: str(replica.size),
        409: replica.resource,
        410: str(replica.file),
        413: replica.state,
        415: replica.checksum,
        419: f"{replica.mtime:011}",
        420: f"{replica.mtime:011}",
        422: replica.resource,
        424: f"{replica.mtime:011}",
    }


def _avu_row(place: int, avu: tuple[str, str, str]) -> Row:
    return {600: avu[0], 601: avu[1], 602: avu[2], 603: str(20_000 + place)}
