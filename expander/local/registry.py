"""The create and update strategies of the API server's registry: defaults, names, uids, generated selectors.

pkg/registry/batch/job/strategy.go decides for Jobs: the status is emptied, and unless the user manages the
selector it is generated from the Job's uid together with the labels of the pod template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from expander.base.digests import blake2b
from expander.base.named_tuple import NamedTuple
from expander.kube.generated_names import generated, new_uid
from expander.kube.objects import with_string_data
from expander.kube.scheme import is_namespaced
from expander.kube.time import api_time
from expander.kube.versions import Release
from expander.kube.volcano import is_volcano
from expander.kube.wellknown import CLAIM_PROTECTION
from expander.local.store.database import Object
from expander.local.store.encoding import encode
from expander.local.store.objects import ObjectStore
from expander.manifests.rerun import BOOKKEEPING, ORIGIN_ANNOTATION, SUSPEND_ANNOTATION, digest
from expander.validate.defaults.defaults import defaults

RELEASE: Final = Release(1, 36)
"""The release whose control plane the local one follows."""
GIT_VERSION: Final = f"v{RELEASE}.2"
"""Its version as its components tell it."""

UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"
OLD_UID_LABEL = "controller-uid"
OLD_NAME_LABEL = "job-name"


def prepare_job_for_create(
    obj: Mapping[str, Any], uid: str, *, namespace: str = "default", release: Release = RELEASE
) -> dict[str, Any]:
    """A new object: ``obj``, a Job that passed the schema check, as the server answers and validates it.

    ``uid`` is the one the Job gets; what depends on it (selector, generated labels) is the only part of
    the answer that two servers would not agree on. ``namespace`` is that of the URL. The time and the
    managed fields are left to the caller.
    """
    return prepare_job(defaults(obj, "Job", release=release), uid, namespace=namespace)


def prepare_job(job: dict[str, Any], uid: str, *, namespace: str = "default") -> dict[str, Any]:
    """``job``, a new Job that has its defaults, completed in place; arguments as `prepare_job_for_create`."""
    metadata, spec = job["metadata"], job["spec"]
    metadata.setdefault("namespace", namespace)
    metadata["generation"] = 1
    job["status"] = {}
    own_labels = bool(metadata.get("labels"))
    if not spec.get("manualSelector"):
        spec["manualSelector"] = False
        generate_selector(spec, str(metadata.get("name", "")), uid)
    if not own_labels and spec["template"]["metadata"].get("labels"):
        metadata["labels"] = dict(spec["template"]["metadata"]["labels"])
    return job


def generate_selector(spec: dict[str, Any], name: str, uid: str) -> None:
    """Label the pod template with the Job's name and uid, and select by the uid.

    What the user has set already stays, and validation refuses it when it does not fit.
    """
    labels = spec["template"]["metadata"].setdefault("labels", {})
    if OLD_NAME_LABEL not in labels:
        labels |= {OLD_NAME_LABEL: name, NAME_LABEL: name}
    if OLD_UID_LABEL not in labels:
        labels |= {OLD_UID_LABEL: uid, UID_LABEL: uid}
    spec.setdefault("selector", {}).setdefault("matchLabels", {}).setdefault(UID_LABEL, uid)


IMMUTABLE_METADATA: Final = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
)
"""What the server writes into the metadata and no client changes."""

Outcome = Literal["created", "unchanged", "exists"]


class CreateResult(NamedTuple):
    """What became of one object that came in.

    ``unchanged``: an object of that name with the same content is there already; ``exists``: one with other
    content is, and stays. ``there`` is the object that was there; None for a Job that is complete, of which
    that was known without reading it.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    outcome: Outcome
    there: Object | None = None


def create_object(
    store: ObjectStore,
    obj: Mapping[str, Any],
    now: float,
    *,
    namespace: str = "default",
    admit: Callable[[Object], Object],
) -> tuple[Object, CreateResult]:
    """Store ``obj``, a valid manifest, unless one of its name is there; the object that is there then.

    ``now`` is Unix seconds, ``namespace`` that of an object that names none. ``admit`` completes what is new
    or refuses it by an ExpanderError, which is passed on.
    """
    metadata: Mapping[str, Any] = obj["metadata"]
    kind = obj["kind"]
    space = "" if not is_namespaced(obj) else metadata.get("namespace") or namespace
    name = metadata.get("name")
    api_version = obj.get("apiVersion") or ""
    digest = _given_digest(obj) if kind == "Job" else None
    if name and digest and (found := store.job_as_given(space, name, digest, api_version)) is not None:
        uid, there, same = found
        if there is None:
            return {**obj}, CreateResult(kind, space, name, uid, "unchanged")
        if not same and (same := is_unchanged(obj, there, space)):
            store.remember_given(uid, digest)
        return there, _result(there, "unchanged" if same else "exists", there)
    if name and not digest and (there := store.get(kind, space, name, api_version)) is not None:
        return there, _result(there, "unchanged" if is_unchanged(obj, there, space) else "exists", there)
    if not name:
        obj = {**obj, "metadata": {**metadata, "name": generated(metadata.get("generateName", ""))}}
    uid = new_uid()
    made = _prepare_for_create(obj, uid, space)
    made["metadata"] = {**made["metadata"], "uid": uid, "creationTimestamp": api_time(now)}
    made = store.put(admit(made), new=True)
    if digest:
        store.remember_given(uid, digest)
    return made, _result(made, "created")


