"""The rows of the table of kinds that a CustomResourceDefinition stands for, one for each served version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube import schemas
from expander.kube.api_resource import (
    ALL_VERBS,
    SCALE,
    PrinterColumn,
    Resource,
    ScalePaths,
    Subresource,
    status_of,
)
from expander.local.apiserver.patch.merge_schema import MergeSchema
from expander.local.registry import RELEASE
from expander.local.store.database import Object
from expander.validate.crds.check import CustomCheck
from expander.validate.crds.definitions import CustomKind, kinds_of

STRATEGY: Final = "expander.local.apiextensions.strategy:CustomStrategy"
AGE: Final = PrinterColumn("Age", ".metadata.creationTimestamp", "date")
"""The column of a version that names none."""


@dataclass(kw_only=True, eq=False)
class CustomResource(Resource):
    """One version of a kind that a definition has; ``storage`` is the version objects are stored in."""

    custom: CustomKind
    names: Mapping[str, Any]
    storage: CustomKind

    @property
    def singular(self) -> str:
        """As the definition says."""
        return str(self.names["singular"])

    @property
    def stored_version(self) -> str:
        """The apiVersion of its objects in the store."""
        return self.storage.api_version

    @cached_property
    def check(self) -> CustomCheck:
        """What the server would refuse."""
        return CustomCheck(self.custom, RELEASE)

    @cached_property
    def storage_check(self) -> CustomCheck:
        """The same for the version that is stored."""
        return self.check if self.storage is self.custom else CustomCheck(self.storage, RELEASE)

    @cached_property
    def shape(self) -> MergeSchema:
        """What server-side apply must know of the fields."""
        return MergeSchema(_merge_schema(self.custom.schema, is_resource=True))

    @property
    def published(self) -> schemas.Schema:
        """The schema of the kind in OpenAPI documents."""
        return _with_metadata(self.custom.schema)


def rows_of(definition: Object) -> list[CustomResource]:
    """The rows of a definition that was accepted; none while it is not established.

    A definition that is being deleted takes no new resources.
    """
    status, spec = definition["status"], definition["spec"]
    conditions = {each["type"]: each["status"] for each in status["conditions"]}
    if conditions.get("Established") != "True":
        return []
    names = {**spec["names"], **status["acceptedNames"]}
    verbs = tuple(each for each in ALL_VERBS if each != "create" or "Terminating" not in conditions)
    every = [{**each, "served": True} for each in spec["versions"]]
    kinds = dict(zip([each["name"] for each in every], _kinds(definition, every), strict=True))
    storage = next(kinds[each["name"]] for each in every if each["storage"])
    return [
        _row(kinds[each["name"]], storage, each, names, verbs, definition["metadata"]["name"])
        for each in spec["versions"]
        if each.get("served")
    ]


def _kinds(definition: Object, versions: list[dict[str, Any]]) -> list[CustomKind]:
    """The kind in all versions, whether they are served or not."""
    return kinds_of({**definition, "spec": {**definition["spec"], "versions": versions}})


def _row(
    custom: CustomKind,
    storage: CustomKind,
    version: Mapping[str, Any],
    names: Mapping[str, Any],
    verbs: tuple[str, ...],
    stored_as: str,
) -> CustomResource:
    group, _, name = custom.api_version.partition("/")
    paths = (version.get("subresources") or {}).get("scale") or {}
    columns = [_column(each) for each in version.get("additionalPrinterColumns") or ()]
    selectable = [each["jsonPath"].removeprefix(".") for each in version.get("selectableFields") or ()]
    return CustomResource(
        group=group,
        version=name,
        kind=custom.kind,
        plural=custom.plural,
        namespaced=custom.namespaced,
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=verbs,
        subresources=tuple(_subresources(custom, paths)),
        strategy=STRATEGY,
        has_generation=True,
        columns=tuple(columns) or (AGE,),
        selectable=tuple(selectable),
        scale_paths=ScalePaths(
            str(paths.get("specReplicasPath", "")).removeprefix("."),
            str(paths.get("statusReplicasPath", "")).removeprefix("."),
            str(paths.get("labelSelectorPath") or "").removeprefix("."),
        ),
        stored_as=stored_as,
        custom=custom,
        names=names,
        storage=storage,
    )


def _subresources(custom: CustomKind, scale: Mapping[str, Any]) -> Iterator[Subresource]:
    if custom.has_status:
        yield status_of(custom.kind)
    if scale:
        yield SCALE


def _column(column: Mapping[str, Any]) -> PrinterColumn:
    return PrinterColumn(
        column["name"],
        column["jsonPath"],
        column["type"],
        column.get("description") or "",
        column.get("format") or "",
        column.get("priority") or 0,
    )


_STRING: Final[schemas.Schema] = {"type": "string"}


def _with_metadata(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a resource, with what every object has."""
    every = {"apiVersion": _STRING, "kind": _STRING, "metadata": schemas.object_meta(RELEASE)}
    own = schema.get("properties") or {}
    described = {name: {**each, **_described(own.get(name))} for name, each in every.items()}
    return {**schema, "type": "object", "properties": {**own, **described}}


def _described(schema: Any) -> dict[str, Any]:
    """The description that a definition gives to a field that every object has."""
    text = schema.get("description") if isinstance(schema, Mapping) else None
    return {"description": text} if text else {}


def _merge_schema(schema: Any, *, is_resource: bool = False) -> dict[str, Any]:
    """A structural schema as `MergeSchema` reads it: what takes any fields is merged without one."""
    if not isinstance(schema, Mapping):
        return {}
    if is_resource or schema.get("x-kubernetes-embedded-resource"):
        schema = _with_metadata(schema)
    found = {key: value for key, value in schema.items() if key not in ("properties", "items", "default")}
    if schema.get("x-kubernetes-int-or-string"):
        return {"format": "int-or-string"}
    if schema.get("x-kubernetes-preserve-unknown-fields") and not is_resource:
        return {} if schema.get("x-kubernetes-map-type") != "atomic" else found
    if "default" in schema and schema["default"] != {}:
        found["default"] = schema["default"]
    if "items" in schema:
        found["items"] = _merge_schema(schema["items"])
    if "additionalProperties" in schema:
        found["additionalProperties"] = _merge_schema(schema["additionalProperties"])
    elif schema.get("properties"):
        found["properties"] = {
            name: each if "$ref" in each else _merge_schema(each)
            for name, each in schema["properties"].items()
        }
    return found
