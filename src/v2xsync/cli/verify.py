"""``v2xsync verify``: the store is read and the targets are asked again, against the ledger's receipts. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DEVICE, DONE, SOME_FAILED
from v2xsync.cli.records import reading
from v2xsync.errors import ConfigError, DeviceError

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig
    from v2xsync.engine.verifying import Difference
    from v2xsync.ledger.base import LogLine

_HEAD = ("where", "item", "what is wrong", "copy", "source", "path")


@dataclass(slots=True)
class _Verified:
    """What was looked at, and what it showed."""

    checked: dict[str, int] = field(default_factory=dict)
    """Copies by device, the store among them."""
    unasked: dict[str, str] = field(default_factory=dict)
    """Why a device's copies were not looked at."""
    differences: list[Difference] = field(default_factory=list)
    troubles: list[DeviceError] = field(default_factory=list)

    @property
    def code(self) -> int:
        """How the command ends."""
        if self.troubles:
            return DEVICE
        return SOME_FAILED if self.differences else DONE


def run(call: Call) -> int:
    """List every copy that is not what its receipt says; exit code 1 where there is one, 3 where a target is away."""
    from v2xsync.engine.verifying import sampled, store_copies, target_copies, verify_store

    most: int = call.arguments.sample
    if most < 0:
        raise ConfigError(f"{most} files cannot be chosen", key="--sample", remedy="write how many files, e.g. 100")
    config = call.config(opens_devices=True)
    found = _Verified()
    with reading(config) as reader:
        copies = sampled(store_copies(reader), most)
        found.differences += verify_store(reader, config.store.directory, copies)
        found.checked["store"] = len(copies)
        by_target = {name: sampled(lines, most) for name, lines in target_copies(reader).items()}
    _ask_targets(config, by_target, found)
    _print(call, found)
    return found.code


def _ask_targets(config: StationConfig, by_target: Mapping[str, Sequence[LogLine]], found: _Verified) -> None:
    for target, lines in sorted(by_target.items()):
        if target not in config.devices:
            found.unasked[target] = "it is not in the config any more"
            continue
        try:
            _ask_target(config, target, lines, found)
        except DeviceError as error:
            found.troubles.append(error)


def _ask_target(config: StationConfig, target: str, lines: Sequence[LogLine], found: _Verified) -> None:
    from v2xsync.engine.verifying import verify_target
    from v2xsync.engine.wiring import open_session

    with closing(open_session(config, target)) as session:
        if not session.capabilities.probeable:
            found.unasked[target] = "it cannot be asked about what it has"
            return
        session.connect()
        found.differences += verify_target(session, lines)
        found.checked[target] = len(lines)


def _print(call: Call, found: _Verified) -> None:
    causes = [{"device": error.device, "reason": error.what, "remedy": error.remedy} for error in found.troubles]
    if call.out.as_json:
        call.out.document(
            {
                "exit_code": found.code,
                "checked": found.checked,
                "unasked": found.unasked,
                "differences": found.differences,
                "causes": causes,
            }
        )
        return
    call.out.table(_HEAD, (_row(one) for one in found.differences))
    for device, why in found.unasked.items():
        call.out.talk(f"v2xsync: {device} was not asked: {why}")
    for error in found.troubles:
        call.out.trouble(error, found.code)
    looked = ", ".join(f"{count} at {device}" for device, count in found.checked.items())
    call.out.talk(f"v2xsync: {looked}: {len(found.differences)} differ; nothing was touched")


def _row(one: Difference) -> Sequence[str]:
    return (one.device, str(one.item_id), one.what, one.place, one.source, one.path)