def _given_digest(obj: Mapping[str, Any]) -> bytes:
    """What tells a manifest from others; with its fields in another order it may have another."""
    return blake2b(encode(obj), digest_size=12).digest()


def is_unchanged(obj: Mapping[str, Any], there: Object, namespace: str) -> bool:
    """Whether what a user gives is what was given for the stored object of that name in ``namespace``."""
    return _same(_prepare_for_create(obj, there["metadata"]["uid"], namespace), there)


def prepare_for_update(old: Object, new: Object) -> Object:
    """``new`` as the server stores it in the place of ``old``: defaulted, and with what no client can change.

    The generation counts changes of the spec; the status is that of ``old`` unless ``new`` has one.
    """
    made = defaults(new, release=RELEASE) if new["kind"] != "Pod" else dict(new)
    kept = {field: old["metadata"][field] for field in IMMUTABLE_METADATA if field in old["metadata"]}
    if "generation" in kept and made.get("spec") != old.get("spec"):
        kept["generation"] += 1
    made["metadata"] = {**made["metadata"], **kept}
    if "status" in old:
        made["status"] = new.get("status") or old["status"]
    return made


def _result(obj: Object, outcome: Outcome, there: Object | None = None) -> CreateResult:
    metadata = obj["metadata"]
    return CreateResult(
        obj["kind"], metadata.get("namespace", ""), metadata["name"], metadata["uid"], outcome, there
    )


def _prepare_for_create(obj: Mapping[str, Any], uid: str, namespace: str) -> dict[str, Any]:
    if obj["kind"] == "Job" and not is_volcano(obj):
        return prepare_job_for_create(obj, uid, namespace=namespace)
    made = defaults(obj, release=RELEASE)
    made["metadata"] = dict(made["metadata"])
    if namespace:
        made["metadata"].setdefault("namespace", namespace)
    if obj["kind"] == "Pod":
        prepare_pod(made, lambda kind: ())
    elif obj["kind"] in ("CronJob", "Job"):
        made["metadata"]["generation"] = 1
        made["status"] = {}
    return made


def _same(fresh: Object, there: Object) -> bool:
    """Whether the user's part of both is equal: everything but status, what the server writes and what later
    attempts change."""
    theirs = there["metadata"]
    origin = (theirs.get("annotations") or {}).get(ORIGIN_ANNOTATION)
    if origin is not None:
        return bool(digest(fresh) == origin)
    if there["kind"] == "Pod" and "nodeName" in there["spec"]:
        node = there["spec"]["nodeName"]
        fresh = {**fresh, "spec": {"nodeName": node, **fresh["spec"]}}
    said = (theirs.get("annotations") or {}).get(SUSPEND_ANNOTATION)
    if said is not None:
        there = {**there, "spec": {**there["spec"], "suspend": said == "true"}}
    for field in fresh.keys() | there.keys():
        if field not in ("status", "metadata") and fresh.get(field) != there.get(field):
            return False
    ours = fresh["metadata"]
    return (ours.get("labels") or {}) == (theirs.get("labels") or {}) and _annotations(ours) == _annotations(
        theirs
    )


def _annotations(metadata: Object) -> dict[str, str]:
    return {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key not in BOOKKEEPING
    }


Listed = Callable[[str], Iterable[Object]]
"""Gives the objects of a kind that are there."""


def prepare_pod(pod: Object, listed: Listed) -> None:
    """A new pod waits for a place."""
    pod["status"] = {"phase": "Pending"}


def prepare_claim(claim: Object, listed: Listed) -> None:
    """A new claim waits for its volume, and stays as long as a pod uses it."""
    claim["status"] = {"phase": "Pending"}
    finalizers = claim["metadata"].setdefault("finalizers", [])
    if CLAIM_PROTECTION not in finalizers:
        finalizers.append(CLAIM_PROTECTION)


def prepare_secret(secret: Object, listed: Listed) -> None:
    """``stringData`` is written into ``data`` and never shown."""
    secret |= with_string_data(secret)
    secret.pop("stringData", None)


def prepare_namespace(namespace: Object, listed: Listed) -> None:
    """A namespace is active, and has a finalizer of its own."""
    namespace["spec"] = {"finalizers": ["kubernetes"]}
    namespace["status"] = {"phase": "Active"}
