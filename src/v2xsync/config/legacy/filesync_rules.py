"""filesync's rules as our patterns: their paths began with a slash, ours do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from v2xsync.config.legacy.reading import Old

_NEVER = "could never fit in the older system, whose paths began with a slash: left out"


def patterns_of(rules: Old, extensions: list[str] | None) -> dict[str, list[str]]:
    """Return `include` and `exclude` as far as they are written; an empty include list took nothing.

    Both systems let exclude win; extensions were a list of file endings, upper and lower case apart.
    """
    found: dict[str, list[str]] = {}
    include, exclude = rules.texts("include"), rules.texts("exclude")
    if include is not None:
        found["include"] = _ours(rules, "include", include)
    if extensions is not None:
        endings = [f"*.{_literal(ending.lstrip('.'))}" for ending in extensions if ending.strip(".")]
        found["include"] = list(dict.fromkeys([*found.get("include", []), *endings]))
    if exclude:
        found["exclude"] = _ours(rules, "exclude", exclude)
    if found.get("include") == ["*"]:
        del found["include"]
    return found


def _ours(rules: Old, key: str, patterns: Iterable[str]) -> list[str]:
    translated: list[str] = []
    for pattern in patterns:
        fitting = list(_translated(pattern))
        if not fitting:
            rules.note(key, f"a pattern {_NEVER}")
        translated.extend(fitting)
    return list(dict.fromkeys(translated))


def _translated(pattern: str) -> Iterator[str]:
    """Our patterns for one of theirs: the slash at the beginning of their paths is taken off."""
    if pattern.startswith("*"):
        yield pattern
        bare = pattern.lstrip("*").lstrip("/")
        if pattern.lstrip("*").startswith("/") and bare:
            yield bare
    elif pattern.startswith(("/", "?")):
        bare = pattern[1:].lstrip("/")
        if bare:
            yield bare
    elif pattern.startswith("["):
        yield pattern


def _literal(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)
