"""From a TOML table to our table: what pydantic finds wrong, said in plain words with the key and the remedy."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from v2xsync.config.fields import PathContext, Table
from v2xsync.config.problems import Misfit, Problems, did_you_mean, dotted

T = TypeVar("T", bound=Table)

_PLAIN: Mapping[str, tuple[str, str]] = {
    "string_type": ("this is not a text", 'put it in quotes: "..."'),
    "int_type": ("this is not a whole number", "write digits without quotes"),
    "int_from_float": ("this is not a whole number", "write digits without quotes"),
    "float_type": ("this is not a number", "write digits without quotes"),
    "bool_type": ("this is neither true nor false", "write true or false without quotes"),
    "list_type": ("this is not a list", 'write e.g. ["one", "two"]'),
    "dict_type": ("this is not a table", "write { key = value, ... }"),
    "model_type": ("this is not a table", "write { key = value, ... }"),
    "string_too_short": ("the text is empty", "write a value, or leave the key out"),
}


@dataclass(frozen=True, slots=True)
class Shaped(Generic[T]):
    """A validated table; `broken` are keys that had problems and count as not written."""

    table: T
    broken: frozenset[str] = frozenset()


def shape(model: type[T], raw: object, *, key: str, context: PathContext, problems: Problems) -> Shaped[T] | None:
    """Validate `raw` as `model`; every problem goes to `problems` under `key`.

    A table with bad keys is taken without them, so that the checks on the rest still speak in the same run; None where
    even that is impossible (a required key is bad or missing).
    """
    if not isinstance(raw, Mapping):
        problems.add(key, "this is not a table", remedy=f"write it as [{key}]")
        return None
    try:
        return Shaped(model.model_validate(raw, context=context))
    except ValidationError as error:
        broken = frozenset(_note(model, detail, key, problems) for detail in error.errors(include_url=False))
    kept = {name: value for name, value in raw.items() if name not in broken}
    try:
        return Shaped(model.model_validate(kept, context=context), broken)
    except ValidationError:
        return None


def _note(model: type[Table], detail: ErrorDetails, key: str, problems: Problems) -> str:
    """Add one of pydantic's findings to `problems`; returns the first key of its place."""
    place = detail["loc"]
    misfit = _misfit(model, detail)
    problems.add_misfit(dotted(key, *place), misfit)
    return str(place[0]) if place else misfit.key


def _misfit(model: type[Table], detail: ErrorDetails) -> Misfit:
    kind, bounds = detail["type"], detail.get("ctx", {})
    if isinstance(bounds.get("error"), Misfit):
        return typing.cast("Misfit", bounds["error"])
    if kind == "extra_forbidden":
        known = _keys_at(model, detail["loc"][:-1])
        return Misfit("unknown key", remedy=did_you_mean(str(detail["loc"][-1]), known, kind="keys"))
    if kind == "literal_error":
        return Misfit("this is none of the allowed words", remedy=f"write one of {bounds['expected']}")
    if kind == "missing":
        return Misfit("the key is missing", remedy=f"write {detail['loc'][-1]} = ...")
    if kind in _PLAIN:
        what, remedy = _PLAIN[kind]
        return Misfit(what, remedy=remedy)
    return Misfit("the value does not fit", remedy=detail["msg"])


def _keys_at(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys that the table at `place` below `model` knows."""
    for step in place:
        field = next((f for name, f in model.model_fields.items() if step in {name, f.alias}), None)
        inner = _table_in(field.annotation) if field is not None else None
        model = inner or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _table_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _table_in(part))), None)
