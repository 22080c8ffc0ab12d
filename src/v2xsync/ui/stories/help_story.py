"""The help: what v2xsync does in three lines, every key, and every sign with its word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from v2xsync.ui.cells import wrap
from v2xsync.ui.ink import Ink, Line, Piece, joined
from v2xsync.ui.keys import KEYS, MOVES, sign
from v2xsync.ui.states import DEVICE, STEP, WORK, Face
from v2xsync.ui.stories.telling import heading, paragraph

KEY_CELLS = 12
GROUPS = {"Act": "Do something", "See": "Look closer", "Go": "Get about"}
ABOUT = (
    "v2xsync fetches files from devices into the store, delivers them to targets, proves that they arrived, and only "
    "then, if the route says so, removes the original. Nothing is removed by a key."
)


def help_story(remapped: Mapping[str, str], ink: Ink, width: int) -> Iterator[Line]:
    """Yield every line of the help."""
    yield from paragraph(ABOUT, width)
    for group, title in GROUPS.items():
        yield from heading(title, ink, width)
        for key in KEYS:
            if key.group == group:
                yield from _row(sign(key, remapped, every=True), key.tells, ink, width)
        if group == "Go":
            for names, tells in MOVES:
                yield from _row(names, tells, ink, width)
    yield from heading("Signs", ink, width)
    for title, faces in (("devices", DEVICE), ("files", WORK), ("history", STEP)):
        yield from _signs(title, tuple(faces.values()), ink, width)


def _row(keys: str, tells: str, ink: Ink, width: int) -> Iterator[Line]:
    for number, text in enumerate(wrap(tells, width - KEY_CELLS)):
        yield (ink.cell(keys if number == 0 else "", KEY_CELLS, "key"), Piece(text))


def _signs(title: str, faces: tuple[Face, ...], ink: Ink, width: int) -> Iterator[Line]:
    face_cells = max(len(face.word) for face in faces) + 4
    per_line = max(1, (width - KEY_CELLS) // face_cells)
    for start in range(0, len(faces), per_line):
        cells = [ink.face(face, face_cells) for face in faces[start : start + per_line]]
        yield (
            joined((ink.cell(title if start == 0 else "", KEY_CELLS, "quiet"), *cells), "")
            if start == 0
            else (Piece(" " * KEY_CELLS), *cells)
        )
