"""From route tables to the model's routes: names resolved, defaults applied, and every rule of a route judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from v2xsync.config.device_options import DeviceFacts
from v2xsync.config.devices import DeviceDraft
from v2xsync.config.fields import PathContext, require_name
from v2xsync.config.problems import Misfit, Problems, did_you_mean, dotted, in_words
from v2xsync.config.route_options import RouteTable
from v2xsync.config.schema import Keep, StoreConfig
from v2xsync.config.shapes import Shaped, shape
from v2xsync.model.items import Proof
from v2xsync.model.layout import layout_problem
from v2xsync.model.rules import After, RemoveRule, Route, Selection
from v2xsync.model.schedule import Arrival

LAYOUT_FIELDS = "{source} {element} {path} {dir} {name} {stem} {suffix} {date} {year} {month} {day} {route}"
_NO_PATHS = PathContext(Path(), None)
"""Routes hold no paths of this machine."""
_PATTERN_CHARACTERS = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a route is judged against: the devices' facts by name (None: its table is broken) and the store's rules."""

    facts: Mapping[str, DeviceFacts | None]
    store_layout: str
    keep: Keep

    def known(self, name: str) -> DeviceFacts:
        """The facts of a device; those of a broken one never cause a problem of their own."""
        return self.facts[name] or DeviceFacts(arrival=True, read_in_place=True)


def read_routes(
    tables: Mapping[str, object], drafts: Mapping[str, DeviceDraft], store: StoreConfig, problems: Problems
) -> tuple[Route, ...]:
    """Return the routes that are right, in the order of the file; everything else goes to `problems`."""
    facts = {name: draft.facts for name, draft in drafts.items()}
    around = Surroundings(facts=facts, store_layout=store.layout, keep=store.keep)
    routes = (_read_route(name, raw, around, problems) for name, raw in tables.items())
    return tuple(route for route in routes if route is not None)


def _read_route(name: str, raw: object, around: Surroundings, problems: Problems) -> Route | None:
    key = dotted("routes", name)
    try:
        require_name(name, "route")
    except Misfit as misfit:
        problems.add_misfit(key, misfit)
    shaped = shape(RouteTable, raw, key=key, context=_NO_PATHS, problems=problems)
    return RouteDraft(name, shaped, around, problems).resolve() if shaped is not None else None


