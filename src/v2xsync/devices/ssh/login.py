"""Proving to a host who we are: identity file, password (also asked for interactively), or the agent's keys."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import paramiko

from v2xsync.devices.ssh.options import SftpOptions, reveal
from v2xsync.errors import AccessRefused

_INTERACTIVE: Final = "keyboard-interactive"
_TIMED_OUT: Final = "Authentication timeout."

Attempt = Callable[[paramiko.Transport], object]


@contextmanager
def logging_in(device: str, options: SftpOptions) -> Iterator[Login]:
    """Gather the ways to log in that `options` give. Raises AccessRefused where there are none."""
    agent = paramiko.Agent() if options.identity is None and options.password is None else None
    try:
        ways: list[Attempt] = []
        if options.identity is not None:
            ways.append(_with_key(options, _load_identity(device, options)))
        if agent is not None:
            ways += [_with_key(options, key) for key in agent.get_keys()]
        if not ways and options.password is None:
            what = "there is no password, no identity, and no key in an SSH agent"
            raise AccessRefused(device, what, remedy="write `password` or `identity` into the config, or run ssh-add")
        yield Login(device, options, ways)
    finally:
        if agent is not None:
            agent.close()


class Login:
    """One login, over as many connections as it takes: some servers hang up between two attempts."""

    def __init__(self, device: str, options: SftpOptions, ways: Iterable[Attempt]) -> None:
        self._device = device
        self._options = options
        self._waiting = deque(ways)
        if options.password is not None:
            self._waiting.append(self._with_password)
        self._refusal: AccessRefused | None = None

    def succeeds(self, transport: paramiko.Transport) -> bool:
        """Whether we are in; False asks for a new connection, to go on there.

        Raises AccessRefused when all ways are used up; SSHException, EOFError and OSError where the connection broke.
        """
        fresh = True
        while self._waiting:
            attempt = self._waiting.popleft()
            try:
                attempt(transport)
            except paramiko.AuthenticationException as error:
                if str(error) == _TIMED_OUT:
                    raise
                if not fresh and not transport.is_active():
                    self._waiting.appendleft(attempt)  # it was never judged
                    return False
                self._refusal = self._judged(error)
            if transport.is_authenticated():
                return True
            if self._waiting and not transport.is_active():
                return False
            fresh = False
        raise self._refusal or _refused(self._device, self._options)

    def _judged(self, error: paramiko.AuthenticationException) -> AccessRefused:
        if isinstance(error, paramiko.BadAuthenticationType):
            return _not_taken(self._device, self._options, error.allowed_types)
        return _refused(self._device, self._options)

    def _with_password(self, transport: paramiko.Transport) -> None:
        password = reveal(self._options.password or "")
        try:
            transport.auth_password(self._options.username, password, fallback=False)
        except paramiko.BadAuthenticationType as error:
            if _INTERACTIVE in error.allowed_types:
                answer = _OneAnswer(password)
                self._waiting.appendleft(lambda again: again.auth_interactive(self._options.username, answer))
            raise


def _with_key(options: SftpOptions, key: paramiko.PKey) -> Attempt:
    return lambda transport: transport.auth_publickey(options.username, key)


class _OneAnswer:
    """Answers the first question of an interactive login with the password, and nothing else ever."""

    def __init__(self, password: str) -> None:
        self._answers = [password]

    def __call__(self, _title: str, _instructions: str, questions: Sequence[tuple[str, bool]]) -> list[str]:
        return [self._answers.pop() if self._answers else "" for _ in questions]


def _load_identity(device: str, options: SftpOptions) -> paramiko.PKey:
    path = str(options.identity)
    try:
        try:
            return paramiko.PKey.from_path(path)
        except TypeError as error:  # so the library says that the key is encrypted
            return _load_encrypted(device, options, error)
    except (ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        what = f"the identity file {path} cannot be used: it is no private key, or its passphrase is wrong"
        raise AccessRefused(device, what, remedy="correct `identity` or `passphrase` in the config") from error
    except OSError as error:
        what = f"the identity file {path} cannot be read: {error.strerror}"
        raise AccessRefused(device, what, remedy="correct `identity` in the config or the file's rights") from error


def _load_encrypted(device: str, options: SftpOptions, error: TypeError) -> paramiko.PKey:
    secret = options.passphrase if options.passphrase is not None else options.password
    if secret is None:
        what = f"the identity file {options.identity} is protected by a passphrase"
        remedy = "write `passphrase` into the config, or load the key into an SSH agent and leave `identity` out"
        raise AccessRefused(device, what, remedy=remedy) from error
    # The annotation of the library says text, the code below it takes bytes only.
    return paramiko.PKey.from_path(str(options.identity), reveal(secret).encode())  # type: ignore[arg-type]


def _not_taken(device: str, options: SftpOptions, taken: Sequence[str]) -> AccessRefused:
    ways = ", ".join(sorted(taken)) or "nothing"
    what = f"{options.address} does not take this way to log in from {options.username}; it takes: {_plain(ways)}"
    return AccessRefused(device, what, remedy="use `password` or `identity` as the host wants it")


def _refused(device: str, options: SftpOptions) -> AccessRefused:
    what = f"{options.address} refuses the login of {_plain(options.username)}"
    return AccessRefused(device, what, remedy="correct `username`, and `password` or `identity`, in the config")


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)[:200]
