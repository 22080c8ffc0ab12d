"""Finds the real servers and programs that tests drive: on the machine, or where `scripts/test` unpacked them.

A test says what it needs by ``@pytest.mark.real("sshd")`` (or ``pytestmark`` for a whole file) and then asks `program`
for the path. Where it is missing the test is skipped and named at the end of the run; with ``CI=true`` it fails.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")
_TOOLS = Path(__file__).parents[1] / ".tools" / "usr"
_WITH_MODULES = {"nginx": ("modules/ngx_http_dav_ext_module.so",), "proftpd": ("mod_sftp.so",)}
"""Programs that serve us only with these modules of theirs."""


def find(name: str) -> Path | None:
    """The path of the program `name`, or None where it is not installed (with the modules that it needs)."""
    folders = (*os.get_exec_path(), *_SYSTEM_FOLDERS, str(_TOOLS / "sbin"), str(_TOOLS / "bin"))
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        return None
    path = Path(found).resolve()
    modules = module_folder(path)
    return path if all((modules / module).exists() for module in _WITH_MODULES.get(name, ())) else None


def program(name: str) -> Path:
    """The path of `name`; raises LookupError where a test forgot to say that it needs it."""
    path = find(name)
    if path is None:
        raise LookupError(f'{name} is not installed: mark the test with @pytest.mark.real("{name}")')
    return path


def module_folder(path: Path) -> Path:
    """Where the server at `path` keeps its modules (for proftpd's `ModulePath`)."""
    return path.parents[1] / "lib" / path.name
