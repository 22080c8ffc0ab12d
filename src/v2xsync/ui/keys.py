"""Every key of the screen, once: what the footer, the help, the palette and the user's key map are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """One thing to do; `id` is its name in the config's `[keys]`, `label` its short name in the footer."""

    id: str
    keys: str
    action: str
    label: str
    tells: str
    group: str = "Act"

    def binding(self) -> Binding:
        """The binding for Textual; shown in our own footer, never in Textual's."""
        return Binding(self.keys, self.action, self.label, show=False, tooltip=self.tells, id=self.id)


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
    Key("filter", "slash", "filter", "Filter", "Show only rows with these words; Esc shows all again", "See"),
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
    Key("quit", "q", "quit", "Quit", "Leave: finish the files in motion first, or stop now", "Go"),
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


def bindings() -> list[Binding]:
    """Every binding of the application."""
    return [key.binding() for key in KEYS]


def unknown_ids(keys: Iterable[str]) -> list[str]:
    """Return the ids that no key has, for the config's error message."""
    return sorted(set(keys) - set(BY_ID))


def sign(key: Key, remapped: Mapping[str, str], *, every: bool = False) -> str:
    """Return how the key is written on screen: ``s``, ``Enter``, ``^P``; with `every` all of them."""
    names = (remapped.get(key.id) or key.keys).split(",")
    return " ".join(_written(name.strip()) for name in (names if every else names[:1]))


def _written(name: str) -> str:
    modifier, plus, last = name.rpartition("+")
    letter = SIGNS.get(last, last.upper() if len(last) > 1 and last[0] == "f" else last)
    return f"^{letter.upper()}" if plus and modifier == "ctrl" else f"{modifier}{plus}{letter}"
