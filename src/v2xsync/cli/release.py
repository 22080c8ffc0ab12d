"""``v2xsync release``: a person lets files on hold go on."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from v2xsync.cli.attaching import service_of
from v2xsync.cli.call import Call
from v2xsync.cli.exit_codes import DONE
from v2xsync.cli.records import owning, reading
from v2xsync.config.schema import StationConfig
from v2xsync.errors import ConfigError
from v2xsync.ledger.base import Hold, LedgerReader
from v2xsync.model.custody import RemovalState, Step
from v2xsync.model.naming import printable


def run(call: Call) -> int:
    """Release the named holds by the named way; nothing is chosen where both ways are possible."""
    asked = call.arguments
    if bool(asked.items) is bool(asked.all):
        raise ConfigError("name the items, or --all", remedy="v2xsync holds shows them")
    config = call.config(opens_devices=False)
    with reading(config) as reader:
        holds = _at(_chosen(reader.holds(), asked.items), asked.at)
        orphans = () if asked.accept else tuple(_without_original(reader, holds))
    accept = _way(holds, again=asked.again, accept=asked.accept)
    if accept and not asked.at:
        _require_single(holds)
    items = tuple(dict.fromkeys(hold.item_id for hold in holds))
    user = _user()
    count = _released(call, config, Wish(items, accept, user, tuple(dict.fromkeys(asked.at))))
    if call.out.as_json:
        way = "accept" if accept else "again"
        call.out.document({"released": count, "items": items, "way": way, "by": user, "at": asked.at})
    else:
        call.out.line(f"{count} accepted by {user}" if accept else f"{count} released, to be done again")
    if not accept and any(hold.may_accept for hold in holds):
        call.out.talk("where the answer was lost, this may make a second copy at the target")
    for hold in orphans:
        call.out.talk(f"{printable(hold.path)}: the original is not at {hold.source} any more; our copy is what goes")
    return DONE


def _without_original(ledger: LedgerReader, holds: Sequence[Hold]) -> Iterator[Hold]:
    """Held deliveries of files that cannot be fetched again, should their copy in the store be bad."""
    for hold in holds:
        dossier = ledger.dossier(hold.item_id) if hold.step is Step.DELIVERED else None
        if dossier is not None and dossier.removal in (RemovalState.REMOVED, RemovalState.GONE):
            yield hold


@dataclass(frozen=True, slots=True)
class Wish:
    """What is released, how, by whom, and at which devices only (all, where none is named)."""

    items: Sequence[int]
    accept: bool
    user: str
    devices: Sequence[str]


def _released(call: Call, config: StationConfig, wish: Wish) -> int:
    """By the running service, or else by ourselves; how many facets."""
    items, devices = wish.items, wish.devices
    with service_of(config) as service:
        if service is not None:
            return service.release(items, accept=wish.accept, by=wish.user, devices=devices) if items else 0
    with owning(config) as ledger:
        release = ledger.release_accept if wish.accept else ledger.release_again
        return release(items, call.now(), wish.user, devices) if items else 0


def _user() -> str:
    """Who vouches; in a container the user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _chosen(holds: Sequence[Hold], words: Sequence[str]) -> Sequence[Hold]:
    """The holds that `words` name (all without any). Raises ConfigError for a word that names none."""
    if not words:
        return holds
    return tuple(hold for word in words for hold in _named(holds, word))


def _named(holds: Sequence[Hold], word: str) -> Iterator[Hold]:
    fitting = [hold for hold in holds if word in {str(hold.item_id), hold.path, printable(hold.path)}]
    if not fitting:
        raise ConfigError(f"{word} is not on hold", remedy="v2xsync holds shows what is")
    yield from fitting


def _at(holds: Sequence[Hold], devices: Sequence[str]) -> Sequence[Hold]:
    """The holds at `devices` (all without any). Raises ConfigError for a device where nothing of these is on hold."""
    for device in devices:
        if not any(device in _places(hold) for hold in holds):
            raise ConfigError(
                f"nothing of this is on hold at {device}", remedy="v2xsync holds shows what is, and where"
            )
    return tuple(hold for hold in holds if not devices or not _places(hold).isdisjoint(devices))


def _places(hold: Hold) -> frozenset[str]:
    """The devices at which it counts as held: a fetch at the store and at its source."""
    return frozenset({hold.device, hold.source} if hold.step is Step.STORED else {hold.device})


def _require_single(holds: Sequence[Hold]) -> None:
    """Who vouches says where, unless there is only one place. Raises ConfigError."""
    for item in dict.fromkeys(hold.item_id for hold in holds):
        devices = [hold.device for hold in holds if hold.item_id == item and hold.may_accept]
        if len(devices) > 1:
            raise ConfigError(
                f"item {item} is on hold at {' and at '.join(dict.fromkeys(devices))}: say where it arrived",
                remedy=f"v2xsync release {item} --accept --at {devices[0]}",
            )


def _way(holds: Sequence[Hold], *, again: bool, accept: bool) -> bool:
    """Whether to accept. Raises ConfigError where a person has to choose, or chose what cannot be."""
    vouchable = {hold.item_id for hold in holds if hold.may_accept}
    stubborn = next((hold for hold in holds if hold.item_id not in vouchable), None)
    if accept and stubborn is not None:
        what = f"nobody can vouch for item {stubborn.item_id}: it is not a delivery that waits"
        raise ConfigError(what, remedy="release it with --again")
    if vouchable and not (again or accept):
        raise ConfigError(
            "these may have arrived: say which is right",
            remedy="--again does the step again (maybe twice at the target), --accept vouches that it arrived",
        )
    return accept
