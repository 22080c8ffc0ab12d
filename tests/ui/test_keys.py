"""Keys: one table for the footer, the help, the palette and the user's own map."""

from __future__ import annotations

from textual.binding import Binding

from v2xsync.ui import keys
from v2xsync.ui.app import CourierApp
from v2xsync.ui.commands import WITHOUT_KEY, commands
from v2xsync.ui.glyphs import UNICODE
from v2xsync.ui.ink import Ink
from v2xsync.ui.stories.help_story import help_story
from v2xsync.ui.words import Moment

CONTRACT = {
    "s": "sync", "S": "sync_all", "p": "pause", "x": "cancel", "r": "retry", "b": "front", "enter": "open",
    "slash": "filter", "o": "sort", "l": "log", "e": "holds", "h": "history", "question_mark": "help",
    "ctrl+p": "palette", "f8": "picture", "q": "quit", "1": "live", "2": "queue", "3": "history", "4": "devices",
    "5": "holds",
}  # fmt: skip


def test_the_keys_are_those_of_the_interface():
    bound = {name: key.id for key in keys.KEYS for name in key.keys.split(",")}
    assert CONTRACT.items() <= bound.items()


def test_no_key_does_two_things():
    names = [name for key in keys.KEYS for name in key.keys.split(",")]
    assert len(names) == len(set(names))


def test_every_key_has_an_id_a_label_and_tells_what_it_does():
    bindings = {binding.id: binding for binding in CourierApp.BINDINGS if isinstance(binding, Binding)}
    assert set(bindings) == set(keys.BY_ID)
    for binding in bindings.values():
        assert binding.description
        assert binding.tooltip


def test_every_action_is_in_the_palette_and_says_why_it_cannot_be_used():
    listed = list(commands({}, lambda name: "too early" if name == "sync" else ""))
    actions = {command.action for command in listed}
    assert actions >= {key.action for key in keys.KEYS if key.id not in {"palette", "back"}}
    assert actions >= {command.action for command in WITHOUT_KEY}
    assert "(not now: too early)" in next(command.help for command in listed if command.action == "deed('sync')")


def test_every_key_is_in_the_help_as_the_user_mapped_it():
    ink = Ink(Moment(0.0), UNICODE)
    text = "\n".join("".join(piece.text for piece in line) for line in help_story({"sync": "f5,ctrl+y"}, ink, 76))
    assert "F5 ^Y" in text
    for key in keys.KEYS:
        assert key.tells.split()[0] in text


def test_a_wrong_key_map_is_told_in_plain_words():
    assert keys.problems({"sync": "f5", "sort": "ctrl+o"}) == []
    assert keys.problems({"synk": "f5"}) == ["no key is called 'synk'; did you mean 'sync'?"]
    assert keys.problems({"sync": "x"}) == ["'x' would do sync and cancel"]


def test_no_key_is_one_that_terminals_swallow():
    taken = {"ctrl+s", "ctrl+q", "ctrl+z", "ctrl+a", "ctrl+b"}
    assert not taken & {name for key in keys.KEYS for name in key.keys.split(",")}
