"""``v2xsync plan``: the dry run. Sources are listed and the ledger is read; nothing is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DEVICE, DONE
from v2xsync.cli.moments import size
from v2xsync.cli.names import chosen_routes
from v2xsync.cli.records import reading
from v2xsync.errors import DeviceError

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig
    from v2xsync.engine.planning import PlanLine
    from v2xsync.ledger.base import LedgerReader
    from v2xsync.model.custody import Receipt

_HEAD = ("action", "source", "path", "size", "route", "to", "because")


def run(call: Call) -> int:
    """Print what a run of the named routes (or all) would do; exit code 3 where a source could not be listed."""
    config = call.config(opens_devices=True)
    names = chosen_routes(config, call.arguments.names)
    lines: list[PlanLine] = []
    troubles: list[DeviceError] = []
    with reading(config) as reader:
        for source in _sources(config, names):
            try:
                lines.extend(_of_source(config, source, names, reader, call.now()))
            except DeviceError as error:
                troubles.append(error)
    _print(call, lines, troubles)
    return DEVICE if troubles else DONE


def _sources(config: StationConfig, names: Collection[str]) -> Sequence[str]:
    return tuple(dict.fromkeys(s for route in config.routes if route.name in names for s in route.sources))


def _of_source(
    config: StationConfig, source: str, names: Collection[str], reader: LedgerReader, now: float
) -> Iterator[PlanLine]:
    """Lines of one source. Every route that reads it has a say about removal, so all are planned, and some shown."""
    from v2xsync.engine.planning import plan_source
    from v2xsync.engine.wiring import open_session

    routes = [route for route in config.routes if source in route.sources]
    with closing(open_session(config, source)) as session:
        session.connect()
        for line in plan_source(source, session, routes, reader, now):
            if not line.route or line.route in names:
                yield line


def _print(call: Call, lines: Sequence[PlanLine], troubles: Sequence[DeviceError]) -> None:
    causes = [{"device": error.device, "reason": error.what, "remedy": error.remedy} for error in troubles]
    if call.out.as_json:
        code = DEVICE if troubles else DONE
        call.out.document({"exit_code": code, "lines": lines, "counts": _counts(lines), "causes": causes})
        return
    call.out.table(_HEAD, (_row(line) for line in lines))
    for error in troubles:
        call.out.trouble(error, DEVICE)
    told = ", ".join(f"{count} to {action}" for action, count in _counts(lines).items())
    call.out.talk(f"v2xsync: {told or 'nothing to do'}; nothing was touched")


def _counts(lines: Sequence[PlanLine]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for line in lines:
        counts[line.action] = counts.get(line.action, 0) + 1
    return counts


def _row(line: PlanLine) -> Sequence[str]:
    because = "; ".join([line.reason, *map(_receipt, line.receipts)])
    return (line.action, line.source, line.path, size(line.size), line.route, line.device, because)


def _receipt(receipt: Receipt) -> str:
    by = f" by {receipt.by}" if receipt.by else ""
    return f"{receipt.device}: {receipt.proof.word}{by} {receipt.sha256[:8]}"
