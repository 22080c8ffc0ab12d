"""The command line's grammar: every command with its options, once. Completion and help are made from it.

`v2xsync` alone runs the station; its routes are only read after ``--once``, so that a mistyped command is an error.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, Protocol

from v2xsync import __version__
from v2xsync.errors import V2xSyncError

_TAKES_VALUE: Final = frozenset({"--config", "-c", "--log-format", "--fps", "--theme"})
"""Options of the bare command whose value must not be taken for a command."""

DEMO_PARTS: Final = ("ftp", "sftp", "post", "writer", "drone")
"""The simulated machines that can run alone (`v2xsync.sim.alone`)."""


class UsageError(V2xSyncError):
    """The command line is wrong; `usage` is how it should look."""

    def __init__(self, what: str, *, usage: str, remedy: str) -> None:
        super().__init__(what, remedy=remedy)
        self.usage: Final = usage


class _Parser(argparse.ArgumentParser):
    """Raises what argparse would print, so that it can be said as JSON too."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, usage=self.format_usage(), remedy=f"{self.prog} --help")


class Grammar(Protocol):
    """What options are told to: an argparse parser, or whoever makes completion from them."""

    @property
    def add_argument(self) -> Callable[..., object]:
        """Take one option or positional, as argparse does."""

    @property
    def add_mutually_exclusive_group(self) -> Callable[[], Grammar]:
        """Begin a group of which one at most may be given."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, what it does in one line, the function that runs it, and its own options."""

    name: str
    does: str
    run: str
    """``module:function``, imported when the command is called."""
    options: Callable[[Grammar], None]


def _count(text: str) -> int:
    """A number of things, one at least; raises as argparse wants it."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines or files: give 1 or more")
    return int(text)


def _no_options(parser: Grammar) -> None:
    del parser


def _names(parser: Grammar, metavar: str, help_: str) -> None:
    parser.add_argument("names", nargs="*", metavar=metavar, help=help_)


def _check(parser: Grammar) -> None:
    parser.add_argument("--connect", action="store_true", help="also reach every device, log in, list, measure")


def _history(parser: Grammar) -> None:
    parser.add_argument("--since", metavar="WHEN", help='only from then on: 2h, 3d, 2026-05-01, "2026-05-01 13:30"')
    parser.add_argument("--route", default="", metavar="ROUTE", help="only of this route")
    parser.add_argument("--source", default="", metavar="DEVICE", help="only of files from this device")
    parser.add_argument("--state", default="", metavar="STATE", help="only steps of this kind, e.g. delivered, held")
    parser.add_argument("--limit", type=_count, default=0, metavar="N", help="only the newest N lines")


def _why(parser: Grammar) -> None:
    parser.add_argument("path", metavar="PATH", help="a file: its path anywhere, the end of it, or its item number")


def _report(parser: Grammar) -> None:
    parser.add_argument("--day", default="", metavar="DAY", help="only this date: 2026-05-01, today, yesterday")


def _release(parser: Grammar) -> None:
    parser.add_argument("items", nargs="*", metavar="ITEM", help="item numbers or paths, as `v2xsync holds` shows them")
    parser.add_argument("--all", action="store_true", help="everything that is on hold")
    help_ = "only what is on hold at this device (again for more)"
    parser.add_argument("--at", action="append", default=[], metavar="DEVICE", help=help_)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--again", action="store_true", help="do the step again (where a file is posted: maybe twice)")
    how.add_argument("--accept", action="store_true", help="vouch that it arrived: a receipt `ack` in your name")


def _sync(parser: Grammar) -> None:
    _names(parser, "ROUTE or DEVICE", "only these")
    parser.add_argument("--wait", action="store_true", help="wait for the end (without a service it always does)")


def _demo(parser: Grammar) -> None:
    parser.add_argument("--no-ui", action="store_true", help="log lines instead of the screen")
    parser.add_argument("--once", action="store_true", help="run every route once and exit")
    help_ = "no station: one simulated machine by itself until Ctrl+C, with a config snippet for it"
    parser.add_argument("--only", choices=DEMO_PARTS, help=help_)
    help_ = "with --only: the port to listen on (drone: to send to); without, one that is free (drone: 14550)"
    parser.add_argument("--port", type=int, default=0, metavar="N", help=help_)
    screen_options(parser)


def _service(parser: Grammar) -> None:
    parser.add_argument("--install", action="store_true", help="write the unit, enable and start it, after asking")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--user", default="", metavar="NAME", help="the user that the station runs as")
    parser.add_argument("--name", default="v2xsync", metavar="NAME", help="the unit's name, for a second station")


def _trust(parser: Grammar) -> None:
    parser.add_argument("device", metavar="DEVICE", help="the device whose host key to look at")
    parser.add_argument("--fingerprint", metavar="SHA256:...", help="pin without asking, if this is the key")


def _import(parser: Grammar) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="configs of older systems (docs/import.md lists them)")
    parser.add_argument(
        "-o", "--output", default="", metavar="FILE", help="write there; otherwise, or with -, on stdout"
    )
    parser.add_argument(
        "--secrets", default="", metavar="FOLDER", help="write secrets into files there that only you read"
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there already")


def _verify(parser: Grammar) -> None:
    help_ = "only so many files of the store and of each target, chosen by chance"
    parser.add_argument("--sample", type=_count, default=0, metavar="N", help=help_)


def _ledger(parser: Grammar) -> None:
    parser.add_argument("deed", choices=["check", "backup", "rebuild"], help="what to do for it")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="with backup: the new file to copy it into")


def _completion(parser: Grammar) -> None:
    parser.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell to complete for")


COMMANDS: Final[Sequence[Command]] = (
    Command("demo", "a rehearsal without any hardware: simulated intersections and targets", "demo:run", _demo),
    Command("check", "is the config right? with --connect: does every device answer?", "check:run", _check),
    Command(
        "plan",
        "what would be fetched, delivered and removed, and why; touches nothing",
        "plan:run",
        lambda parser: _names(parser, "ROUTE", "only these"),
    ),
    Command("sync", "run now, whatever the schedules say: tells the service, or does it and exits", "sync:run", _sync),
    Command(
        "pause",
        "start nothing new there, until resumed",
        "pausing:pause",
        lambda parser: _names(parser, "ROUTE or DEVICE", "only these; without any, everything"),
    ),
    Command(
        "resume",
        "take back a pause",
        "pausing:resume",
        lambda parser: _names(parser, "ROUTE or DEVICE", "only these; without any, every pause"),
    ),
    Command(
        "status",
        "what the running service is doing, or was doing when it last wrote it down; and what waits",
        "status:run",
        _no_options,
    ),
    Command("history", "the custody log: what happened to every file", "history:run", _history),
    Command("report", "what arrived by day, source and element, and what is missing", "report:run", _report),
    Command("why", "everything known about one file, and what happens next", "why:run", _why),
    Command("holds", "files that wait for a person, with the reason", "holds:run", _no_options),
    Command("release", "let files on hold go on", "release:run", _release),
    Command(
        "retry",
        "make everything that waits after trouble due at once",
        "retry:run",
        lambda parser: _names(parser, "ROUTE or DEVICE", "only of these"),
    ),
    Command("verify", "read the store and ask the targets again, against the ledger", "verify:run", _verify),
    Command("ledger", "check the ledger, back it up, or rebuild a lost one from the store", "ledger:run", _ledger),
    Command("trust", "look at a host's key and pin it", "trust:run", _trust),
    Command("import", "turn a config of an older system into ours, and say what has no equal", "import_:run", _import),
    Command("service", "print a systemd unit for this config, or install it", "service:run", _service),
    Command("completion", "print the completion script for a shell", "completion:run", _completion),
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line; `command` is empty for the bare command.

    Raises UsageError; exits as argparse does after ``--help`` and ``--version``.
    """
    if _is_bare(arguments):
        return _bare_parser().parse_args(arguments)
    return full_parser().parse_args(arguments)


