"""Secrets: where they are, how they are read at the last moment, and how they are kept out of every text.

A config holds `SecretRef` values only. `Vault.reveal` reads one when a session is opened and teaches it to the
`Redactor`, which blots it out of log lines.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Final
from urllib.parse import quote

from v2xsync.config.problems import Misfit, did_you_mean, in_words
from v2xsync.errors import AccessRefused, ConfigError

SECRET_KINDS: Final = ("env", "file", "credential", "keyring")
KEYRING_SERVICE: Final = "v2xsync"
BLOT: Final = "***"
_ALWAYS_BLOTTED: Final = 4
"""Shorter secrets are blotted only as whole words: a password "a" must not eat every letter of a log."""


_ENDS: Final = " .,;)]}'\""
"""What may follow a text that was cut off, at the end of a message."""
_LONG_IN_BASE64: Final = 8
"""Shorter pieces could stand anywhere by chance."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is: `kind` is one of `SECRET_KINDS` or ``plain``; the value itself is never shown."""

    kind: str
    place: str = field(repr=False)
    """Name of the variable, credential or keyring entry; path of the file; or, for ``plain``, the secret."""

    def __repr__(self) -> str:
        """Return the reference without anything secret."""
        return f"SecretRef({self.where})"

    __str__ = __repr__

    @property
    def where(self) -> str:
        """Where it is, in words for people."""
        return "in the config file" if self.kind == "plain" else f"{self.kind} {self.place}"


def parse_secret(value: object) -> SecretRef:
    """Return the reference that TOML's `value` stands for; messages never repeat the value."""
    if isinstance(value, str):
        if not value:
            raise Misfit("the secret is empty", remedy='write e.g. { env = "NAME" } or leave the key out')
        return SecretRef("plain", value)
    if not isinstance(value, Mapping):
        raise Misfit("this is not a secret", remedy='write e.g. { env = "NAME" } or { file = "/path" }')
    return _parse_table(value)


def _parse_table(table: Mapping[str, object]) -> SecretRef:
    for word in table:
        if word not in SECRET_KINDS:
            raise Misfit("unknown key", remedy=did_you_mean(word, SECRET_KINDS, kind="places of secrets"), key=word)
    if len(table) != 1:
        raise Misfit("a secret is in exactly one place", remedy=f"keep one of {in_words(SECRET_KINDS)}")
    ((kind, place),) = table.items()
    if not isinstance(place, str) or not place:
        raise Misfit("the name of the secret's place is missing", remedy=f'write {{ {kind} = "..." }}', key=kind)
    return SecretRef(kind, place)


class Redactor:
    """Blots known secrets out of texts. May be used from any thread: the pattern is replaced as a whole."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, secret: str) -> None:
        """Blot `secret` out from now on, also as it looks inside JSON, a repr or a URL."""
        if not secret or secret in self._known:
            return
        self._known |= {
            *_in_base64(secret),
            secret,
            json.dumps(secret)[1:-1],
            repr(secret)[1:-1],
            quote(secret),
            quote(secret, safe=""),
        }
        longest_first = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(_blotted(text) for text in longest_first))

    def redact(self, text: str) -> str:
        """Return `text` with every known secret replaced, also one that is cut off where the text or a bracket ends."""
        if self._pattern is None:
            return text
        whole = self._pattern.sub(BLOT, text)
        for known in self._known:
            whole = _without_beginning(whole, known)
        return whole


def _without_beginning(text: str, secret: str) -> str:
    """Blot a beginning of `secret` where it was cut off: messages end peers' words after so many letters."""
    at = text.find(secret[:_ALWAYS_BLOTTED]) if len(secret) > _ALWAYS_BLOTTED else -1
    while at >= 0:
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(text[at:], secret, strict=False))
        end = at + sum(1 for _ in alike)
        if text[end:].strip(_ENDS) == "" or text[end] == ")":
            text = f"{text[:at]}{BLOT}{text[end:]}"
        at = text.find(secret[:_ALWAYS_BLOTTED], at + 1)
    return text


def _in_base64(secret: str) -> Iterator[str]:
    """How the secret looks inside of any longer text in base64 (``Authorization: Basic``), wherever it begins there."""
    raw = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode("ascii")
        own = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(own) >= _LONG_IN_BASE64:
            yield own


def _blotted(text: str) -> str:
    exact = re.escape(text)
    return exact if len(text) >= _ALWAYS_BLOTTED else rf"(?<!\w){exact}(?!\w)"


