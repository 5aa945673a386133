"""What the API server says of an object that it takes, in its ``Warning`` headers.

One function per kind, as the ``WarningsOnCreate`` of the registry's strategies (``pkg/registry``) and the
``warnings.go`` of ``pkg/api`` have it. `str` of each is the text of a header.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.kube.scheme import load, of_object
from expander.kube.versions import DEFAULT, Release
from expander.kube.wellknown import SLICE_CONTROLLER, SLICE_MANAGED_BY, TOPOLOGY_HINTS, TOPOLOGY_MODE
from expander.validate.finding import Advice
from expander.validate.pod_warnings import Advices, of_claim, of_node_term, of_pod, old_label, old_volume
from expander.validate.rules import formats
from expander.validate.rules.field import EMPTY, each, key, texts

if TYPE_CHECKING:
    from expander.validate.rules import addresses
else:  # Services and their like have them
    addresses = late_module("expander.validate.rules.addresses")

Object = Mapping[str, Any]

_MANY_COMPLETIONS: Final = 100_000
_MANY_AT_A_TIME: Final = 10_000
_OLD_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
_MOUNTABLE: Final = "kubernetes.io/enforce-mountable-secrets"
_SLICE_CONTROLLERS: Final = (SLICE_CONTROLLER, "endpointslicemirroring-controller.k8s.io")
_OLD_KINDS: Final = {
    ("v1", "ComponentStatus"): (19, "v1 ComponentStatus is deprecated in v1.19+"),
    ("v1", "Endpoints"): (33, "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
}
"""Kinds that have others now, and the minor release since which the server says so."""


def server_warnings(obj: Object, release: Release = DEFAULT) -> Iterator[Advice]:
    """The warnings about ``obj``, a valid object, in the server's order."""
    if words := kind_warning(obj.get("apiVersion") or "", obj.get("kind") or "", release):
        yield Advice("", "deprecated-kind", words)
    row = of_object(obj)
    if row is not None and row.warnings:
        yield from load(row.warnings)(obj, release)


def kind_warning(api_version: str, kind: str, release: Release) -> str:
    """What the server says to every request for objects of a kind that has others now; mostly nothing."""
    since, words = _OLD_KINDS.get((api_version, kind), (0, ""))
    return words if words and release >= (1, since) else ""


def of_job(obj: Object, release: Release) -> Advices:
    """A Job."""
    yield from _of_name(obj)
    yield from _of_job_spec(obj.get("spec") or EMPTY, "spec", release)


def of_cron_job(obj: Object, release: Release) -> Advices:
    """A CronJob."""
    template = (obj.get("spec") or EMPTY).get("jobTemplate") or EMPTY
    yield from _of_name(obj)
    yield from _of_job_spec(template.get("spec") or EMPTY, "spec.jobTemplate.spec", release)


