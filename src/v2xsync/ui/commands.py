"""The command palette: every key's action by name, and a few that have no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from v2xsync.ui.keys import KEYS, sign


class Command(NamedTuple):
    """One line of the palette: `action` is what Textual runs."""

    title: str
    help: str
    action: str


WITHOUT_KEY = (
    Command("Pause everything", "Start nothing new anywhere; files in motion finish", "deed('pause_all')"),
    Command("Resume everything", "Go on everywhere", "deed('resume_all')"),
    Command("Retry everything", "Try again now what waits after trouble, everywhere", "deed('retry_all')"),
    Command("Theme", "Other colours", "change_theme"),
)

HIDDEN = {"palette", "back"}


def commands(remapped: Mapping[str, str], refusal: Callable[[str], str]) -> Iterator[Command]:
    """Yield every command; `refusal` says for a key's id why it cannot be used now, or nothing."""
    for key in KEYS:
        if key.id not in HIDDEN:
            why = refusal(key.id)
            help_text = f"{key.tells} (not now: {why})" if why else key.tells
            yield Command(f"{key.label}  ({sign(key, remapped)})", help_text, key.action)
    yield from WITHOUT_KEY


def runner(run: Callable[[str], object], action: str) -> Callable[[], object]:
    """Return a call without arguments, as the palette wants it."""
    return partial(run, action)