class Vault:
    """Reads secrets where their references point; `environ` is the process environment."""

    def __init__(self, environ: Mapping[str, str], redactor: Redactor) -> None:
        self._environ = environ
        self.redactor: Final = redactor

    def __repr__(self) -> str:
        """Return nothing of the environment."""
        return "Vault()"

    def reveal(self, secret: SecretRef) -> str:
        """Return the secret itself, and blot it out of logs from now on. Raises ConfigError where it cannot be read."""
        text = self._read(secret)
        self.redactor.learn(text)
        return text

    def opener(self, device: str, secret: SecretRef) -> Callable[[], str]:
        """Return what reveals `secret` when a session of `device` logs in.

        There a secret that cannot be read is that device's trouble alone: AccessRefused, not ConfigError.
        """

        def open_now() -> str:
            try:
                return self.reveal(secret)
            except ConfigError as error:
                raise AccessRefused(device, error.what, remedy=error.remedy) from error

        return open_now

    def problem(self, secret: SecretRef) -> Misfit | None:
        """Return why `secret` could not be read now, without reading it (a keyring is not asked)."""
        if secret.kind == "env" and not self._environ.get(secret.place):
            return Misfit(f"the environment variable {secret.place} is not set", remedy=f"export {secret.place}=...")
        if secret.kind in {"file", "credential"}:
            return self._file_problem(secret)
        return None

    def warning(self, secret: SecretRef) -> str:
        """Return what is unwise about `secret`, or an empty text."""
        if secret.kind == "plain":
            return 'the secret stands in the config file: better { env = "NAME" } or { file = "/path" }'
        if secret.kind == "file" and _open_to_others(Path(secret.place)):
            return f"{secret.place} may be read by other users: chmod 600 {secret.place}"
        return ""

    def _read(self, secret: SecretRef) -> str:
        problem = self.problem(secret)
        if problem is not None:
            raise ConfigError(problem.what, remedy=problem.remedy) from problem
        if secret.kind == "env":
            return self._environ[secret.place]
        if secret.kind == "keyring":
            return _from_keyring(secret.place)
        return secret.place if secret.kind == "plain" else _from_file(self._file_of(secret))

    def _file_of(self, secret: SecretRef) -> Path:
        if secret.kind == "credential":
            return Path(self._environ.get("CREDENTIALS_DIRECTORY", "")) / secret.place
        return Path(secret.place)

    def _file_problem(self, secret: SecretRef) -> Misfit | None:
        if secret.kind == "credential" and not self._environ.get("CREDENTIALS_DIRECTORY"):
            return Misfit(
                f"the credential {secret.place} is only there inside a systemd service",
                remedy=f"start through systemd with LoadCredential={secret.place}:/path",
            )
        return file_problem(self._file_of(secret))


def file_problem(path: Path) -> Misfit | None:
    """Return why the file at `path` could not be read now, without reading it."""
    try:
        there = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        reason = error.strerror or "unknown reason"
        return Misfit(f"the file {path}: {reason}", remedy="make the file, or correct its path or mode")
    if not there:
        return Misfit(f"{path} is not a file", remedy="correct the path")
    if not os.access(path, os.R_OK):
        return Misfit(f"the file {path} cannot be read by this user", remedy="correct its owner or mode")
    return None


def _from_file(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the secret's file {path} cannot be read", remedy="correct its mode or content") from error
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise ConfigError(f"the secret's file {path} is empty", remedy="write the secret into it")
    return secret


def _from_keyring(entry: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise ConfigError(
            "secrets from a keyring need the optional part of v2xsync for it", remedy="pip install 'v2xsync[keyring]'"
        ) from error
    try:
        found = keyring.get_password(KEYRING_SERVICE, entry)
    except KeyringError as error:
        raise ConfigError(
            f"the keyring did not answer: {error}", remedy="unlock it, or keep the secret elsewhere"
        ) from error
    if found is None:
        raise ConfigError(f"the keyring has no {entry}", remedy=f"keyring set {KEYRING_SERVICE} {entry}")
    return str(found)


def _open_to_others(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return os.name == "posix" and bool(mode & (stat.S_IRWXG | stat.S_IRWXO))


def readable_by_others(path: Path) -> bool:
    """Whether users other than the owner may read the file at `path` (always False where modes mean nothing)."""
    if os.name != "posix":
        return False
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
