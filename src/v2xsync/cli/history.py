"""``v2xsync history``: the custody log, oldest line first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from zoneinfo import ZoneInfo

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.moments import shown, since
from v2xsync.cli.records import reading
from v2xsync.config.problems import did_you_mean
from v2xsync.errors import ConfigError
from v2xsync.ledger.base import LedgerReader, LogLine
from v2xsync.model.custody import Step

_HEAD = ("when", "item", "step", "source", "device", "proof", "path")
_WIDTHS = (19, 6, 10, 14, 14, 5)


def run(call: Call) -> int:
    """Print the lines that fit; an empty history is no failure."""
    asked = call.arguments
    config = call.config(opens_devices=False)
    start = since(asked.since, call.now(), config.zone) if asked.since else None
    step = _step(asked.state)
    with reading(config) as reader:
        _require_known(reader, "--route", asked.route, {route.name for route in config.routes})
        _require_known(reader, "--source", asked.source, config.devices)
        lines = reader.history(since=start, route=asked.route, source=asked.source, step=step, limit=asked.limit)
        if call.out.as_json:
            call.out.stream("lines", lines)
        else:
            call.out.rows(_HEAD, _rows(lines, config.zone), _WIDTHS)
    return DONE


def _require_known(reader: LedgerReader, option: str, name: str, known: Collection[str]) -> None:
    """Raise ConfigError for a name that neither the config nor the ledger knows (a removed route has its history)."""
    if not name or name in known:
        return
    kind = option.removeprefix("--")
    lines = reader.history(route=name, limit=1) if kind == "route" else reader.history(source=name, limit=1)
    if next(iter(lines), None) is None:
        remedy = did_you_mean(name, known, kind=f"{kind}s")
        raise ConfigError(f'there is no {kind} "{name}"', key=option, remedy=remedy)


def _step(word: str) -> Step | None:
    if not word:
        return None
    steps = {step.value: step for step in Step}
    if word not in steps:
        raise ConfigError(f'there is no state "{word}"', key="--state", remedy=did_you_mean(word, steps, kind="states"))
    return steps[word]


def _rows(lines: Iterator[LogLine], zone: ZoneInfo) -> Iterator[Sequence[str]]:
    for line in lines:
        proof = line.proof.word if line.proof else ""
        place = f"-> {line.place}" if line.place else ""
        told = "  ".join(part for part in (line.path, place, line.by and f"by {line.by}", line.detail) if part)
        yield (shown(line.at, zone), str(line.item_id), line.step.value, line.source, line.device, proof, told)
