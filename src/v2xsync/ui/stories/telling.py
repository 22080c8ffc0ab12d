"""The parts that stories are told with: headings, facts in two columns, wrapped sentences."""

from __future__ import annotations

from collections.abc import Iterator

from v2xsync.ui.cells import wrap
from v2xsync.ui.ink import BLANK, Ink, Line, Piece

LABEL_CELLS = 14


def heading(text: str, ink: Ink, width: int) -> Iterator[Line]:
    """Yield an empty line and a title with a rule to the edge."""
    yield BLANK
    rule = ink.glyphs.rule * max(0, width - len(text) - 2)
    yield (Piece(f"{text} ", "title-on"), Piece(rule, "faint"))


def paragraph(text: str, width: int, tone: str = "plain", indent: str = "", sign: str = "") -> Iterator[Line]:
    """Yield `text` wrapped to `width`; `sign` stands before the first line, the others line up with its text."""
    first = indent + sign
    for number, line in enumerate(wrap(text, width - len(first))):
        yield (Piece(first if number == 0 else " " * len(first), tone), Piece(line, tone))


def fact(label: str, text: str, width: int, ink: Ink, tone: str = "plain") -> Iterator[Line]:
    """Yield a label and its value, wrapped in the value's column; nothing where the value is empty."""
    if not text:
        return
    for number, line in enumerate(wrap(text, max(8, width - LABEL_CELLS))):
        yield (ink.cell(label if number == 0 else "", LABEL_CELLS, "quiet"), Piece(line, tone))
