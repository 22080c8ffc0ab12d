"""`Page`: a story that scrolls; it is told anew when its width changes, and repaints what reads differently."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from v2xsync.ui.ink import BLANK, Ink, Line
from v2xsync.ui.lines import LineList
from v2xsync.ui.look import Sort

Story = Callable[[int], Iterable[Line]]
"""Tells itself in lines of at most so many cells."""


class PageLook:
    """Lines that are drawn already."""

    sorts: Sequence[Sort] = (Sort("told"),)

    def key(self, row: Line) -> Hashable:
        """A page has no cursor, so equal lines do no harm."""
        return row

    def text(self, row: Line) -> str:
        """The words of the line."""
        return "".join(piece.text for piece in row)

    def draw(self, row: Line, width: int, ink: Ink) -> Line:
        """As it is."""
        del width, ink
        return row

    def empty(self, ink: Ink) -> Line:
        """An empty page is blank."""
        del ink
        return BLANK


class Page(LineList[Line]):
    """A `LineList` of one story, without a cursor."""

    def __init__(self, *, css_id: str | None = None) -> None:
        super().__init__(PageLook(), css_id=css_id, cursor=False)
        self._story: Story | None = None
        self._page_ink: Ink | None = None

    def tell(self, story: Story, ink: Ink) -> None:
        """Show `story`."""
        self._story, self._page_ink = story, ink
        width = self.size.width - 2
        if width > 0:
            self.show(tuple(story(width)), ink)

    def on_resize(self) -> None:
        """Tell it again in the new width."""
        if self._story is not None and self._page_ink is not None:
            self.tell(self._story, self._page_ink)
