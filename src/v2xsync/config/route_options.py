"""The tables of a route: ``[routes.NAME]`` and the tables inside it. Shape only; meaning is judged in `routes`."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from v2xsync.config.fields import ClockTime, Duration, ElementsValue, Inclusion, Patterns, Table, TextOrTexts, Texts
from v2xsync.config.problems import Misfit, did_you_mean
from v2xsync.model.items import Proof
from v2xsync.model.rules import After, ElementRules, ReadyRule
from v2xsync.model.schedule import Arrival, Cron, Daily, Every, Schedule, cron_problem

PROOF_WORDS = tuple(proof.word for proof in reversed(Proof))
_KINDS = ("daily", "every", "cron", "on")
_COMPANION_FIELDS = {"name", "stem", "suffix"}
_EXAMPLE = 'e.g. { daily = "00:30" }, { every = "5m" }, { cron = "30 0 * * *" } or { on = "arrival" }'


class ScheduleTable(Table):
    """``fetch`` and ``deliver``: exactly one of `daily`, `every`, `cron`, `on`."""

    daily: ClockTime | None = None
    until: ClockTime | None = None
    catch_up: bool | None = None
    every: Duration | None = None
    cron: str | None = None
    on: Literal["arrival"] | None = None

    @model_validator(mode="after")
    def _means_one_thing(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            what = f"a schedule has one of {', '.join(_KINDS)}"
            raise Misfit(f"{what}, not {' and '.join(given)}" if given else what, remedy=f"write {_EXAMPLE}")
        self._check_extras(given[0])
        self._check_values()
        return self

    def _check_extras(self, kind: str) -> None:
        if self.until is not None and kind != "daily":
            raise Misfit("`until` belongs to `daily`", remedy="take it out", key="until")
        if self.catch_up is not None and kind not in {"daily", "cron"}:
            raise Misfit("`catch_up` belongs to `daily` and `cron`", remedy="take it out", key="catch_up")

    def _check_values(self) -> None:
        if self.daily is not None and self.until == self.daily:
            raise Misfit(
                "the window has no length: `until` equals `daily`", remedy="take `until` out or move it", key="until"
            )
        if self.every is not None and self.every < 1:
            raise Misfit(
                "more often than once a second", remedy='write "1s" or more, or { on = "arrival" }', key="every"
            )
        problem = cron_problem(self.cron) if self.cron is not None else None
        if problem is not None:
            raise Misfit(problem, remedy='write five fields, e.g. "30 0 * * *" for 00:30 daily', key="cron")

    def schedule(self) -> Schedule:
        """Return the model's value."""
        catch_up = self.catch_up is not False
        if self.daily is not None:
            return Daily(self.daily, self.until, catch_up)
        if self.every is not None:
            return Every(self.every)
        return Cron(self.cron, catch_up) if self.cron is not None else Arrival()


class ReadyTable(Table):
    """``ready``: when a file counts as finished; a written value replaces its default."""

    settle: Duration | None = None
    lock: TextOrTexts | None = None
    min_age: Duration = 0.0
    done: str = ""
    stale_lock: Duration = 0.0

    @model_validator(mode="after")
    def _patterns_use_known_fields(self) -> Self:
        for key, patterns in (("lock", self.lock or ()), ("done", (self.done,))):
            for pattern in patterns:
                _require_companion_fields(key, pattern)
        return self

    def rule(self) -> ReadyRule:
        """Return the model's value."""
        default = ReadyRule()
        return ReadyRule(
            settle_s=default.settle_s if self.settle is None else self.settle,
            locks=default.locks if self.lock is None else self.lock,
            min_age_s=self.min_age,
            done=self.done,
            stale_lock_s=self.stale_lock,
        )


def _require_companion_fields(key: str, pattern: str) -> None:
    remedy = "use {name}, {stem} and {suffix}"
    try:
        fields = {field for _text, field, _spec, _conversion in Formatter().parse(pattern) if field is not None}
    except ValueError as error:
        raise Misfit(f'"{pattern}" has a brace without its partner', remedy=remedy, key=key) from error
    if not fields <= _COMPANION_FIELDS:
        raise Misfit(f'"{pattern}" has an unknown field', remedy=remedy, key=key)
    if "/" in pattern:
        raise Misfit(f'"{pattern}" leaves the folder', remedy="a companion lies beside its file: no /", key=key)


def _proof_table(value: object) -> dict[str, Proof]:
    """Take one word, or a table of words by target with `default`."""
    if isinstance(value, str):
        return {"default": _proof(value, "")}
    if not isinstance(value, dict):
        raise Misfit("this is not a proof", remedy='write "hash", "size" or "ack", or { default = "hash", ... }')
    return {name: _proof(word, name) for name, word in value.items()}


def _proof(word: object, key: str) -> Proof:
    if word not in PROOF_WORDS:
        raise Misfit("there is no such proof", remedy=did_you_mean(str(word), PROOF_WORDS, kind="proofs"), key=key)
    return Proof.from_word(str(word))


class RemoveTable(Table):
    """``remove``: when the original may go."""

    after: Literal["never", "stored", "delivered"] = "never"
    proof: Annotated[dict[str, Proof], BeforeValidator(_proof_table)] = Field(
        default_factory=lambda: {"default": Proof.HASH}
    )
    grace: Duration = 0.0
    empty_folders: bool = False

    @property
    def moment(self) -> After:
        """The model's word for `after`."""
        return After(self.after)


class RouteTable(Table):
    """``[routes.NAME]``."""

    sources: Texts = Field(alias="from")
    targets: Texts = Field(default=(), alias="to")
    stage: bool = True
    include: Inclusion = ("*",)
    exclude: Patterns = ()
    elements: ElementsValue | None = None
    ready: ReadyTable = ReadyTable()
    layout: str | None = None
    target_path: str | None = None
    fetch: ScheduleTable | None = None
    deliver: ScheduleTable | None = None
    remove: RemoveTable = RemoveTable()
    expect: Duration | None = None
    manifests: bool = False
    duplicates: Literal["hold", "allow"] = "hold"

    def element_rules(self) -> ElementRules | None:
        """Return the model's value."""
        if self.elements is None:
            return None
        if isinstance(self.elements, str):
            return ElementRules(v2x=True)
        return ElementRules(patterns=self.elements)
