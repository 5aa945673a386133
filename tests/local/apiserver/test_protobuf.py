"""What kubectl sends as protobuf arrives as what it is."""

import json
import subprocess
from typing import Any

import pytest

from expander.kube.scheme import RESOURCES
from expander.local.apiserver import protobuf
from tests.local.apiserver.serving import Server

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


def test_every_message_that_is_named_is_there() -> None:
    kinds = {each.kind for each in RESOURCES if each.protobuf}
    for message in (*protobuf.MESSAGES, *kinds):
        for field in protobuf.fields(message).values():
            assert len(field.type) == 1 or field.type in {*protobuf.MESSAGES, *kinds}, (message, field)


@pytest.mark.parametrize(
    "data", [b"", b"k8s", b"{}", b"k8s\0\x0a\xff", b"k8s\0\x0a\x05\x0a\x01v", b"k8s\0\x08"]
)
def test_bytes_that_are_no_object_are_an_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        protobuf.decode(data)


def test_a_field_that_is_not_known_is_an_error_and_not_lost() -> None:
    kind = b"\x0a\x02v1\x12\x09Namespace"
    raw = b"\xaa\x06\x01x"
    data = b"k8s\0\x0a" + bytes([len(kind)]) + kind + b"\x12" + bytes([len(raw)]) + raw
    with pytest.raises(ValueError, match="field 101 of Namespace"):
        protobuf.decode(data)
