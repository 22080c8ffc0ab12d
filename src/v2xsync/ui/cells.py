"""Text measured in terminal cells: wide letters take two, and nothing that could steer a terminal gets through."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from rich.cells import cell_len, chop_cells, set_cell_size

from v2xsync.model.naming import printable

Cut = Literal["end", "middle", "start"]
"""Where a text that is too long loses its cells."""

ELLIPSIS = "…"


def plain(text: str) -> str:
    """Return `text` in ASCII, as wide as before; an ellipsis becomes a tilde, every other letter a question mark."""
    if text.isascii():
        return text
    return "".join(char if char.isascii() else "~" if char == ELLIPSIS else "?" * cell_len(char) for char in text)


def width_of(text: str) -> int:
    """Return the cells that `text` takes."""
    return cell_len(text)


@lru_cache(maxsize=4096)
def fit(text: str, width: int, cut: Cut = "end") -> str:
    """Return `text` in exactly `width` cells: padded with spaces on the right, or cut with an ellipsis."""
    text = printable(text)
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    room = width - 1
    if room <= 0:
        return set_cell_size(text, width)
    head = room if cut == "end" else 0 if cut == "start" else room * 6 // 10
    kept = set_cell_size(text, head).rstrip() if head else ""
    tail = _tail(text, width - cell_len(kept) - 1) if cut != "end" else ""
    return set_cell_size(f"{kept}{ELLIPSIS}{tail}", width)


def right(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells, against the right edge."""
    missing = width - cell_len(text)
    return " " * missing + text if missing >= 0 else fit(text, width)


def _tail(text: str, width: int) -> str:
    """The longest end of `text` that takes at most `width` cells."""
    taken = len(text)
    room = width
    while taken > 0 and (room := room - cell_len(text[taken - 1])) >= 0:
        taken -= 1
    return text[taken:]


def wrap(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width` cells, broken at spaces, else after a slash or underscore."""
    lines: list[str] = []
    line = ""
    for word in printable(text).split():
        candidate = f"{line} {word}" if line else word
        if cell_len(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        *whole, line = _broken(word, max(2, width))
        lines.extend(whole)
    return [*lines, line]


def _broken(word: str, width: int) -> list[str]:
    """A word in pieces of at most `width` cells, cut after a slash or an underscore in the latter two thirds."""
    pieces: list[str] = []
    while cell_len(word) > width:
        piece = chop_cells(word, width)[0]
        joint = max(piece.rfind("/"), piece.rfind("_")) + 1
        piece = piece[:joint] if joint > len(piece) // 3 else piece
        pieces.append(piece)
        word = word[len(piece) :]
    return [*pieces, word]
