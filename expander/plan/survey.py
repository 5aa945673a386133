"""Survey a batch in one pass and constant memory, and plan it.

Manifests of a compiled template differ only in their placeholders. Most of those do not change what is asked
for (names, labels, arguments, values of variables, images): manifests equal in all others form one class and
are inspected once. Other manifests belong to the class with an equal structure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import ceil
from typing import Any, Final

from expander.base.errors import ItemError, Problem
from expander.client.quotas import NamespaceLimits, NamespaceLimitsOf
from expander.kube.scheme import is_namespaced
from expander.kube.versions import DEFAULT, Release
from expander.manifests.edits import GROUP_LABEL
from expander.manifests.manifest import Manifest
from expander.plan.demand import NAME_COPIES, ResourceDemand, minimal_demand, resource_demand
from expander.plan.limits import (
    MAX_ANNOTATION_BYTES,
    MAX_BODY_BYTES,
    NEAR_LIMIT,
    indexed_warning,
    near_size_limit,
    warnings_of,
)
from expander.plan.plan import REQUESTS_PER_NAMESPACE, SETUP_REQUESTS, Plan, Rate, add_amounts, scale
from expander.plan.quota_fit import QuotaDemand
from expander.render.compiled import CompiledTemplate, RenderedManifest
from expander.render.placeholder import Path
from expander.validate.warnings import Totals

MAX_CLASSES: Final = 5_000
"""How many classes are kept; beyond that all are dropped and found again."""

_IRRELEVANT_CONTAINER_FIELDS: Final = ("command", "args", "env", "image", "workingDir")


MAX_NAMES: Final = 10
"""Names kept in a plan."""

MAX_COUNTED_CLASSES: Final = 10_000
"""Pairs of class and namespace counted separately before they are summed up."""


class ManifestClasses:
    """Classifies and measures manifests. ``group_label`` is the key of the batch's label."""

    def __init__(self, group_label: str, release: Release = DEFAULT) -> None:
        self._group_label = group_label
        self._release = release
        self._columns: dict[int, tuple[CompiledTemplate, list[int]]] = {}
        self._known: dict[object, ResourceDemand] = {}

    def of(self, manifest: Manifest, name: str) -> tuple[ResourceDemand, int]:
        """What ``manifest``, called ``name``, asks for, and its size as stored, in bytes of JSON."""
        if isinstance(manifest, RenderedManifest):
            key: object = self._key(manifest)
        else:
            key = _structure(manifest.tree)
        demand = self._known.get(key)
        if demand is None:
            if len(self._known) >= MAX_CLASSES:
                self._known.clear()
            demand = self._known[key] = self._look(manifest)
        copies = NAME_COPIES.get(demand.kind, 0)
        return demand, byte_length(manifest.json()) + demand.added + copies * len(name)

    def _look(self, manifest: Manifest) -> ResourceDemand:
        try:
            return resource_demand(manifest.tree, self._group_label, self._release)
        except (AttributeError, KeyError, TypeError, ValueError):
            return minimal_demand(manifest.tree, self._group_label)  # it was not validated

    def _key(self, manifest: RenderedManifest) -> object:
        compiled, row = manifest.compiled, manifest.row
        known = self._columns.get(id(compiled))
        if known is None:
            if len(self._columns) >= MAX_CLASSES:
                self._columns.clear()
                self._known.clear()  # ids of compiled templates may come again
            placeholders = [
                placeholder for placeholder in compiled.placeholders if not is_irrelevant(placeholder.path)
            ]
            known = self._columns[id(compiled)] = (
                compiled,
                sorted({column for h in placeholders for column in h.columns}),
            )
        if not known[1]:
            return id(compiled)
        return (id(compiled), *[(type(row[column]), str(row[column])) for column in known[1]])


def is_irrelevant(path: Path) -> bool:
    """Whether the value at ``path`` does not change what an object asks for."""
    if path[:1] in (("data",), ("stringData",), ("binaryData",)):
        return True
    if path[:1] == ("metadata",) or path[-3:-1] in (("metadata", "labels"), ("metadata", "annotations")):
        return path[1:2] != ("namespace",)
    places = [number for number, part in enumerate(path) if part in ("containers", "initContainers")]
    return bool(places) and path[places[0] + 2 : places[0] + 3] in [
        (name,) for name in _IRRELEVANT_CONTAINER_FIELDS
    ]


