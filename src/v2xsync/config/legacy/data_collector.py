"""data_collector: minute files posted raw. Its options as JSON, or as a container's ``KEY=VALUE`` lines."""

from __future__ import annotations

from typing import Final

from v2xsync.config.legacy.draft import CarriedRoute
from v2xsync.config.legacy.reading import Old

SYSTEM: Final = "data_collector"
_FOLDER: Final = "tmp_persist_dir"
_USUAL_INTERVAL: Final = "60s"


def fits(raw: object) -> bool:
    """Whether a file's value has the shape of this system."""
    return isinstance(raw, dict) and any(_plain(name) == _FOLDER for name in raw)


def carry(old: Old) -> None:
    """Put what the options say into the draft: a folder, a server, an interval."""
    old = old.again({_plain(name): value for name, value in old.raw.items()})
    draft = old.draft
    logs = old.text("log_dir", "log_dir_path")
    if logs:
        draft.station.setdefault("logs", logs)
    source = draft.add_device("collector", "local", {"directory": old.folder(_FOLDER)})
    host, port = old.host("host"), old.whole("port")
    if port is None:
        old.wrong("port", "the key is missing")
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    target = draft.add_device("collector-server", "post", {"url": f"http://{shown}:{port}/", "form": "raw"})
    interval = old.seconds("dist_interval") or _USUAL_INTERVAL
    route = CarriedRoute(
        name="minute-files",
        sources=[source],
        targets=[target],
        stage=False,
        options={
            "include": ["*.dat"],
            "exclude": ["*/*"],
            "ready": {"lock": "{name}.lock"},
            "fetch": {"every": interval},
        },
        removes=True,
        comment="A refused file now stays: the older program removed it whatever the server answered.",
    )
    draft.add_route(route)
    old.rest()


def _plain(name: str) -> str:
    return name.lstrip("-").lower().replace("-", "_")
