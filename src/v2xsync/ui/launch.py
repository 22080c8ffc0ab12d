"""The way in: sets what Textual reads at import, then imports it, runs the screen in this thread and says how it ended.

The engine's threads live elsewhere and never wait for the screen. This module imports no Textual at its top, so that
the command line may import it without paying.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING

from v2xsync.engine.facade import Facade
from v2xsync.ui.options import QuitChoice, UiOptions

if TYPE_CHECKING:
    from v2xsync.ui.app import CourierApp

__all__ = ["QuitChoice", "UiOptions", "run"]

DEFAULTS = {
    "TEXTUAL_FPS": "10",
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_SMOOTH_SCROLL": "0",
}
"""What Textual reads from the environment when it is imported; what the user set himself stays."""

LOW_BANDWIDTH_DEFAULTS = {"TEXTUAL_FPS": "4", "TEXTUAL_COLOR_SYSTEM": "standard"}

Close = Callable[[], None]


def run(
    facade: Facade,
    options: UiOptions | None = None,
    *,
    on_ready: Callable[[Close], None] | None = None,
    on_exit: Callable[[QuitChoice], None] | None = None,
) -> QuitChoice:
    """Run the screen until a person leaves or the station stops; returns how it ended. Call from the main thread.

    `on_ready` gets a call that closes the screen from any thread (for signal handlers). `on_exit` is called with the
    choice after the terminal was restored, before this returns.
    """
    options = options or UiOptions()
    set_defaults(os.environ, low_bandwidth=options.low_bandwidth)
    app = _app(facade, options)
    if on_ready is not None:
        on_ready(app.close_from_outside)
    choice = app.run(mouse=options.mouse) or QuitChoice.ENDED
    if on_exit is not None:
        on_exit(choice)
    return choice


def set_defaults(environ: MutableMapping[str, str], *, low_bandwidth: bool) -> None:
    """Write our defaults where the user wrote nothing."""
    defaults = {**DEFAULTS, **LOW_BANDWIDTH_DEFAULTS} if low_bandwidth else DEFAULTS
    for name, value in defaults.items():
        environ.setdefault(name, value)


def _app(facade: Facade, options: UiOptions) -> CourierApp:
    from v2xsync.ui.app import CourierApp

    return CourierApp(facade, options if options.user else replace(options, user=_user()))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
