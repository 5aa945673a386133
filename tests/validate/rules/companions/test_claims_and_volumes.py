"""Claims, volumes and storage classes, by the rules of pkg/apis/core and pkg/apis/storage."""

from __future__ import annotations

import pytest

from tests.validate.rules.companions.probing import wrong

MODES = 'supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"'
GOOD = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}"

CLAIMS: list[tuple[str, list[str]]] = [
    (f"spec: {{{GOOD}}}", []),
    (
        "spec: {}",
        [
            "spec.accessModes: Required value: at least 1 access mode is required",
            "spec.resources[storage]: Required value",
        ],
    ),
    (
        "spec: {accessModes: [RWO], resources: {requests: {storage: 1}}}",
        [f'spec.accessModes: Unsupported value: "RWO": {MODES}'],
    ),
    ("spec: {accessModes: [ReadWriteOncePod], resources: {requests: {storage: 1}}}", []),
    (
        "spec: {accessModes: [ReadWriteOncePod, ReadWriteMany], resources: {requests: {storage: 1}}}",
        ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
    ),
    (
        "spec: {accessModes: [ReadWriteOncePod, Other], resources: {requests: {storage: 1}}}",
        [f'spec.accessModes: Unsupported value: "Other": {MODES}'],
    ),
    (
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {cpu: 1}}}",
        ["spec.resources[storage]: Required value"],
    ),
    (
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 0}}}",
        ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ),
    (
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: -1Gi}}}",
        ['spec.resources[storage]: Invalid value: "-1Gi": must be greater than zero'],
    ),
    (f"spec: {{{GOOD}, storageClassName: ''}}", []),
    (
        f"spec: {{{GOOD}, storageClassName: A b}}",
        ['spec.storageClassName: Invalid value: "A b": a lowercase'],
    ),
    (f"spec: {{{GOOD}, volumeMode: Block}}", []),
    (
        f"spec: {{{GOOD}, volumeMode: Raw}}",
        ['spec.volumeMode: Unsupported value: "Raw": supported values: "Block", "Filesystem"'],
    ),
    (
        f"spec: {{{GOOD}, volumeMode: ''}}",
        ['spec.volumeMode: Unsupported value: "": supported values: "Block", "Filesystem"'],
    ),
    (f"spec: {{{GOOD}, selector: {{matchLabels: {{a: b}}}}}}", []),
    (
        f"spec: {{{GOOD}, selector: {{matchLabels: {{a: '-'}}}}}}",
        ['spec.selector.matchLabels: Invalid value: "-"'],
    ),
    (
        f"spec: {{{GOOD}, selector: {{matchExpressions: [{{key: a, operator: In}}]}}}}",
        ["spec.selector.matchExpressions[0].values: Required value: must be specified when `operator`"],
    ),
    (f"spec: {{{GOOD}, dataSource: {{kind: PersistentVolumeClaim, name: a}}}}", []),
    (
        f"spec: {{{GOOD}, dataSource: {{kind: PersistentVolumeClaim, name: ''}}}}",
        ["spec.dataSource.name: Required value"],
    ),
    (
        f"spec: {{{GOOD}, dataSource: {{apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: ''}}}}",
        ["spec.dataSource.name: Required value"],
    ),
    (f"spec: {{{GOOD}, dataSource: {{kind: Foo, name: ''}}}}", []),
    (
        f"spec: {{{GOOD}, dataSourceRef: {{kind: Foo, name: a}}}}",
        ["spec.dataSourceRef: Invalid value: \"Foo\": must be 'PersistentVolumeClaim' when referencing"],
    ),
    (f"spec: {{{GOOD}, dataSourceRef: {{apiGroup: a.b, kind: Foo, name: a}}}}", []),
    (
        f"spec: {{{GOOD}, dataSourceRef: {{apiGroup: A_b, kind: Foo, name: a}}}}",
        ['spec.dataSourceRef.apiGroup: Invalid value: "A_b"'],
    ),
    (f"spec: {{{GOOD}, dataSourceRef: {{kind: '', name: a, namespace: b}}}}", []),
    (
        f"spec: {{{GOOD}, dataSource: {{kind: PersistentVolumeClaim, name: a}}, "
        "dataSourceRef: {kind: PersistentVolumeClaim, name: b}}",
        ['spec: Invalid value: "spec.dataSource": must match dataSourceRef'],
    ),
    (f"spec: {{{GOOD}, volumeAttributesClassName: gold}}", []),
    (
        f"spec: {{{GOOD}, volumeAttributesClassName: G}}",
        ['spec.volumeAttributesClassName: Invalid value: "G"'],
    ),
    (f"metadata: {{name: A}}, spec: {{{GOOD}}}", ['metadata.name: Invalid value: "A"']),
    (
        f"metadata: {{name: a.b, namespace: a.b}}, spec: {{{GOOD}}}",
        ['metadata.namespace: Invalid value: "a.b"'],
    ),
]

