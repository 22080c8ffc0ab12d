"""``v2xsync`` without a command: the station, on the screen or headless, or once; or a look at the running service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from v2xsync.cli.call import Call
from v2xsync.errors import ConfigError, ServiceAway

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig


def run(call: Call) -> int:
    """Choose how to run; without a terminal the station is headless by itself."""
    asked = call.arguments
    if asked.once:
        from v2xsync.cli import once

        return once.run(call)
    if asked.json:
        raise ConfigError("a running station prints no document", remedy="use --log-format json, or --once --json")
    if asked.attach or asked.read_only:
        return _look(call)
    if asked.no_ui or not call.on_terminal:
        from v2xsync.cli.headless import serve

        if not asked.no_ui:
            call.out.talk("v2xsync: no terminal, so no screen; this is --no-ui")
        return serve(call, call.config(opens_devices=True))
    return _on_screen(call)


def _look(call: Call) -> int:
    """Attach, and nothing else. Raises ServiceAway where no service answers."""
    if not call.on_terminal:
        raise ConfigError("there is no terminal to show a screen on", remedy="v2xsync status tells the same in lines")
    code = _attached(call, call.config(opens_devices=False), read_only=call.arguments.read_only)
    if code is None:
        raise ServiceAway("no service is running here", remedy="start one: v2xsync, v2xsync --no-ui, systemctl start")
    return code


def _attached(call: Call, config: StationConfig, *, read_only: bool) -> int | None:
    """Show the running service; None where none answers."""
    from v2xsync.cli.attaching import attach

    try:
        service = attach(config, read_only=read_only)
    except ServiceAway:
        return None
    from v2xsync.cli.screen import show_attached

    return show_attached(call, config, service, read_only=read_only)


def _on_screen(call: Call) -> int:
    """Attach to the running service, or else run the engine behind the screen."""
    code = _attached(call, call.config(opens_devices=False, warn=False), read_only=False)
    if code is not None:
        return code
    from v2xsync.cli.keeper import kept
    from v2xsync.cli.screen import show

    config = call.config(opens_devices=True)
    return kept(lambda leave: show(call, config, leave))
