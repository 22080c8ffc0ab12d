"""The receipts of an item, out of its log."""

from __future__ import annotations

from collections.abc import Sequence

from v2xsync.ledger.base import Dossier, LogLine
from v2xsync.model.custody import Receipt, Step, without_copy
from v2xsync.model.items import Proof


def receipts_of(dossier: Dossier) -> Sequence[Receipt]:
    """Every receipt of an item that still counts, as its log tells them."""
    receipts: list[Receipt] = []
    for line in dossier.log:
        if line.step is Step.DOUBTED:
            receipts = without_copy(receipts, line.route)
        elif receipt := _receipt(line):
            receipts.append(receipt)
    return receipts


def _receipt(line: LogLine) -> Receipt | None:
    if line.proof is None or line.step not in (Step.STORED, Step.DELIVERED, Step.RELEASED):
        return None
    step = Step.DELIVERED if line.step is Step.RELEASED else line.step
    device = "store" if step is Step.STORED else line.device
    return Receipt(step, line.route, device, Proof(line.proof), line.sha256, line.at, line.method, line.digest, line.by)
