"""``v2xsync demo``: a rehearsal site with no hardware, in a temporary folder that is gone afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from v2xsync.cli.call import Call
from v2xsync.config.load import load
from v2xsync.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def run(call: Call) -> int:
    """Start the site, say where everything is, and run its station on the screen, headless, or once."""
    asked = call.arguments
    if asked.only is not None:
        from v2xsync.cli import demo_alone

        return demo_alone.run(call)
    if asked.port:
        raise ConfigError("only a machine that runs alone has a port", key="--port", remedy="name it with --only")
    from v2xsync.cli.demo_usb import DemoUsb
    from v2xsync.sim.site import Site

    with Site() as site:
        for line in site.describe():
            call.out.talk(line)
        return _run_station(replace(call, usb=DemoUsb(site.flash).port()), site.config_path)


def _run_station(call: Call, config_path: Path) -> int:
    asked = call.arguments
    config = load(config_path, call.environ)
    if asked.once or call.out.as_json:
        from v2xsync.cli.once import run_config

        return run_config(call, config, ())
    if asked.no_ui or not call.on_terminal:
        from v2xsync.cli.headless import serve

        return serve(call, config)
    from v2xsync.cli.screen import show

    return show(call, config)
