"""``v2xsync service``: prints a systemd unit for this config; ``--install`` writes, enables and starts it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.unit import CREDENTIALS, Order, credentials, own_folders, render
from v2xsync.config.schema import StationConfig
from v2xsync.errors import Cancelled, ConfigError, V2xSyncError

SYSTEM_UNITS: Final = Path("/etc/systemd/system")
TIMEOUT_S: Final = 330.0
"""systemctl waits until the station says that it is ready."""


def run(call: Call) -> int:
    """Print the unit, or install it after showing what will be done."""
    if not hasattr(os, "geteuid"):
        raise V2xSyncError("this system has no systemd", remedy="run v2xsync --no-ui by its own means of services")
    config = call.config(opens_devices=False)
    order = _order(call, config)
    text = render(order)
    path = _folder(call, order) / f"{call.arguments.name}.service"
    if not call.arguments.install:
        _print(call, order, text, path)
        return DONE
    plan = _plan(order, path)
    installed = _install(call, order, path, text, plan)
    if call.out.as_json:
        call.out.document({"unit": text, "file": path, "installed": installed, "commands": plan})
    return DONE


def _order(call: Call, config: StationConfig) -> Order:
    from v2xsync.config.usual import usual_state

    asked = call.arguments.user
    if asked and os.geteuid() != 0:
        raise ConfigError("only root can install a service for another user", key="--user", remedy="sudo v2xsync ...")
    user = (asked or _owner(call, config)) if os.geteuid() == 0 else ""
    home = Path(call.environ["HOME"]) if "HOME" in call.environ else None
    command = [*_program(), "--config", str(config.source_file), "--no-ui"]
    program = [Path(command[0]), Path(sys.executable).resolve(), Path(sys.prefix), Path(__file__)]
    return Order(config, command, program, user, usual_state=config.state == usual_state(call.environ, home))


def _owner(call: Call, config: StationConfig) -> str:
    """Whose station it is: the owner of its state folder, else who asks (also through sudo)."""
    try:
        return config.state.owner()
    except (OSError, KeyError):
        return call.environ.get("SUDO_USER") or getpass.getuser()


def _program() -> Sequence[str]:
    """How this very program is started again."""
    started = Path(sys.argv[0])
    if started.name == "v2xsync" and os.access(started, os.X_OK):
        return [str(started.absolute())]
    return [sys.executable, "-m", "v2xsync"]


def _folder(call: Call, order: Order) -> Path:
    if order.user:
        return SYSTEM_UNITS
    home = Path(call.environ.get("HOME", "."))
    return Path(call.environ.get("XDG_CONFIG_HOME") or home / ".config") / "systemd" / "user"


def _print(call: Call, order: Order, text: str, path: Path) -> None:
    if call.out.as_json:
        call.out.document({"unit": text, "file": path, "installed": False, "commands": _plan(order, path)})
        return
    for line in text.splitlines():
        call.out.line(line)
    call.out.talk(f"this belongs into {path}; v2xsync service --install does that")
    _advise(call, order)


def _advise(call: Call, order: Order) -> None:
    for place in credentials(order.config):
        if not (CREDENTIALS / place).exists():
            call.out.talk(f"put the secret {place} into {CREDENTIALS / place}, for root alone (mode 600)")
    if order.user == "root":
        call.out.talk("it would run as root: better a user of its own, v2xsync service --user NAME")
    if order.usual_state:
        call.out.talk(f"the config names no state folder; the service takes {order.config.state}: write state = ...")
    if not order.user:
        call.out.talk("it runs while you are logged in; loginctl enable-linger lets it run always")


def _plan(order: Order, path: Path) -> Sequence[Sequence[str]]:
    """The commands that follow the writing."""
    systemctl = ["systemctl"] if order.user else ["systemctl", "--user"]
    return ([*systemctl, "daemon-reload"], [*systemctl, "enable", path.name], [*systemctl, "restart", path.name])


def _install(call: Call, order: Order, path: Path, text: str, plan: Sequence[Sequence[str]]) -> bool:
    """Show, ask, do. Raises Cancelled where the person says no, V2xSyncError where a step fails."""
    if shutil.which("systemctl", path=call.environ.get("PATH")) is None:
        raise V2xSyncError("this machine has no systemctl", remedy="v2xsync service prints the unit")
    _show(call, order, path, text, plan)
    if not call.arguments.yes and not _agreed(call):
        raise Cancelled("nothing was done")
    _make_folders(order)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise V2xSyncError(f"cannot write {path}: {error.strerror}", remedy="run this as root") from error
    for command in plan:
        _call(call, command)
    call.out.talk(f"{path.name} is running: systemctl status {path.name}, or v2xsync status")
    return True


def _show(call: Call, order: Order, path: Path, text: str, plan: Sequence[Sequence[str]]) -> None:
    call.out.talk(f"will write {path}{' anew' if path.exists() else ''}:")
    for line in text.splitlines():
        call.out.talk(f"    {line}")
    for folder in _missing(order):
        call.out.talk(f"will make {folder}{f' for {order.user}' if order.user else ''}")
    for command in plan:
        call.out.talk(f"will run: {' '.join(command)}")
    _advise(call, order)


def _missing(order: Order) -> Iterator[Path]:
    return (folder for folder in own_folders(order.config) if not folder.exists())


def _make_folders(order: Order) -> None:
    """Make the station's own folders: in its sandbox it could not."""
    for folder in tuple(_missing(order)):
        try:
            folder.mkdir(mode=0o700 if folder == order.config.state else 0o755, parents=True)
            if order.user:
                shutil.chown(folder, user=order.user)
        except (OSError, LookupError) as error:
            raise V2xSyncError(f"cannot make {folder} for {order.user}: {error}", remedy="make it by hand") from error


def _agreed(call: Call) -> bool:
    """Whether the person agrees; without one, nothing is agreed."""
    if not call.stdin.isatty():
        raise ConfigError("nobody is there to ask", key="--install", remedy="add --yes")
    sys.stderr.write("do this? [y/N] ")
    sys.stderr.flush()
    return call.stdin.readline().strip().lower() in {"y", "yes"}


def _call(call: Call, command: Sequence[str]) -> None:
    program = shutil.which(command[0], path=call.environ.get("PATH")) or command[0]
    try:
        done = subprocess.run(  # noqa: S603 - systemctl with words of our own
            [program, *command[1:]], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise V2xSyncError(f"{' '.join(command)}: {error}", remedy="journalctl tells more") from error
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise V2xSyncError(f"{' '.join(command)}: {said}", remedy="journalctl -xe tells more")
