"""``v2xsync completion SHELL``: the completion script for bash, zsh or fish, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from v2xsync.cli.arguments import COMMANDS, root_options, shared_options
from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its names, what it does, and the words that it may take."""

    flags: tuple[str, ...]
    does: str
    choices: tuple[str, ...] = ()


@dataclass(slots=True)
class Listing:
    """Takes options as argparse does, and remembers them."""

    options: list[Option] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """What a positional may be, where it is one of a few words."""

    def add_argument(self, *flags: str, **rules: object) -> None:
        """Remember one option, or the choices of a positional."""
        choices = rules.get("choices", ())
        words = tuple(map(str, choices)) if isinstance(choices, Sequence) else ()
        if flags[0].startswith("-"):
            self.options.append(Option(flags, str(rules.get("help", "")), words))
        else:
            self.words.extend(words)

    def add_mutually_exclusive_group(self) -> Listing:
        """Options of a group are options like any other."""
        return self

    def offered(self) -> Iterable[str]:
        """Every word that may come next."""
        return [*self.words, *(flag for option in self.options for flag in option.flags)]


def run(call: Call) -> int:
    """Print the script; how to install it is its first line."""
    make: Mapping[str, Callable[[], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    for line in make[call.arguments.shell]().splitlines():
        call.out.line(line)
    return DONE


def _root() -> Listing:
    listing = Listing()
    root_options(listing)
    listing.add_argument("-h", "--help", help="show help")
    listing.add_argument("--version", help="show the version")
    return listing


def _by_command() -> Mapping[str, Listing]:
    listings: dict[str, Listing] = {}
    for command in COMMANDS:
        listings[command.name] = Listing()
        command.options(listings[command.name])
        shared_options(listings[command.name])
    return listings


def _bash() -> str:
    cases = "\n".join(f'    {name}) words="{" ".join(own.offered())}" ;;' for name, own in _by_command().items())
    return f"""\
# bash: v2xsync completion bash > ~/.local/share/bash-completion/completions/v2xsync
_v2xsync() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command="" word words
  case $previous in
    -c|--config) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --log-format) COMPREPLY=($(compgen -W "text json" -- "$current")); return ;;
  esac
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in {"|".join(_by_command())}) command=$word; break ;; esac
  done
  case $command in
{cases}
    *) words="{" ".join([*_by_command(), *_root().offered()])}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _v2xsync v2xsync
"""


def _zsh() -> str:
    commands = "\n".join(f"    {_quoted(f'{command.name}:{command.does}')}" for command in COMMANDS)
    cases = "\n".join(
        f"        {name}) _arguments {' '.join(_zsh_options(own))} ;;" for name, own in _by_command().items()
    )
    return f"""\
#compdef v2xsync
# zsh: v2xsync completion zsh > a folder of $fpath, as _v2xsync
_v2xsync() {{
  local context state line
  local -a commands
  commands=(
{commands}
  )
  _arguments -C {" ".join(_zsh_options(_root()))} '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $line[1] in
{cases}
      esac ;;
  esac
}}
_v2xsync "$@"
"""


def _zsh_options(listing: Listing) -> Iterable[str]:
    for option in listing.options:
        takes = ":file:_files" if "--config" in option.flags else f":word:({' '.join(option.choices)})"
        tail = takes if option.choices or "--config" in option.flags else ""
        for flag in option.flags:
            yield _quoted(f"{flag}[{option.does.replace('[', '(').replace(']', ')').replace(':', ',')}]{tail}")
    if listing.words:
        yield _quoted(f"1:word:({' '.join(listing.words)})")


def _fish() -> str:
    lines = ["# fish: v2xsync completion fish > ~/.config/fish/completions/v2xsync.fish", "complete -c v2xsync -f"]
    lines += [
        f"complete -c v2xsync -n __fish_use_subcommand -a {command.name} -d {_quoted(command.does)}"
        for command in COMMANDS
    ]
    lines += [f"complete -c v2xsync {text}" for text in _fish_options(_root())]
    for name, own in _by_command().items():
        seen = _quoted(f"__fish_seen_subcommand_from {name}")
        lines += [f"complete -c v2xsync -n {seen} {text}" for text in _fish_options(own)]
        lines += [f"complete -c v2xsync -n {seen} -a {word}" for word in own.words]
    return "\n".join(lines) + "\n"


def _fish_options(listing: Listing) -> Iterable[str]:
    for option in listing.options:
        flags = " ".join(f"-l {f.lstrip('-')}" if f.startswith("--") else f"-s {f.lstrip('-')}" for f in option.flags)
        takes = f" -xa {_quoted(' '.join(option.choices))}" if option.choices else ""
        file = " -rF" if "--config" in option.flags else ""
        yield f"{flags}{takes}{file} -d {_quoted(option.does)}"


def _quoted(text: str) -> str:
    """A word in single quotes, as every one of the three shells takes it."""
    return "'" + text.replace("'", "’") + "'"
