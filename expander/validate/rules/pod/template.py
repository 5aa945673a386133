"""A pod template, and a Pod: their spec, and what of their metadata concerns it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.validate.finding import Finding
from expander.validate.rules.checks import EMPTY, Findings, each, forbidden
from expander.validate.rules.labels import check_annotations, check_labels
from expander.validate.rules.metadata import check_metadata
from expander.validate.rules.pod.annotations import check_pod_annotations, check_profiles_agree
from expander.validate.rules.pod.containers import check_image_spaces
from expander.validate.rules.pod.spec import check_pod_spec
from expander.validate.rules.pod.volume_claims import ClaimOwner


def check_pod_template(template: Mapping[str, Any], where: str) -> list[Finding]:
    """What the API server would refuse in a pod template at the path ``where``.

    Findings on labels and annotations are at ``template.labels`` and ``template.annotations``, without
    ``metadata``, as the server has them. Decided by ``ValidatePodTemplateSpec`` of pkg/apis/core/validation.
    """
    spec: Mapping[str, Any] = template.get("spec") or EMPTY
    metadata: Mapping[str, Any] = template.get("metadata") or EMPTY
    found: list[Finding] = []
    if labels := metadata.get("labels"):
        found += check_labels(labels, f"{where}.labels")
    annotations = metadata.get("annotations")
    if annotations:
        found += check_annotations(annotations, f"{where}.annotations")
        found += check_pod_annotations(annotations, f"{where}.annotations", spec)
    found += check_pod_spec(spec, f"{where}.spec")
    if annotations:
        found += check_profiles_agree(annotations, spec, f"{where}.spec")
    if spec.get("ephemeralContainers"):
        at = f"{where}.spec.ephemeralContainers"
        found.append(forbidden(at, "ephemeral containers not allowed in pod template"))
    return found


def check_pod(pod: Mapping[str, Any]) -> list[Finding]:
    """What the API server would refuse in a new Pod, its general metadata apart.

    Decided by ``ValidatePodCreate`` of pkg/apis/core/validation.
    """
    spec: Mapping[str, Any] = pod.get("spec") or EMPTY
    metadata: Mapping[str, Any] = pod.get("metadata") or EMPTY
    annotations: Mapping[str, Any] = metadata.get("annotations") or EMPTY
    owner = ClaimOwner(metadata.get("name") or "", bare=True)
    return [
        *check_pod_annotations(annotations, "metadata.annotations", spec),
        *check_pod_spec(spec, "spec", owner),
        *_check_bare(spec),
        *check_profiles_agree(annotations, spec, "spec"),
    ]


def _check_bare(spec: Mapping[str, Any]) -> Findings:
    """Rules for which a template is too early: images without spaces, tokens with an account, no node yet."""
    if not (spec.get("serviceAccountName") or spec.get("serviceAccount")):
        for at, volume in each(spec.get("volumes"), "spec.volumes"):
            sources = (volume.get("projected") or EMPTY).get("sources")
            for source_at, source in each(sources, f"{at}.projected.sources"):
                if source.get("serviceAccountToken") is not None:
                    detail = "must not be specified when serviceAccountName is not set"
                    yield forbidden(f"{source_at}.serviceAccountToken", detail)
    for field in ("containers", "initContainers"):
        for at, container in each(spec.get(field), f"spec.{field}"):
            yield from check_image_spaces(container, at)
    if spec.get("ephemeralContainers"):
        yield forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def check_whole_pod(pod: Mapping[str, Any]) -> list[Finding]:
    """A Pod object."""
    return check_metadata(pod.get("metadata") or EMPTY) + check_pod(pod)


def check_template_object(obj: Mapping[str, Any]) -> list[Finding]:
    """A PodTemplate object."""
    found = check_metadata(obj.get("metadata") or EMPTY)
    return found + check_pod_template(obj.get("template") or EMPTY, "template")
