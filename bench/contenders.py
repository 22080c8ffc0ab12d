"""Who runs, with which command. Peers get the settings that their own manuals advise for speed, and their defaults."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab import FAR, PYTHON, Far

CONFIG = """\
[station]
name     = "bench"
timezone = "UTC"
state    = "{state}"

[store]
directory = "{to}"
min_free  = "1 MB"

[devices.far]
type        = "sftp"
host        = "{host}"
port        = {port}
username    = "{user}"
identity    = "{key}"
known_hosts = "{known}"
root        = "{source}"

[routes.bench]
from    = ["far"]
to      = []
layout  = "{{path}}"
include = ["{include}"]
ready   = {{ settle = "0s" }}
remove  = {remove}
"""

MOVE = '{ after = "stored", proof = "size" }'
KEEP = '{ after = "never" }'


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one contender: from `source` on the far machine into the empty folder `to`."""

    far: Far
    source: Path
    to: Path
    work: Path


Command = Callable[[Job], str]


def courier(remove: str, include: str = "*") -> Command:
    """v2xsync as a person would run it from cron."""

    def command(job: Job) -> str:
        config = job.work / "v2xsync.toml"
        text = CONFIG.format(
            state=job.work / "state",
            to=job.to,
            host=FAR,
            port=job.far.port,
            user=job.far.user,
            key=job.far.key,
            known=job.far.known_hosts,
            source=job.source,
            include=include,
            remove=remove,
        )
        config.write_text(text, encoding="utf-8")
        return f"{shlex.quote(str(PYTHON))} -m v2xsync --config {config} --no-ui --once"

    return command


def rclone(words: str, *, listing: bool = False) -> Command:
    def command(job: Job) -> str:
        far = job.far
        place = f"--sftp-host {FAR} --sftp-port {far.port} --sftp-user {far.user} --sftp-key-file {far.key}"
        known = f"--sftp-known-hosts-file {far.known_hosts}"
        end = f"> {job.to}/listing" if listing else str(job.to)
        return f"rclone {words} -q --config /dev/null {place} {known} :sftp:{job.source} {end}"

    return command


def lftp(words: str) -> Command:
    def command(job: Job) -> str:
        ssh = f"ssh -F {job.far.ssh_config} -a -x -c aes128-gcm@openssh.com"
        orders = (
            f"set sftp:auto-confirm yes; set sftp:size-read 261120; set sftp:max-packets-in-flight 64; "
            f"set sftp:connect-program '{ssh}'; open -u {job.far.user},x sftp://far; "
            + words.format(source=job.source, to=job.to)
        )
        return f"lftp --norc -c {shlex.quote(orders)}"

    return command


def rsync(words: str, end: str = "{to}/") -> Command:
    def command(job: Job) -> str:
        shell = shlex.quote(f"ssh -F {job.far.ssh_config} -c aes128-gcm@openssh.com")
        return f"rsync {words} -e {shell} far:{job.source}/ {end.format(to=job.to)}"

    return command


def sftp_move(job: Job) -> str:
    """OpenSSH's own client: everything, then every folder's files removed in a second session."""
    sftp = f"sftp -F {job.far.ssh_config} -q -c aes128-gcm@openssh.com -B 261120 -R 256"
    orders = f'(for d in {job.source}/*; do echo "rm $d/*"; done)'
    return f"{sftp} -r far:{job.source}/. {job.to}/ && {orders} | {sftp} -b - far"


def sftp_copy(job: Job) -> str:
    return f"sftp -F {job.far.ssh_config} -q -r -c aes128-gcm@openssh.com -B 261120 -R 256 far:{job.source}/. {job.to}/"


def sftp_list(job: Job) -> str:
    orders = f'(for d in {job.source}/*; do echo "ls -ln $d"; done)'
    return f"{orders} | sftp -F {job.far.ssh_config} -q -b - far > {job.to}/listing"


NO_HASH = "--ignore-checksum --sftp-disable-hashcheck"

CONTENDERS: Mapping[str, Mapping[str, Command]] = {
    "move": {
        "v2xsync": courier(MOVE),
        "rsync": rsync("-a --remove-source-files"),
        "rsync --fsync": rsync("-a --remove-source-files --fsync"),
        "rclone 32": rclone("move --transfers 32 --checkers 32"),
        "rclone 32 no hash": rclone(f"move --transfers 32 --checkers 32 {NO_HASH}"),
        "lftp 8": lftp("mirror --parallel=8 --Remove-source-files {source} {to}"),
        "sftp": sftp_move,
    },
    "one": {
        "v2xsync": courier(KEEP),
        "rsync": rsync("-a -W --inplace"),
        "rclone": rclone("copy"),
        "rclone no hash": rclone(
            f"copy {NO_HASH} --sftp-chunk-size 255k --sftp-concurrency 64 --multi-thread-streams 0"
        ),
        "lftp": lftp("mirror {source} {to}"),
        "sftp": sftp_copy,
    },
    "list": {
        "v2xsync": courier(KEEP, include="*.nothing"),
        "rsync": rsync("-r --list-only", end="> {to}/listing"),
        "rclone": rclone("lsf -R --format pst", listing=True),
        "lftp": lftp("find -l {source} > {to}/listing"),
        "sftp": sftp_list,
    },
}


def present(scenario: str) -> dict[str, Command]:
    """The contenders of a scenario whose programs are installed (and know the options that are asked of them)."""
    return {name: command for name, command in CONTENDERS[scenario].items() if _installed(name)}


def _installed(name: str) -> bool:
    program = name.partition(" ")[0]
    if program == "v2xsync":
        return PYTHON.exists()
    if shutil.which(program) is None:
        return False
    if "--fsync" in name:
        told = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        return "--fsync" in told.stdout
    return True
