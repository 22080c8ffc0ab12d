"""What is wrong with a config: every problem at once, each with its file, its key and its remedy."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence

from v2xsync.errors import ConfigError


class Misfit(ValueError):
    """A value that does not fit its key; pydantic carries it out of a validator.

    `key` is set where the trouble sits below the validated key (``"until"`` of a schedule).
    """

    def __init__(self, what: str, *, remedy: str, key: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.key = key


class ConfigErrors(ConfigError):
    """Everything that is wrong with one config file; `problems` holds one error each, in the order of the checks."""

    def __init__(self, problems: Sequence[ConfigError]) -> None:
        first = problems[0]
        super().__init__(first.what, file=first.file, key=first.key, remedy=first.remedy)
        self.problems: tuple[ConfigError, ...] = tuple(problems)

    def __str__(self) -> str:
        """Return one line per problem."""
        return "\n".join(str(problem) for problem in self.problems)


class Problems:
    """Collects the problems of one file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[ConfigError] = []

    def add(self, key: str, what: str, *, remedy: str) -> None:
        """Note one more problem; `key` is dotted (``routes.intersections.fetch.daily``)."""
        problem = ConfigError(what, file=self._file, key=key, remedy=remedy)
        if str(problem) not in map(str, self._found):
            self._found.append(problem)

    def add_misfit(self, key: str, misfit: Misfit) -> None:
        """Note a misfit found at `key`."""
        self.add(dotted(key, misfit.key), misfit.what, remedy=misfit.remedy)

    def __len__(self) -> int:
        """Return how many were found."""
        return len(self._found)

    def raise_if_any(self) -> None:
        """Raise ConfigErrors where there is at least one problem."""
        if self._found:
            raise ConfigErrors(self._found)


def dotted(*parts: str | int) -> str:
    """Join the parts of a key: names with dots, places in a list in brackets, odd names in quotes."""
    key = ""
    for part in parts:
        if isinstance(part, int):
            key += f"[{part}]"
        elif part:
            key += f".{part}" if key else part
    return key


def did_you_mean(word: str, known: Iterable[str], *, kind: str) -> str:
    """Return the remedy for an unknown `word`: the nearest known one, else all of them. `kind` is a plural noun."""
    names = sorted(known)
    folded = {name.casefold(): name for name in reversed(names)}
    near = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{folded[near[0]]}"?'
    if not names:
        return f"there are no {kind}"
    return f"known {kind}: {in_words(names)}"


def in_words(names: Collection[str], limit: int = 12) -> str:
    """Return ``a, b, c``, cut after `limit` names."""
    listed = list(names)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more
