"""Proving to a host who we are: identity file, password (also asked for interactively), or the agent's keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import paramiko

from v2xsync.devices.ssh.options import SftpOptions, reveal
from v2xsync.errors import AccessRefused

_INTERACTIVE: Final = "keyboard-interactive"
_TIMED_OUT: Final = "Authentication timeout."

Attempt = Callable[[paramiko.Transport], object]


def log_in(device: str, options: SftpOptions, transport: paramiko.Transport) -> None:
    """Log in by each way that `options` give, until the host is content.

    Raises AccessRefused; SSHException, EOFError and OSError where the connection broke on the way.
    """
    refusal: AccessRefused | None = None
    for attempt in _attempts(device, options):
        try:
            attempt(transport)
        except paramiko.BadAuthenticationType as error:
            refusal = _not_taken(device, options, error.allowed_types)
        except paramiko.AuthenticationException as error:
            if not transport.is_active() or str(error) == _TIMED_OUT:
                raise
            refusal = _refused(device, options)
        if transport.is_authenticated():
            return
    raise refusal or _refused(device, options)


def _attempts(device: str, options: SftpOptions) -> Iterator[Attempt]:
    if options.identity is not None:
        yield _with_key(options, _load_identity(device, options))
    if options.password is not None:
        yield lambda transport: _with_password(options, transport)
    if options.identity is None and options.password is None:
        yield from _agent_attempts(device, options)


def _agent_attempts(device: str, options: SftpOptions) -> Iterator[Attempt]:
    agent = paramiko.Agent()
    try:
        keys = agent.get_keys()
        if not keys:
            what = "there is no password, no identity, and no key in an SSH agent"
            raise AccessRefused(device, what, remedy="write `password` or `identity` into the config, or run ssh-add")
        for key in keys:
            yield _with_key(options, key)
    finally:
        agent.close()


def _with_key(options: SftpOptions, key: paramiko.PKey) -> Attempt:
    return lambda transport: transport.auth_publickey(options.username, key)


def _with_password(options: SftpOptions, transport: paramiko.Transport) -> None:
    password = reveal(options.password or "")
    try:
        transport.auth_password(options.username, password, fallback=False)
    except paramiko.BadAuthenticationType as error:
        if _INTERACTIVE not in error.allowed_types:
            raise
        transport.auth_interactive(options.username, _OneAnswer(password))


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
