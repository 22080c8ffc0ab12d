"""``v2xsync import FILE...``: a config of an older system, turned into ours. Secrets never go into it by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE, SOME_FAILED
from v2xsync.errors import ConfigError

if TYPE_CHECKING:
    from v2xsync.config.legacy.draft import Draft
    from v2xsync.config.legacy.placing import SecretFolder

_STDOUT: Final = "-"


def run(call: Call) -> int:
    """Read the files, write or print the page, and tell what is left for a person.

    Exit code 2 and nothing written where a file is wrong; 1 where the page does not load as it is.
    """
    from v2xsync.config.legacy.judging import settle
    from v2xsync.config.legacy.shapes import draft_of

    inputs = [call.cwd / file for file in call.arguments.files]
    output = _output(call, inputs)
    draft = draft_of(inputs)
    problems = settle(draft, call.environ)
    text = _write(call, draft, output)
    code = SOME_FAILED if problems else DONE
    _tell(call, draft, problems)
    if call.out.as_json:
        call.out.document(_report(draft, problems, output=output, text=text, code=code))
    elif output is None:
        for line in text.splitlines():
            call.out.line(line)
    else:
        call.out.talk(f"written: {output}   (next: v2xsync check, v2xsync plan)")
    return code


def _output(call: Call, inputs: Sequence[Path]) -> Path | None:
    """The file to write, None for stdout. Raises ConfigError where it is there already, or is one of the inputs."""
    written = call.arguments.output
    if written in {"", _STDOUT}:
        return None
    path: Path = call.cwd / written
    if any(path.exists() and file.exists() and path.samefile(file) for file in inputs):
        raise ConfigError("this is the older config itself", file=str(path), remedy="choose another name")
    if not call.arguments.force and (path.exists() or path.is_symlink()):
        raise ConfigError("is there already", file=str(path), remedy="choose another name, or add --force")
    return path


def _write(call: Call, draft: Draft, output: Path | None) -> str:
    """Put the secrets and the page where they belong; returns the page."""
    from v2xsync.config.legacy.placing import write_page
    from v2xsync.config.legacy.writing import Page, in_environment

    secrets = _secret_folder(call)
    text = Page(draft, secrets.place if secrets is not None else in_environment).text()
    if secrets is not None and draft.secrets:
        secrets.write(draft.secrets, force=call.arguments.force)
    try:
        if output is not None:
            write_page(output, text, force=call.arguments.force)
    except ConfigError:
        if secrets is not None:
            secrets.take_back()
        raise
    return text


def _secret_folder(call: Call) -> SecretFolder | None:
    from v2xsync.config.legacy.placing import SecretFolder

    written = call.arguments.secrets
    return SecretFolder((call.cwd / written).absolute()) if written else None


def _tell(call: Call, draft: Draft, problems: Sequence[ConfigError]) -> None:
    """Say on stderr what a person has to know; never a secret."""
    talk = call.out.talk
    for file, system in draft.systems:
        talk(f"{file}: {system}")
    for note in draft.told():
        talk(f"not carried over as it was: {note}")
    for kind, name, reason in _off(draft):
        talk(f"commented out: {kind}.{name}: {reason}")
    _tell_secrets(call, draft)
    for advice in draft.advice:
        talk(f"to do: {advice}")
    for problem in problems:
        talk(f"still wrong: {_without_file(problem)}")


def _tell_secrets(call: Call, draft: Draft) -> None:
    folder = _secret_folder(call)
    for secret in draft.secrets:
        about = f"{secret.option} of {secret.device}"
        missing = "" if secret.value else ", which was not in the older config"
        if folder is None:
            call.out.talk(f"to do: set {secret.variable} in the environment: the {about}{missing}")
        elif missing:
            call.out.talk(f"to do: write {folder.place(secret)['file']} (chmod 600): the {about}{missing}")
        else:
            call.out.talk(f"secret written: {folder.place(secret)['file']}: the {about}")


def _off(draft: Draft) -> list[tuple[str, str, str]]:
    from v2xsync.config.legacy.writing import Page

    page = Page(draft)
    devices = [("devices", device.name, device.off) for device in draft.devices if device.off]
    routes = [("routes", route.name, reason) for route in draft.routes if (reason := page.reason(route))]
    return devices + routes


def _without_file(problem: ConfigError) -> str:
    where = f"{problem.key}: " if problem.key else ""
    return f"{where}{problem.what} -- {problem.remedy}"


def _report(
    draft: Draft, problems: Sequence[ConfigError], *, output: Path | None, text: str, code: int
) -> Mapping[str, object]:
    """The document for ``--json``; no secret is in it."""
    off = _off(draft)
    gone = {name for _kind, name, _reason in off}
    return {
        "config": output,
        "toml": text if output is None else None,
        "systems": [{"file": file, "system": system} for file, system in draft.systems],
        "devices": [device.name for device in draft.devices if device.name not in gone],
        "routes": [route.name for route in draft.routes if route.name not in gone],
        "commented_out": [{"key": f"{kind}.{name}", "reason": reason} for kind, name, reason in off],
        "not_carried_over": list(dict.fromkeys(draft.notes)),
        "secrets": [
            {"variable": secret.variable, "device": secret.device, "option": secret.option, "known": bool(secret.value)}
            for secret in draft.secrets
        ],
        "advice": draft.advice,
        "problems": [{"key": each.key, "what": each.what, "remedy": each.remedy} for each in problems],
        "exit_code": code,
    }
