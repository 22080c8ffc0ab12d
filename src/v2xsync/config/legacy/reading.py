"""An older config, table by table and key by key: wrong types are problems, and keys that nobody asked for are told.

No value of the older config is ever put into a message: any of them may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final
from urllib.parse import urlsplit

from v2xsync.config.legacy.draft import Draft, Note, OldSecret, fit_name, unnamed_secret
from v2xsync.config.problems import Problems, dotted, in_words

_CORRECT: Final = "correct it in that file and import again"
_RELATIVE: Final = "relative folders now start at the folder of the new config, not where a program was started"
_MOST_ENTRIES: Final = 1000
"""In one list. The largest site had a few hundred; comparing all with all takes its time."""


@dataclass(frozen=True, slots=True)
class Address:
    """A web address and the login that stood in it."""

    url: str
    username: str = ""
    password: str = ""


class Old:
    """One table of an older config. Every question takes the names that a key had over the years, the first is ours."""

    def __init__(self, raw: Mapping[str, object], draft: Draft, problems: Problems, file: str, key: str = "") -> None:
        self.draft = draft
        self.raw = raw
        self.file = file
        self._problems = problems
        self._key = key
        self._asked: set[str] = set()

    # -- questions

    def has(self, *names: str) -> bool:
        """Whether one of `names` is written and not null."""
        return self._find(names)[1] is not None

    def text(self, *names: str, required: bool = False) -> str:
        """Return a text without blanks around it; empty where it is not written."""
        name, value = self._find(names)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if value is not None and not isinstance(value, str):
            self._wrong(name, "this is not a text")
        elif isinstance(value, str) and not _is_writable(value):
            self._wrong(name, "it holds characters that no text file can hold")
        elif isinstance(value, str) and value.strip():
            return value.strip()
        elif required:
            self._wrong(name, "the key is missing" if value is None else "it is empty")
        return ""

    def secret(self, *names: str) -> OldSecret | str:
        """Return a secret exactly as it is written, or an empty text where there is none."""
        name, value = self._find(names)
        if value is None or value == "":
            return ""
        if not isinstance(value, str) or not _is_writable(value) or "\0" in value:
            self._wrong(name, "this is not a text")
            return ""
        return unnamed_secret(value)

    def whole(self, *names: str) -> int | None:
        """Return a whole number, also one written as digits in quotes; None where it is not written."""
        name, value = self._find(names)
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self._wrong(name, "this is not a whole number")
        return None

    def flag(self, *names: str, default: bool) -> bool:
        """Return true or false."""
        name, value = self._find(names)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._wrong(name, "this is neither true nor false")
            return default
        return value

    def texts(self, *names: str) -> list[str] | None:
        """Return a list of texts, None where it is not written."""
        name, value = self._find(names)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(text, str) and _is_writable(text) for text in value):
            self._wrong(name, "this is not a list of texts")
            return None
        return value

    def folder(self, *names: str) -> str:
        """Return a folder of this machine, which must be written; advice where it is relative."""
        written = self.text(*names, required=True)
        absolute = PurePosixPath(written).is_absolute() or PureWindowsPath(written).is_absolute()
        if written and not absolute and not written.startswith("~"):
            self.draft.advise(_RELATIVE)
        return written

    def table(self, *names: str, required: bool = False) -> Old:
        """Return a table; an empty one where it is not written or wrong."""
        name, value = self._find(names)
        if value is None and required:
            self._wrong(name, "the key is missing")
        elif value is not None and not isinstance(value, Mapping):
            self._wrong(name, "this is not a table")
        return self._below(value if isinstance(value, Mapping) else {}, name)

    def tables(self, *names: str) -> list[Old]:
        """Return a list of tables, without what in it is none."""
        name, value = self._find(names)
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(name, "this is not a list")
            return []
        if len(value) > _MOST_ENTRIES:
            self._wrong(name, f"the list has more than {_MOST_ENTRIES} entries")
            return []
        return [self._below(entry, name, place) for place, entry in enumerate(value) if self._is_table(entry, name)]

    def clock(self, *names: str) -> str:
        """Return the ``HH:MM`` of a table with hour and minute; empty where there is none. Impossible times are wrong.

        The older systems turned those into midnight without a word.
        """
        if not self.has(*names):
            return ""
        table = self.table(*names)
        hour, minute = table.whole("hour", "Hour"), table.whole("minute", "Minute")
        if hour is None or minute is None or not (0 <= hour <= 23 and 0 <= minute <= 59):
            self._wrong(self._find(names)[0], "this time does not exist on a clock")
            return ""
        return f"{hour:02}:{minute:02}"

    def seconds(self, *names: str) -> str:
        """Return a span such as ``"10s"``, at least a second; empty where it is not written."""
        name, value = self._find(names)
        if value is None:
            return ""
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value[:12])
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10**9:
            self._wrong(name, "this is not a number of seconds")
            return ""
        if value < 1:
            self.note(name, "shorter than a second: written as one second")
        return f"{max(1, round(value))}s"

    def name(self, *names: str, otherwise: str) -> str:
        """Return a name that we allow, and say so where that is another one; it becomes a folder at the targets."""
        wanted = self.text(*names)
        fit = fit_name(wanted) if wanted else otherwise
        if wanted and fit != wanted:
            self.note(names[0], "the name is written otherwise, since ours become folders and words on the screen")
        return fit

    def host(self, *names: str) -> str:
        """Return a host's name or address alone."""
        written = self.text(*names, required=True)
        bare = written.rpartition("@")[2].rpartition("://")[2].partition("/")[0]
        if bare != written:
            self.note(names[0], "only the host is carried over from this address")
        return bare

    def address(self, *names: str) -> Address:
        """Return a web address without login, query and fragment: those may be secrets."""
        written = self.text(*names, required=True)
        try:
            parts = urlsplit(written if "://" in written else f"https://{written}")
            port, login = parts.port, "@" in parts.netloc
        except ValueError:
            self._wrong(names[0], "this is not a web address")
            return Address("")
        if not written or not parts.hostname or port == 0 or "@" in parts.path:
            if written:
                self._wrong(names[0], "this is not a web address")
            return Address("")
        if parts.query or parts.fragment:
            self.note(names[0], "what stands behind ? or # in the address is left out, since it may be a secret")
        host = parts.netloc.rpartition("@")[2]
        return Address(
            f"{parts.scheme}://{host}{parts.path}",
            (parts.username or "") if login else "",
            (parts.password or "") if login else "",
        )

    # -- what is told

    def note(self, name: str, text: str) -> None:
        """Tell about a key that has no equal, or not quite; an empty `name` means the whole table."""
        self.draft.notes.append(Note(self.file, dotted(self._key, name), text))

    def ignore(self, text: str, *names: str) -> None:
        """Tell that keys which are written have no equal, and why."""
        for name in names:
            if self.has(name):
                self.note(name, text)

    def rest(self) -> None:
        """Tell which keys nobody asked for."""
        left = [str(name) for name in self.raw if name not in self._asked]
        if left:
            self.note("", f"not carried over: {in_words(left)}")

    def again(self, raw: Mapping[str, object]) -> Old:
        """Return this table with its keys spelled otherwise."""
        return Old(raw, self.draft, self._problems, self.file, self._key)

    def wrong(self, name: str, what: str) -> None:
        """Note a problem that ends the import."""
        self._wrong(name, what)

    # -- inside

    def _find(self, names: tuple[str, ...]) -> tuple[str, object]:
        self._asked.update(names)
        for name in names:
            if self.raw.get(name) is not None:
                return name, self.raw[name]
        return names[0], None

    def _wrong(self, name: str, what: str) -> None:
        self._problems.add(dotted(self._key, name), what, remedy=_CORRECT)

    def _is_table(self, entry: object, name: str) -> bool:
        if not isinstance(entry, Mapping):
            self._wrong(name, "an entry of this list is not a table")
        return isinstance(entry, Mapping)

    def _below(self, raw: Mapping[str, object], *place: str | int) -> Old:
        return Old(raw, self.draft, self._problems, self.file, dotted(self._key, *place))


def old_tables(values: list[object], draft: Draft, problems: Problems, file: str) -> Iterator[Old]:
    """Yield the tables of a file that is a list."""
    yield from Old({"": values}, draft, problems, file).tables("")


def _is_writable(text: str) -> bool:
    """Whether `text` has no half characters (lone surrogates), which no encoding can write."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
