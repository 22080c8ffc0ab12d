"""The story of one file: in short, where it stands now, and its whole life."""

from __future__ import annotations

from collections.abc import Iterator

from v2xsync.engine.facade import Why
from v2xsync.ledger.base import DeliveryFacet, Dossier, FetchFacet, LogLine
from v2xsync.model.amounts import in_bytes
from v2xsync.model.items import NS_PER_S
from v2xsync.ui import words
from v2xsync.ui.ink import Ink, Line, Piece
from v2xsync.ui.states import DELIVERY, FETCH, REMOVAL, STEP, Face
from v2xsync.ui.stories.telling import LABEL_CELLS, fact, heading, paragraph

STEP_CELLS = 13


def file_story(why: Why, ink: Ink, width: int) -> Iterator[Line]:
    """Yield every line of the file's page."""
    dossier = why.dossier
    yield from paragraph(f"{dossier.source}: {dossier.path}", width, "strong")
    for sentence in why.summary:
        yield from paragraph(sentence, width, indent="  ", sign=f"{ink.glyphs.note} ")
    yield from heading("Now", ink, width)
    for fetch in dossier.fetches:
        yield from _fetch(fetch, ink, width)
    for delivery in dossier.deliveries:
        yield from _delivery(delivery, ink, width)
    yield from _removal(dossier, ink, width)
    yield from heading("Life", ink, width)
    for line in dossier.log:
        yield from _hop(line, ink, width)
    yield from heading("Identity", ink, width)
    yield from _identity(dossier, ink, width)


def _state(label: str, face: Face, remarks: tuple[str, ...], ink: Ink) -> Line:
    """One facet: whose, its state, and short remarks."""
    tail = "".join(f"{ink.gap}{remark}" for remark in remarks if remark)
    return (
        ink.cell(label, LABEL_CELLS, "quiet", cut="middle"),
        ink.sign(face),
        Piece(face.word, face.tone),
        Piece(tail),
    )


def _below(text: str, width: int, tone: str = "quiet") -> Iterator[Line]:
    """A path or a reason under its facet."""
    if text:
        yield from paragraph(text, width, tone, indent="  ")


def _fetch(facet: FetchFacet, ink: Ink, width: int) -> Iterator[Line]:
    expired = "" if facet.expired_at is None else f"removed from the store {ink.moment.full(facet.expired_at)}"
    yield _state("store", FETCH[facet.state], (expired, _again(facet.tries, facet.next_at, ink)), ink)
    yield from _below(facet.store_path, width)
    yield from _below(facet.reason, width, "warn")


def _delivery(facet: DeliveryFacet, ink: Ink, width: int) -> Iterator[Line]:
    proof = f"proof {facet.proof.word}" if facet.proof else ""
    yield _state(facet.target, DELIVERY[facet.state], (proof, _again(facet.tries, facet.next_at, ink)), ink)
    yield from _below(facet.target_path, width)
    yield from _below(facet.reference, width)
    yield from _below(facet.reason, width, "warn")


def _removal(dossier: Dossier, ink: Ink, width: int) -> Iterator[Line]:
    yield _state(dossier.source, REMOVAL[dossier.removal], (_again(0, dossier.removal_next_at, ink),), ink)
    yield from _below(dossier.removal_reason, width)


def _again(tries: int, next_at: float | None, ink: Ink) -> str:
    tried = f"tried {tries} {'time' if tries == 1 else 'times'}" if tries else ""
    later = "" if next_at is None else ink.moment.coming(next_at)
    return ink.gap.join(filter(None, (tried, later)))


def _hop(line: LogLine, ink: Ink, width: int) -> Iterator[Line]:
    proof = f"proof {line.proof.word}{f' by {line.method}' if line.method else ''}" if line.proof else line.method
    by = f"by {line.by}" if line.by else ""
    remark = ink.gap.join(filter(None, (line.device, proof, line.reference, by, line.detail)))
    head = (ink.cell(ink.moment.stamp(line.at), LABEL_CELLS, "quiet"), ink.face(STEP[line.step], STEP_CELLS))
    indent = Piece(" " * (LABEL_CELLS + STEP_CELLS))
    first, *more = paragraph(remark, width - LABEL_CELLS - STEP_CELLS)
    yield (*head, *first)
    for part in more:
        yield (indent, *part)
    for part in paragraph(line.place, width - 2, "quiet", indent="  ") if line.place else ():
        yield part


def _identity(dossier: Dossier, ink: Ink, width: int) -> Iterator[Line]:
    seen = dossier.fingerprint
    routes = sorted({facet.route for facet in dossier.fetches} | {facet.route for facet in dossier.deliveries})
    digests = sorted({facet.sha256 for facet in dossier.fetches if facet.sha256})
    exact = f"{in_bytes(seen.size)} ({words.number(seen.size)} bytes)"
    weak = " (too coarse to tell versions apart)" if seen.weak else ""
    changed = "not told by the device" if seen.mtime_ns is None else ink.moment.full(seen.mtime_ns / NS_PER_S) + weak
    yield from fact("size", exact, width, ink)
    yield from fact("changed", changed, width, ink)
    yield from fact("found", ink.moment.full(dossier.found_at), width, ink)
    yield from fact("sha256", ", ".join(digests), width, ink)
    yield from fact("route", ", ".join(routes), width, ink)
    yield from fact("item", str(dossier.item_id), width, ink)
