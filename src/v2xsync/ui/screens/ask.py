"""`Ask`: a question with answers to choose from; the cursor stands on the safe one, and Escape means it too."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from v2xsync.ui.ink import BLANK, Ink, Line, Picture, Piece
from v2xsync.ui.lines import LineList
from v2xsync.ui.look import Sort
from v2xsync.ui.page import Page
from v2xsync.ui.screens.dialog import Dialog
from v2xsync.ui.stories.telling import paragraph


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its value, its words, and what it means; `letter` chooses it at once."""

    value: str
    label: str
    means: str
    letter: str = ""


class AnswerLook:
    """Answers as rows: letter, label, meaning."""

    sorts: Sequence[Sort] = (Sort("asked"),)

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._cells = max(len(answer.label) for answer in answers) + 2

    def key(self, row: Answer) -> Hashable:
        """Values differ."""
        return row.value

    def text(self, row: Answer) -> str:
        """The words."""
        return row.label

    def draw(self, row: Answer, width: int, ink: Ink) -> Line:
        """Draw the answer."""
        return (
            ink.cell(row.letter or " ", 3, "key"),
            ink.cell(row.label, self._cells, "strong"),
            ink.cell(row.means, width - 3 - self._cells, "quiet"),
        )

    def empty(self, ink: Ink) -> Line:
        """Never: a question has answers."""
        del ink
        return BLANK


class Ask(Dialog[str]):
    """The first answer is the safe one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Choose", id="ask.choose", show=False),
        Binding("tab", "step(1)", "Next answer", id="ask.next", show=False),
        Binding("shift+tab", "step(-1)", "Answer before", id="ask.before", show=False),
    ]
    HINTS = (("Enter", "Choose"), ("Up Down", "Move"), ("Esc", "Leave all as it is"))

    def __init__(self, title: str, text: Sequence[str], answers: Sequence[Answer], picture: Picture) -> None:
        super().__init__(title, picture)
        self._text = text
        self.answers = tuple(answers)

    def body(self) -> ComposeResult:
        """The question and its answers."""
        yield Page(css_id="question")
        yield LineList(AnswerLook(self.answers), css_id="answers")

    @property
    def rows(self) -> LineList[Answer]:
        """The answers' list."""
        return self.query_one("#answers", LineList)

    def on_mount(self) -> None:
        """Put the cursor on the safe answer."""
        self.query_one(Page).tell(self._question, self.ink)
        self.query_one(Page).can_focus = False
        self.rows.show(self.answers, self.ink)
        self.set_focus(self.rows)

    def _question(self, width: int) -> Iterator[Line]:
        yield (Piece(""),)
        for sentence in self._text:
            yield from paragraph(sentence, width)
        yield (Piece(""),)

    def on_key(self, event: events.Key) -> None:
        """A letter chooses its answer."""
        for answer in self.answers:
            if answer.letter and event.character == answer.letter:
                event.stop()
                self.dismiss(answer.value)

    def action_choose(self) -> None:
        """Answer with the row under the cursor."""
        if (answer := self.rows.selected) is not None:
            self.dismiss(answer.value)

    def action_step(self, by: int) -> None:
        """Move among the answers."""
        self.rows.action_move(by)

    def on_line_list_opened(self) -> None:
        """A double click chooses."""
        self.action_choose()
