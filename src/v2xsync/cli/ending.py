"""How a run of ``--once`` or ``sync`` ended: its exit code, and every cause, for people and for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from v2xsync.cli.exit_codes import DEVICE, DONE, INTERRUPTED, SOME_FAILED
from v2xsync.cli.moments import size

if TYPE_CHECKING:
    from v2xsync.cli.output import Output
    from v2xsync.engine.service import OnceReport


def exit_code(report: OnceReport) -> int:
    """Return the code by precedence: interrupted, a device, an item, all done."""
    if report.interrupted:
        return INTERRUPTED
    if any(cause.kind == "device" for cause in report.causes):
        return DEVICE
    return SOME_FAILED if report.causes else DONE


def tell(out: Output, report: OnceReport) -> int:
    """Print how the run ended (JSON: the document with all causes); returns the exit code."""
    code = exit_code(report)
    if out.as_json:
        content = {"exit_code": code, "interrupted": report.interrupted, "totals": report.view.totals}
        out.document({**content, "causes": report.causes, "devices": report.view.devices})
        return code
    for cause in report.causes:
        about = ": ".join(part for part in (cause.device, cause.path) if part)
        remedy = f" -- {cause.remedy}" if cause.remedy else ""
        out.talk(f"v2xsync: {about}: {cause.reason}{remedy}")
    done = report.view.totals
    out.talk(
        f"v2xsync: {done.stored} fetched ({size(done.bytes_in)}), {done.delivered} delivered ({size(done.bytes_out)}),"
        f" {done.removed} removed, {done.failed} failed, {report.view.holds} on hold"
    )
    return code
