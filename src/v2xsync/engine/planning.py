"""The dry run: what would be fetched, delivered and removed, with the receipts that allow each removal.

Reads the ledger and takes listings; touches nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from v2xsync.devices.base import Source
from v2xsync.engine.listing import Line, Listing, covers, files_of, left_alone
from v2xsync.engine.receipts import receipts_of
from v2xsync.ledger.base import Dossier, Known, LedgerReader
from v2xsync.model.custody import DeliveryState, FetchState, Receipt, RemovalState, may_remove
from v2xsync.model.naming import printable
from v2xsync.model.readiness import judge
from v2xsync.model.rules import After, Route
from v2xsync.model.selection import selects

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One thing that a run would do, or why it would not. `action`: fetch, deliver, remove, wait, hold, gap, leave."""

    action: str
    source: str
    path: str
    size: int
    route: str = ""
    device: str = ""
    reason: str = ""
    receipts: tuple[Receipt, ...] = ()


def plan_source(
    source: str, session: Source, routes: Sequence[Route], reader: LedgerReader, now: float
) -> Iterator[PlanLine]:
    """Plan lines for one source and the routes that have it; `session` is connected. Raises DeviceError."""
    listing = Listing()
    for entry in session.list():
        listing.add(entry)
    for gap in listing.unlistable:
        yield PlanLine("gap", source, printable(gap.path), 0, reason=printable(gap.reason))
    for path, reason in left_alone(listing, lambda path: _selecting(routes, path)):
        yield PlanLine("leave", source, printable(path), 0, reason=reason)
    lines = list(files_of(listing, lambda path: _selecting(routes, path)))
    for start in range(0, len(lines), _CHUNK):
        chunk = lines[start : start + _CHUNK]
        known = reader.known(source, [line.entry.path for line in chunk])
        for line in chunk:
            yield from _plan_line(source, line, known, reader, now)


def _selecting(routes: Sequence[Route], path: str) -> Sequence[Route]:
    return [route for route in routes if selects(route.selection, path)]


def _plan_line(
    source: str, line: Line, known: Mapping[str, Known], reader: LedgerReader, now: float
) -> Iterator[PlanLine]:
    have = known.get(line.entry.path)
    if not covers(have, line.entry, line.routes, fat_times=False):
        yield from _fresh(source, line, now)
        return
    dossier = reader.dossier(have.item_id) if have else None
    if dossier is not None:
        yield from _underway(dossier, line, now)


def _fresh(source: str, line: Line, now: float) -> Iterator[PlanLine]:
    """A file that the ledger does not have: fetch, deliver, and remove if its routes say so."""
    path, size = printable(line.entry.path), line.entry.size
    answers = [judge(route.ready, line.entry, line.siblings, now, None) for route in line.routes]
    blocked = next((answer for answer in answers if not answer.ready and not answer.settling), None)
    if blocked is not None:
        yield PlanLine("wait", source, path, size, reason=blocked.reason)
        return
    for route in line.routes:
        yield PlanLine("fetch", source, path, size, route.name, "store" if route.stage else "")
        for target in route.targets:
            yield PlanLine("deliver", source, path, size, route.name, target)
    if all(route.remove.after is not After.NEVER for route in line.routes):
        yield PlanLine("remove", source, path, size, reason=f"after {_conditions(line.routes)}")


def _conditions(routes: Collection[Route]) -> str:
    words: list[str] = []
    for route in routes:
        if route.remove.after is After.STORED:
            words.append(f"the store proves {route.remove.proof.word}")
        words += [f"{target} proves {route.remove.proof_for(target).word}" for target in _awaited(route)]
    return " and ".join(words)


def _awaited(route: Route) -> Sequence[str]:
    return route.targets if route.remove.after is After.DELIVERED else ()


def _underway(dossier: Dossier, line: Line, now: float) -> Iterator[PlanLine]:
    """A file that the ledger has: what is still to be done about it."""
    path, size, source = printable(line.entry.path), line.entry.size, dossier.source
    for fetch in dossier.fetches:
        if fetch.state is FetchState.QUEUED:
            yield PlanLine("fetch", source, path, size, fetch.route, "store", fetch.reason)
        elif fetch.state is FetchState.HELD:
            yield PlanLine("hold", source, path, size, fetch.route, "store", fetch.reason)
    for delivery in dossier.deliveries:
        if delivery.state in (DeliveryState.QUEUED, DeliveryState.WAITING, DeliveryState.SENDING):
            yield PlanLine("deliver", source, path, size, delivery.route, delivery.target, delivery.reason)
        elif delivery.state in (DeliveryState.HELD, DeliveryState.UNKNOWN):
            yield PlanLine("hold", source, path, size, delivery.route, delivery.target, delivery.reason)
    if dossier.removal in (RemovalState.WAITING, RemovalState.QUEUED, RemovalState.ORDERED):
        yield from _removal(dossier, line, now)


def _removal(dossier: Dossier, line: Line, now: float) -> Iterator[PlanLine]:
    verdict = may_remove(line.routes, receipts_of(dossier), now)
    path, size = printable(line.entry.path), line.entry.size
    if verdict.allowed:
        yield PlanLine("remove", dossier.source, path, size, reason=verdict.reason, receipts=verdict.receipts)
    elif all(route.remove.after is not After.NEVER for route in line.routes):
        yield PlanLine("remove", dossier.source, path, size, reason=f"after {_conditions(line.routes)}")
