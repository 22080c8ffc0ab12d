"""The tables of the station itself: ``[station]``, ``[store]``, ``[limits]`` and ``[keys]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from v2xsync.config.fields import ClockTime, PathHere, Rate, Size, Table
from v2xsync.config.problems import Misfit, Problems, dotted
from v2xsync.config.quantities import duration_s, rate_bytes_per_s
from v2xsync.config.schema import Keep, StoreConfig
from v2xsync.model.limits import RateStep

OnHangup = Literal["continue", "drain", "stop"]
_KEEP_REMEDY = 'write "forever", "delivered", or a time after delivery such as "30d"'


def _keep(value: object) -> Keep:
    if value == "forever":
        return Keep()
    if value == "delivered":
        return Keep(after_delivery_s=0.0)
    try:
        return Keep(after_delivery_s=duration_s(value))
    except Misfit as misfit:
        raise Misfit(misfit.what, remedy=_KEEP_REMEDY) from misfit


def _bandwidth(value: object) -> object:
    if isinstance(value, str):
        rate_bytes_per_s(value)
        return [{"from": "00:00", "rate": value}]
    if value == []:
        raise Misfit("no rate is written", remedy='leave it out, or write e.g. "2 MB/s"')
    return value


class StationTable(Table):
    """``[station]``: who this is, its zone, and where its own files are."""

    name: str = ""
    timezone: str = ""
    state: PathHere | None = None
    logs: PathHere | None = None
    on_hangup: OnHangup = "continue"


class StoreTable(Table):
    """``[store]``: the local copy in the middle."""

    directory: PathHere
    layout: str = ""
    min_free: Size = 500 * 10**6
    keep: Annotated[Keep, BeforeValidator(_keep)] = Keep()

    def store(self) -> StoreConfig:
        """Return the value that the rest of the program reads."""
        return StoreConfig(directory=self.directory, layout=self.layout, min_free=self.min_free, keep=self.keep)


class RateStepTable(Table):
    """One line of ``limits.bandwidth``: from this time of day on, at most this rate."""

    at: ClockTime = Field(alias="from")
    rate: Rate

    def step(self) -> RateStep:
        """Return the model's value."""
        return RateStep(self.at, self.rate)


class LimitsTable(Table):
    """``[limits]``: one rate, or rates by time of day."""

    bandwidth: Annotated[list[RateStepTable], BeforeValidator(_bandwidth)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _each_time_once(self) -> Self:
        times = [step.at for step in self.bandwidth]
        if len(set(times)) < len(times):
            raise Misfit("two rates begin at the same time", remedy="keep one of them", key="bandwidth")
        return self

    def steps(self) -> tuple[RateStep, ...]:
        """Return the model's values by time of day."""
        return tuple(line.step() for line in sorted(self.bandwidth, key=lambda line: line.at))


def read_keys(raw: object, problems: Problems) -> Mapping[str, str]:
    """Return ``[keys]``: the key by the name of its action; each key serves one action."""
    if not isinstance(raw, Mapping):
        problems.add("keys", "this is not a table", remedy='write [keys] and lines like sync_all = "S"')
        return {}
    keys: dict[str, str] = {}
    for action, key in raw.items():
        if not isinstance(key, str) or not key:
            problems.add(dotted("keys", action), "this is not a key", remedy='write e.g. "ctrl+r"')
        elif key in keys.values():
            problems.add(dotted("keys", action), f'the key "{key}" is taken', remedy="each key serves one action")
        else:
            keys[action] = key
    return keys
