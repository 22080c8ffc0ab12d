"""``v2xsync`` without a command: the station, on the screen or headless, or once."""

from __future__ import annotations

from v2xsync.cli.call import Call
from v2xsync.errors import ConfigError


def run(call: Call) -> int:
    """Choose how to run; without a terminal the station is headless by itself."""
    asked = call.arguments
    if asked.once:
        from v2xsync.cli import once

        return once.run(call)
    if asked.json:
        raise ConfigError("a running station prints no document", remedy="use --log-format json, or --once --json")
    config = call.config(opens_devices=True)
    if asked.no_ui or not call.on_terminal:
        from v2xsync.cli.headless import serve

        return serve(call, config)
    from v2xsync.cli.screen import show

    return show(call, config)
