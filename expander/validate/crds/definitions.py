"""CustomResourceDefinitions: which kinds they define, in which versions, with which schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, SourceLocation
from expander.base.fork_shared import ForkShared
from expander.validate.crds.structural import Node, structural
from expander.validate.finding import Finding
from expander.validate.rules.field import invalid, not_supported

DEFINITION: Final = "CustomResourceDefinition"
API_VERSION: Final = "apiextensions.k8s.io/v1"


@dataclass(eq=False)
class CustomKind:
    """One served version of the kind that a definition has.

    ``replicas`` are the paths of ``spec.replicas`` and ``status.replicas`` of the scale subresource.
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    has_status: bool
    replicas: tuple[str, ...]
    schema: Mapping[str, Any]
    deprecated: str = ""

    @property
    def group(self) -> str:
        """The API group."""
        return self.api_version.split("/")[0]

    @cached_property
    def root(self) -> Node:
        """The structural schema."""
        return structural(self.schema)


class Definitions(ForkShared):
    """The kinds of some CustomResourceDefinitions, by apiVersion and kind."""

    def __init__(self, kinds: Iterable[CustomKind] = ()) -> None:
        self._kinds = {(each.api_version, each.kind): each for each in kinds}

    def __iter__(self) -> Iterator[CustomKind]:
        return iter(self._kinds.values())

    def __len__(self) -> int:
        return len(self._kinds)

    def find(self, api_version: Any, kind: Any) -> CustomKind | None:
        """The kind of an object; None when no definition has it."""
        known = isinstance(api_version, str) and isinstance(kind, str)
        return self._kinds.get((api_version, kind)) if known else None

    def misnamed(self, api_version: Any, kind: Any) -> Finding | None:
        """Why there is no such kind: one of another version, or of a name in other letters, is defined."""
        if not isinstance(api_version, str) or not isinstance(kind, str):
            return None
        for each in self:
            if each.kind.lower() != kind.lower() or api_version.split("/")[0] != each.group:
                continue
            if api_version == each.api_version:
                return invalid("kind", kind, f"must be {each.kind}")
            versions = sorted(
                other.api_version for other in self if (other.group, other.kind) == (each.group, each.kind)
            )
            if api_version not in versions:
                return not_supported("apiVersion", api_version, versions)
        return None


def kinds_of(definition: Mapping[str, Any], where: SourceLocation | None = None) -> list[CustomKind]:
    """The kinds of one definition. Raises InputError when no API server would have it."""
    if definition.get("apiVersion") != API_VERSION:
        given = definition.get("apiVersion")
        raise InputError(f"{DEFINITION} of {given}: only {API_VERSION} is supported", where=where)
    try:
        return list(_kinds(definition["spec"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        name = (definition.get("metadata") or {}).get("name")
        missing = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"invalid {DEFINITION} {name}: {missing}", where=where) from None


def _kinds(spec: Mapping[str, Any]) -> Iterator[CustomKind]:
    group, names = spec["group"], spec["names"]
    for version in spec["versions"]:
        if not version.get("served", True):
            continue
        subresources = version.get("subresources") or {}
        scale = subresources.get("scale") or {}
        api_version = f"{group}/{version['name']}"
        warning = version.get("deprecationWarning") or f"{api_version} {names['kind']} is deprecated"
        yield CustomKind(
            api_version,
            names["kind"],
            names["plural"],
            spec["scope"] == "Namespaced",
            subresources.get("status") is not None,
            tuple(scale[name] for name in ("specReplicasPath", "statusReplicasPath") if name in scale),
            _schema(version),
            warning if version.get("deprecated") else "",
        )


def _schema(version: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if not isinstance(schema, Mapping):
        raise ValueError(f"version {version['name']} has no schema (openAPIV3Schema)")
    return schema


def definitions_in(objects: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """The definitions among ``objects``, also those in Lists."""
    for obj in objects:
        if not isinstance(obj, Mapping):
            continue
        if obj.get("kind") == DEFINITION:
            yield obj
        elif isinstance(obj.get("items"), Sequence) and str(obj.get("kind")).endswith("List"):
            listed = (
                [{"apiVersion": API_VERSION, "kind": DEFINITION, **each} for each in obj["items"]]
                if (obj["kind"] == f"{DEFINITION}List")
                else obj["items"]
            )
            yield from definitions_in(listed)
