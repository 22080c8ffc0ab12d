"""The custody log: writing its lines, and reading them back as lines and as receipts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from v2xsync.ledger.base import LogLine
from v2xsync.ledger.bulk import Bulk
from v2xsync.ledger.phrases import among, listed, step
from v2xsync.ledger.tables import custody_log, items
from v2xsync.ledger.wiretext import to_column
from v2xsync.model.custody import Receipt, Step, without_copy
from v2xsync.model.items import Digest, Proof

STORE = "store"
"""The device of a fetch's lines and receipts."""

_STORED = Step.STORED.value
_DOUBTED = Step.DOUBTED.value
_PROOFS = {int(proof): proof for proof in Proof}

Line = tuple[float, str, int | None, str, str, str]

_LINE = Bulk(insert(custody_log), "at", "step", "item_id", "route", "device", "detail")
_RECEIPT = Bulk(
    insert(custody_log),
    "at", "step", "item_id", "route", "device", "proof", "sha256", "size", "method", "digest", "reference", "place",
    "by", "detail",
)  # fmt: skip

LINES = select(
    custody_log.c.seq, custody_log.c.at, custody_log.c.step, custody_log.c.item_id, custody_log.c.route,
    custody_log.c.device, custody_log.c.proof, custody_log.c.sha256, custody_log.c.size, custody_log.c.method,
    custody_log.c.digest, custody_log.c.reference, custody_log.c.place, custody_log.c.by, custody_log.c.detail,
    items.c.source, items.c.path,
).select_from(custody_log.outerjoin(items))  # fmt: skip

_RECEIPTS = (
    select(
        custody_log.c.item_id, custody_log.c.step, custody_log.c.route, custody_log.c.device, custody_log.c.proof,
        custody_log.c.sha256, custody_log.c.at, custody_log.c.method, custody_log.c.digest, custody_log.c.by,
        custody_log.c.place,
    )
    .where(
        among(custody_log.c.item_id, "ids"),
        custody_log.c.proof.is_not(None) | (custody_log.c.step == step(Step.DOUBTED)),
    )
    .order_by(custody_log.c.seq)
)  # fmt: skip


def line(at: float, step: Step, item_id: int, route: str, device: str, detail: str = "") -> Line:
    """One line without a proof; `item_id` 0: it speaks of no item."""
    return at, step.value, item_id or None, route, device, to_column(detail)


def write_lines(connection: Connection, lines: Sequence[Line]) -> None:
    """Append lines."""
    _LINE.run(connection, lines)


def write_receipts(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Append lines that carry a proof, in the order of the columns of `_RECEIPT`."""
    _RECEIPT.run(connection, rows)


def digest_text(digest: Digest | None) -> str:
    """A digest as the log stores it."""
    return str(digest) if digest else ""


def digest_of(text: str) -> Digest | None:
    """The digest that the log stored."""
    algorithm, colon, value = text.partition(":")
    return Digest(algorithm, value) if colon else None


def log_line(row: Any) -> LogLine:
    """A row of `LINES` as a value."""
    return LogLine(
        seq=row.seq, at=row.at, step=Step(row.step), item_id=row.item_id or 0, source=row.source or "",
        path=row.path or "", route=row.route, device=row.device, proof=None if row.proof is None else Proof(row.proof),
        sha256=row.sha256, size=row.size, method=row.method, digest=digest_of(row.digest), reference=row.reference,
        place=row.place, by=row.by, detail=row.detail,
    )  # fmt: skip


def receipts_of(connection: Connection, item_ids: Iterable[int]) -> Mapping[int, Sequence[Receipt]]:
    """Every receipt of each item, oldest first; a person's word (`released` with a proof) is one of delivery.

    Of a copy in the store that was doubted since it was proven there is none.
    """
    receipts: dict[int, list[Receipt]] = {}
    rows: Sequence[Any] = connection.execute(_RECEIPTS, {"ids": listed(item_ids)}).all()
    for item_id, done, route, device, proof, sha256, at, method, digest, by, place in rows:
        if done == _DOUBTED:
            receipts[item_id] = without_copy(receipts.get(item_id, ()), route)
            continue
        hop = Step.STORED if done == _STORED else Step.DELIVERED
        receipt = Receipt(hop, route, device, _PROOFS[proof], sha256, at, method, digest_of(digest), by, place)
        receipts.setdefault(item_id, []).append(receipt)
    return receipts