PV = "accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}"

VOLUMES: list[tuple[str, list[str]]] = [
    (f"spec: {{{PV}, hostPath: {{path: /data}}}}", []),
    (f"metadata: {{name: a, namespace: B}}, spec: {{{PV}, hostPath: {{path: /data}}}}", []),
    (
        "spec: {hostPath: {path: /data}}",
        [
            "spec.accessModes: Required value",
            "spec.capacity: Required value",
            'spec.capacity: Unsupported value: null: supported values: "storage"',
        ],
    ),
    (f"spec: {{{PV}}}", ["spec: Required value: must specify a volume type"]),
    (f"spec: {{{PV}, hostPath: {{path: ''}}}}", ["spec.hostPath.path: Required value"]),
    (f"spec: {{{PV}, hostPath: {{path: /a/../b}}}}", ['spec.hostPath.path: Invalid value: "/a/../b"']),
    (
        f"spec: {{{PV}, hostPath: {{path: /, type: Dir}}, persistentVolumeReclaimPolicy: Recycle}}",
        [
            'spec.hostPath.type: Unsupported value: "Dir"',
            "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
        ],
    ),
    (
        f"spec: {{{PV}, hostPath: {{path: /a}}, nfs: {{server: s, path: /}}}}",
        ["spec.nfs: Forbidden: may not specify more than 1 volume type"],
    ),
    (f"spec: {{{PV}, hostPath: {{path: /a}}, flexVolume: {{driver: d}}}}", []),
    (
        f"spec: {{{PV}, hostPath: {{path: /a}}, cephfs: {{monitors: [m]}}}}",
        ["spec.cephFS: Forbidden: may not specify more than 1 volume type"],
    ),
    (
        "spec: {accessModes: [Many], capacity: {storage: 1}, hostPath: {path: /a}}",
        [f'spec.accessModes: Unsupported value: "Many": {MODES}'],
    ),
    (
        "spec: {accessModes: [ReadWriteOnce], capacity: {storage: 0}, hostPath: {path: /a}}",
        ['spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
    ),
    (
        "spec: {accessModes: [ReadWriteOnce], capacity: {storage: -1}, hostPath: {path: /a}}",
        [
            "spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
            'spec.capacity[storage]: Invalid value: "-1": must be greater than zero',
        ],
    ),
    (
        "spec: {accessModes: [ReadWriteOnce], capacity: {cpu: 1, storage: 1}, hostPath: {path: /a}}",
        ['spec.capacity: Unsupported value: {"cpu":"1","storage":"1"}: supported values: "storage"'],
    ),
    (
        f"spec: {{{PV}, hostPath: {{path: /a}}, persistentVolumeReclaimPolicy: Keep}}",
        [
            'spec.persistentVolumeReclaimPolicy: Unsupported value: "Keep": supported values: "Delete", "Recycle"'
        ],
    ),
    (f"spec: {{{PV}, hostPath: {{path: /a}}, volumeMode: X}}", ['spec.volumeMode: Unsupported value: "X"']),
    (
        f"spec: {{{PV}, hostPath: {{path: /a}}, storageClassName: _}}",
        ['spec.storageClassName: Invalid value: "_"'],
    ),
    (
        f"spec: {{{PV}, local: {{path: /d}}}}",
        ["spec.nodeAffinity: Required value: Local volume requires node"],
    ),
    (
        f"spec: {{{PV}, local: {{path: ''}}, nodeAffinity: {{}}}}",
        [
            "spec.local.path: Required value",
            "spec.nodeAffinity.required: Required value: must specify required node constraints",
        ],
    ),
    (
        f"spec: {{{PV}, local: {{path: ../d}}, nodeAffinity: {{required: {{nodeSelectorTerms: []}}}}}}",
        [
            "spec.local.path: Invalid value: \"../d\": must not contain '..'",
            "spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector",
        ],
    ),
    (
        f"spec: {{{PV}, local: {{path: /d}}, nodeAffinity: {{required: {{nodeSelectorTerms: "
        "[{matchExpressions: [{key: a, operator: In, values: [b]}]}]}}}",
        [],
    ),
    (
        f"spec: {{{PV}, csi: {{driver: ''}}}}",
        [
            "spec.csi.driver: Invalid value",
            "spec.csi.driver: Required value",
            "spec.csi.volumeHandle: Required value",
        ],
    ),
    (f"spec: {{{PV}, csi: {{driver: a.b, volumeHandle: h}}, volumeAttributesClassName: gold}}", []),
    (
        f"spec: {{{PV}, csi: {{driver: a.b, volumeHandle: h, nodePublishSecretRef: {{name: a}}}}}}",
        ["spec.csi.nodePublishSecretRef.namespace: Required value"],
    ),
    (
        f"spec: {{{PV}, hostPath: {{path: /a}}, volumeAttributesClassName: ''}}",
        [
            "spec.csi: Required value: has to be specified when using volumeAttributesClassName",
            "spec.volumeAttributesClassName: Required value: an empty string is disallowed",
        ],
    ),
    (
        f"spec: {{{PV}, nfs: {{server: '', path: a}}}}",
        [
            'spec.nfs.path: Invalid value: "a": must be an absolute path',
            "spec.nfs.server: Required value",
        ],
    ),
    (f"spec: {{{PV}, gcePersistentDisk: {{pdName: ''}}}}", ["spec.persistentDisk.pdName: Required value"]),
    (
        f"spec: {{{PV}, azureFile: {{secretName: a, shareName: b, secretNamespace: ''}}}}",
        ["spec.azureFile.secretNamespace: Required value"],
    ),
    (
        f"spec: {{{PV}, cinder: {{volumeID: a, secretRef: {{name: b}}}}}}",
        ["spec.cinder.secretRef.namespace: Required value"],
    ),
    (
        f"spec: {{{PV}, glusterfs: {{endpoints: a, path: b, endpointsNamespace: C}}}}",
        ['spec.glusterfs.endpointsNamespace: Invalid value: "C"'],
    ),
]

CLASSES: list[tuple[str, list[str]]] = [
    ("provisioner: example.com/disk", []),
    ("provisioner: EXAMPLE.com/disk", []),
    ("provisioner: ''", ["provisioner: Required value"]),
    ("provisioner: a/b/c", ['provisioner: Invalid value: "a/b/c"']),
    ("provisioner: p, reclaimPolicy: ''", []),
    (
        "provisioner: p, reclaimPolicy: Recycle",
        ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
    ),
    (
        "provisioner: p, volumeBindingMode: Late",
        [
            'volumeBindingMode: Unsupported value: "Late": supported values: "Immediate", "WaitForFirstConsumer"'
        ],
    ),
    ("provisioner: p, parameters: {'': a}", ['parameters: Invalid value: "": field can not be empty.']),
    (
        "provisioner: p, parameters: {" + ", ".join(f"k{n}: v" for n in range(513)) + "}",
        ["parameters: Too long: may not be more than 512 bytes"],
    ),
    (
        f"provisioner: p, parameters: {{a: {'v' * 2**18}}}",
        ["parameters: Too long: may not be more than 262144 bytes"],
    ),
    ("provisioner: p, allowedTopologies: [{matchLabelExpressions: [{key: zone, values: [a]}]}]", []),
    (
        "provisioner: p, allowedTopologies: [{matchLabelExpressions: [{key: zone, values: [a, a]}]}]",
        ['allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"'],
    ),
    (
        "provisioner: p, allowedTopologies: [{matchLabelExpressions: [{key: a_, values: []}]}]",
        [
            'allowedTopologies[0].matchLabelExpressions[0].key: Invalid value: "a_"',
            "allowedTopologies[0].matchLabelExpressions[0].values: Required value",
        ],
    ),
    (
        "provisioner: p, allowedTopologies: [{matchLabelExpressions: [{key: a, values: [b]}]}, "
        "{matchLabelExpressions: [{key: a, values: [b]}]}]",
        ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
    ),
    ("provisioner: p, metadata: {name: a, namespace: b}", []),
    ("provisioner: p, metadata: {name: A}", ['metadata.name: Invalid value: "A"']),
]


@pytest.mark.parametrize(("fields", "causes"), CLAIMS)
def test_claims(fields: str, causes: list[str]) -> None:
    assert not wrong("PersistentVolumeClaim", fields, causes)


@pytest.mark.parametrize(("fields", "causes"), VOLUMES)
def test_volumes(fields: str, causes: list[str]) -> None:
    assert not wrong("PersistentVolume", fields, causes)


@pytest.mark.parametrize(("fields", "causes"), CLASSES)
def test_storage_classes(fields: str, causes: list[str]) -> None:
    assert not wrong("StorageClass", fields, causes)
