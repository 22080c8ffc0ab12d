"""Runs one contender once, and says what it took; looks at what it left."""

from __future__ import annotations

import filecmp
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from lab import files_of

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
"""A caller's settings for Python (no bytecode, unbuffered) are not ours."""

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Result:
    """What one run took; `wrong` says why it does not count, or is empty."""

    wall_s: float
    cpu_s: float
    server_cpu_s: float
    rss_mib: float
    """Of the largest process."""
    wrong: str


def run(command: str, *, log: Path, server_pid: int, timeout_s: float) -> Result:
    """Run a shell command to its end, or kill all of it after `timeout_s`."""
    server_before = server_cpu_s(server_pid)
    with log.open("ab") as out:
        out.write(f"$ {command}\n".encode())
        out.flush()
        begun = time.perf_counter()
        process = subprocess.Popen(
            ["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=CLEAN
        )
        late = threading.Event()
        alarm = threading.Timer(timeout_s, kill_all, (process.pid, late))
        alarm.start()
        # a blocking wait: Popen.wait(timeout) polls, which rounds every wall clock time up
        _pid, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    wrong = f"no end within {timeout_s:.0f} s" if late.is_set() else ""
    if not wrong and process.returncode:
        wrong = f"exit code {process.returncode}"
    cpu_s = used.ru_utime + used.ru_stime
    return Result(wall_s, cpu_s, server_cpu_s(server_pid) - server_before, used.ru_maxrss / 1024, wrong)


def kill_all(group: int, late: threading.Event) -> None:
    late.set()
    os.killpg(group, signal.SIGKILL)


def server_cpu_s(pid: int) -> float:
    """User and system time of the server and of its sessions that have ended."""
    time.sleep(0.15)  # the last session is reaped a moment after its client has gone
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS_PER_S


def difference(master: Path, got: Path) -> str:
    """What is wrong with `got`, byte by byte; empty where nothing is."""
    wanted, found = files_of(master), files_of(got)
    if wanted != found:
        wrong = [name for name in wanted if wanted[name] != found.get(name)]
        more = [name for name in found if name not in wanted]
        return f"{len(found)} files instead of {len(wanted)}; missing or short {wrong[:3]}; not asked for {more[:3]}"
    for name in wanted:
        if not filecmp.cmp(master / name, got / name, shallow=False):
            return f"other content: {name}"
    return ""
