"""OpenAPI 3 documents of what is served: the index, and one document per group and version.

kubectl reads them to learn whether the server checks fields (the query parameters of patches) and for
``explain``. Components are made of the schemas in `kube.schemas` and named as kube-apiserver names its Go
types; descriptions are our own. Decided by kube-openapi's ``handler3`` and ``builder3``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from expander.kube import schemas
from expander.kube.api_resource import Resource
from expander.kube.scheme import GROUP_VERSIONS, of_group
from expander.local.registry import GIT_VERSION, RELEASE

_OBJECT: Final = {
    "apiVersion": "The group and version of the kind.",
    "kind": "What sort of object this is.",
    "metadata": "Names, labels and what the API keeps about every object.",
}

EXPLANATIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Job": _OBJECT
    | {
        "spec": "What the Job shall do.",
        "status": "What the Job has done so far; written by the Job controller.",
    },
    "JobSpec": {
        "activeDeadlineSeconds": (
            "Seconds the Job may be active, counted from its start; after that it fails and its pods "
            "are ended. Time in which it is suspended does not count."
        ),
        "backoffLimit": (
            "How many failures of pods are made good by new pods before the Job fails. 6 if nothing "
            "is said; with backoffLimitPerIndex 2147483647, which is as good as no limit."
        ),
        "backoffLimitPerIndex": (
            "How many failures of one index are made good before that index fails. Only for Indexed "
            "Jobs whose pods never restart."
        ),
        "completionMode": (
            "NonIndexed: any pod that succeeds counts. Indexed: each completion has an index from 0 "
            "to completions - 1, and one pod must succeed for each."
        ),
        "completions": (
            "How many pods must succeed. Without a number, the Job is done when one has succeeded and "
            "all have ended."
        ),
        "managedBy": "Which controller looks after the Job, if not the one of Kubernetes.",
        "manualSelector": (
            "Whether the selector is the author's own affair; by default the API makes one that no "
            "other Job has."
        ),
        "maxFailedIndexes": (
            "How many indexes may fail before the whole Job does. Only with backoffLimitPerIndex."
        ),
        "parallelism": "How many pods may run at a time. 1 if nothing is said.",
        "podFailurePolicy": "What a failure of a pod means, by its exit codes and conditions.",
        "podReplacementPolicy": (
            "When a pod is replaced: once it is ending or has failed, or only once it has failed for good."
        ),
        "selector": "Which pods are the Job's own; made by the API unless manualSelector is set.",
        "successPolicy": "When an Indexed Job has succeeded before all of its indexes have.",
        "suspend": "Whether the Job rests: a Job that is suspended has no pods.",
        "template": "The pod that is made for each completion.",
        "ttlSecondsAfterFinished": (
            "Seconds after which a finished Job is deleted. It stays if nothing is said."
        ),
    },
    "JobStatus": {
        "active": "How many pods are neither finished nor being deleted.",
        "completedIndexes": "The indexes that have succeeded, as numbers and ranges such as 1,3-5.",
        "completionTime": "When the Job completed; a failed Job has none.",
        "conditions": "The states the Job has come to, such as Complete and Failed.",
        "failed": "How many pods failed.",
        "failedIndexes": "The indexes that failed for good, as numbers and ranges.",
        "ready": "How many active pods are ready.",
        "startTime": "When the controller took up the Job, or took it up again after it was suspended.",
        "succeeded": "How many pods succeeded.",
        "terminating": "How many pods are being deleted and have not ended.",
        "uncountedTerminatedPods": "Pods that have ended and are about to be counted.",
    },
    "CronJob": _OBJECT
    | {
        "spec": "Which Jobs start, and when.",
        "status": "What has started so far; written by the CronJob controller.",
    },
    "CronJobSpec": {
        "concurrencyPolicy": (
            "What happens when a Job is due while another runs: Allow both, Forbid the new one, or "
            "Replace the old one."
        ),
        "failedJobsHistoryLimit": "How many failed Jobs are kept. 1 if nothing is said.",
        "jobTemplate": "The Job that starts each time.",
        "schedule": "When Jobs start, as a cron expression of five fields.",
        "startingDeadlineSeconds": ("How many seconds late a Job may start before its turn is passed over."),
        "successfulJobsHistoryLimit": "How many Jobs that completed are kept. 3 if nothing is said.",
        "suspend": "Whether no further Jobs start. Those that run go on.",
        "timeZone": "The time zone of the schedule; that of the controller if nothing is said.",
    },
    "CronJobStatus": {
        "active": "The Jobs that run.",
        "lastScheduleTime": "When a Job was last due and started.",
        "lastSuccessfulTime": "When a Job last completed.",
    },
}
"""By Go type and field."""


Body = dict[str, Any]

COMPONENTS: Final = "#/components/schemas/"
_BATCH: Final = "io.k8s.api.batch.v1."
_CORE: Final = "io.k8s.api.core.v1."
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_OF_BATCH: Final = ("Job", "CronJob", "PodFailurePolicy", "SuccessPolicy", "UncountedTerminatedPods")
"""What the names of the types of the batch group begin with."""
_OF_META: Final = frozenset(
    (
        *("Condition", "FieldsV1", "LabelSelector", "LabelSelectorRequirement", "ListMeta"),
        *("ManagedFieldsEntry", "ObjectMeta", "OwnerReference", "ShardInfo", "Time", "MicroTime"),
    )
)
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_SCALARS: Final[Mapping[str, Body]] = {
    _QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
    _INT_OR_STRING: {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
}
_BY_FORMAT: Final = {"quantity": _QUANTITY, "int-or-string": _INT_OR_STRING}
_ZEROS: Final = {"string": "", "integer": 0, "boolean": False}
"""What the API server has for a required field that is absent."""
_KEPT: Final = ("type", "format", "default", "enum", "required")


def name_of(title: str, group: str = "") -> str:
    """The name of the component for a Go type; ``group`` is that of a kind, if it is one."""
    if title in _OF_META:
        return _META + title
    if group:
        return f"io.k8s.api.{group.partition('.')[0]}.v1.{title}"
    return (_BATCH if title.startswith(_OF_BATCH) else _CORE) + title


def components(kinds: Iterable[str], group: str, version: str) -> dict[str, Body]:
    """The components for some kinds of one group and version, with everything they refer to.

    A kind without a schema gets one that says only what every object has.
    """
    found: dict[str, Body] = {}
    api_version = f"{group}/{version}" if group else version
    for kind in kinds:
        name = name_of(kind, group)
        schema = schemas.root(api_version, kind, RELEASE)
        _add(name, _any_object() if schema is None else schema, found)
        found[name]["x-kubernetes-group-version-kind"] = [{"group": group, "kind": kind, "version": version}]
    return dict(sorted(found.items()))


def _any_object() -> schemas.Schema:
    job = schemas.root("batch/v1", "Job", RELEASE) or schemas.EVERYTHING
    shared = {name: job["properties"][name] for name in ("apiVersion", "kind", "metadata")}
    return {"type": "object", "properties": shared, "x-kubernetes-preserve-unknown-fields": True}


def _add(name: str, schema: schemas.Schema, found: dict[str, Body]) -> None:
    """Add a component and what it refers to, unless it is there."""
    if name in found:
        return
    found[name] = {}  # there before its parts, since a type may contain itself
    found[name] = dict(_SCALARS[name]) if name in _SCALARS else _body(schema, name, found)


def _body(schema: schemas.Schema, name: str, found: dict[str, Body]) -> Body:
    body = _plain(schema, found) or {"type": "object"}
    if "properties" in schema:
        told = EXPLANATIONS.get(name.rpartition(".")[2], {})
        required = schema.get("required", ())
        body["properties"] = {
            field: _field(below, told.get(field), field in required, found)
            for field, below in schema["properties"].items()
        }
    return body


def _field(schema: schemas.Schema, told: str | None, required: bool, found: dict[str, Body]) -> Body:
    described = {"description": told} if told else {}
    if "$ref" not in schema:
        zero = {"default": _ZEROS[schema["type"]]} if required and schema.get("type") in _ZEROS else {}
        return {**described, **zero, **_plain(schema, found)}
    default = {"default": schema["default"]} if "default" in schema else {}
    return {**described, **default, "allOf": [_reference(schema, found)]}


def _plain(schema: schemas.Schema, found: dict[str, Body]) -> Body:
    """A schema without its fields."""
    body = {key: schema[key] for key in schema if key in _KEPT or key.startswith("x-kubernetes-")}
    for key in ("items", "additionalProperties"):
        if schema.get(key):
            below = schema[key]
            body[key] = _reference(below, found) if "$ref" in below else _plain(below, found)
    return body


def _reference(schema: schemas.Schema, found: dict[str, Body]) -> Body:
    definition = schemas.resolve(schema)
    name = _BY_FORMAT.get(definition.get("format", "")) or name_of(definition["title"].rpartition(".")[2])
    _add(name, definition, found)
    return {"$ref": COMPONENTS + name}


_METHODS: Final = {
    "get": ("get", "get"),
    "list": ("get", "list"),
    "create": ("post", "post"),
    "update": ("put", "put"),
    "patch": ("patch", "patch"),
    "delete": ("delete", "delete"),
    "deletecollection": ("delete", "deletecollection"),
}
"""The HTTP method and the action (``x-kubernetes-action``) of each verb; watches are lists here."""
_OF_COLLECTION: Final = ("create", "deletecollection", "list")
_CHANGING: Final = ("create", "patch", "update")
_SELECTING: Final = ("deletecollection", "list")
_PATCHES: Final = tuple(
    f"application/{form}"
    for form in (
        "apply-patch+yaml",
        "json-patch+json",
        "merge-patch+json",
        "strategic-merge-patch+json",
    )
)


@cache
def index() -> Body:
    """``/openapi/v3``: where the documents are; an address changes with what is in the document."""
    return {
        "paths": {
            _place(group, version): {
                "serverRelativeURL": f"/openapi/v3/{_place(group, version)}?hash={digest(group, version)}"
            }
            for group, version in GROUP_VERSIONS
        }
    }


def digest(group: str, version: str) -> str:
    """The hash in the address of a document. Raises KeyError when the group and version are not served."""
    return hashlib.sha512(document(group, version)).hexdigest().upper()


@cache
def document(group: str, version: str) -> bytes:
    """``/openapi/v3/api/v1`` or ``/openapi/v3/apis/GROUP/VERSION`` as JSON.

    Raises KeyError when it is not served.
    """
    resources = of_group(group, version)
    if not resources:
        raise KeyError(f"{group}/{version}")
    kinds = [kind for each in resources for kind in (each.kind, f"{each.kind}List")]
    body = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": GIT_VERSION},
        "paths": {path: item for resource in resources for path, item in _paths(resource)},
        "components": {"schemas": components(kinds, group, version)},
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _place(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _paths(resource: Resource) -> Iterator[tuple[str, Body]]:
    """Every path of a resource with its operations."""
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{resource.path}{scope}/{resource.plural}"
    above = [_parameter("namespace", "path")] if resource.namespaced else []
    if resource.namespaced:
        everywhere = {"get": _operation(resource, resource.kind, "list")}
        yield f"{resource.path}/{resource.plural}", everywhere
    verbs = [verb for verb in resource.verbs if verb in _METHODS]
    yield (
        collection,
        {
            **{
                _METHODS[verb][0]: _operation(resource, resource.kind, verb)
                for verb in verbs
                if verb in _OF_COLLECTION
            },
            "parameters": above,
        },
    )
    above = [*above, _parameter("name", "path")]
    single = {
        _METHODS[verb][0]: _operation(resource, resource.kind, verb)
        for verb in verbs
        if verb not in _OF_COLLECTION
    }
    yield f"{collection}/{{name}}", {**single, "parameters": above}
    for part in resource.subresources:
        parts = {
            _METHODS[verb][0]: _operation(resource, part.kind, verb, part.group, part.version)
            for verb in part.verbs
        }
        yield f"{collection}/{{name}}/{part.name}", {**parts, "parameters": above}


def _operation(
    resource: Resource, kind: str, verb: str, group: str | None = None, version: str | None = None
) -> Body:
    named = {
        "group": resource.group if group is None else group,
        "version": version or resource.version,
        "kind": kind,
    }
    operation: Body = {
        "tags": [f"{resource.group or 'core'}_{resource.version}"],
        "parameters": _parameters(verb),
        "responses": {"200": {"description": "OK"}, "401": {"description": "Unauthorized"}},
        "x-kubernetes-action": _METHODS[verb][1],
        "x-kubernetes-group-version-kind": named,
    }
    if kind == resource.kind:
        schema = {"$ref": COMPONENTS + name_of(kind, resource.group)}
        if verb not in _SELECTING:
            operation["responses"]["200"]["content"] = {"application/json": {"schema": schema}}
        if verb in ("create", "update"):
            operation["requestBody"] = {"content": {"*/*": {"schema": schema}}, "required": True}
    if verb == "patch":
        body = {"schema": {"type": "object"}}
        operation["requestBody"] = {"content": dict.fromkeys(_PATCHES, body), "required": True}
    return operation


def _parameters(verb: str) -> list[Body]:
    """The query parameters that change what an operation does."""
    parameters = [_parameter("pretty")]
    if verb in (*_CHANGING, "delete", "deletecollection"):
        parameters.append(_parameter("dryRun"))
    if verb in _CHANGING:
        parameters += [_parameter("fieldManager"), _parameter("fieldValidation")]
    if verb == "patch":
        parameters.append(_parameter("force", type="boolean"))
    if verb in ("delete", "deletecollection"):
        parameters += [_parameter("gracePeriodSeconds", type="integer"), _parameter("propagationPolicy")]
    if verb in _SELECTING:
        texts = ("continue", "fieldSelector", "labelSelector", "resourceVersion", "resourceVersionMatch")
        parameters += [_parameter(name) for name in texts]
        parameters += [_parameter(name, type="integer") for name in ("limit", "timeoutSeconds")]
        parameters.append(_parameter("sendInitialEvents", type="boolean"))
    if verb == "list":
        parameters += [_parameter(name, type="boolean") for name in ("allowWatchBookmarks", "watch")]
    return parameters


def _parameter(name: str, place: str = "query", type: str = "string") -> Body:
    parameter = {"name": name, "in": place, "schema": {"type": type, "uniqueItems": True}}
    return parameter | ({"required": True} if place == "path" else {})
