"""Objects as protobuf: what kubectl sends arrives as what it is, and what is asked for in that form comes in it."""

import json
import subprocess
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expander.kube.scheme import RESOURCES
from expander.local.apiserver.protobuf import decoder, encoder
from expander.local.apiserver.protobuf.wire import as_bytes, values
from expander.validate.defaults.go_types import StructField, fields, message_of
from tests.local.apiserver.serving import Server

PROTOBUF = "application/vnd.kubernetes.protobuf"

FULL = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: full, annotations: {a: b}}
spec:
  schedule: "0 0 1 1 *"
  timeZone: Etc/UTC
  suspend: true
  startingDeadlineSeconds: 0
  jobTemplate:
    metadata: {labels: {l: m}}
    spec:
      parallelism: 0
      completions: 3
      completionMode: Indexed
      backoffLimit: 0
      activeDeadlineSeconds: 60
      ttlSecondsAfterFinished: 0
      podFailurePolicy:
        rules:
        - action: FailJob
          onExitCodes: {containerName: main, operator: In, values: [1, 42, 255]}
        - action: Ignore
          onPodConditions: [{type: DisruptionTarget, status: "True"}]
      successPolicy:
        rules: [{succeededIndexes: "0-1", succeededCount: 1}]
      template:
        metadata: {labels: {x: "y"}}
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 5
          nodeSelector: {disk: ssd}
          tolerations: [{key: k, operator: Exists, effect: NoExecute, tolerationSeconds: 0}]
          securityContext: {runAsUser: 0, fsGroup: 5, supplementalGroups: [1, 2], sysctls: [{name: kernel.shm_rmid_forced, value: "1"}]}
          affinity:
            nodeAffinity:
              requiredDuringSchedulingIgnoredDuringExecution:
                nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In, values: [b]}]}]
            podAntiAffinity:
              preferredDuringSchedulingIgnoredDuringExecution:
              - weight: 5
                podAffinityTerm: {topologyKey: z, labelSelector: {matchLabels: {a: b}}}
          topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway}]
          hostAliases: [{ip: 10.1.1.1, hostnames: [one, two]}]
          dnsConfig: {nameservers: [10.1.1.2], options: [{name: ndots, value: "1"}]}
          volumes:
          - {name: e, emptyDir: {}}
          - {name: m, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
          - {name: s, secret: {secretName: s, defaultMode: 256, items: [{key: k, path: p, mode: 0}]}}
          - {name: c, configMap: {name: c, optional: true}}
          - {name: h, hostPath: {path: /tmp, type: Directory}}
          - {name: v, persistentVolumeClaim: {claimName: v}}
          - name: p
            projected:
              sources:
              - configMap: {name: c, items: [{key: k, path: q}]}
              - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
              - serviceAccountToken: {path: token, expirationSeconds: 600}
          initContainers:
          - {name: first, image: busybox, restartPolicy: Always}
          containers:
          - name: main
            image: busybox
            command: [sh, -c]
            args: ["true"]
            workingDir: /tmp
            stdin: true
            ports: [{containerPort: 80, name: http, protocol: TCP}]
            env:
            - {name: A, value: "1"}
            - {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
            - {name: C, valueFrom: {configMapKeyRef: {name: c, key: k, optional: true}}}
            - {name: D, valueFrom: {secretKeyRef: {name: s, key: k}}}
            - {name: E, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}
            envFrom: [{prefix: P_, configMapRef: {name: c}}, {secretRef: {name: s, optional: false}}]
            resources: {limits: {cpu: "1", memory: 64Mi}, requests: {cpu: 500m}}
            volumeMounts: [{name: e, mountPath: /e, readOnly: true, subPath: x}, {name: m, mountPath: /m}]
            securityContext: {privileged: false, capabilities: {drop: [ALL]}, runAsNonRoot: true}
            livenessProbe: {httpGet: {path: /, port: 8080, scheme: HTTP}, periodSeconds: 3}
            readinessProbe: {tcpSocket: {port: http}, initialDelaySeconds: 2}
            startupProbe: {exec: {command: ["true"]}, failureThreshold: 9}
            lifecycle: {preStop: {sleep: {seconds: 1}}}
"""


def run(server: Server, kubectl: str, *arguments: str, stdin: str = "") -> Any:
    answer = subprocess.run(
        [kubectl, "--kubeconfig", str(server.kubeconfig), *arguments, "-o", "json"],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_a_job_from_a_cronjob_with_every_field_keeps_them_all(server: Server, kubectl: str) -> None:
    template = run(server, kubectl, "create", "-f", "-", stdin=FULL)["spec"]["jobTemplate"]
    made = run(server, kubectl, "create", "job", "of-all", "--from=cronjob/full")
    spec = made["spec"]
    labels = spec["template"]["metadata"]["labels"]
    for name in [name for name in labels if name != "x"]:
        del labels[name]
    assert spec["template"]["spec"] == template["spec"]["template"]["spec"]
    assert {**spec, **template["spec"]} == spec
    assert made["metadata"]["ownerReferences"][0]["controller"] is True


@pytest.mark.parametrize(
    ("arguments", "part", "value"),
    [
        (("namespace", "made"), "metadata.name", "made"),
        (("configmap", "made", "--from-literal=a=b"), "data.a", "b"),
        (("secret", "generic", "made", "--from-literal=a=b"), "data.a", "Yg=="),
        (("serviceaccount", "made"), "metadata.name", "made"),
        (("quota", "made", "--hard=pods=3,memory=1Gi"), "spec.hard.memory", "1Gi"),
        (("service", "clusterip", "made", "--tcp=80:8080"), "spec.type", "ClusterIP"),
        (("cronjob", "made", "--image=busybox", "--schedule=0 0 1 1 *"), "spec.schedule", "0 0 1 1 *"),
    ],
)
def test_what_create_makes_is_stored(
    server: Server, kubectl: str, arguments: tuple[str, ...], part: str, value: str
) -> None:
    found = run(server, kubectl, "create", *arguments)
    for step in part.split("."):
        found = found[step]
    assert found == value


def kinds() -> list[tuple[str, str]]:
    """The kinds of Kubernetes that are served in this form, and what clients exchange beside them."""
    own = [
        (each.api_version, each.kind) for each in RESOURCES if each.verbs and ".volcano.sh" not in each.group
    ]
    other = [
        each.rpartition(".")[::2] for each in ("v1.Status", "policy/v1.Eviction", "autoscaling/v1.Scale")
    ]
    exempt = {"NodeMetrics", "PodMetrics"}
    listed = [(api, f"{kind}List") for api, kind in own]
    return [(api, kind) for api, kind in (*own, *listed, *other) if kind.removesuffix("List") not in exempt]


def test_every_kind_that_is_served_has_a_message_and_so_has_what_it_holds() -> None:
    todo = [message_of(*each) for each in kinds()]
    assert all(todo)
    seen = set()
    while todo:
        message = todo.pop()
        if message not in seen:
            seen.add(message)
            todo += [each.type for each in fields(message) if len(each.type) > 1]
    assert len(seen) > 300


WORDS = st.text("aä0.-/", max_size=4)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "s": WORDS,
    "i": st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(0, 300),
    "b": st.booleans(),
    "y": st.sampled_from(["", "YQ==", "AP8="]),
    "q": st.sampled_from(["1", "500m", "1Gi"]),
    "n": st.integers(0, 65535) | WORDS,
    "t": st.datetimes().map(lambda each: each.isoformat(timespec="seconds") + "Z"),
    "u": st.datetimes().map(lambda each: each.isoformat(timespec="microseconds") + "Z"),
    "d": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
    "j": st.dictionaries(WORDS, st.none() | st.integers(0, 9) | WORDS, max_size=2),
    "v": st.lists(WORDS, max_size=2),
}


@st.composite
def objects(draw: st.DrawFn, message: str, depth: int = 0) -> dict[str, Any]:
    """An object with some of the fields of a message, none of which the API's JSON would leave out."""
    known = [each for each in fields(message) if depth < 3 or len(each.type) == 1]
    chosen = (
        draw(st.lists(st.sampled_from(known), max_size=4, unique_by=lambda each: each.name)) if known else []
    )
    made: dict[str, Any] = {}
    for field in chosen:
        value = draw(of_field(field, depth))
        if field.mark == "^":
            made.update({name: each for name, each in value.items() if name not in made})
        elif field.mark in ("?", "|") or value not in ("", 0, False, {}, []):
            made[field.name] = value
    return made


def of_field(field: StructField, depth: int) -> st.SearchStrategy[Any]:
    one = VALUES[field.type] if field.type in VALUES else objects(field.type, depth + 1)
    if field.mark == "|":
        types = {each.name: of_field(each, depth + 1) for each in fields(field.type)}
        types["list"] = types.get("list", st.nothing()).filter(bool)
        return st.one_of(*types.values())
    if field.mark in ("*", "+"):
        return st.lists(one, max_size=2)
    return st.dictionaries(WORDS, one, max_size=2) if field.mark == "%" else one


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_encoded_is_decoded_to_the_same(data: st.DataObject) -> None:
    api_version, kind = data.draw(st.sampled_from(kinds()))
    obj = {"apiVersion": api_version, "kind": kind, **data.draw(objects(message_of(api_version, kind)))}
    assert decoder.decode(encoder.encode(obj)) == obj


SCHEMA = {
    "type": "object",
    "properties": {
        "share": {"type": "number", "minimum": 0.25, "maximum": 1, "default": 0.5, "enum": [0.5, None, "a"]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 0},
        "either": {"items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False},
        "open": {"type": "object", "additionalProperties": True},
        "texts": {"type": "object", "additionalProperties": {"type": "string"}},
        "any": {"x-kubernetes-preserve-unknown-fields": True, "x-kubernetes-validations": [{"rule": "true"}]},
    },
}


def test_the_schema_of_a_definition_keeps_what_may_be_of_several_types() -> None:
    version = {"name": "v1", "served": True, "storage": False, "schema": {"openAPIV3Schema": SCHEMA}}
    spec = {"group": "example.com", "scope": "Namespaced", "versions": [version]}
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    obj = {**kind, "metadata": {"name": "a.example.com"}, "spec": spec}
    assert decoder.decode(encoder.encode(obj)) == obj


MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = "as=Table;v=v1;g=meta.k8s.io"


def asked(server: Server, path: str, method: str = "GET", body: Any = None, accept: str = PROTOBUF) -> Any:
    """The code and the object of an answer in protobuf."""
    answer = server.request(method, path, body, headers={"Accept": accept})
    assert answer.headers["Content-Type"] == PROTOBUF
    return answer.code, decoder.decode(answer.data)


def test_who_accepts_protobuf_alone_is_answered_in_it(server: Server) -> None:
    body = {
        "metadata": {"name": "wire", "labels": {"on": "wire"}},
        "data": {"a": "ä"},
        "binaryData": {"b": "AP8="},
    }
    code, made = asked(server, MAPS, "POST", body)
    plain = server.request("GET", f"{MAPS}/wire").json
    assert (code, made) == (201, plain)
    assert made["metadata"]["managedFields"][0]["fieldsV1"]["f:data"] == {".": {}, "f:a": {}}
    assert asked(server, f"{MAPS}/wire") == (200, plain)
    _, listed = asked(server, f"{MAPS}?labelSelector=on%3Dwire")
    assert (listed["kind"], listed["items"][0]["data"]) == ("ConfigMapList", {"a": "ä"})
    _, partial = asked(
        server, f"{MAPS}/wire", accept=f"{PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    )
    assert (partial["kind"], partial["metadata"]) == ("PartialObjectMetadata", plain["metadata"])
    code, gone = asked(server, f"{MAPS}/wire", "DELETE")
    assert (code, gone["kind"], gone["status"]) == (200, "Status", "Success")
    code, refused = asked(server, f"{MAPS}/wire")
    assert (code, refused["reason"], refused["details"]["name"]) == (404, "NotFound", "wire")
    code, found = asked(server, "/apis/batch/v1")
    assert (code, found["kind"], found["groupVersion"]) == (200, "APIResourceList", "batch/v1")


def test_a_watch_in_protobuf_comes_in_frames(server: Server) -> None:
    server.request("POST", MAPS, {"metadata": {"name": "framed"}})
    connection = server.connect()
    try:
        headers = {**server.authorization, "Accept": f"{PROTOBUF};stream=watch"}
        connection.request("GET", f"{MAPS}?watch=true&fieldSelector=metadata.name%3Dframed", headers=headers)
        response = connection.getresponse()
        assert response.getheader("Content-Type") == f"{PROTOBUF};stream=watch"
        event = dict(values(response.read(int.from_bytes(response.read(4)))))
    finally:
        connection.close()
    assert event[1] == b"ADDED"
    obj = decoder.decode(as_bytes(dict(values(as_bytes(event[2])))[1]))
    assert (obj["kind"], obj["metadata"]["name"]) == ("ConfigMap", "framed")


@pytest.mark.parametrize(
    ("path", "accept", "media"),
    [
        (MAPS, f"{PROTOBUF};{TABLE},application/json;{TABLE}", "application/json"),
        (MAPS, f"application/json, {PROTOBUF}", "application/json"),
        (MAPS, f"{PROTOBUF}, */*", PROTOBUF),
        (MAPS, f"*/*, {PROTOBUF}", PROTOBUF),
        (MAPS, f"{PROTOBUF};q=0.5, application/yaml;q=0.9", "application/yaml"),
        (MAPS, f"{PROTOBUF};q=much, application/json;q=0.9", PROTOBUF),
        (MAPS, "text/html, application/xml;q=0.9, */*;q=0.8", "application/json"),
        ("/apis/batch.volcano.sh/v1alpha1/jobs", f"{PROTOBUF}, application/json", "application/json"),
        ("/version", PROTOBUF, "application/json"),
    ],
)
def test_what_has_no_protobuf_comes_in_the_next_form(
    server: Server, path: str, accept: str, media: str
) -> None:
    answer = server.request("GET", path, headers={"Accept": accept})
    assert (answer.code, answer.headers["Content-Type"]) == (200, media)


@pytest.mark.parametrize(
    ("path", "accept"), [("/apis/batch.volcano.sh/v1alpha1/jobs", PROTOBUF), (MAPS, f"{PROTOBUF};{TABLE}")]
)
def test_what_has_no_protobuf_is_not_acceptable_to_who_accepts_nothing_else(
    server: Server, path: str, accept: str
) -> None:
    assert server.request("GET", path, headers={"Accept": accept}).code == 406


@pytest.mark.parametrize(
    "data", [b"", b"k8s", b"{}", b"k8s\0\x0a\xff", b"k8s\0\x0a\x05\x0a\x01v", b"k8s\0\x08"]
)
def test_bytes_that_are_no_object_are_an_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        decoder.decode(data)


def test_a_field_that_is_not_known_is_an_error_and_not_lost() -> None:
    kind = b"\x0a\x02v1\x12\x09Namespace"
    raw = b"\xaa\x06\x01x"
    data = b"k8s\0\x0a" + bytes([len(kind)]) + kind + b"\x12" + bytes([len(raw)]) + raw
    with pytest.raises(ValueError, match="field 101 of Namespace"):
        decoder.decode(data)
