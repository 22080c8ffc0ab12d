"""The store's manifests: custody written down a second time, beside the files themselves.

One file for each route and local date (of the deed), ``.v2xsync/manifests/<route>/<YYYY-MM-DD>.jsonl`` in the store;
`ledger.manifest` has the form of a line. One append and one fsync for each group that is recorded anyway. They are
written *before* the ledger records the same: a kill between the two leaves a line too many, never one too few.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from v2xsync.devices.base import OUR_PREFIX
from v2xsync.devices.durable import sync_file, sync_folder
from v2xsync.engine.partial import store_error
from v2xsync.errors import StoreError
from v2xsync.ledger.base import Delivered, DeliveryTask, ExpiryTask, FetchTask, RemovalTask, Stored
from v2xsync.ledger.manifest import SENDING, ManifestLine, decode, encode
from v2xsync.model.custody import Step
from v2xsync.model.localtime import wall_time

_NAME_LETTERS: Final = 100


class Manifests:
    """Where the workers of one station write; safe for any thread.

    `tell` hears, once, that the manifests cannot be written; the ledger is the record, so nothing else stops for it.
    """

    def __init__(self, store: Path, zone: ZoneInfo, tell: Callable[[str], object]) -> None:
        self._folder = folder_in(store)
        self._zone = zone
        self._tell = tell
        self._lock = threading.Lock()
        self._told = False

    def stored(self, copies: Iterable[tuple[FetchTask, Stored]], at: float) -> None:
        """These stand in the store under their final names."""
        self._note([_stored(task, copy, at) for task, copy in copies])

    def sending(self, task: DeliveryTask, at: float) -> None:
        """This is about to be given to a target that cannot be asked. Raises StoreError: then it must not be."""
        self._write([_delivery(SENDING, task, at)])

    def delivered(self, copies: Iterable[tuple[DeliveryTask, Delivered]], at: float) -> None:
        """These were proven at their target."""
        self._note([_delivered(task, copy, at) for task, copy in copies])

    def removed(self, tasks: Iterable[RemovalTask], at: float) -> None:
        """These were removed at their source; told to every route that has a receipt for them."""
        self._note([line for task in tasks for line in _removed(task, at)])

    def expired(self, task: ExpiryTask, at: float) -> None:
        """This copy leaves the store, as its retention rule wants."""
        self._note([_expired(task, at)])

    def _note(self, lines: Sequence[ManifestLine]) -> None:
        try:
            self._write(lines)
        except StoreError as error:
            if not self._told:
                self._tell(f"{error.what}; the ledger alone knows what happens now")
            self._told = True
        else:
            self._told = False

    def _write(self, lines: Sequence[ManifestLine]) -> None:
        texts: dict[Path, list[str]] = {}
        for line in lines:
            texts.setdefault(self._file(line), []).append(encode(line))
        for file, found in texts.items():
            with self._lock:
                _append(file, "".join(found))

    def _file(self, line: ManifestLine) -> Path:
        return self._folder / _folder_name(line.route) / f"{wall_time(line.at, self._zone).date().isoformat()}.jsonl"


def folder_in(store: Path) -> Path:
    """The folder of all manifests of a store."""
    return store / OUR_PREFIX / "manifests"


def read(store: Path) -> tuple[Sequence[ManifestLine], int]:
    """Every line of every manifest, oldest first, and how many could not be read. Raises StoreError."""
    lines: list[ManifestLine] = []
    torn = 0
    try:
        for line in _lines(folder_in(store)):
            if line is None:
                torn += 1
            else:
                lines.append(line)
    except OSError as error:
        raise store_error(error, "cannot read the manifests") from error
    lines.sort(key=lambda line: line.at)
    return lines, torn


def _lines(folder: Path) -> Iterator[ManifestLine | None]:
    for file in sorted(folder.glob("*/*.jsonl"), key=lambda file: (file.name, file.parent.name)):
        with file.open(encoding="ascii", errors="replace") as opened:
            yield from (decode(text) for text in opened if text.strip())


def _folder_name(route: str) -> str:
    """A safe name for a route's folder; the lines themselves tell the route."""
    name = quote(route, safe=" ")[:_NAME_LETTERS]
    return name if name.strip(". ") else "_"


def _append(file: Path, text: str) -> None:
    """Append durably; what an earlier append left torn gets its line's end first. Raises StoreError."""
    try:
        made = _make_folder(file.parent)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as opened:
            length = opened.seek(0, os.SEEK_END)
            opened.write((_mending(opened.fileno(), length) + text).encode("ascii"))
            sync_file(opened.fileno())
        if not length:
            sync_folder(file.parent)
        for folder in made:
            sync_folder(folder.parent)
    except OSError as error:
        raise store_error(error, f"cannot write the manifest {file}") from error


def _mending(descriptor: int, length: int) -> str:
    if not length:
        return ""
    os.lseek(descriptor, length - 1, os.SEEK_SET)
    return "" if os.read(descriptor, 1) == b"\n" else "\n"


def _make_folder(folder: Path) -> Sequence[Path]:
    """Make the folder and what is missing above it; returns what was made."""
    missing = [one for one in (folder, *folder.parents) if not one.is_dir()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    return missing


# --- lines ------------------------------------------------------------------------------------------------------------


def _item(task: FetchTask | DeliveryTask | RemovalTask) -> Mapping[str, object]:
    seen = task.fingerprint
    return {
        "source": task.source, "path": task.path, "size": seen.size, "mtime_ns": seen.mtime_ns, "step_ns": seen.step_ns,
    }  # fmt: skip


def _line(**values: object) -> ManifestLine:
    return ManifestLine(**values)  # type: ignore[arg-type]  # the callers' values come typed from tasks and receipts


def _stored(task: FetchTask, copy: Stored, at: float) -> ManifestLine:
    return _line(
        **_item(task), step=Step.STORED.value, at=at, route=task.route, found_at=task.found_at, element=task.element,
        place=copy.store_path, bytes=copy.size, sha256=copy.sha256, proof=copy.proof.word, method=copy.method,
        digest=str(copy.digest or ""), note=copy.note,
    )  # fmt: skip


def _delivery(step: str, task: DeliveryTask, at: float, **more: object) -> ManifestLine:
    return _line(
        **_item(task), **more, step=step, at=at, route=task.route, found_at=task.found_at, element=task.element,
        stage=task.stage, target=task.target,
    )  # fmt: skip


def _delivered(task: DeliveryTask, copy: Delivered, at: float) -> ManifestLine:
    return _delivery(
        Step.DELIVERED.value, task, at, place=copy.target_path, bytes=copy.size, sha256=copy.sha256,
        proof=copy.proof.word, method=copy.method, digest=str(copy.digest or ""), reference=copy.reference,
        note=copy.note,
    )  # fmt: skip


def _removed(task: RemovalTask, at: float) -> Iterator[ManifestLine]:
    for route in dict.fromkeys(receipt.route for receipt in task.receipts):
        yield _line(**_item(task), step=Step.REMOVED.value, at=at, route=route, sha256=task.sha256)


def _expired(task: ExpiryTask, at: float) -> ManifestLine:
    return ManifestLine(step=Step.EXPIRED.value, at=at, route=task.route, place=task.store_path, sha256=task.sha256)
