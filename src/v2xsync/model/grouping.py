"""Which files are one shot: on a camera's card several files share a stem, and belong together.

A FLIR Duo writes ``20190403_122537_816_R.jpg`` (radiometric) and ``20190403_122537_816_8b.JPG`` for one picture, and
``..._000.MOV`` with ``..._000.SRT`` for one film. Source: the camera's manual, and cards that were seen.
"""

from __future__ import annotations

from typing import Final

from v2xsync.model.naming import split_suffix

VARIANT_ENDINGS: Final = ("_r", "_8b")
"""What a camera puts behind the stem of one of several pictures of the same shot."""


def unit_of(path: str) -> str:
    """The folder and stem that the files of one unit share; case does not count, as on a card's FAT."""
    folder, slash, name = path.casefold().rpartition("/")
    stem = split_suffix(name)[0]
    ending = next((ending for ending in VARIANT_ENDINGS if stem.endswith(ending) and stem != ending), "")
    return f"{folder}{slash}{stem.removesuffix(ending)}"
