"""Every key of the screen, once: what the footer, the help, the palette and the user's key map are made from.

No Textual here, so that a check of the config may ask for `problems` without paying for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Key:
    """One thing to do; `id` is its name in the config's `[keys]`, `label` its short name in the footer."""

    id: str
    keys: str
    action: str
    label: str
    tells: str
    group: str = "Act"
    at_once: bool = False
    """Taken before other keys that were typed behind it, so that those reach what it opens."""


KEYS: tuple[Key, ...] = (
    Key("sync", "s", "deed('sync')", "Sync", "Sync the selected device or route now, whatever its schedule says"),
    Key("sync_all", "S", "deed('sync_all')", "Sync all", "Sync everything now; pressing again changes nothing"),
    Key("pause", "p", "deed('pause')", "Pause", "Pause the selected device or route, or let it go on"),
    Key(
        "retry",
        "r",
        "deed('retry')",
        "Retry",
        "Try again now what waits after trouble, and probe devices; on a hold: release",
    ),
    Key(
        "cancel", "x", "deed('cancel')", "Cancel", "Stop the selected transfer; its partial is kept and it queues again"
    ),
    Key("front", "b", "deed('front')", "To front", "Let the selected file go next"),
    Key("open", "enter", "open", "Details", "Open the selected row: a file's whole story, a device's state", "See"),
    Key(
        "filter",
        "slash",
        "filter",
        "Filter",
        "Show only rows with these words; Esc shows all again",
        "See",
        at_once=True,
    ),
    Key("sort", "o", "sort", "Sort", "Take the next order of the list; in the log: the next level", "See"),
    Key("live", "1", "show('live')", "Live", "Everything at a glance", "Go"),
    Key("queue", "2", "show('queue')", "Queue", "Every waiting file", "Go"),
    Key("history", "3,h", "show('history')", "History", "The custody log: what happened to every file", "Go"),
    Key("devices", "4", "show('devices')", "Devices", "Every device with its clock, space, backlog and trouble", "Go"),
    Key("holds", "5,e", "show('holds')", "Holds", "What waits for a person, and the newest errors", "Go"),
    Key("log", "6,l", "show('log')", "Log", "The station's events", "Go"),
    Key("back", "escape", "back", "Back", "Clear the filter, or go back to Live", "Go"),
    Key("help", "question_mark", "help", "Help", "Every key and every sign", "Go"),
    Key("palette", "ctrl+p", "command_palette", "Commands", "Every action by name", "Go"),
    Key("picture", "f8", "picture", "Screenshot", "Save this screen as an SVG picture", "Go"),
    Key(
        "quit",
        "q",
        "quit",
        "Quit",
        "Leave it running without this screen, finish the files in motion first, or stop now",
        "Go",
    ),
)

MOVES: tuple[tuple[str, str], ...] = (
    ("Up Down j k", "Move"),
    ("PgUp PgDn", "Move by pages"),
    ("g G", "First, last"),
    ("Tab", "Next pane"),
    ("Shift+Tab", "Pane before"),
)
"""Keys that move about, for the help."""

FOOTER = ("sync", "sync_all", "pause", "retry", "open", "filter", "cancel", "sort", "front", "picture")
"""What the footer shows on the left, the most wanted first; as many as fit."""

FOOTER_END = ("help", "quit")
"""What the footer always shows, on the right."""

BY_ID: Mapping[str, Key] = {key.id: key for key in KEYS}

SIGNS: Mapping[str, str] = {
    "slash": "/",
    "question_mark": "?",
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "tab": "Tab",
    "up": "Up",
    "down": "Down",
}


def problems(keys: Mapping[str, str]) -> list[str]:
    """Return what is wrong with a user's key map: ids that no key has, keys that would do two things."""
    wrong = [f"no key is called {name!r}{_nearest(name)}" for name in sorted(set(keys) - set(BY_ID))]
    users: dict[str, list[str]] = {}
    for key in KEYS:
        for name in (keys.get(key.id) or key.keys).split(","):
            users.setdefault(name.strip(), []).append(key.id)
    return wrong + [f"{name!r} would do {' and '.join(ids)}" for name, ids in users.items() if len(ids) > 1]


def _nearest(name: str) -> str:
    close = get_close_matches(name, BY_ID, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def sign(key: Key, remapped: Mapping[str, str], *, every: bool = False) -> str:
    """Return how the key is written on screen: ``s``, ``Enter``, ``^P``; with `every` all of them."""
    names = (remapped.get(key.id) or key.keys).split(",")
    return " ".join(_written(name.strip()) for name in (names if every else names[:1]))


def _written(name: str) -> str:
    modifier, plus, last = name.rpartition("+")
    letter = SIGNS.get(last, last.upper() if len(last) > 1 and last[0] == "f" else last)
    return f"^{letter.upper()}" if plus and modifier == "ctrl" else f"{modifier}{plus}{letter}"
