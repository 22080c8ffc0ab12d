"""The store's manifests: custody written down a second time, beside the files themselves.

One file for each route and local date (of the deed), ``.v2xsync/manifests/<route>/<YYYY-MM-DD>.jsonl`` in the store;
`ledger.manifest` has the form of a line. One append and one fsync for each group that is recorded anyway. They are
written *before* the ledger records the same: a kill between the two leaves a line too many, never one too few.
"""

from __future__ import annotations

import errno
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

_Told = Mapping[str, object]
"""A line, as keys of ManifestLine."""


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

    def any(self) -> bool:
        """Whether anything was ever written."""
        return next(self._folder.rglob("*"), None) is not None

    def stored(self, copies: Iterable[tuple[FetchTask, Stored]], at: float) -> None:
        """These stand in the store under their final names."""
        self._note([_stored(task, copy, at) for task, copy in copies], at)

    def sending(self, task: DeliveryTask, at: float) -> None:
        """This is about to be given to a target that cannot be asked. Raises StoreError: then it must not be."""
        self._write([_delivery(SENDING, task, at)], at)

    def delivered(self, copies: Iterable[tuple[DeliveryTask, Delivered]], at: float) -> None:
        """These were proven at their target."""
        self._note([_delivered(task, copy, at) for task, copy in copies], at)

    def removed(self, tasks: Iterable[RemovalTask], at: float) -> None:
        """These were removed at their source; told to every route that has a receipt for them."""
        self._note([line for task in tasks for line in _removed(task, at)], at)

    def expired(self, task: ExpiryTask, at: float) -> None:
        """This place in the store was emptied, as the retention rule wants."""
        self._note([_expired(task, at)], at)

    def _note(self, lines: Sequence[_Told], at: float) -> None:
        try:
            self._write(lines, at)
        except StoreError as error:
            if not self._told:
                self._tell(f"{error.what}; the ledger alone knows what happens now")
            self._told = True
        else:
            self._told = False

    def _write(self, lines: Sequence[_Told], at: float) -> None:
        texts: dict[object, list[str]] = {}
        for line in lines:
            texts.setdefault(line["route"], []).append(encode(line))
        for route, found in texts.items():
            file = self._file(str(route), at)
            try:
                self._append(file, "".join(found).encode("ascii"))
            except OSError as error:
                raise store_error(error, f"cannot write the manifest {file}") from error

    def _append(self, file: Path, text: bytes) -> None:
        """Append durably. Writers wait for each other's bytes, not for each other's disk. Raises OSError."""
        with self._lock:
            _refuse_links(file.parent, self._folder)
            made = _make_folder(file.parent)
            fresh = not file.exists()
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                _write_all(descriptor, text)
            except OSError:
                os.close(descriptor)
                raise
        try:
            sync_file(descriptor)
        finally:
            os.close(descriptor)
        for folder in (file.parent, *(one.parent for one in made)) if fresh else ():
            sync_folder(folder)

    def _file(self, route: str, at: float) -> Path:
        return self._folder / _folder_name(route) / f"{wall_time(at, self._zone).date().isoformat()}.jsonl"


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


def _write_all(descriptor: int, text: bytes) -> None:
    """Write every byte; what an earlier append left torn gets its line's end first. Raises OSError."""
    length = os.lseek(descriptor, 0, os.SEEK_END)
    if length:
        os.lseek(descriptor, length - 1, os.SEEK_SET)
        text = text if os.read(descriptor, 1) == b"\n" else b"\n" + text
    while text:
        text = text[os.write(descriptor, text) :]


def _make_folder(folder: Path) -> Sequence[Path]:
    """Make the folder and what is missing above it; returns what was made."""
    missing = [one for one in (folder, *folder.parents) if not one.is_dir()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    return missing


def _refuse_links(*folders: Path) -> None:
    """Raise OSError where one of our own folders is a link that somebody planted."""
    for folder in folders:
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "it is a link, and none of ours", str(folder))


# --- lines ------------------------------------------------------------------------------------------------------------


def _item(step: str, at: float, task: FetchTask | DeliveryTask | RemovalTask) -> dict[str, object]:
    seen = task.fingerprint
    return {
        "step": step, "at": at, "source": task.source, "path": task.path, "size": seen.size, "mtime_ns": seen.mtime_ns,
        "step_ns": seen.step_ns,
    }  # fmt: skip


def _plan(task: FetchTask | DeliveryTask) -> _Told:
    return {"route": task.route, "element": task.element, "found_at": task.found_at}


def _proof(copy: Stored | Delivered) -> _Told:
    told = {"bytes": copy.size, "sha256": copy.sha256, "proof": copy.proof.word, "method": copy.method}
    if copy.digest:
        told["digest"] = str(copy.digest)
    if copy.note:
        told["note"] = copy.note
    return told


def _stored(task: FetchTask, copy: Stored, at: float) -> _Told:
    return {**_item(Step.STORED.value, at, task), **_plan(task), "place": copy.store_path, **_proof(copy)}


def _delivery(step: str, task: DeliveryTask, at: float) -> _Told:
    return {**_item(step, at, task), **_plan(task), "stage": task.stage, "target": task.target}


def _delivered(task: DeliveryTask, copy: Delivered, at: float) -> _Told:
    reference = {"reference": copy.reference} if copy.reference else {}
    return {**_delivery(Step.DELIVERED.value, task, at), "place": copy.target_path, **_proof(copy), **reference}


def _removed(task: RemovalTask, at: float) -> Iterator[_Told]:
    for route in dict.fromkeys(receipt.route for receipt in task.receipts):
        yield {**_item(Step.REMOVED.value, at, task), "route": route, "sha256": task.sha256}


def _expired(task: ExpiryTask, at: float) -> _Told:
    step = Step.EXPIRED.value
    return {"step": step, "at": at, "route": task.route, "place": task.store_path, "sha256": task.sha256}
