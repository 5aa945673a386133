"""What is known of a kind: the columns of the table in `scheme`.

Functions are named by dotted paths (``package.module:name``), which `scheme.load` imports on first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
STATUS_VERBS = ("get", "patch", "update")

DEFAULTS: Final = "expander.validate.defaults."
RULES: Final = "expander.validate.rules."
WARNINGS: Final = "expander.validate.server_warnings:of_"
NAMES: Final = "expander.manifests.names:"
PRINTERS: Final = "expander.local.apiserver.printers."
"""What dotted paths in the rows of kinds begin with."""


@dataclass(frozen=True, slots=True)
class Subresource:
    """A part of an object, or an action on it, with a path of its own.

    ``group`` and ``version`` are those of what is sent there when it is not of the resource's own group.
    """

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str | None = None
    version: str | None = None


SCALE: Final = Subresource("scale", "Scale", STATUS_VERBS, "autoscaling", "v1")


def status_of(kind: str) -> Subresource:
    """The status of a kind."""
    return Subresource("status", kind, STATUS_VERBS)


class PrinterColumn(NamedTuple):
    """A column of a table that shows the field at ``path``, as additionalPrinterColumns of a CRD has it.

    ``type`` is that of the table, or ``age`` for a time that is shown as one. A path that begins with a dot
    is a JSONPath, of a custom resource. Columns with a ``priority`` above 0 show only with ``-o wide``.
    """

    name: str
    path: str
    type: str = "string"
    description: str = ""
    format: str = ""
    priority: int = 0


AGE: Final = PrinterColumn("Age", "metadata.creationTimestamp", "age", "Time since it was created.")


class ScalePaths(NamedTuple):
    """Where the subresource ``scale`` finds its numbers, and the selector of the pods, if that is a text."""

    replicas: str = "spec.replicas"
    status_replicas: str = "status.replicas"
    selector: str = ""


@dataclass(kw_only=True, eq=False)
class Resource:
    """One kind of object: its names, what can be done with it, and who does it.

    ``group`` is empty for the core group; ``older`` are further versions with the same facts. ``verbs`` are
    those of the local API, which serves the kinds that have any. Each other field says who reads it.
    """

    group: str = ""
    version: str = "v1"
    older: tuple[str, ...] = ()
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()

    decoded: bool = False
    """Whether `defaults.defaults` reads it as Go's decoder does; its schema is there then."""
    defaults: str = ""
    """Fills in the defaults of a decoded object, in place."""
    rules: str = ""
    """What the API server refuses in a new object: ``(object, release) -> list[Finding]``."""
    update_rules: str = ""
    """What it refuses in a change: ``(new, old, release) -> Iterator[Finding]``."""

    warnings: str = ""
    """What it says of an object that it takes: ``(object, release) -> Iterator[Advice]``."""

    strategy: str = "expander.local.apiserver.strategy:Strategy"
    """Decodes, completes and checks what clients write: a class over the row."""
    prepare: str = ""
    """PrepareForCreate of the registry's strategy: ``(object, objects of a kind)``, in place."""
    prepare_update: str = ""
    """PrepareForUpdate likewise: ``(new, old, objects of a kind)``; ``new`` has its defaults."""
    has_generation: bool = False
    """Whether the generation counts changes of the spec."""
    admit: tuple[str, ...] = ()
    """The admission plugins of this kind, in order: ``(store, object) -> object``."""
    admit_update: tuple[str, ...] = ()
    """Those that check a change: ``(store, new object)``."""
    admit_delete: tuple[str, ...] = ()
    """Those that check a deletion: ``(object)``."""
    computed: str = ""
    """Its objects where none are stored, but made when somebody asks: ``storage -> Iterable[object]``."""
    initial: str = ""
    """The objects that every cluster has: ``(time in API form) -> Iterable[object]``."""
    schema: str = ""
    """The schema for merging, where no schema file has one."""
    canonical: str = ""
    """An object with its defaults as the API writes it."""
    printer: str = ""
    """The `Layout` of its table, where that is more than fields of the object."""
    columns: tuple[PrinterColumn, ...] = ()
    """Otherwise the columns of its table behind the name."""
    field_labels: str = "expander.local.apiserver.field_selectors:NAMED"
    """The fields that field selectors know, each with its reader."""

    selectable: tuple[str, ...] = ()
    """Further paths that field selectors know."""
    scale_paths: ScalePaths = ScalePaths()
    """What the subresource ``scale`` reads and writes."""
    stored_as: str = ""
    """The kind under which objects are stored, where that is not their own (see `shown` and `stored`)."""
    shares_kind: bool = False
    """Whether the store has objects of another group under the same kind."""

    quota: str = ""
    """Adds what an object counts for in a ResourceQuota beside itself: ``(object, amounts)``."""
    plain_quota: bool = False
    """Whether a ResourceQuota also counts it under its plain name: ``secrets``."""
    name_rule: str = "expander.manifests.names:subdomain_name"
    """The `NameRule` of the name of an object: ``(tree) -> NameRule``."""
    cleanup_rank: int = 0
    """The order of deletion, owners before what they own; 0 is left alone by ``cleanup``."""
    created_first: bool = False
    """Whether it must be there before what follows it is sent."""
    suspend: tuple[str, ...] = ()
    """The path of the mapping whose field ``suspend`` holds the workload back."""
    orphans_dependents: bool = False
    """Whether a deletion without a policy leaves what it owns (DefaultGarbageCollectionPolicy)."""
    queued: bool = False
    """Whether Kueue takes it by its label."""
    runs_here: bool = False
    """Whether ``expander run`` makes use of it."""

    @property
    def singular(self) -> str:
        """``job``."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """``batch/v1``, or ``v1`` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """The path of its group and version: ``/apis/batch/v1`` or ``/api/v1``."""
        return api_path(self.api_version)

    @property
    def full_name(self) -> str:
        """``jobs.batch``, or ``pods`` for the core group: what messages call the resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def published(self) -> Mapping[str, Any] | None:
        """The schema in OpenAPI documents, where no schema file has one."""
        return None

    @property
    def stored_kind(self) -> str:
        """The kind of its objects in the store."""
        return self.stored_as or self.kind

    @property
    def stored_version(self) -> str:
        """The apiVersion of its objects in the store."""
        return self.api_version

    def has(self, obj: Mapping[str, Any]) -> bool:
        """Whether an object of the store is one of this resource."""
        return obj["kind"] == self.stored_kind and (
            not self.shares_kind or obj["apiVersion"] == self.api_version
        )

    def stored(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """An object of a client as the store has it: kinds of several groups may have one name there."""
        if not self.stored_as:
            return dict(obj)
        return {**obj, "apiVersion": self.stored_version, "kind": self.stored_as}

    def shown(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """An object of the store as clients of this resource see it."""
        if not self.stored_as:
            return obj if isinstance(obj, dict) else dict(obj)
        return {**obj, "apiVersion": self.api_version, "kind": self.kind}

    def printed(self, obj: Mapping[str, Any]) -> Mapping[str, Any]:
        """An object that clients see as its table reads it."""
        return obj

    @property
    def quota_names(self) -> tuple[str, ...]:
        """What a ResourceQuota counts each object as: ``count/secrets`` and, for some kinds, ``secrets``."""
        counted = f"count/{self.full_name}"
        return (counted, self.plural) if self.plain_quota else (counted,)

    @property
    def full_kind(self) -> str:
        """``Job.batch``, or ``Pod`` for the core group: what messages call the kind."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


def api_path(api_version: str) -> str:
    """The path of a group and version: ``/apis/batch/v1``, ``/api/v1``."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def guess_plural(kind: str) -> str:
    """The plural of a kind that is not in the table, as UnsafeGuessKindToResource of apimachinery has it."""
    name = kind.lower()
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def snake_case(kind: str) -> str:
    """``ReplicaSet`` as functions have it: ``replica_set``."""
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in kind).strip("_")
