"""``v2xsync demo``: a rehearsal site with no hardware, in a temporary folder that is gone afterwards."""

from __future__ import annotations

from v2xsync.cli.call import Call
from v2xsync.config.load import load


def run(call: Call) -> int:
    """Start the site, say where everything is, and run its station on the screen, headless, or once."""
    from v2xsync.sim.site import Site

    asked = call.arguments
    with Site() as site:
        for line in site.describe():
            call.out.talk(line)
        config = load(site.config_path, call.environ)
        if asked.once or call.out.as_json:
            from v2xsync.cli.once import run_config

            return run_config(call, config, ())
        if asked.no_ui or not call.on_terminal:
            from v2xsync.cli.headless import serve

            return serve(call, config)
        from v2xsync.cli.screen import show

        return show(call, config)