def byte_length(text: str) -> int:
    """The bytes of ``text`` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _structure(tree: Mapping[str, Any]) -> str:
    """A text that is equal for manifests of one class: the structure without irrelevant values."""
    return json.dumps(_emptied(tree, ()), default=str)


def _emptied(value: Any, path: Path) -> Any:
    if path and not isinstance(value, (dict, list)) and is_irrelevant(path):
        return ""
    if isinstance(value, Mapping):
        return {key: _emptied(below, (*path, key)) for key, below in value.items()}
    if isinstance(value, list):
        return [_emptied(below, (*path, number)) for number, below in enumerate(value)]
    return value


class Survey:
    """Surveys a batch in one pass: exhaust `names`, then call `plan`.

    ``namespace`` is for objects that name none. ``capacity`` is called once per namespace; None if there is
    nothing to ask. ``on_error`` receives an error for each object too large for an API server.
    """

    def __init__(
        self,
        *,
        rate: Rate | None = None,
        namespace: str = "default",
        group_label: str = GROUP_LABEL,
        capacity: NamespaceLimitsOf | None = None,
        on_error: Callable[[ItemError], None],
        shape: str = "jobs",
        release: Release = DEFAULT,
    ) -> None:
        self._plan = Plan(shape, rate or Rate(), release)
        self._namespace = namespace
        self._group_label = group_label
        self._capacity = capacity
        self._on_error = on_error
        self._classes = ManifestClasses(group_label, release)
        self._totals = Totals(group_label, amounts=False)
        self._counts: dict[tuple[ResourceDemand, str], int] = {}
        self._demands: dict[str, QuotaDemand] = {}
        self._versions: set[str] = set()
        self._said: dict[str, tuple[int, str]] = {}

    def names(self, manifests: Iterable[Manifest]) -> Iterator[str]:
        """Survey ``manifests``; yields each name that can be sent, as ``kubectl -o name`` prints it."""
        plan, counts, of = self._plan, self._counts, self._classes.of
        for manifest in manifests:
            _, namespace, own = manifest.identity.split("\n", 2)
            demand, size = of(manifest, own)
            name = f"{demand.title}/{own or _generated(manifest)}"
            if size > NEAR_LIMIT * MAX_ANNOTATION_BYTES and not self._fits(manifest, name, size):
                continue
            if len(plan.names) < MAX_NAMES:
                plan.group = plan.group or self._group(manifest)
                plan.names.append(name)
            plan.etcd_bytes += size
            if size > plan.largest[1]:
                plan.largest = name, size
            if "." in own and demand.kind == "Job":
                self._say("metadata.name: has a dot, so pods cannot have it as their host name", name)
            key = demand, namespace
            counts[key] = counts.get(key, 0) + 1
            if len(counts) >= MAX_COUNTED_CLASSES:
                self._sum_up()
            yield name

    def plan_of(self, manifests: Iterable[Manifest]) -> Plan:
        """Plan ``manifests`` in one pass, keeping none."""
        for _ in self.names(manifests):
            pass
        return self.plan()

    def plan(self) -> Plan:
        """The plan of what was surveyed."""
        self._sum_up()
        plan = self._plan
        plan.requests = (
            plan.total + SETUP_REQUESTS + len(self._versions) + REQUESTS_PER_NAMESPACE * len(self._demands)
        )
        plan.seconds = plan.rate.seconds(plan.total)
        plan.expires = not self._totals.without_ttl
        share = plan.rate.share(plan.objects.get("Job", 0))
        plan.pods_at_once = ceil(plan.pods_at_once * share)
        plan.pods_by_namespace = {name: ceil(pods * share) for name, pods in plan.pods_by_namespace.items()}
        plan.at_once = scale(plan.at_once, share)
        plan.rooms = [headroom for demand in self._demands.values() for headroom in demand.rooms(share)]
        plan.rulings = [effect for demand in self._demands.values() for effect in demand.rulings()]
        unknown = (demand.capacity.unknown for demand in self._demands.values())
        plan.unknown = list(dict.fromkeys(words for words in unknown if words))
        plan.warnings = [
            *filter(None, [plan.release.caveat]),
            *(f"{first}{_others(count)}: {words}" for words, (count, first) in self._said.items()),
            *map(str, self._totals.warnings()),
            *warnings_of(plan),
        ]
        return plan

    def _sum_up(self) -> None:
        plan = self._plan
        for (demand, named), times in self._counts.items():
            namespaced = is_namespaced({"apiVersion": demand.api_version, "kind": demand.kind})
            namespace = (named or self._namespace) if namespaced else ""
            self._versions.add(demand.api_version)
            plan.objects[demand.kind] = plan.objects.get(demand.kind, 0) + times
            for kind in demand.grouping:
                plan.grouping[kind] = plan.grouping.get(kind, 0) + times
            self._totals.include(demand.totals, times)
            plan.namespaces[namespace] = plan.namespaces.get(namespace, 0) + times
            for pods in demand.pods:
                plan.pods_at_once += pods.at_once * times
                plan.pods_in_all += pods.in_all * times
                before = plan.pods_by_namespace.get(namespace, 0)
                plan.pods_by_namespace[namespace] = before + pods.at_once * times
                add_amounts(plan.at_once, pods.amounts, pods.at_once * times)
                add_amounts(plan.in_all, pods.amounts, pods.in_all * times)
            plan.suspended += demand.suspended * times
            for words in demand.warnings:
                self._say(words, f"a {demand.title}", times)
            words = indexed_warning(demand.completions, demand.parallelism)
            if words:
                self._say(words, f"a {demand.title}", times)
            if namespaced:
                self._demand(namespace).add(demand, times)
        self._counts.clear()

    def _demand(self, namespace: str) -> QuotaDemand:
        if namespace not in self._demands:
            capacity = NamespaceLimits(namespace) if self._capacity is None else self._capacity(namespace)
            self._demands[namespace] = QuotaDemand(capacity)
        return self._demands[namespace]

    def _fits(self, manifest: Manifest, name: str, size: int) -> bool:
        """Whether a large object can be sent; warns about the limit it is close to."""
        sent = byte_length(manifest.json())
        if sent > MAX_BODY_BYTES:
            item = None if manifest.item is None else str(manifest.item)
            words = f"{name} has {sent:,} bytes; an API server accepts {MAX_BODY_BYTES:,} in one request"
            self._on_error(ItemError(Problem(words, manifest.where, item)))
            return False
        words = near_size_limit(manifest.tree, size)
        if words:
            self._say(words, name)
        return True

    def _say(self, words: str, name: str, times: int = 1) -> None:
        count, first = self._said.get(words, (0, name))
        self._said[words] = count + times, first

    def _group(self, manifest: Manifest) -> str:
        labels = _metadata(manifest).get("labels")
        return str(labels.get(self._group_label, "")) if isinstance(labels, Mapping) else ""


def _generated(manifest: Manifest) -> str:
    return f"{_metadata(manifest).get('generateName', '')}*"


def _metadata(manifest: Manifest) -> Mapping[str, Any]:
    metadata = manifest.tree.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _others(count: int) -> str:
    return f" and {count - 1:,} more" if count > 1 else ""