def full_parser() -> argparse.ArgumentParser:
    """Return the parser that knows every command, for help and completion."""
    parser = _root_parser()
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in COMMANDS:
        own = commands.add_parser(command.name, help=command.does, description=command.does, parents=[_shared()])
        command.options(own)
    return parser


def _is_bare(arguments: Sequence[str]) -> bool:
    """Whether these are arguments of the bare command: after ``--once`` every word is a route."""
    words = iter(arguments)
    for word in words:
        if word == "--once":
            return True
        if word in _TAKES_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return False
    return False


def _bare_parser() -> argparse.ArgumentParser:
    parser = _root_parser()
    parser.add_argument("names", nargs="*", metavar="ROUTE", help="with --once: only these routes")
    parser.set_defaults(command=None)
    return parser


def root_options(parser: Grammar) -> None:
    """Tell the options that stand before any command."""
    shared_options(parser)
    parser.add_argument("--no-ui", action="store_true", help="run headless: log lines on stdout")
    parser.add_argument("--once", action="store_true", help="run every route now (or those named behind it), and exit")
    parser.add_argument("--attach", action="store_true", help="only look at the running service; never start an engine")
    parser.add_argument("--read-only", action="store_true", help="the same, and change nothing there")
    parser.add_argument("--log-format", choices=["text", "json"], default="text", help="how log lines look on stdout")
    screen_options(parser)


def screen_options(parser: Grammar) -> None:
    """Tell the options of the screen."""
    parser.add_argument("--low-bandwidth", action="store_true", help="16 colours, plain signs, one picture a second")
    parser.add_argument("--fps", type=float, metavar="N", help="pictures per second at most (default: 4, over SSH 2)")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.add_argument("--ascii", action="store_true", default=None, help="plain ASCII signs")
    parser.add_argument("--theme", default="", metavar="NAME", help="courier, courier-light, courier-16, ...")


def shared_options(parser: Grammar) -> None:
    """Tell the options that may stand before or behind the command; SUPPRESS keeps what stood before."""
    unset = argparse.SUPPRESS
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", default=unset, help="the config file to use")
    parser.add_argument("--json", action="store_true", default=unset, help="print one JSON document (docs/json.md)")


def _root_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="v2xsync",
        description="A courier for field data: fetch, deliver, prove, and only then remove. Without a command the"
        " station runs, on the screen where there is one.",
        epilog="Exit codes: 0 all done, 1 some failed or are held, 2 usage or config, 3 a device could not be used,"
        " 4 another instance owns the state folder, 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"v2xsync {__version__}")
    root_options(parser)
    parser.set_defaults(config=None, json=False)
    return parser


def _shared() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    shared_options(parser)
    return parser
