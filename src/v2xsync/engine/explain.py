"""Why is this file still here? The dossier of an item in plain sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from v2xsync.errors import DeviceError
from v2xsync.ledger.base import DeliveryFacet, Dossier, FetchFacet
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState
from v2xsync.model.naming import printable
from v2xsync.model.rules import After, Route


def explain(
    dossier: Dossier, routes: Mapping[str, Route], now: float, troubles: Mapping[str, DeviceError | None]
) -> tuple[str, ...]:
    """Sentences: where the file is, what it waits for, what happens next and when."""
    return (
        *(_fetch(facet, dossier.source, now, troubles) for facet in dossier.fetches),
        *(_delivery(facet, now, troubles) for facet in dossier.deliveries),
        *_removal(dossier, routes, now, troubles),
    )


def _fetch(facet: FetchFacet, source: str, now: float, troubles: Mapping[str, DeviceError | None]) -> str:
    if facet.state is FetchState.STORED and facet.expired_at is not None:
        return f"Route {facet.route}: it was in the store, and left it after delivery to every target."
    if facet.state is FetchState.STORED:
        return f"Route {facet.route}: it is in the store as {printable(facet.store_path)}."
    if facet.state is FetchState.SKIPPED:
        return f"Route {facet.route}: no local copy is kept."
    if facet.state is FetchState.HELD:
        return f"Route {facet.route}: the fetch is on hold: {printable(facet.reason)}."
    if facet.state is FetchState.SUPERSEDED:
        return (
            f"Route {facet.route}: it was not fetched: {printable(facet.reason) or 'a newer version took its place'}."
        )
    again = " again" if facet.sha256 else ""
    when = _when(facet.next_at, now, facet.reason, troubles.get(source))
    return f"Route {facet.route}: it waits to be fetched{again}{when}."


def _delivery(facet: DeliveryFacet, now: float, troubles: Mapping[str, DeviceError | None]) -> str:
    target = facet.target
    if facet.state is DeliveryState.DELIVERED:
        proof = facet.proof.word if facet.proof else "ack"
        address = f" ({printable(facet.reference)})" if facet.reference else ""
        return f"{target} has it as {printable(facet.target_path)}, proven by {proof}{address}."
    if facet.state is DeliveryState.WAITING:
        return f"{target} gets it as soon as it is stored."
    if facet.state is DeliveryState.HELD:
        return f"{target}: the delivery is on hold: {printable(facet.reason)}."
    if facet.state is DeliveryState.UNKNOWN:
        return f"{target}: nobody knows whether it arrived: {printable(facet.reason)}. A person decides (release)."
    if facet.state is DeliveryState.SUPERSEDED:
        return f"{target}: not delivered; a newer version took its place."
    return f"{target}: it waits to be delivered{_when(facet.next_at, now, facet.reason, troubles.get(target))}."


def _removal(
    dossier: Dossier, routes: Mapping[str, Route], now: float, troubles: Mapping[str, DeviceError | None]
) -> Iterable[str]:
    source = dossier.source
    if dossier.removal is RemovalState.REMOVED:
        yield f"The original was removed from {source}."
    elif dossier.removal is RemovalState.GONE:
        yield f"The original is not on {source} any more: {printable(dossier.removal_reason)}."
    elif dossier.removal is RemovalState.HELD:
        yield f"The original is still on {source}; its removal is on hold: {printable(dossier.removal_reason)}."
    elif all(_never(routes.get(facet.route)) for facet in dossier.fetches):
        yield f"The original stays on {source}: no route removes it."
    else:
        when = _when(dossier.removal_next_at, now, dossier.removal_reason, troubles.get(source))
        yield f"The original is still on {source}{when}."


def _never(route: Route | None) -> bool:
    return route is None or route.remove.after is After.NEVER


def _when(next_at: float | None, now: float, reason: str, trouble: DeviceError | None) -> str:
    parts: list[str] = []
    if reason:
        parts.append(f": {printable(reason)}")
    if trouble is not None:
        parts.append(f"; {trouble.device} is in trouble: {printable(trouble.what)}")
    if next_at is not None and next_at > now:
        parts.append(f"; next try {_moment(next_at)}")
    return "".join(parts)


def _moment(at: float) -> str:
    return dt.datetime.fromtimestamp(at, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
