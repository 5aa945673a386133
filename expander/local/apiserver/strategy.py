"""What a registry's strategy decides of the objects of one kind: how they are decoded, completed and checked.

`Strategy` is that of kinds that are built in, as BeforeCreate, PrepareForCreate and PrepareForUpdate of
their registries decide; the row of a kind may name another (`Resource.strategy`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.kube.api_resource import Resource
from expander.kube.generated_names import generated, new_uid
from expander.kube.scheme import load
from expander.kube.time import api_time
from expander.local.apiserver import decode_errors, status
from expander.local.apiserver.patch.managed_fields import update_managers
from expander.local.apiserver.patch.merge_schema import MergeSchema, root
from expander.local.apiserver.status import StatusError
from expander.local.registry import RELEASE, prepare_job
from expander.local.service_allocation import check_allocated
from expander.local.store.database import Object
from expander.validate.crds.check import malformed_metadata
from expander.validate.defaults.core import container
from expander.validate.defaults.decode import decode_status
from expander.validate.defaults.defaults import defaults
from expander.validate.defaults.encode import omit_empty
from expander.validate.finding import Finding, Reason
from expander.validate.rules import check_rules
from expander.validate.rules.addresses import IN_LOOPBACK_RANGE
from expander.validate.rules.batch.job import check_job
from expander.validate.rules.batch.job_status import check_job_status
from expander.validate.rules.metadata import check_metadata_changes
from expander.validate.schema import check_schema
from expander.validate.server_warnings import server_warnings
from expander.validate.updates import check_ephemeral_changes, check_update

if TYPE_CHECKING:
    from expander.local.apiserver.codecs import RequestBody

SERVER_METADATA: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "generation",
)
"""Fields of the metadata that no client sets."""

JSON_PATCH: Final = "application/json-patch+json"
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"

FINALIZE: Final = "finalize"
EPHEMERAL: Final = "ephemeralcontainers"
APPROVAL: Final = "approval"
REQUESTER: Final = ("username", "uid", "groups", "extra")
"""Fields that say who made an object."""

Listed = Callable[[str], Iterable[Object]]
"""Gives the objects of a kind that are there."""


class Strategy:
    """The strategy of a built-in kind, and what is the same for all. ``row`` is that of the request."""

    patch_types: tuple[str, ...] = (JSON_PATCH, MERGE, STRATEGIC, APPLY)

    def __init__(self, row: Resource) -> None:
        self.row = row

    @property
    def shape(self) -> MergeSchema:
        """What patches must know of the fields."""
        return root(self.row.api_version, self.row.kind)

    def decode(self, body: RequestBody, validation: str) -> tuple[Object, list[str]]:
        """The object of a body, and warnings; StatusError when it is none of this kind."""
        obj, row = body.data, self.row
        if (wrong := decode_errors.wrong_kind(row, obj, body.raw)) is not None:
            raise StatusError(status.bad_request(wrong))
        findings = check_schema(obj, RELEASE, assume=(row.api_version, row.kind))
        if findings is None:
            findings = []
            for finding in malformed_metadata(obj.get("metadata"), "metadata"):
                if finding.reason is not Reason.UNKNOWN_FIELD:
                    raise StatusError(status.bad_request(decode_errors.metadata_refusal(row, obj, finding)))
        if any(finding.reason is not Reason.UNKNOWN_FIELD for finding in findings):
            raise StatusError(status.bad_request(decode_errors.refusal(row, obj, findings)))
        return obj, self.unknown([*body.duplicates, *decode_errors.unknown_fields(findings)], validation)

    def unknown(self, problems: list[str], validation: str) -> list[str]:
        """The warnings for fields that are unknown or come twice; StatusError where they are refused."""
        if problems and validation == "Strict":
            words = decode_errors.unhandled(self.row, decode_errors.strict_error(problems))
            raise StatusError(status.bad_request(words))
        return problems if validation == "Warn" else []

    def filled(self, obj: Object) -> Object:
        """A new object: ``obj``, which was decoded, with its defaults and without what Go omits."""
        return omit_empty(defaults(obj, release=RELEASE), RELEASE, zeros=True)

    def created(self, obj: Object, namespace: str, now: float, manager: str | None, listed: Listed) -> Object:
        """The object as it will be stored; ``obj`` was decoded. ``now`` is Unix seconds.

        ``manager`` becomes the owner of its fields; None when their owners are in it. ``listed`` gives the
        objects of a kind that are there.
        """
        metadata: dict[str, Any] = {**(obj.get("metadata") or {})}
        for field in SERVER_METADATA:
            metadata.pop(field, None)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = generated(metadata["generateName"])
        metadata.pop("namespace", None)
        if namespace:
            metadata["namespace"] = namespace
        uid, row = new_uid(), self.row
        obj = {**obj, "apiVersion": row.api_version, "kind": row.kind, "metadata": metadata}
        filled = self.filled(self.reset(obj))
        if manager is not None:
            owned = update_managers(None, filled, manager, now, shape=self.shape)["metadata"]
            filled["metadata"] = {**filled["metadata"], "managedFields": owned.get("managedFields", [])}
        made = self.prepared(filled, uid)
        made["metadata"] |= {"uid": uid, "creationTimestamp": api_time(now)}
        if row.prepare:
            load(row.prepare)(made, listed)
        return made

    def reset(self, obj: Object) -> Object:
        """A new object without what clients do not create it with."""
        return {key: value for key, value in obj.items() if key != "status"}

    def prepared(self, filled: Object, uid: str) -> Object:
        """A new object that has its defaults, with its generation; ``uid`` is the one it gets."""
        made = {**filled, "metadata": {**filled["metadata"]}}
        if self.row.has_generation:
            made["metadata"]["generation"] = 1
        return made

    def requested(self, made: Object, requester: Mapping[str, Any]) -> Object:
        """A new object with what its kind says of who made it, a UserInfo."""
        return made

    def refused(self, made: Object) -> list[Finding]:
        """What is wrong with a new object that was completed."""
        return check_rules(made, RELEASE)

    def unavailable(self, made: Object, old: Object | None, listed: Listed) -> list[Finding]:
        """What a valid object, new or in the place of ``old``, asks for and cannot have."""
        return []

    def warnings(self, made: Object, old: Object | None = None) -> list[str]:
        """What is said of an object that is taken; of one that is changed, what its spec is worth saying."""
        if old is None:
            return [str(each) for each in server_warnings(made, RELEASE)]
        if made.get("spec") == old.get("spec"):
            return []
        return [str(each) for each in server_warnings(made, RELEASE) if each.path != "metadata.name"]

    def updated(self, made: Object, old: Object, part: str) -> tuple[Object, list[Finding]]:
        """What is to be stored in place of ``old`` when ``made``, completed, is written to it or to its
        subresource ``part``, and what is wrong with that."""
        if part == "status":
            row = self.row
            given = decode_status(made.get("status"), row.api_version, row.kind, RELEASE)
            metadata = self.status_metadata(made["metadata"], old["metadata"])
            found = list(check_metadata_changes(metadata, old["metadata"]))
            return {**old, "status": given, "metadata": metadata}, found
        if part == FINALIZE:
            return {**old, "spec": made.get("spec") or {}}, []
        if part == EPHEMERAL:
            made = _with_ephemeral_containers(old, made.get("spec") or {})
            return made, check_ephemeral_changes(made, old, RELEASE)
        found = check_update(made, old, RELEASE)
        made.pop("status", None)
        return made | ({"status": old["status"]} if "status" in old else {}), found

    def kept(self, obj: Object) -> Object:
        """An object as it goes into the store."""
        return obj

    def status_metadata(self, metadata: Object, held: Object) -> Object:
        """The metadata that an update of the status leaves: a client's.

        The status strategies of the registries decide, which reset the spec and little else.
        """
        return metadata


class JobStrategy(Strategy):
    """Jobs get a selector that follows from their uid."""

    def prepared(self, filled: Object, uid: str) -> Object:
        return prepare_job(filled, uid, namespace=filled["metadata"].get("namespace", "default"))

    def refused(self, made: Object) -> list[Finding]:
        return check_job(made, RELEASE, made["metadata"]["uid"])

    def updated(self, made: Object, old: Object, part: str) -> tuple[Object, list[Finding]]:
        new, found = super().updated(made, old, part)
        return new, [*found, *check_job_status(new, old)] if part == "status" else found


class PodStrategy(Strategy):
    """Pods keep their owners."""

    def status_metadata(self, metadata: Object, held: Object) -> Object:
        """A client's, but a pod keeps its owners."""
        kept = {"ownerReferences": held["ownerReferences"]} if "ownerReferences" in held else {}
        return {key: value for key, value in metadata.items() if key != "ownerReferences"} | kept


