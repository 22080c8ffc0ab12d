"""What `v2xsync check` found: one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from v2xsync.cli.exit_codes import DONE

OK: Final = "ok"
WARNING: Final = "warning"
ERROR: Final = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """How grave it is, about what, what was found, and what to do; `code` is the exit code of an error."""

    level: str
    about: str
    text: str
    remedy: str = ""
    code: int = DONE

    def __str__(self) -> str:
        """Return the line for people."""
        remedy = f" -- {self.remedy}" if self.remedy else ""
        return f"{self.level}: {self.about}: {self.text}{remedy}"
