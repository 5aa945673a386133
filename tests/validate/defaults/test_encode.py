"""What Go leaves out of the objects that an API server answers with."""

from typing import Any

import pytest
import yaml

from expander.kube.versions import DEFAULT
from expander.validate.defaults.encode import omit_empty


def written(text: str, *, zeros: bool = True) -> Any:
    return omit_empty(yaml.safe_load(text), DEFAULT, zeros=zeros)


def test_empty_lists_and_maps_are_left_out_and_structs_stay() -> None:
    pod = written("""
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {}, annotations: {}, finalizers: [], ownerReferences: []}
spec:
  nodeSelector: {}
  tolerations: []
  securityContext: {}
  volumes: [{name: v, emptyDir: {}}, {name: p, projected: {sources: []}}]
  containers: [{name: c, args: [], env: [], securityContext: {}, resources: {limits: {}, requests: {}}}]
""")
    assert pod == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {
            "securityContext": {},
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "p", "projected": {"sources": []}}],
            "containers": [{"name": "c", "securityContext": {}, "resources": {}}],
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a}, rules: []}",
        "{apiVersion: v1, kind: LimitRange, metadata: {name: a}, spec: {limits: []}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, "
        "spec: {podSelector: {}, egress: [{}]}}",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {empty: ''}}",
        "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, spec: {storageClassName: ''}}",
    ],
)
def test_what_go_always_writes_stays(text: str) -> None:
    assert written(text) == yaml.safe_load(text)


def test_zero_values_that_are_no_pointers_are_left_out() -> None:
    text = """
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  hostNetwork: false
  automountServiceAccountToken: false
  containers: [{name: c, tty: false, env: [{name: A, value: ''}], securityContext: {privileged: false}}]
"""
    spec = {
        "automountServiceAccountToken": False,
        "containers": [{"name": "c", "env": [{"name": "A"}], "securityContext": {"privileged": False}}],
    }
    assert written(text)["spec"] == spec
    assert written(text, zeros=False) == yaml.safe_load(text)
    debugged = {"name": "d", "image": "busybox"}
    spec = {"ephemeralContainers": [{**debugged, "tty": False, "targetContainerName": ""}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    assert omit_empty(pod, DEFAULT, zeros=True)["spec"] == {"ephemeralContainers": [debugged]}
    kind = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "a"},
        "value": 0,
    }
    assert omit_empty(kind | {"globalDefault": False, "description": ""}, DEFAULT, zeros=True) == kind


def test_of_custom_resources_only_the_metadata_is_written_by_go() -> None:
    made = written("{apiVersion: e.x/v1, kind: Crontab, metadata: {name: a, labels: {}}, spec: {list: []}}")
    assert made == {
        "apiVersion": "e.x/v1",
        "kind": "Crontab",
        "metadata": {"name": "a"},
        "spec": {"list": []},
    }
