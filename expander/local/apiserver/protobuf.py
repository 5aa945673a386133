r"""Objects in the API's protobuf form, which kubectl uses for some of its requests, as plain data.

An object is the four bytes ``k8s\0``, then an ``Unknown`` message that names its kind and holds it. What a
message has and `protobuf_fields` has not is refused rather than lost.

The field numbers of the API's protobuf messages, as ``generated.proto`` of k8s.io/api fixes them for good.

Only what clients send in that form is here: kinds that are served, and reviews. A message is a list of
``NUMBER NAME TYPE``. Types: ``s`` text, ``i`` and ``b`` numbers and booleans that may be left out, ``I`` and
``B`` those that are sent always and mean nothing when zero, ``q`` a quantity, ``n`` an int-or-string, ``t``
a time, ``u`` a time with microseconds, ``y`` bytes, ``-`` a field that is not read; a message by its name,
``?`` before one that may be left out, ``^`` before one whose fields belong to the message around it. ``*``
before a type is a list, ``%`` a map.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from expander.kube.scheme import BY_KIND


class Field(NamedTuple):
    """One field: its JSON name, its type, and ``*``, ``%``, ``?``, ``^`` or nothing."""

    name: str
    type: str
    mark: str


MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ObjectMeta": "1 name s, 2 generateName s, 3 namespace s, 4 selfLink s, 5 uid s, "
        "6 resourceVersion s, 7 generation I, 8 creationTimestamp t, 9 deletionTimestamp t, "
        "10 deletionGracePeriodSeconds i, 11 labels %s, 12 annotations %s, "
        "13 ownerReferences *OwnerReference, 14 finalizers *s, 17 managedFields -",
        "OwnerReference": "1 kind s, 3 name s, 4 uid s, 5 apiVersion s, 6 controller b, "
        "7 blockOwnerDeletion b",
        "LabelSelector": "1 matchLabels %s, 2 matchExpressions *Requirement",
        "Requirement": "1 key s, 2 operator s, 3 values *s",
        "Reference": "1 name s",
        "Pair": "1 name s, 2 value s",
        "JobSpec": "1 parallelism i, 2 completions i, 3 activeDeadlineSeconds i, 4 selector ?LabelSelector, "
        "5 manualSelector b, 6 template PodTemplateSpec, 7 backoffLimit i, 8 ttlSecondsAfterFinished i, "
        "9 completionMode s, 10 suspend b, 11 podFailurePolicy ?PodFailurePolicy, 12 backoffLimitPerIndex i, "
        "13 maxFailedIndexes i, 14 podReplacementPolicy s, 15 managedBy s, 16 successPolicy ?SuccessPolicy",
        "PodFailurePolicy": "1 rules *PodFailurePolicyRule",
        "PodFailurePolicyRule": "1 action s, 2 onExitCodes ?OnExitCodes, 3 onPodConditions *PodCondition",
        "OnExitCodes": "1 containerName s, 2 operator s, 3 values *i",
        "PodCondition": "1 type s, 2 status s",
        "SuccessPolicy": "1 rules *SuccessPolicyRule",
        "SuccessPolicyRule": "1 succeededIndexes s, 2 succeededCount i",
        "CronJobSpec": "1 schedule s, 2 startingDeadlineSeconds i, 3 concurrencyPolicy s, 4 suspend b, "
        "5 jobTemplate JobTemplateSpec, 6 successfulJobsHistoryLimit i, 7 failedJobsHistoryLimit i, "
        "8 timeZone s",
        "JobTemplateSpec": "1 metadata ObjectMeta, 2 spec JobSpec",
        "PodTemplateSpec": "1 metadata ObjectMeta, 2 spec PodSpec",
        "PodSpec": "1 volumes *Volume, 2 containers *Container, 3 restartPolicy s, "
        "4 terminationGracePeriodSeconds i, 5 activeDeadlineSeconds i, 6 dnsPolicy s, 7 nodeSelector %s, "
        "8 serviceAccountName s, 9 serviceAccount s, 10 nodeName s, 11 hostNetwork B, 12 hostPID B, "
        "13 hostIPC B, 14 securityContext ?PodSecurityContext, 15 imagePullSecrets *Reference, "
        "16 hostname s, 17 subdomain s, 18 affinity ?Affinity, 19 schedulerName s, "
        "20 initContainers *Container, 21 automountServiceAccountToken b, 22 tolerations *Toleration, "
        "23 hostAliases *HostAlias, 24 priorityClassName s, 25 priority i, 26 dnsConfig ?DNSConfig, "
        "27 shareProcessNamespace b, 28 readinessGates *ReadinessGate, 29 runtimeClassName s, "
        "30 enableServiceLinks b, 31 preemptionPolicy s, 32 overhead %q, "
        "33 topologySpreadConstraints *SpreadConstraint, 34 ephemeralContainers *EphemeralContainer, "
        "35 setHostnameAsFQDN b, 36 os ?Reference, "
        "37 hostUsers b, 38 schedulingGates *Reference, 40 resources ?Resources, 41 hostnameOverride s",
        "Container": "1 name s, 2 image s, 3 command *s, 4 args *s, 5 workingDir s, 6 ports *ContainerPort, "
        "7 env *EnvVar, 8 resources Resources, 9 volumeMounts *VolumeMount, 10 livenessProbe ?Probe, "
        "11 readinessProbe ?Probe, 12 lifecycle ?Lifecycle, 13 terminationMessagePath s, "
        "14 imagePullPolicy s, 15 securityContext ?SecurityContext, 16 stdin B, 17 stdinOnce B, 18 tty B, "
        "19 envFrom *EnvFrom, 20 terminationMessagePolicy s, 21 volumeDevices *VolumeDevice, "
        "22 startupProbe ?Probe, 23 resizePolicy *ResizePolicy, 24 restartPolicy s, "
        "25 restartPolicyRules *RestartRule",
        "ContainerPort": "1 name s, 2 hostPort I, 3 containerPort I, 4 protocol s, 5 hostIP s",
        "EnvVar": "1 name s, 2 value s, 3 valueFrom ?EnvVarSource",
        "EnvVarSource": "1 fieldRef ?FieldRef, 2 resourceFieldRef ?ResourceFieldRef, "
        "3 configMapKeyRef ?KeyRef, 4 secretKeyRef ?KeyRef, 5 fileKeyRef ?FileKeyRef",
        "FieldRef": "1 apiVersion s, 2 fieldPath s",
        "ResourceFieldRef": "1 containerName s, 2 resource s, 3 divisor q",
        "KeyRef": "1 reference ^Reference, 2 key s, 3 optional b",
        "FileKeyRef": "1 volumeName s, 2 path s, 3 key s, 4 optional b",
        "EnvFrom": "1 prefix s, 2 configMapRef ?EnvFromRef, 3 secretRef ?EnvFromRef",
        "EnvFromRef": "1 reference ^Reference, 2 optional b",
        "Resources": "1 limits %q, 2 requests %q, 3 claims *ResourceClaim",
        "ResourceClaim": "1 name s, 2 request s",
        "ResizePolicy": "1 resourceName s, 2 restartPolicy s",
        "RestartRule": "1 action s, 2 exitCodes ?RestartRuleCodes",
        "RestartRuleCodes": "1 operator s, 2 values *i",
        "VolumeMount": "1 name s, 2 readOnly B, 3 mountPath s, 4 subPath s, 5 mountPropagation s, "
        "6 subPathExpr s, 7 recursiveReadOnly s",
        "VolumeDevice": "1 name s, 2 devicePath s",
        "Probe": "1 handler ^Handler, 2 initialDelaySeconds I, 3 timeoutSeconds I, 4 periodSeconds I, "
        "5 successThreshold I, 6 failureThreshold I, 7 terminationGracePeriodSeconds i",
        "Handler": "1 exec ?Exec, 2 httpGet ?HTTPGet, 3 tcpSocket ?TCPSocket, 4 grpc ?GRPC",
        "Lifecycle": "1 postStart ?LifecycleHandler, 2 preStop ?LifecycleHandler, 3 stopSignal s",
        "LifecycleHandler": "1 exec ?Exec, 2 httpGet ?HTTPGet, 3 tcpSocket ?TCPSocket, 4 sleep ?Sleep",
        "Exec": "1 command *s",
        "HTTPGet": "1 path s, 2 port n, 3 host s, 4 scheme s, 5 httpHeaders *Pair",
        "TCPSocket": "1 port n, 2 host s",
        "GRPC": "1 port I, 2 service s",
        "Sleep": "1 seconds I",
        "SecurityContext": "1 capabilities ?Capabilities, 2 privileged b, 3 seLinuxOptions ?SELinuxOptions, "
        "4 runAsUser i, 5 runAsNonRoot b, 6 readOnlyRootFilesystem b, 7 allowPrivilegeEscalation b, "
        "8 runAsGroup i, 9 procMount s, 11 seccompProfile ?Profile, 12 appArmorProfile ?Profile",
        "PodSecurityContext": "1 seLinuxOptions ?SELinuxOptions, 2 runAsUser i, 3 runAsNonRoot b, "
        "4 supplementalGroups *i, 5 fsGroup i, 6 runAsGroup i, 7 sysctls *Pair, 9 fsGroupChangePolicy s, "
        "10 seccompProfile ?Profile, 11 appArmorProfile ?Profile, 12 supplementalGroupsPolicy s, "
        "13 seLinuxChangePolicy s",
        "Capabilities": "1 add *s, 2 drop *s",
        "SELinuxOptions": "1 user s, 2 role s, 3 type s, 4 level s",
        "Profile": "1 type s, 2 localhostProfile s",
        "Toleration": "1 key s, 2 operator s, 3 value s, 4 effect s, 5 tolerationSeconds i",
        "HostAlias": "1 ip s, 2 hostnames *s",
        "DNSConfig": "1 nameservers *s, 2 searches *s, 3 options *Pair",
        "ReadinessGate": "1 conditionType s",
        "SpreadConstraint": "1 maxSkew I, 2 topologyKey s, 3 whenUnsatisfiable s, "
        "4 labelSelector ?LabelSelector, 5 minDomains i, 6 nodeAffinityPolicy s, 7 nodeTaintsPolicy s, "
        "8 matchLabelKeys *s",
        "Affinity": "1 nodeAffinity ?NodeAffinity, 2 podAffinity ?PodAffinity, "
        "3 podAntiAffinity ?PodAffinity",
        "NodeAffinity": "1 requiredDuringSchedulingIgnoredDuringExecution ?NodeSelector, "
        "2 preferredDuringSchedulingIgnoredDuringExecution *PreferredTerm",
        "NodeSelector": "1 nodeSelectorTerms *NodeTerm",
        "NodeTerm": "1 matchExpressions *Requirement, 2 matchFields *Requirement",
        "PreferredTerm": "1 weight I, 2 preference NodeTerm",
        "PodAffinity": "1 requiredDuringSchedulingIgnoredDuringExecution *PodTerm, "
        "2 preferredDuringSchedulingIgnoredDuringExecution *WeightedTerm",
        "PodTerm": "1 labelSelector ?LabelSelector, 2 namespaces *s, 3 topologyKey s, "
        "4 namespaceSelector ?LabelSelector, 5 matchLabelKeys *s, 6 mismatchLabelKeys *s",
        "WeightedTerm": "1 weight I, 2 podAffinityTerm PodTerm",
        "Volume": "1 name s, 2 source ^VolumeSource",
        "VolumeSource": "1 hostPath ?HostPath, 2 emptyDir ?EmptyDir, 6 secret ?SecretVolume, 7 nfs ?NFS, "
        "10 persistentVolumeClaim ?Claim, 16 downwardAPI ?DownwardAPI, 19 configMap ?ConfigMapVolume, "
        "26 projected ?Projected, 29 ephemeral ?EphemeralVolume",
        "HostPath": "1 path s, 2 type s",
        "EmptyDir": "1 medium s, 2 sizeLimit q",
        "SecretVolume": "1 secretName s, 2 items *KeyToPath, 3 defaultMode i, 4 optional b",
        "ConfigMapVolume": "1 reference ^Reference, 2 items *KeyToPath, 3 defaultMode i, 4 optional b",
        "KeyToPath": "1 key s, 2 path s, 3 mode i",
        "NFS": "1 server s, 2 path s, 3 readOnly B",
        "Claim": "1 claimName s, 2 readOnly B",
        "DownwardAPI": "1 items *DownwardFile, 2 defaultMode i",
        "DownwardFile": "1 path s, 2 fieldRef ?FieldRef, 3 resourceFieldRef ?ResourceFieldRef, 4 mode i",
        "Projected": "1 sources *Projection, 2 defaultMode i",
        "Projection": "1 secret ?RefProjection, 2 downwardAPI ?DownwardAPI, 3 configMap ?RefProjection, "
        "4 serviceAccountToken ?TokenProjection",
        "RefProjection": "1 reference ^Reference, 2 items *KeyToPath, 4 optional b",
        "TokenProjection": "1 audience s, 2 expirationSeconds i, 3 path s",
        "QuotaSpec": "1 hard %q, 2 scopes *s, 3 scopeSelector ?ScopeSelector",
        "ScopeSelector": "1 matchExpressions *ScopeRequirement",
        "ScopeRequirement": "1 scopeName s, 2 operator s, 3 values *s",
        "ServiceSpec": "1 ports *ServicePort, 2 selector %s, 3 clusterIP s, 4 type s, 5 externalIPs *s, "
        "7 sessionAffinity s, 8 loadBalancerIP s, 9 loadBalancerSourceRanges *s, 10 externalName s, "
        "11 externalTrafficPolicy s, 12 healthCheckNodePort I, 13 publishNotReadyAddresses B, "
        "17 ipFamilyPolicy s, 18 clusterIPs *s, 19 ipFamilies *s, 20 allocateLoadBalancerNodePorts b, "
        "21 loadBalancerClass s, 22 internalTrafficPolicy s, 23 trafficDistribution s",
        "ServicePort": "1 name s, 2 protocol s, 3 port I, 4 targetPort n, 5 nodePort I, 6 appProtocol s",
        "DeleteOptions": "1 gracePeriodSeconds i, 2 preconditions ?Preconditions, 3 orphanDependents b, "
        "4 propagationPolicy s, 5 dryRun *s",
        "Preconditions": "1 uid s, 2 resourceVersion s",
        "Eviction": "1 metadata ObjectMeta, 2 deleteOptions ?DeleteOptions",
        "ObjectReference": "1 kind s, 2 namespace s, 3 name s, 4 uid s, 5 apiVersion s, 6 resourceVersion s, "
        "7 fieldPath s",
        "Condition": "1 type s, 2 status s, 3 lastProbeTime t, 4 lastTransitionTime t, 5 reason s, "
        "6 message s, "
        "7 observedGeneration I",
        "JobStatus": "1 conditions *Condition, 2 startTime t, 3 completionTime t, 4 active I, 5 succeeded I, "
        "6 failed I, 7 completedIndexes s, 8 uncountedTerminatedPods ?UncountedPods, 9 ready i, "
        "10 failedIndexes s, 11 terminating i",
        "UncountedPods": "1 succeeded *s, 2 failed *s",
        "CronJobStatus": "1 active *ObjectReference, 4 lastScheduleTime t, 5 lastSuccessfulTime t",
        "NamespaceSpec": "1 finalizers *s",
        "NamespaceStatus": "1 phase s, 2 conditions *NamespaceCondition",
        "NamespaceCondition": "1 type s, 2 status s, 4 lastTransitionTime t, 5 reason s, 6 message s",
        "QuotaStatus": "1 hard %q, 2 used %q",
        "PodStatus": "1 phase s, 2 conditions *Condition, 3 message s, 4 reason s, 5 hostIP s, 6 podIP s, "
        "7 startTime t, 8 containerStatuses *ContainerStatus, 9 qosClass s, "
        "10 initContainerStatuses *ContainerStatus, 11 nominatedNodeName s, 12 podIPs *Address, "
        "13 ephemeralContainerStatuses *ContainerStatus, 14 resize s, 16 hostIPs *Address, "
        "17 observedGeneration I",
        "Address": "1 ip s",
        "ContainerStatus": "1 name s, 2 state ContainerState, 3 lastState ContainerState, 4 ready B, "
        "5 restartCount I, 6 image s, 7 imageID s, 8 containerID s, 9 started b, 10 allocatedResources %q, "
        "11 resources ?Resources, 15 stopSignal s",
        "ContainerState": "1 waiting ?Waiting, 2 running ?Running, 3 terminated ?Terminated",
        "Waiting": "1 reason s, 2 message s",
        "Running": "1 startedAt t",
        "Terminated": "1 exitCode I, 2 signal I, 3 reason s, 4 message s, 5 startedAt t, 6 finishedAt t, "
        "7 containerID s",
        "EventSource": "1 component s, 2 host s",
        "EventSeries": "1 count I, 2 lastObservedTime u",
        "EndpointSubset": "1 addresses *EndpointAddress, 2 notReadyAddresses *EndpointAddress, "
        "3 ports *EndpointPort",
        "EndpointAddress": "1 ip s, 2 targetRef ?ObjectReference, 3 hostname s, 4 nodeName s",
        "EndpointPort": "1 name s, 2 port I, 3 protocol s, 4 appProtocol s",
        "BudgetSpec": "1 minAvailable n, 2 selector ?LabelSelector, 3 maxUnavailable n, "
        "4 unhealthyPodEvictionPolicy s",
        "PolicyRule": "1 verbs *s, 2 apiGroups *s, 3 resources *s, 4 resourceNames *s, 5 nonResourceURLs *s",
        "AggregationRule": "1 clusterRoleSelectors *LabelSelector",
        "Subject": "1 kind s, 2 apiGroup s, 3 name s, 4 namespace s",
        "RoleRef": "1 apiGroup s, 2 kind s, 3 name s",
        "Overhead": "1 podFixed %q",
        "Scheduling": "1 nodeSelector %s, 2 tolerations *Toleration",
        "LeaseSpec": "1 holderIdentity s, 2 leaseDurationSeconds i, 3 acquireTime u, 4 renewTime u, "
        "5 leaseTransitions i, 6 strategy s, 7 preferredHolder s",
        "LimitRangeSpec": "1 limits *LimitRangeItem",
        "LimitRangeItem": "1 type s, 2 max %q, 3 min %q, 4 default %q, 5 defaultRequest %q, "
        "6 maxLimitRequestRatio %q",
        "ClaimSpec": "1 accessModes *s, 2 resources Resources, 3 volumeName s, 4 selector ?LabelSelector, "
        "5 storageClassName ?s, 6 volumeMode s, 7 dataSource ?DataSource, 8 dataSourceRef ?DataSource, "
        "9 volumeAttributesClassName s",
        "DataSource": "1 apiGroup s, 2 kind s, 3 name s, 4 namespace s",
        "ClaimStatus": "1 phase s, 2 accessModes *s, 3 capacity %q, 4 conditions *ClaimCondition",
        "ClaimCondition": "1 type s, 2 status s, 3 lastProbeTime t, 4 lastTransitionTime t, 5 reason s, "
        "6 message s",
        "EphemeralVolume": "1 volumeClaimTemplate ?ClaimTemplate",
        "ClaimTemplate": "1 metadata ObjectMeta, 2 spec ClaimSpec",
        "EphemeralContainer": "1 common ^Container, 2 targetContainerName s",
        "ReplicationControllerSpec": "1 replicas i, 2 selector %s, 3 template ?PodTemplateSpec, "
        "4 minReadySeconds I",
        "ReplicaSetSpec": "1 replicas i, 2 selector ?LabelSelector, 3 template PodTemplateSpec, "
        "4 minReadySeconds I",
        "ReplicaSetStatus": "1 replicas I, 2 fullyLabeledReplicas I, 3 observedGeneration I, "
        "4 readyReplicas I, "
        "5 availableReplicas I, 6 conditions *ReplicaSetCondition, 7 terminatingReplicas i",
        "ReplicaSetCondition": "1 type s, 2 status s, 3 lastTransitionTime t, 4 reason s, 5 message s",
        "DeploymentSpec": "1 replicas i, 2 selector ?LabelSelector, 3 template PodTemplateSpec, "
        "4 strategy DeploymentStrategy, 5 minReadySeconds I, 6 revisionHistoryLimit i, 7 paused B, "
        "9 progressDeadlineSeconds i",
        "DeploymentStrategy": "1 type s, 2 rollingUpdate ?RollingDeployment",
        "RollingDeployment": "1 maxUnavailable n, 2 maxSurge n",
        "DeploymentStatus": "1 observedGeneration I, 2 replicas I, 3 updatedReplicas I, "
        "4 availableReplicas I, "
        "5 unavailableReplicas I, 6 conditions *DeploymentCondition, 7 readyReplicas I, 8 collisionCount i, "
        "9 terminatingReplicas i",
        "DeploymentCondition": "1 type s, 2 status s, 4 reason s, 5 message s, 6 lastUpdateTime t, "
        "7 lastTransitionTime t",
        "DaemonSetSpec": "1 selector ?LabelSelector, 2 template PodTemplateSpec, "
        "3 updateStrategy DaemonUpdate, 4 minReadySeconds I, 6 revisionHistoryLimit i",
        "DaemonUpdate": "1 type s, 2 rollingUpdate ?RollingDaemons",
        "RollingDaemons": "1 maxUnavailable n, 2 maxSurge n",
        "IngressSpec": "1 defaultBackend ?IngressBackend, 2 tls *IngressTLS, 3 rules *IngressRule, "
        "4 ingressClassName s",
        "IngressTLS": "1 hosts *s, 2 secretName s",
        "IngressRule": "1 host s, 2 value ^IngressRuleValue",
        "IngressRuleValue": "1 http ?IngressPaths",
        "IngressPaths": "1 paths *IngressPath",
        "IngressPath": "1 path s, 2 backend IngressBackend, 3 pathType s",
        "IngressBackend": "3 resource ?DataSource, 4 service ?IngressService",
        "IngressService": "1 name s, 2 port BackendPort",
        "BackendPort": "1 name s, 2 number I",
        "StatefulSetSpec": "1 replicas i, 2 selector ?LabelSelector, 3 template PodTemplateSpec, "
        "4 volumeClaimTemplates *PersistentVolumeClaim, 5 serviceName s, 6 podManagementPolicy s, "
        "7 updateStrategy StatefulSetStrategy, 8 revisionHistoryLimit i, 9 minReadySeconds I, "
        "10 persistentVolumeClaimRetentionPolicy ?ClaimRetention, 11 ordinals ?Ordinals",
        "StatefulSetStrategy": "1 type s, 2 rollingUpdate ?RollingStatefulSet",
        "RollingStatefulSet": "1 partition i, 2 maxUnavailable n",
        "ClaimRetention": "1 whenDeleted s, 2 whenScaled s",
        "Ordinals": "1 start I",
        "StatefulSetStatus": "1 observedGeneration I, 2 replicas I, 3 readyReplicas I, 4 currentReplicas I, "
        "5 updatedReplicas I, 6 currentRevision s, 7 updateRevision s, 9 collisionCount i, "
        "10 conditions *ReplicaSetCondition, 11 availableReplicas I",
        "Scale": "1 metadata ObjectMeta, 2 spec ScaleSpec, 3 status -",
        "ScaleSpec": "1 replicas I",
        "SelfSubjectReview": "1 metadata ObjectMeta, 2 status -",
        "SelfSubjectRulesReview": "1 metadata ObjectMeta, 2 spec RulesReviewSpec, 3 status -",
        "RulesReviewSpec": "1 namespace s",
        "TokenReview": "1 metadata ObjectMeta, 2 spec TokenReviewSpec, 3 status -",
        "TokenReviewSpec": "1 token s, 2 audiences *s",
        "TokenRequest": "1 metadata ObjectMeta, 2 spec TokenRequestSpec, 3 status -",
        "TokenRequestSpec": "1 audiences *s, 3 boundObjectRef ?BoundObject, 4 expirationSeconds i",
        "BoundObject": "1 kind s, 2 apiVersion s, 3 name s, 4 uid s",
        "SubjectAccessReview": "1 metadata ObjectMeta, 2 spec SubjectReviewSpec, 3 status -",
        "LocalSubjectAccessReview": "1 metadata ObjectMeta, 2 spec SubjectReviewSpec, 3 status -",
        "SubjectReviewSpec": "1 resourceAttributes ?ResourceAttributes, "
        "2 nonResourceAttributes ?PathAttributes, 3 user s, 4 groups *s, 5 extra -, 6 uid s",
        "SelfSubjectAccessReview": "1 metadata ObjectMeta, 2 spec ReviewSpec, 3 status -",
        "ReviewSpec": "1 resourceAttributes ?ResourceAttributes, 2 nonResourceAttributes ?PathAttributes",
        "ResourceAttributes": "1 namespace s, 2 verb s, 3 group s, 4 version s, 5 resource s, "
        "6 subresource s, 7 name s, 8 fieldSelector -, 9 labelSelector -",
        "PathAttributes": "1 path s, 2 verb s",
    }
)


@cache
def fields(message: str) -> dict[int, Field]:
    """The fields of a message by number. Raises KeyError for one that is not known."""
    found = {}
    row = BY_KIND.get(message)
    for text in (row.protobuf if row is not None and row.protobuf else MESSAGES[message]).split(", "):
        number, name, kind = text.split(" ")
        mark = kind[0] if kind[0] in "*%?^" else ""
        found[int(number)] = Field(name, kind[len(mark) :], mark)
    return found


MAGIC: Final = b"k8s\0"
MAX_DEPTH: Final = 64

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_TYPE_META, _RAW = 1, 2

Value = int | bytes


def decode(data: bytes) -> dict[str, Any]:
    """The object. Raises ValueError for bytes that are none, and for kinds and fields that are not known."""
    if not data.startswith(MAGIC):
        raise ValueError("the body does not begin as protobuf of the API does")
    envelope = dict(_values(data[len(MAGIC) :]))
    names = {number: _text(value) for number, value in _values(_bytes(envelope.get(_TYPE_META, b"")))}
    api_version, kind = names.get(1, ""), names.get(2, "")
    try:
        fields(kind)
    except KeyError:
        raise ValueError(f"objects of kind {kind!r} are not read as protobuf; send JSON") from None
    return {"apiVersion": api_version, "kind": kind, **_message(_bytes(envelope.get(_RAW, b"")), kind, 0)}


def _message(data: bytes, message: str, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise ValueError("the body is nested too deeply")
    known = fields(message)
    made: dict[str, Any] = {}
    for number, value in _values(data):
        field = known.get(number)
        if field is None:
            raise ValueError(f"field {number} of {message} is not read as protobuf; send JSON")
        if field.type != "-":
            _put(made, field, value, depth)
    return made


def _put(made: dict[str, Any], field: Field, value: Value, depth: int) -> None:
    match field.mark:
        case "*" if field.type in ("i", "I") and isinstance(value, bytes):
            made.setdefault(field.name, []).extend(_signed(each) for each in _packed(value))
        case "*":
            made.setdefault(field.name, []).append(_read(field.type, value, depth))
        case "%":
            entry = dict(_values(_bytes(value)))
            key = _text(entry.get(1, b""))
            made.setdefault(field.name, {})[key] = _read(field.type, entry.get(2, b""), depth)
        case "^":
            made.update(_message(_bytes(value), field.type, depth + 1))
        case "?":
            made[field.name] = _read(field.type, value, depth)
        case _:
            read = _read(field.type, value, depth)
            if field.type in ("i", "b") or read not in ("", 0, False, {}, None):
                made[field.name] = read


def _read(type: str, value: Value, depth: int) -> Any:
    match type:
        case "s":
            return _text(value)
        case "i" | "I":
            return _signed(_number(value))
        case "b" | "B":
            return bool(_number(value))
        case "y":
            return b64encode(_bytes(value)).decode()
        case "q":
            return _text(dict(_values(_bytes(value))).get(1, b""))
        case "n":
            parts = dict(_values(_bytes(value)))
            return _text(parts.get(3, b"")) if parts.get(1) else _signed(_number(parts.get(2, 0)))
        case "t":
            seconds = dict(_values(_bytes(value))).get(1)
            if seconds is None:
                return None
            return datetime.fromtimestamp(_signed(_number(seconds)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "u":
            parts = dict(_values(_bytes(value)))
            if 1 not in parts:
                return None
            micros = _number(parts.get(2, 0)) // 1000
            moment = datetime.fromtimestamp(_signed(_number(parts[1])), UTC)
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"
    return _message(_bytes(value), type, depth + 1)


def _values(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message as they come: number and value."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, form = tag >> 3, tag & 7
        if form == _VARINT:
            value, at = _varint(data, at)
            yield number, value
        elif form == _BYTES:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("the body ends too early")
            yield number, data[at : at + size]
            at += size
        elif form in (_FIXED64, _FIXED32):
            at += 8 if form == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {form} is not one of proto2")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("the body ends too early")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _number(value: Value) -> int:
    if isinstance(value, int):
        return value
    raise ValueError("a number was expected")


def _bytes(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ValueError("bytes were expected")


def _text(value: Value) -> str:
    return _bytes(value).decode()
