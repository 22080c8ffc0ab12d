"""The console script: reads the command line, runs one command, turns trouble into a line and an exit code."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from v2xsync.cli.arguments import COMMANDS, UsageError, parse
from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE, INTERRUPTED, SOME_FAILED, USAGE, code_of
from v2xsync.cli.output import Output
from v2xsync.errors import Cancelled, V2xSyncError

_BARE: Final = "run:run"
"""What runs without a command."""

_COLLECT_AFTER: Final = 50_000
"""New objects before the collector looks for cycles. We make few of those; its looks cost a tenth of a busy run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (the process's own where none is given); returns the exit code."""
    _stand_in_for_closed_streams()
    _never_fail_on_letters()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        parsed = parse(words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else DONE
    except UsageError as error:
        return _misused(error, as_json="--json" in words)
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
    atexit.register(_leave_the_rest)
    command = parsed.command or ""
    out = Output(command or "run", as_json=parsed.json, stdout=sys.stdout, stderr=sys.stderr)
    call = Call(arguments=parsed, out=out, environ=dict(os.environ), cwd=Path.cwd(), stdin=sys.stdin)
    try:
        return _run(command, call)
    except BrokenPipeError:
        _leave_pipe()
        return DONE
    except OSError as error:  # the disk behind a redirect is full, or the like; devices map their own errors
        _leave_pipe()
        out.talk(f"v2xsync: the output cannot be written: {error.strerror or error}")
        return SOME_FAILED


def _misused(error: UsageError, *, as_json: bool) -> int:
    """Say how the command line should look."""
    sys.stderr.write(error.usage)
    Output("usage", as_json=as_json, stdout=sys.stdout, stderr=sys.stderr).trouble(error, USAGE)
    return USAGE


def _run(command: str, call: Call) -> int:
    try:
        return _function(command)(call)
    except (KeyboardInterrupt, Cancelled):
        call.out.talk("v2xsync: interrupted")
        return INTERRUPTED
    except V2xSyncError as error:
        code = code_of(error)
        call.out.trouble(error, code)
        return code


def _function(command: str) -> Callable[[Call], int]:
    target = next((known.run for known in COMMANDS if known.name == command), _BARE)
    module, _colon, name = target.partition(":")
    function: Callable[[Call], int] = getattr(importlib.import_module(f"v2xsync.cli.{module}"), name)
    return function


def _leave_the_rest() -> None:
    """The process ends and its memory with it: to look through all of it for cycles first would take 0.15 s."""
    gc.disable()
    gc.freeze()


def _stand_in_for_closed_streams() -> None:
    """Started with a stream closed (``>&-``), Python has None there: then nothing is read or printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - open until the process ends
            setattr(sys, name, nowhere)


def _never_fail_on_letters() -> None:
    """A terminal that cannot draw a letter shows its escape; a name never ends the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave_pipe() -> None:
    """The reader of our output has gone (``| head``): say nothing more, also not at the interpreter's end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
