"""``v2xsync check``: whether the config is right, and (``--connect``) whether every device can be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.findings import ERROR, OK, WARNING, Finding
from v2xsync.config.schema import StationConfig
from v2xsync.model.rules import After, Route


def run(call: Call) -> int:
    """Print one line per finding, as it is found; a wrong config ends with exit code 2 before this."""
    config = call.config(opens_devices=True, warn=False)
    found: list[Finding] = []
    for finding in _findings(call, config):
        found.append(finding)
        if not call.out.as_json:
            call.out.line(str(finding))
    code = min((finding.code for finding in found if finding.level == ERROR), default=DONE)
    if call.out.as_json:
        call.out.document({"config": config.source_file, "exit_code": code, "findings": found})
    return code


def _findings(call: Call, config: StationConfig) -> Iterator[Finding]:
    yield from _of_config(config)
    if call.arguments.connect:
        from v2xsync.cli.connecting import check_devices

        yield from check_devices(config, call.now)


def _of_config(config: StationConfig) -> Iterable[Finding]:
    yield Finding(OK, str(config.source_file), f"{len(config.devices)} devices, {len(config.routes)} routes")
    for route in config.routes:
        yield Finding(OK, f"routes.{route.name}", _sentence(route))
    for warning in config.warnings:
        about, colon, text = warning.partition(": ")
        yield Finding(WARNING, about if colon else str(config.source_file), text or warning)


def _sentence(route: Route) -> str:
    """What a route does, so that a person sees whether that was meant."""
    ends = f"{', '.join(route.sources)} -> {', '.join(route.targets) or 'the store only'}"
    if route.remove.after is After.NEVER:
        return f"{ends}; originals stay"
    return f"{ends}; originals are removed once {route.remove.after.value}"