class RouteDraft:
    """One route on its way from table to value; every judgement adds to `problems`."""

    def __init__(self, name: str, shaped: Shaped[RouteTable], around: Surroundings, problems: Problems) -> None:
        self._name = name
        self._table = shaped.table
        self._broken = shaped.broken
        self._around = around
        self._problems = problems
        self._key = dotted("routes", name)

    def resolve(self) -> Route | None:
        """Return the route, or None where something is wrong with it."""
        before = len(self._problems)
        targets = tuple(dict.fromkeys(self._targets()))
        sources = tuple(dict.fromkeys(self._sources(targets)))
        if not self._broken and len(self._problems) == before:
            self._judge(sources, targets)
        return None if self._broken or len(self._problems) > before else self._route(sources, targets)

    def _add(self, key: str, what: str, remedy: str) -> None:
        self._problems.add(dotted(self._key, key), what, remedy=remedy)

    # -- names

    def _targets(self) -> Iterator[str]:
        for name in self._table.targets:
            if name not in self._around.facts:
                remedy = did_you_mean(name, self._around.facts, kind="devices")
                self._add("to", f'there is no device "{name}"', remedy)
            elif not self._around.known(name).can_be_target:
                self._add("to", f"{name} cannot be a target", "take it out of `to`")
            else:
                yield name

    def _sources(self, targets: tuple[str, ...]) -> Iterator[str]:
        if not self._table.sources and "from" not in self._broken:
            self._add("from", "no source is named", 'name at least one device, e.g. ["clay-11th"]')
        for name in self._table.sources:
            if name in self._around.facts:
                yield from self._named_source(name, targets)
            elif _PATTERN_CHARACTERS & set(name):
                yield from self._pattern(name, targets)
            else:
                remedy = did_you_mean(name, self._around.facts, kind="devices")
                self._add("from", f'there is no device "{name}"', remedy)

    def _named_source(self, name: str, targets: tuple[str, ...]) -> Iterator[str]:
        if not self._around.known(name).can_be_source:
            self._add("from", f"{name} cannot be a source", "take it out of `from`")
        elif name in targets:
            self._add("to", f"{name} is source and target of the same route", "give the route another target")
        else:
            yield name

    def _pattern(self, pattern: str, targets: tuple[str, ...]) -> Iterator[str]:
        """Devices that fit; a route's own targets are never meant."""
        fitting = [
            name
            for name in self._around.facts
            if fnmatchcase(name, pattern) and name not in targets and self._around.known(name).can_be_source
        ]
        if not fitting:
            known = in_words(sorted(self._around.facts)) or "none"
            self._add("from", f'the pattern "{pattern}" fits no device', f"known devices: {known}")
        yield from fitting

    # -- judgements

    def _judge(self, sources: tuple[str, ...], targets: tuple[str, ...]) -> None:
        self._judge_layouts()
        self._judge_schedules(sources)
        self._judge_removal(sources, targets)
        if not self._table.stage:
            self._judge_streaming(sources, targets)
        if self._table.manifests and not any(self._around.known(name).takes_manifests for name in targets):
            self._add("manifests", "no target of this route takes manifests", "take it out, or name another target")

    @property
    def _layout(self) -> str:
        default = "{source}/{element}/{name}" if self._table.elements is not None else "{source}/{path}"
        return self._table.layout or self._around.store_layout or default

    def _judge_layouts(self) -> None:
        has_elements = self._table.elements is not None
        for key, template in (("layout", self._layout), ("target_path", self._table.target_path)):
            problem = layout_problem(template, has_elements=has_elements) if template is not None else None
            if problem is not None:
                remedy = f"fields: {LAYOUT_FIELDS}"
                if not has_elements:
                    remedy += '; {element} needs elements = "v2x" or a table of patterns'
                self._add(key, problem, remedy)

    def _judge_schedules(self, sources: tuple[str, ...]) -> None:
        if self._table.fetch is None or not isinstance(self._table.fetch.schedule(), Arrival):
            return
        blind = [name for name in sources if not self._around.known(name).arrival]
        if blind:
            remedy = 'write e.g. { every = "5m" } or { daily = "00:30" }'
            self._add("fetch.on", f"{in_words(blind)} cannot tell when files arrive", remedy)

    def _judge_removal(self, sources: tuple[str, ...], targets: tuple[str, ...]) -> None:
        table, after = self._table.remove, self._table.remove.moment
        for name in table.proof:
            if name != "default" and name not in targets:
                remedy = did_you_mean(name, [*targets, "default"], kind="targets of this route")
                self._add(f"remove.proof.{name}", "this is no target of the route", remedy)
        if not targets:
            self._judge_without_targets(after)
        if after is After.DELIVERED or (targets and not self._around.keep.forever):
            self._judge_proofs({name: self._around.known(name).delivery_proof for name in targets})
        elif after is After.STORED:
            self._judge_proofs({name: self._around.known(name).fetch_proof for name in sources})

    def _judge_without_targets(self, after: After) -> None:
        if after is After.DELIVERED:
            self._add("remove.after", "nothing is ever delivered: the route has no target", 'write "stored" or "never"')
        if self._table.stage and not self._around.keep.forever:
            what = (
                "the store would never let go of these files: `store.keep` waits for a delivery and there is no target"
            )
            self._add("to", what, 'name a target, or write keep = "forever" in [store]')

    def _judge_proofs(self, strongest: Mapping[str, Proof]) -> None:
        for name, best in strongest.items():
            if self._proof_for(name) > best:
                what = f"{name} cannot give the proof `{self._proof_for(name).word}`"
                remedy = f'its strongest is "{best.word}": proof = {{ default = "hash", {name} = "{best.word}" }}'
                self._add("remove.proof", what, remedy)

    def _proof_for(self, name: str) -> Proof:
        return self._table.remove.proof.get(name, self._default_proof)

    @property
    def _default_proof(self) -> Proof:
        return self._table.remove.proof.get("default", Proof.HASH)

    def _judge_streaming(self, sources: tuple[str, ...], targets: tuple[str, ...]) -> None:
        if self._table.remove.moment is After.STORED:
            self._add("remove.after", "the route keeps no local copy (stage = false)", 'write "delivered" or "never"')
        if not targets:
            self._add("to", "a route without a local copy needs a target", "name one, or take `stage = false` out")
        remote = [name for name in sources if not self._around.known(name).read_in_place]
        if remote and len(targets) > 1:
            what = f"without a local copy {in_words(remote)} can feed one target only"
            self._add("stage", what, "take `stage = false` out, or make one route per target")

    # -- the value

    def _route(self, sources: tuple[str, ...], targets: tuple[str, ...]) -> Route:
        table = self._table
        fetch = table.fetch.schedule() if table.fetch is not None else None
        return Route(
            name=self._name,
            sources=sources,
            targets=targets,
            stage=table.stage,
            selection=Selection(include=table.include, exclude=table.exclude),
            elements=table.element_rules(),
            ready=table.ready.rule(),
            layout=self._layout,
            target_path=table.target_path or self._layout,
            fetch={name: fetch or self._around.known(name).default_fetch for name in sources},
            deliver=table.deliver.schedule() if table.deliver is not None else Arrival(),
            remove=self._remove_rule(),
            expect_s=table.expect,
            manifests=table.manifests,
            duplicates=table.duplicates == "allow",
        )

    def _remove_rule(self) -> RemoveRule:
        table = self._table.remove
        return RemoveRule(
            after=table.moment,
            proof=self._default_proof,
            proofs={name: proof for name, proof in table.proof.items() if name != "default"},
            grace_s=table.grace,
            empty_folders=table.empty_folders,
        )
