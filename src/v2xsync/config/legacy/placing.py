"""Putting what was made on the disk: the page, and secrets in files of their own. Nothing is overwritten unasked."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from v2xsync.config.legacy.draft import OldSecret
from v2xsync.errors import ConfigError

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600


def write_page(path: Path, text: str, *, force: bool) -> None:
    """Write the page; a file (or link) of that name stays unless `force`, which replaces it in one step.

    Raises ConfigError where it cannot be written.
    """
    try:
        if not force:
            _write_new(path, text, mode=0o666)
            return
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        _write_new(partial, text, mode=0o666)
        try:
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
    except FileExistsError as error:
        raise ConfigError("is there already", file=str(path), remedy="choose another name, or add --force") from error
    except OSError as error:
        raise _unwritable(path, error) from error


@dataclass(slots=True)
class SecretFolder:
    """A folder that only its owner may enter, with one file for each secret."""

    folder: Path
    made: list[Path] = field(default_factory=list)

    def place(self, secret: OldSecret) -> Mapping[str, str]:
        """Return what stands in the config for `secret`."""
        return {"file": str(self._file_of(secret))}

    def write(self, secrets: Iterable[OldSecret], *, force: bool) -> None:
        """Write every secret whose value is known. Raises ConfigError; nothing new stays then."""
        _make_private(self.folder)
        try:
            for secret in secrets:
                if secret.value:
                    self._write(secret, force=force)
        except ConfigError:
            self.take_back()
            raise

    def take_back(self) -> None:
        """Remove the files that this run made."""
        for path in self.made:
            with contextlib.suppress(OSError):
                path.unlink()

    def _file_of(self, secret: OldSecret) -> Path:
        return self.folder / secret.variable.lower()

    def _write(self, secret: OldSecret, *, force: bool) -> None:
        path = self._file_of(secret)
        try:
            if force:
                path.unlink(missing_ok=True)
            _write_new(path, secret.value + "\n", mode=_PRIVATE_FILE)
        except FileExistsError as error:
            remedy = "choose another folder, or add --force"
            raise ConfigError("a secret is there already", file=str(path), remedy=remedy) from error
        except OSError as error:
            raise _unwritable(path, error) from error
        self.made.append(path)


def _make_private(folder: Path) -> None:
    """Make the folder, or make sure that the one which is there is ours alone and no link."""
    try:
        folder.mkdir(mode=_PRIVATE_FOLDER)
    except FileExistsError:
        _require_private(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _require_private(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError("is not a folder", file=str(folder), remedy="name a folder for the secrets")
    if os.name == "posix" and (found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077):
        what = "others may look into this folder"
        raise ConfigError(what, file=str(folder), remedy=f"chmod 700 {folder}, or name a new folder")


def _write_new(path: Path, text: str, *, mode: int) -> None:
    """Write a file that is not there yet; a link of that name is never followed. Half a file does not stay."""
    handle = os.open(path, _NEW, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _unwritable(path: Path, error: OSError) -> ConfigError:
    reason = error.strerror or "unknown reason"
    return ConfigError(f"cannot be written: {reason}", file=str(path), remedy="correct the path or its mode")
