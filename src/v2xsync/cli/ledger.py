"""``v2xsync ledger check | backup FILE | rebuild``: care for the durable record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE, SOME_FAILED
from v2xsync.cli.moments import size
from v2xsync.config.schema import StationConfig
from v2xsync.errors import ConfigError

if TYPE_CHECKING:
    from v2xsync.ledger.care import Finding
    from v2xsync.ledger.manifest import ManifestLine
    from v2xsync.ledger.rebuild import Rebuilt


def run(call: Call) -> int:
    """Do what was asked for. Only `backup` takes a file."""
    deed, file = call.arguments.deed, call.arguments.file
    if (file is not None) is not (deed == "backup"):
        raise ConfigError("`ledger backup` takes one file, the other deeds none", remedy="v2xsync ledger --help")
    return _DEEDS[deed](call, call.config(opens_devices=False))


def _check(call: Call, config: StationConfig) -> int:
    """Exit code 1 where anything is wrong."""
    from v2xsync.ledger.care import check

    findings = check(config.state)
    if call.out.as_json:
        call.out.document({"sound": not findings, "findings": findings})
    for finding in () if call.out.as_json else findings:
        call.out.line(_sentence(finding))
    if findings:
        call.out.talk("v2xsync: the ledger is not sound -- keep a copy; docs/operations.md says how it is rebuilt")
        return SOME_FAILED
    if not call.out.as_json:
        call.out.line(
            "ok: the file is whole, every state is a legal one, and every copy that is claimed has its receipt"
        )
    return DONE


def _sentence(finding: Finding) -> str:
    about = f" (item {', '.join(map(str, finding.items))})" if finding.items else ""
    return f"error: {finding.what}: {finding.count} times{about}" if finding.items else f"error: {finding.what}"


def _backup(call: Call, config: StationConfig) -> int:
    from v2xsync.ledger.care import back_up

    file: Path = call.cwd / call.arguments.file
    length = back_up(config.state, file)
    if call.out.as_json:
        call.out.document({"file": file, "size": length})
    else:
        call.out.line(f"{file}: {size(length)}, whole")
    return DONE


def _rebuild(call: Call, config: StationConfig) -> int:
    """Exit code 1 where the store lacks copies that it should have."""
    from v2xsync.engine.clock import SystemClock
    from v2xsync.engine.manifests import read
    from v2xsync.engine.store import Store
    from v2xsync.ledger.rebuild import rebuild

    lines, torn = read(config.store.directory)
    result = rebuild(config.state, lines, _holder(config.store.directory), call.now())
    partials = Store(config.store.directory, monotonic=SystemClock().monotonic)
    partials.sweep(())  # they carry the numbers of the old ledger
    if call.out.as_json:
        call.out.document({"lines": len(lines), "torn": torn, "rebuilt": result})
    else:
        _tell(call, result, torn)
    return SOME_FAILED if result.missing else DONE


def _holder(store: Path) -> Callable[[ManifestLine], bool]:
    """What tells whether the store holds, whole, what a line says."""
    from v2xsync.engine.verifying import store_difference

    return lambda line: store_difference(store, line.place, line.bytes, line.sha256) == ""


def _tell(call: Call, result: Rebuilt, torn: int) -> None:
    call.out.line(
        f"{result.items} files known again: {result.stored} stored, {result.delivered} deliveries with their receipts, "
        f"{result.removed} removed at their source, {result.unknown} on hold because their answer is not known"
    )
    for place in result.missing:
        call.out.line(f"missing or damaged in the store: {place}")
    if torn:
        call.out.talk(f"v2xsync: {torn} torn lines were left out")


_DEEDS: Final[Mapping[str, Callable[[Call, StationConfig], int]]] = {
    "check": _check,
    "backup": _backup,
    "rebuild": _rebuild,
}