def _of_job_spec(spec: Object, where: str, release: Release) -> Advices:
    completions, parallelism = spec.get("completions") or 0, spec.get("parallelism") or 0
    if (
        spec.get("completionMode") == "Indexed"
        and completions > _MANY_COMPLETIONS
        and parallelism > _MANY_AT_A_TIME
    ):
        words = (
            "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than "
            "10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        )
        yield Advice(where, "untracked-indexes", words)
    yield from _of_template(spec.get("template"), f"{where}.template", release)


def _of_name(obj: Object, use: str = "in Pod names and hostnames") -> Advices:
    name = (obj.get("metadata") or EMPTY).get("name") or ""
    if name and (wrong := formats.dns_label(name)):
        words = f"this is used {use}, which can result in surprising behavior; a DNS label is recommended: "
        yield Advice("metadata.name", "name-not-label", f"{words}[{' '.join(wrong)}]")


def _of_template(template: Object | None, where: str, release: Release) -> Advices:
    if template is not None:
        yield from of_pod(template.get("spec") or EMPTY, template.get("metadata") or EMPTY, where, release)


def of_bare_pod(obj: Object, release: Release) -> Advices:
    """A Pod."""
    yield from _of_name(obj, "in the Pod's hostname")
    yield from of_pod(obj.get("spec") or EMPTY, obj.get("metadata") or EMPTY, "", release)


def of_pod_template(obj: Object, release: Release) -> Advices:
    """A PodTemplate."""
    return _of_template(obj.get("template"), "template", release)


def of_named_workload(obj: Object, release: Release) -> Advices:
    """A Deployment, ReplicaSet or ReplicationController, whose pods are named after it."""
    yield from _of_name(obj)
    yield from of_daemon_set(obj, release)


def of_daemon_set(obj: Object, release: Release) -> Advices:
    """A DaemonSet."""
    return _of_template((obj.get("spec") or EMPTY).get("template"), "spec.template", release)


def of_stateful_set(obj: Object, release: Release) -> Advices:
    """A StatefulSet."""
    spec = obj.get("spec") or EMPTY
    yield from of_daemon_set(obj, release)
    for at, claim in each(spec.get("volumeClaimTemplates"), "spec.volumeClaimTemplates"):
        yield from of_claim(claim.get("spec") or EMPTY, at)
    history = spec.get("revisionHistoryLimit")
    if history is not None and history < 0:
        words = "a negative value retains all historical revisions; a value >= 0 is recommended"
        yield Advice("spec.revisionHistoryLimit", "negative-history", words)


def _of_old_class(obj: Object) -> Advices:
    if _OLD_CLASS in ((obj.get("metadata") or EMPTY).get("annotations") or EMPTY):
        words = 'deprecated since v1.8; use "storageClassName" attribute instead'
        yield Advice(key("metadata.annotations", _OLD_CLASS), "deprecated-annotation", words)


def of_claim_object(obj: Object, release: Release) -> Advices:
    """A PersistentVolumeClaim."""
    yield from _of_old_class(obj)
    yield from of_claim(obj.get("spec") or EMPTY, "spec")


def of_volume(obj: Object, release: Release) -> Advices:
    """A PersistentVolume."""
    spec = obj.get("spec") or EMPTY
    yield from _of_old_class(obj)
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        words = (
            "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic "
        )
        yield Advice("spec.persistentVolumeReclaimPolicy", "deprecated-policy", f"{words}provisioning.")
    terms = ((spec.get("nodeAffinity") or EMPTY).get("required") or EMPTY).get("nodeSelectorTerms")
    for at, term in each(terms, "spec.nodeAffinity.required.nodeSelectorTerms"):
        yield from of_node_term(term, at)
    for name in ("cephfs", "photonPersistentDisk", "scaleIO", "storageos", "glusterfs", "rbd"):
        if spec.get(name) is not None:
            yield old_volume(name, "spec")


def of_storage_class(obj: Object, release: Release) -> Advices:
    """A StorageClass."""
    for at, topology in each(obj.get("allowedTopologies"), "allowedTopologies"):
        for here, expression in each(topology.get("matchLabelExpressions"), f"{at}.matchLabelExpressions"):
            if words := old_label(expression.get("key") or ""):
                yield Advice(f"{here}.key", "deprecated-label", words)


def of_service(obj: Object, release: Release) -> Advices:
    """A Service."""
    spec = obj.get("spec") or EMPTY
    kind, first = spec.get("type") or "ClusterIP", spec.get("clusterIP") or ""
    headless = kind == "ClusterIP" and first == "None"
    outside = spec.get("externalIPs") or ()
    if TOPOLOGY_HINTS in ((obj.get("metadata") or EMPTY).get("annotations") or EMPTY):
        words = f"annotation {TOPOLOGY_HINTS} is deprecated, please use {TOPOLOGY_MODE} instead"
        yield Advice("", "deprecated-annotation", words)
    if kind != "ExternalName" and first not in ("", "None"):
        yield from _of_addresses(spec.get("clusterIPs") or [first], "spec.clusterIPs")
    if headless:
        unused = {
            "loadBalancerIP": spec.get("loadBalancerIP"),
            "externalIPs": outside,
            "SessionAffinity": (spec.get("sessionAffinity") or "None") != "None",
        }
        for field, given in unused.items():
            if given:
                yield Advice("", "ignored-field", f"spec.{field} is ignored for headless services")
    yield from _of_addresses(outside, "spec.externalIPs")
    if outside and not headless and kind != "ExternalName" and release >= (1, 36):
        words = "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
        yield Advice("", "deprecated-field", words)
    if address := spec.get("loadBalancerIP"):
        yield from (
            Advice("spec.loadBalancerIP", "odd-address", words) for words in addresses.ip_warnings(address)
        )
    yield from _of_ranges(spec.get("loadBalancerSourceRanges"), "spec.loadBalancerSourceRanges")
    yield from _of_type(spec, kind)


def _of_type(spec: Object, kind: str) -> Advices:
    if kind == "ExternalName" and spec.get("externalIPs"):
        words = 'spec.externalIPs is ignored when spec.type is "ExternalName"'
        yield Advice("", "ignored-field", words)
    if kind != "ExternalName" and spec.get("externalName"):
        words = 'spec.externalName is ignored when spec.type is not "ExternalName"'
        yield Advice("", "ignored-field", words)


def _of_addresses(given: Any, where: str) -> Advices:
    for at, address in texts(given, where):
        yield from (Advice(at, "odd-address", words) for words in addresses.ip_warnings(address))


def _of_ranges(ranges: Any, where: str) -> Advices:
    for at, text in texts(ranges, where):
        yield from (Advice(at, "odd-address", words) for words in addresses.cidr_warnings(text))


def of_endpoint_slice(obj: Object, release: Release) -> Advices:
    """An EndpointSlice."""
    labels = (obj.get("metadata") or EMPTY).get("labels") or EMPTY
    if obj.get("addressType") == "FQDN":
        yield Advice("spec.addressType", "deprecated-value", "FQDN endpoints are deprecated")
    elif labels.get(SLICE_MANAGED_BY) not in _SLICE_CONTROLLERS:
        for at, endpoint in each(obj.get("endpoints"), "endpoints"):
            yield from _of_addresses(endpoint.get("addresses"), f"{at}.addresses")


def of_network_policy(obj: Object, release: Release) -> Advices:
    """A NetworkPolicy."""
    spec = obj.get("spec") or EMPTY
    for side, others in (("ingress", "from"), ("egress", "to")):
        for at, rule in each(spec.get(side), f"spec.{side}"):
            for peer_at, peer in each(rule.get(others), f"{at}.{others}"):
                block = peer.get("ipBlock") or EMPTY
                if whole := block.get("cidr"):
                    words = addresses.cidr_warnings(whole)
                    yield from (Advice(f"{peer_at}.ipBlock.cidr", "odd-address", each) for each in words)
                yield from _of_ranges(block.get("except"), f"{peer_at}.ipBlock.except")


def of_service_account(obj: Object, release: Release) -> Advices:
    """A ServiceAccount."""
    annotations = (obj.get("metadata") or EMPTY).get("annotations") or EMPTY
    if _MOUNTABLE in annotations and release >= (1, 32):
        words = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
        yield Advice(key("metadata.annotations", _MOUNTABLE), "deprecated-annotation", words)


def of_secret(obj: Object, release: Release) -> Advices:
    """A Secret: what is to be a certificate and its key is some text at least."""
    if obj.get("type") != "kubernetes.io/tls":
        return
    data, plain = obj.get("data") or EMPTY, obj.get("stringData") or EMPTY
    for name, shown in (("tls.crt", "certificate"), ("tls.key", "key")):
        text = plain.get(name) or b64decode(data.get(name) or "").decode(errors="replace")
        if "-----BEGIN " not in text:
            words = f"tls: failed to find any PEM data in {shown} input"
            yield Advice("", "no-certificate", words)
            return
