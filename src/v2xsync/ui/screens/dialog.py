"""`Dialog`: a box over the main screen, with a title, a body and a line of hints; Escape always closes it unharmed."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from v2xsync.ui.bars import Bar
from v2xsync.ui.ink import Ink, Picture, Piece

T = TypeVar("T")


class Dialog(ModalScreen[T], Generic[T]):
    """Base of every box; `tall` ones fill the screen's height."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", id="dialog.close", show=False),
        Binding("f8", "app.picture", "Screenshot", id="dialog.picture", show=False),
    ]
    TALL: ClassVar[bool] = False
    HINTS: ClassVar[tuple[tuple[str, str], ...]] = (("Esc", "Close"),)

    def __init__(self, title: str, picture: Picture) -> None:
        super().__init__()
        self.heading = title
        self.picture = picture

    @property
    def ink(self) -> Ink:
        """How to draw."""
        return self.picture.ink

    def body(self) -> ComposeResult:
        """Yield what stands between the title and the hints."""
        yield Widget()

    def compose(self) -> ComposeResult:
        """Stack title, body and hints in a box."""
        with Vertical(id="box", classes="-tall" if self.TALL else ""):
            yield Bar(css_id="box-title")
            yield from self.body()
            yield Bar(css_id="box-hints")

    def on_mount(self) -> None:
        """Write the title and the hints."""
        rule = Piece(self.ink.glyphs.rule, "faint")
        self.query_one("#box-title", Bar).show((rule, Piece(f" {self.heading} ", "title-on")), (rule,), rule)
        pieces = [Piece(" ")]
        for key, label in self.HINTS:
            pieces.extend((Piece(key, "key"), Piece(f" {label}  ", "quiet")))
        self.query_one("#box-hints", Bar).show(tuple(pieces))

    def show(self, picture: Picture) -> None:
        """Take a new picture; dialogs that live on do more with it."""
        self.picture = picture

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