class ServiceStrategy(Strategy):
    """Services share the addresses and ports of their cluster."""

    def unavailable(self, made: Object, old: Object | None, listed: Listed) -> list[Finding]:
        return list(check_allocated(made, old, listed))


class SigningRequestStrategy(Strategy):
    """CertificateSigningRequests say who made them and keep their spec; ``approval`` writes conditions."""

    def requested(self, made: Object, requester: Mapping[str, Any]) -> Object:
        given = {key: value for key, value in made["spec"].items() if key not in REQUESTER}
        return {**made, "spec": {**given, **requester}}

    def updated(self, made: Object, old: Object, part: str) -> tuple[Object, list[Finding]]:
        new, found = super().updated(
            {**made, "spec": old["spec"]}, old, "status" if part == APPROVAL else part
        )
        if part == APPROVAL:
            held = {**(old.get("status") or {}), "conditions": (new["status"] or {}).get("conditions") or []}
            new = {**new, "status": held}
        return new, found


class EndpointsStrategy(Strategy):
    """Pods have loopback addresses here, which Endpoints and EndpointSlices may name therefore."""

    def refused(self, made: Object) -> list[Finding]:
        return [each for each in super().refused(made) if not _is_of_pod(each)]

    def updated(self, made: Object, old: Object, part: str) -> tuple[Object, list[Finding]]:
        new, found = super().updated(made, old, part)
        return new, [each for each in found if not _is_of_pod(each)]


class CustomKindStrategy(Strategy):
    """Kinds that a cluster has from a CustomResourceDefinition: they know no strategic merge."""

    patch_types = (JSON_PATCH, MERGE, APPLY)


def strategy_of(row: Resource) -> Strategy:
    """The strategy that a row names."""
    found: Strategy = load(row.strategy)(row)
    return found


def _is_of_pod(finding: Finding) -> bool:
    """Whether an address is refused that pods may have (`kubelet.addresses.PARTS`)."""
    words = finding.message
    own = words.startswith('Invalid value: "127.') and not words.startswith('Invalid value: "127.0.')
    return own and words.endswith(IN_LOOPBACK_RANGE)


def _with_ephemeral_containers(old: Object, spec: Object) -> Object:
    """A pod with the ephemeral containers of ``spec``, which is all that their subresource changes."""
    made = [{**each} for each in spec.get("ephemeralContainers") or ()]
    for each in made:
        container(each)
    return {**old, "spec": {**old["spec"], "ephemeralContainers": made}}
