"""Configs of every older system, written for these tests in the shapes that were in use."""

from __future__ import annotations

import copy
from typing import Any, Final

SECRET: Final = "hunter2-Secret"
"""Stands wherever a secret stood; must never be seen again."""

SIMPLE_PULL: Final[dict[str, Any]] = {
    "local_data_directory": "./archive-here",
    "intersections": [
        {
            "name": name,
            "ip_address": host,
            "username": "reader",
            "password": SECRET,
            "v2x-data_location": "/opt/v2x-data",
        }
        for name, host in (("market-10th", "198.51.100.10"), ("market-11th", "198.51.100.11"))
    ],
    "data_transfer_start_24h": {"hour": 2, "minute": 5},
}

STAGED_PULL: Final[dict[str, Any]] = {
    **SIMPLE_PULL,
    "intersections": [
        {**entry, "cyverse_location": f"/iplant/home/lab/{entry['name']}"} for entry in SIMPLE_PULL["intersections"]
    ],
    "data_transfer_start_24h": {
        "from_intersections": {"hour": 1, "minute": 0},
        "to_cyverse": {"hour": 4, "minute": 45},
    },
}

TRANSFER_SERVER: Final[dict[str, Any]] = {
    "ApplicationPlatform": "server",
    "IntersectionName": "downtown",
    "Logging": True,
    "Console": False,
    "PullFromIntersections": True,
    "PushToCyverse": True,
    "DataTransfer": {
        "server": {"data_directory": "/srv/collected"},
        "intersection": STAGED_PULL["intersections"],
        "StartTime_PullFromIntersections": {"hour": 0, "minute": 15},
        "StartTime_PushToCyverse": {"hour": 5, "minute": 0},
    },
}

TRANSFER_ROADSIDE: Final[dict[str, Any]] = {
    "ApplicationPlatform": "roadside",
    "IntersectionName": "clay-11th",
    "Logging": False,
    "Console": True,
    "DataTransfer": {
        "server": {
            "data_directory": "/srv/collected",
            "ip_address": "198.51.100.1",
            "username": "writer",
            "password": SECRET,
        },
        "intersection": [{"name": "clay-11th", "v2x-data_location": "/opt/v2x-data"}],
        "StartTime_PushToServer": {"hour": 23, "minute": 30},
    },
}

FTP_CLIENT: Final[dict[str, Any]] = {
    "IntersectionName": "clay-11th",
    "DataCollectorIP": "198.51.100.1",
    "DataTransfer": {
        "FtpServerPort": 2121,
        "StartTime": {"Hour": 1, "Minute": 0},
        "EndTime": {"Hour": 1, "Minute": 40},
        "MaxRetries": 3,
    },
}

FTP_SERVER: Final[dict[str, Any]] = {
    "FtpHost": "198.51.100.1",
    "FtpPort": 2121,
    "DnsServer": "198.51.100.53",
    "NotificationEmail": {"SenderAccount": "a@example.org", "Password": SECRET, "SslPort": 465, "Recipients": []},
    "CyVerseDataTransfer": {
        "StartTime": {"Hour": 3, "Minute": 0},
        "EndTime": {"Hour": 5, "Minute": 0},
        "MaxRetries": 3,
    },
    "Clients": [
        {
            "Name": "clay-11th",
            "LocalDirectory": "collected/clay-11th",
            "CyVerseDirectories": {
                element: f"/iplant/home/shared/site/clay-11th/{element}"
                for element in ("spat", "remoteBsm", "srm", "ssm", "msgCount")
            },
        }
    ],
}


def seed_device(kind: str, **args: object) -> dict[str, object]:
    """A device as filesync's first generation wrote it."""
    return {"device_class": kind, "module_path": f"device_{kind.lower()}", "args": args}


