"""Finding the config file and reading it as TOML; every trouble names the file, and the line where there is one."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from v2xsync.errors import ConfigError

ENVIRONMENT_KEY: Final = "V2XSYNC_CONFIG"
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


def find_config(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the config file to use: `explicit`, ``$V2XSYNC_CONFIG``, then the usual places.

    A file that was named is used even if it is not there (loading it then says so). Raises ConfigError, which lists
    where it looked.
    """
    named = explicit or (Path(environ[ENVIRONMENT_KEY]) if environ.get(ENVIRONMENT_KEY) else None)
    if named is not None:
        return cwd / named
    looked = list(_usual_places(environ, cwd))
    for place in looked:
        if place.is_file():
            return place
    raise ConfigError(
        f"there is no config file; looked for {', '.join(map(str, looked))}",
        remedy=f"name one with --config FILE or ${ENVIRONMENT_KEY}, or see it work first: v2xsync demo",
    )


def _usual_places(environ: Mapping[str, str], cwd: Path) -> Iterator[Path]:
    yield cwd / "v2xsync.toml"
    if environ.get("XDG_CONFIG_HOME"):
        yield Path(environ["XDG_CONFIG_HOME"]) / "v2xsync" / "config.toml"
    elif os.name == "nt" and environ.get("APPDATA"):
        yield Path(environ["APPDATA"]) / "v2xsync" / "config.toml"
    elif environ.get("HOME"):
        yield Path(environ["HOME"]) / ".config" / "v2xsync" / "config.toml"
    if os.name == "posix":
        yield Path("/etc/v2xsync/config.toml")


def read_toml(path: Path) -> Mapping[str, object]:
    """Return the TOML document at `path`. Raises ConfigError with the line and column of a syntax error."""
    file = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError("the config file is not there", file=file, remedy="correct the path") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"line {line} is not UTF-8 text", file=file, remedy="save the file as UTF-8") from error
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise ConfigError(
            f"cannot be read: {reason}", file=file, remedy="correct the path or the file's mode"
        ) from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(file, str(error)) from error
    except RecursionError as error:
        raise ConfigError("nested deeper than any config", file=file, remedy="look at its brackets") from error
    except ValueError as error:  # Python reads no number of thousands of digits
        raise ConfigError("it holds a number that no config needs", file=file, remedy="shorten it") from error


def _syntax_error(file: str, message: str) -> ConfigError:
    place = _PLACE.search(message)
    where = f"line {place[1]}, column {place[2]}" if place else "at its end"
    what = _PLACE.sub("", message).strip()
    return ConfigError(f"not valid TOML ({where}): {what}", file=file, remedy=_syntax_remedy(what))


def _syntax_remedy(what: str) -> str:
    if "overwrite" in what or "Cannot declare" in what or "twice" in what:
        return "the same name is written twice: rename or remove one"
    if "Invalid value" in what:
        return 'texts need quotes: key = "value"'
    return "correct that line; see https://toml.io for the rules"
