"""Which host keys are ours: fingerprints, known_hosts files in OpenSSH's format, and pinning.

Read: plain and hashed names, ``[host]:port``, patterns with ``*``, ``?`` and ``!``, and ``@revoked`` lines. Lines of
certificate authorities are left out: a host that shows a certificate is unknown to us.
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from v2xsync.devices.ssh.options import SftpOptions
from v2xsync.errors import ConfigError

_REVOKED: Final = "@revoked"
_HASHED: Final = "|1|"
_MIN_FIELDS: Final = 3


class HostKey(NamedTuple):
    """A public host key: its algorithm's name, its fingerprint ``SHA256:...``, and the key in base64."""

    algorithm: str
    fingerprint: str
    key: str


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """What files say about one host."""

    good: tuple[HostKey, ...] = ()
    revoked: tuple[HostKey, ...] = ()


def host_key(algorithm: str, blob: bytes) -> HostKey:
    """Return the key in `blob`, SSH's own encoding."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return HostKey(algorithm, f"SHA256:{digest}", base64.b64encode(blob).decode())


def known_keys(files: Iterable[Path], known_as: str) -> KnownKeys:
    """Return what `files` say of the host `known_as`; a missing file says nothing.

    Raises ConfigError where a file is there but cannot be read.
    """
    good: list[HostKey] = []
    revoked: list[HostKey] = []
    for file in files:
        for marker, names, key in _lines(_text(file)):
            if _names_match(names, known_as):
                (revoked if marker == _REVOKED else good).append(key)
    return KnownKeys(tuple(good), tuple(revoked))


def pin(file: Path, known_as: str, key: HostKey) -> None:
    """Make `key` the only pinned key of the host `known_as` in `file`; other hosts' lines stay.

    The file is replaced in one step and readable by its owner only; a symbolic link of that name is replaced, not
    followed. Raises OSError, ConfigError.
    """
    kept = [line for line in _text(file).splitlines() if not _is_of(line, known_as)]
    text = "\n".join([*kept, f"{known_as} {key.algorithm} {key.key}", ""])
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        remedy = "correct the path or the rights of the file"
        raise ConfigError(f"known host keys cannot be read: {error.strerror}", file=str(file), remedy=remedy) from error


def _lines(text: str) -> Iterator[tuple[str, str, HostKey]]:
    for line in text.splitlines():
        parsed = _parse(line)
        if parsed is not None:
            yield parsed


def _parse(line: str) -> tuple[str, str, HostKey] | None:
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < _MIN_FIELDS or fields[0].startswith("#") or marker not in ("", _REVOKED):
        return None
    try:
        blob = base64.b64decode(fields[2], validate=True)
    except ValueError:  # letters beyond ASCII among them
        return None
    return marker, fields[0], host_key(fields[1], blob)


def _is_of(line: str, known_as: str) -> bool:
    parsed = _parse(line)
    return parsed is not None and parsed[0] == "" and parsed[1] == known_as


def _names_match(names: str, known_as: str) -> bool:
    matched = False
    for pattern in names.split(","):
        if pattern.startswith("!"):
            if _pattern_matches(pattern[1:], known_as):
                return False
        elif _pattern_matches(pattern, known_as):
            matched = True
    return matched


def _pattern_matches(pattern: str, known_as: str) -> bool:
    if pattern.startswith(_HASHED):
        return _hash_matches(pattern, known_as)
    escaped = pattern.replace("[", "[[]")
    return fnmatch.fnmatchcase(known_as.lower(), escaped.lower())


def _hash_matches(pattern: str, known_as: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in pattern[len(_HASHED) :].split("|", 1))
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, known_as.encode(), hashlib.sha1).digest(), digest)


def show_host_key(options: SftpOptions, *, device: str = "") -> HostKey:
    """Return the key that the host shows now, for `v2xsync trust`: not judged, and without logging in.

    Raises DeviceGone, ProtocolFault.
    """
    from v2xsync.devices.ssh.connect import look_at_host_key

    return look_at_host_key(device or options.host, options)