LOCAL: Final = seed_device("LOCAL", dir="/data/logs")
DISK: Final = seed_device("DISK", uuid="0123-ABCD", mount_point="/mnt/card")
FTP: Final = seed_device("FTP", host="198.51.100.31", user="sync", passwd=SECRET)
WEBDAV: Final = seed_device("WEBDAV", host="https://dav.example.org/box", user="sync", passwd=SECRET)
POST: Final = seed_device(
    "POST",
    uploader_url="https://logs.example.org/upload",
    values={
        "description": "flight {1}",
        "additional_feedback": "windy",
        "email": "pilot@example.org",
        "allow_for_analysis": True,
        "obfuscated": False,
    },
)


def worker(name: str, source: object, target: object, *extensions: str) -> dict[str, object]:
    """A worker of filesync's first generation."""
    return {
        "enable": True,
        "name": name,
        "source": source,
        "target": target,
        "rules": {},
        "count": 1,
        "logger": {"log_path": "x.log", "log_level": "INFO"},
        "db": {"db_path": "x.json", "autosave_interval": 5},
        "finder": {"count": 1, "finder_interval": 15, "extensions": list(extensions)},
    }


WORKERS: Final[dict[str, Any]] = {
    "workers": [
        worker("pictures", DISK, FTP, "JPG", "jpg"),
        worker("flights", LOCAL, POST, "ulg"),
        worker("tables", LOCAL, WEBDAV, "csv"),
    ]
}

SINGLE_WORKER: Final[dict[str, Any]] = {
    "gui": True,
    "enable": True,
    "name": "one",
    "mover_count": 4,
    "finder": {"searching_times": 0, "search_interval": 20, "mkdir_times": 0, "mkdir_interval": 1},
    "db_backup": {"db_path": "one.json", "autosave_interval": 5},
    "db": {"default_record": {"source_path": "", "uploaded": False}, "key": "source_path"},
    "rules": {"include": ["/20*", "*.csv", "never/fits"], "exclude": ["/tmp/*", "*/scratch/*"]},
    "source": {"device": "device_local", "args": {"mount_point": "/data/in"}},
    "target": {"device": "device_local", "args": {"mount_point": "/data/out"}},
}

DEVICE_LIST: Final[list[Any]] = [SINGLE_WORKER["source"], SINGLE_WORKER["target"]]
DEVICE_LISTS: Final[dict[str, Any]] = {"source": [DISK, LOCAL], "target": [FTP, POST, WEBDAV]}

PX4_LOGS: Final[dict[str, Any]] = {
    "~user_email": "pilot@example.org",
    "~user_feedback": "",
    "~finder_interval": 10,
    "~arming_protect": False,
    "~downloaders_count": 1,
    "~uploaders_count": 3,
    "~logs_directory": "/data/flights",
    "~db_json_path": "/data/flights.json",
    "~uploader_url": "logs.px4.io/upload",
}

COLLECTOR: Final[dict[str, Any]] = {
    "--tmp-persist-dir": "/var/spool/minutes",
    "--host": "collector.example.org",
    "--port": 8888,
    "--dist-interval": 10,
}

STALE_SERVER: Final[dict[str, Any]] = copy.deepcopy(TRANSFER_SERVER)
STALE_SERVER["DataTransfer"]["StartTime_FromIntersections"] = STALE_SERVER["DataTransfer"].pop(
    "StartTime_PullFromIntersections"
)
STALE_SERVER["DataTransfer"]["StartTime_ToCyverse"] = STALE_SERVER["DataTransfer"].pop("StartTime_PushToCyverse")

EVERY: Final[dict[str, Any]] = {
    "pull": SIMPLE_PULL,
    "pull-staged": STAGED_PULL,
    "transfer-server": TRANSFER_SERVER,
    "transfer-server-stale": STALE_SERVER,
    "transfer-roadside": TRANSFER_ROADSIDE,
    "ftp-client": FTP_CLIENT,
    "ftp-server": FTP_SERVER,
    "filesync-workers": WORKERS,
    "filesync-one": SINGLE_WORKER,
    "filesync-list": DEVICE_LIST,
    "filesync-lists": DEVICE_LISTS,
    "px4-logs": PX4_LOGS,
    "data-collector": COLLECTOR,
}
