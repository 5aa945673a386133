"""What the API server says of a pod that it takes: ``pkg/api/pod/warnings.go`` and ``pkg/api/node/util.go``.

The pod has passed validation; whether its defaults are there makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.kube.versions import Release
from expander.validate.finding import Advice
from expander.validate.rules import formats
from expander.validate.rules.field import EMPTY, each, key, texts

if TYPE_CHECKING:
    from expander.kube import gofmt
    from expander.validate.rules import core
else:  # what few warnings say
    core = late_module("expander.validate.rules.core")
    gofmt = late_module("expander.kube.gofmt")

Object = Mapping[str, Any]
Advices = Iterator[Advice]

_LABELS: Final = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" '
    "instead",
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" '
    "instead",
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" '
    "instead",
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations "
    "instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}
"""Labels of nodes that have others now."""
_ANNOTATIONS: Final = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" '
    "field instead",
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field '
    "instead",
}
_VOLUMES: Final = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
"""Kinds of volumes that are on their way out, or gone."""
_SECCOMP_OF_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP: Final = "container.seccomp.security.alpha.kubernetes.io/"
_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_NO_SECCOMP: Final = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_NO_APP_ARMOR: Final = 'deprecated since v1.30; use the "appArmorProfile" field instead'
_MATCHES_NOTHING: Final = "a null labelSelector results in matching no pod"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def of_pod(spec: Object, metadata: Object, where: str, release: Release) -> Advices:
    """The warnings about a pod; ``where`` is the path of its template, empty for a Pod itself."""
    prefix = f"{where}." if where else ""
    at, annotations = f"{prefix}spec", metadata.get("annotations") or EMPTY
    if selector := spec.get("nodeSelector"):
        for name in selector:
            if words := old_label(name):
                yield Advice(key(f"{at}.nodeSelector", name), "deprecated-label", words)
    affinity = spec.get("affinity") or EMPTY
    if affinity:
        yield from _of_node_affinity(affinity.get("nodeAffinity") or EMPTY, f"{at}.affinity.nodeAffinity")
    if constraints := spec.get("topologySpreadConstraints"):
        yield from _of_spread(constraints, f"{at}.topologySpreadConstraints")
    if annotations:
        yield from _of_annotations(annotations, f"{prefix}metadata.annotations")
    if volumes := spec.get("volumes"):
        yield from _of_volumes(volumes, f"{at}.volumes")
    yield from _of_names(spec, at)
    for name in ("memory", "ephemeral-storage"):
        yield from _fraction(spec.get("overhead") or EMPTY, name, f"{at}.overhead")
    if annotations:
        yield from _of_profiles(spec, annotations, f"{prefix}metadata.annotations", release)
    yield from _of_containers(spec, at, bare=not where)
    seconds = spec.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds < 0:
        words = "must be >= 0; negative values are invalid and will be treated as 1"
        yield Advice(f"{at}.terminationGracePeriodSeconds", "negative-grace-period", words)
    if affinity:
        yield from _of_pod_affinity(affinity, f"{at}.affinity")


def of_node_term(term: Object, where: str, *, values: bool = False) -> Advices:
    """Old names of labels in a term of a node selector; ``values`` says whether those are looked at, too."""
    for at, expression in each(term.get("matchExpressions"), f"{where}.matchExpressions"):
        name = expression.get("key") or ""
        if name in _LABELS:
            yield Advice(f"{at}.key", "deprecated-label", f"{name} is {_LABELS[name]}")
        if values:
            for value_at, value in texts(expression.get("values"), f"{at}.values"):
                for words in formats.label_value(value):
                    yield Advice(value_at, "invalid-label-value", f"{value} is invalid, {words}")


def old_label(name: str) -> str | None:
    """What the server says of a label of nodes by its old name."""
    return _LABELS.get(name)


def _of_node_affinity(affinity: Object, where: str) -> Advices:
    terms = (affinity.get(_REQUIRED) or EMPTY).get("nodeSelectorTerms")
    for at, term in each(terms, f"{where}.{_REQUIRED}.nodeSelectorTerms"):
        yield from of_node_term(term, at)
    for at, preferred in each(affinity.get(_PREFERRED), f"{where}.{_PREFERRED}"):
        yield from of_node_term(preferred.get("preference") or EMPTY, f"{at}.preference", values=True)


def _of_spread(constraints: Any, where: str) -> Advices:
    for at, constraint in each(constraints, where):
        name = constraint.get("topologyKey") or ""
        if name in _LABELS:
            yield Advice(f"{at}.topologyKey", "deprecated-label", f"{name} is {_LABELS[name]}")
        if constraint.get("labelSelector") is None:
            yield Advice(f"{at}.labelSelector", "null-selector", _MATCHES_NOTHING)


def _of_pod_affinity(affinity: Object, where: str) -> Advices:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or EMPTY
        for at, term in each(rules.get(_REQUIRED), f"{where}.{kind}.{_REQUIRED}"):
            if term.get("labelSelector") is None:
                yield Advice(f"{at}.labelSelector", "null-selector", _MATCHES_NOTHING)
        for at, preferred in each(rules.get(_PREFERRED), f"{where}.{kind}.{_PREFERRED}"):
            if (preferred.get("podAffinityTerm") or EMPTY).get("labelSelector") is None:
                yield Advice(f"{at}.podAffinityTerm.labelSelector", "null-selector", _MATCHES_NOTHING)


def _of_annotations(annotations: Object, where: str) -> Advices:
    for name, words in _ANNOTATIONS.items():
        if name in annotations:
            yield Advice(key(where, name), "deprecated-annotation", words)


def _of_profiles(spec: Object, annotations: Object, where: str, release: Release) -> Advices:
    """Annotations that stand for fields which are not there."""
    context = spec.get("securityContext") or EMPTY
    if context.get("seccompProfile") is None and _SECCOMP_OF_POD in annotations:
        yield Advice(key(where, _SECCOMP_OF_POD), "deprecated-annotation", _NO_SECCOMP)
    for _, container in _containers(spec, ""):
        own, name = container.get("securityContext") or EMPTY, container.get("name") or ""
        if own.get("seccompProfile") is None and _SECCOMP + name in annotations:
            yield Advice(key(where, _SECCOMP + name), "deprecated-annotation", _NO_SECCOMP)
        armored = context.get("appArmorProfile") is not None or own.get("appArmorProfile") is not None
        if not armored and _APP_ARMOR + name in annotations and release.has("AppArmorFields"):
            yield Advice(key(where, _APP_ARMOR + name), "deprecated-annotation", _NO_APP_ARMOR)


def _of_volumes(volumes: Any, where: str) -> Advices:
    tokens: set[str] = set()
    for at, volume in each(volumes, where):
        for name, source in volume.items():
            if source is None:
                continue
            if name in _VOLUMES:
                yield old_volume(name, at)
            elif name == "ephemeral" and source.get("volumeClaimTemplate") is not None:
                claim = source["volumeClaimTemplate"].get("spec") or EMPTY
                yield from of_claim(claim, f"{at}.ephemeral.volumeClaimTemplate.spec")
            elif name == "projected":
                tokens |= {
                    (part.get("serviceAccountToken") or EMPTY).get("path") or ""
                    for _, part in each(source.get("sources"), "")
                    if part.get("serviceAccountToken") is not None
                }
    if tokens:
        for at, volume in each(volumes, where):
            for _, part in each((volume.get("projected") or EMPTY).get("sources"), ""):
                yield from _of_paths(part, tokens, f"{at}.projected.sources")


def old_volume(name: str, where: str) -> Advice:
    """What the server says of a volume of such a kind; ``where`` is the path of what has it."""
    shown = "storageOS" if name == "storageos" else name
    return Advice(f"{where}.{shown}", "deprecated-volume", _VOLUMES[name])


def of_claim(spec: Object, where: str) -> Advices:
    """Sizes of a claim that are no whole bytes."""
    resources = spec.get("resources") or EMPTY
    for field in ("requests", "limits"):
        yield from _fraction(resources.get(field) or EMPTY, "storage", f"{where}.resources.{field}")


def _of_paths(part: Object, tokens: set[str], where: str) -> Advices:
    """Files of a projected volume that have the path of a token; the server numbers them by their list."""
    for field, shown in (("configMap", "configMap"), ("secret", "secrets"), ("downwardAPI", "downwardAPI")):
        for at, item in each((part.get(field) or EMPTY).get("items"), f"{where}.{shown}"):
            if (item.get("path") or "") in tokens:
                yield _shared_path(at, item.get("path") or "")
    bundle = part.get("clusterTrustBundle")
    if bundle is not None and (bundle.get("path") or "") in tokens:
        yield _shared_path(f"{where}.ClusterTrustBundle", bundle.get("path") or "")


def _shared_path(where: str, path: str) -> Advice:
    words = f"has duplicated path with ServiceAccountToken {gofmt.quoted(path)}"
    return Advice(where, "shared-path", words)


def _of_names(spec: Object, where: str) -> Advices:
    """Addresses of hosts and pull secrets that are there twice, and pull secrets without a name."""
    for field, part, rule in (
        ("hostAliases", "ip", "duplicate-host"),
        ("imagePullSecrets", "name", "duplicate-secret"),
    ):
        seen: set[str] = set()
        for at, entry in each(spec.get(field), f"{where}.{field}"):
            text = entry.get(part) or ""
            if text in seen:
                yield Advice(f"{at}.{part}", rule, f"duplicate {part} {gofmt.quoted(text)}")
            seen.add(text)
    for at, secret in each(spec.get("imagePullSecrets"), f"{where}.imagePullSecrets"):
        if not secret.get("name"):
            yield Advice(f"{at}.name", "empty-name", 'invalid empty name ""')


def _fraction(amounts: Object, name: str, where: str) -> Advices:
    written = amounts.get(name)
    if written is None:
        return
    found = core.amount(written)
    if not core.is_whole(found):
        words = (
            f"fractional byte value {gofmt.quoted(str(found.rounded_up()))} is invalid, must be an integer"
        )
        yield Advice(key(where, name), "fractional-bytes", words)


def _containers(spec: Object, where: str) -> Iterator[tuple[str, Object]]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from each(spec.get(kind), f"{where}.{kind}")


def _of_containers(spec: Object, where: str, *, bare: bool) -> Advices:
    ports: dict[tuple[int, str], list[tuple[str, Object]]] = {}
    on_node = bare and bool(spec.get("hostNetwork"))
    shared: list[Advice] = []
    for at, container in _containers(spec, where):
        resources = container.get("resources") or EMPTY
        for name in ("memory", "ephemeral-storage"):
            for field in ("limits", "requests"):
                if amounts := resources.get(field):
                    yield from _fraction(amounts, name, f"{at}.resources.{field}")
        if variables := container.get("env"):
            yield from _of_env(variables, f"{at}.env")
        for port_at, port in each(container.get("ports"), f"{at}.ports"):
            shared += _of_port(port, port_at, ports, on_node=on_node)
    yield from shared


def _of_env(variables: Any, where: str) -> Advices:
    seen: set[str] = set()
    for at, variable in each(variables, where):
        name = variable.get("name") or ""
        if name not in seen:
            seen.add(name)
            continue
        reference, value = f"$({name})", variable.get("value") or ""
        if variable.get("valueFrom") is not None or value == reference or reference not in value:
            words = (
                f"hides previous definition of {gofmt.quoted(name)}, which may be dropped when using apply"
            )
            yield Advice(at, "hidden-env", words)


def _of_port(
    port: Object, where: str, taken: dict[tuple[int, str], list[tuple[str, Object]]], *, on_node: bool
) -> Advices:
    number, protocol = port.get("containerPort") or 0, port.get("protocol") or "TCP"
    address, host = port.get("hostIP") or "", port.get("hostPort") or (number if on_node else 0)
    if address and not host:
        shown = f"Name:{port.get('name') or ''} HostPort:0 ContainerPort:{number} Protocol:{protocol}"
        words = f"hostIP set without hostPort: {{{shown} HostIP:{address}}}"
        yield Advice(where, "host-ip-without-port", words)
    others = taken.setdefault((number, protocol), [])
    for at, other in others:
        other_address = other.get("hostIP") or ""
        other_host = other.get("hostPort") or (number if on_node else 0)
        if (address, host) == (other_address, other_host):
            yield Advice(where, "duplicate-port", f"duplicate port definition with {at}")
        elif not host or not other_host:
            yield Advice(where, "overlapping-port", f"overlapping port definition with {at}")
        elif host == other_host and bool(address) != bool(other_address):
            words = f"dangerously ambiguous port definition with {at}"
            yield Advice(where, "ambiguous-port", words)
    others.append((where, port))
