"""From ``[devices.NAME]`` to devices: the type's options, and whether their secrets can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from v2xsync.config.device_options import DEVICE_TYPES, DeviceFacts, DeviceOptions, DeviceType
from v2xsync.config.fields import PathContext, require_name
from v2xsync.config.problems import Misfit, Problems, did_you_mean, dotted, in_words
from v2xsync.config.schema import DeviceConfig
from v2xsync.config.secrets import SecretRef, Vault, file_problem, readable_by_others
from v2xsync.config.shapes import shape

RESERVED_NAMES: Final = frozenset({"store", "default"})
"""Words that stand for the local store in receipts, and for every other target in a table of proofs."""


@dataclass(frozen=True, slots=True)
class DeviceDraft:
    """A device on its way: what is None there was wrong and has been noted."""

    name: str
    type: str = ""
    facts: DeviceFacts | None = None
    options: DeviceOptions | None = None

    def device(self) -> DeviceConfig | None:
        """Return the finished value."""
        if self.options is None or self.facts is None:
            return None
        return DeviceConfig(name=self.name, type=self.type, options=self.options, facts=self.facts)


def read_devices(tables: Mapping[str, object], context: PathContext, problems: Problems) -> Mapping[str, DeviceDraft]:
    """Return every named device, also those with problems (a route that names one must not fail again for it)."""
    drafts = {name: _read_device(name, raw, context, problems) for name, raw in tables.items()}
    _judge_names(drafts, problems)
    return drafts


def _read_device(name: str, raw: object, context: PathContext, problems: Problems) -> DeviceDraft:
    key = dotted("devices", name)
    if not isinstance(raw, Mapping):
        problems.add(key, "this is not a table", remedy=f"write it as [{key}]")
        return DeviceDraft(name)
    kind = _device_type(raw, key, problems)
    if kind is None:
        return DeviceDraft(name)
    options = {option: value for option, value in raw.items() if option != "type"}
    shaped = shape(kind.options, options, key=key, context=context, problems=problems)
    sound = shaped is not None and not shaped.broken
    return DeviceDraft(name, str(raw["type"]), kind.facts, shaped.table if shaped is not None and sound else None)


def _device_type(raw: Mapping[str, object], key: str, problems: Problems) -> DeviceType | None:
    if "type" not in raw:
        problems.add(dotted(key, "type"), "the key is missing", remedy=f"known types: {in_words(sorted(DEVICE_TYPES))}")
        return None
    written = raw["type"]
    kind = DEVICE_TYPES.get(written) if isinstance(written, str) else None
    if kind is None:
        known = in_words(sorted(DEVICE_TYPES))
        meant = did_you_mean(str(written), DEVICE_TYPES, kind="types")
        remedy = meant if known in meant else f"{meant} known types: {known}"
        problems.add(dotted(key, "type"), f'there is no device type "{written}"', remedy=remedy)
    return kind


def _judge_names(drafts: Mapping[str, DeviceDraft], problems: Problems) -> None:
    seen: dict[str, str] = {}
    for name in drafts:
        key = dotted("devices", name)
        try:
            require_name(name, "device")
        except Misfit as misfit:
            problems.add_misfit(key, misfit)
        if name in RESERVED_NAMES:
            problems.add(key, f'"{name}" has a meaning of its own', remedy="give the device another name")
        twin = seen.setdefault(name.casefold(), name)
        if twin != name:
            what = f"{name} and {twin} differ only in case and would share a folder on some disks"
            problems.add(key, what, remedy="rename one")


def judge_secrets(
    drafts: Mapping[str, DeviceDraft], vault: Vault, source_file: Path, problems: Problems | None
) -> Iterator[str]:
    """Yield warnings on the secrets of all devices; with `problems`, note those that cannot be read now."""
    if problems is not None:
        _judge_files(drafts, problems)
    plain = False
    for key, secret in _secrets(drafts):
        misfit = vault.problem(secret)
        if misfit is not None and problems is not None:
            problems.add_misfit(key, misfit)
        if secret.kind == "plain":
            plain = True
            vault.redactor.learn(secret.place)
        warning = vault.warning(secret)
        if warning:
            yield f"{key}: {warning}"
    if plain and readable_by_others(source_file):
        yield f"{source_file} holds secrets and may be read by other users: chmod 600 {source_file}"


def _judge_files(drafts: Mapping[str, DeviceDraft], problems: Problems) -> None:
    for draft in drafts.values():
        for option, path in draft.options.needed_files().items() if draft.options is not None else ():
            misfit = file_problem(path)
            if misfit is not None:
                problems.add_misfit(dotted("devices", draft.name, option), misfit)


def _secrets(drafts: Mapping[str, DeviceDraft]) -> Iterator[tuple[str, SecretRef]]:
    for draft in drafts.values():
        for option, value in draft.options or ():
            for inner, held in value.items() if isinstance(value, Mapping) else [("", value)]:
                if isinstance(held, SecretRef):
                    yield dotted("devices", draft.name, option, inner), held
