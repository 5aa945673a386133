"""Releases of Kubernetes, and which of its features each has by default.

The stages are those of ``pkg/features/kube_features.go`` and its neighbours, for the features that decide
what an API server makes of the kinds known here; of 1.38 those that the enhancement proposals plan
(KEP-5547 and KEP-4671).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Final

from expander.base.errors import UsageError
from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex

_FORMAT: Final = regex(r"v?(\d+)\.(\d+)(?:[.+-].*)?")


class Release(NamedTuple):
    """A minor release of Kubernetes: ``Release(1, 36)`` is 1.36 with all its patches."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Release:
        """The release meant by ``1.36``, ``v1.36`` or ``v1.36.2``; ValueError for any other text."""
        found = _FORMAT.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"invalid Kubernetes version {text!r}")
        return cls(int(found[1]), int(found[2]))

    def has(self, feature: str) -> bool:
        """Whether ``feature`` is on by default in this release; KeyError for a name not in `FEATURES`."""
        since = FEATURES[feature].on
        return since is not None and self >= (1, since)

    def stage(self, feature: str) -> str | None:
        """``alpha``, ``beta``, ``GA`` or ``removed``; None before the feature came.

        The gate of a feature is removed some releases after it went GA: it then cannot be switched off.
        """
        return FEATURES[feature].stage_in(self.minor)

    @property
    def published(self) -> bool:
        """False for a release that is still being made: its table is what is planned."""
        return self <= NEWEST

    @property
    def described(self) -> Release:
        """The release whose schemas describe this one: the newest published one for the next."""
        return min(self, NEWEST)

    @property
    def caveat(self) -> str:
        """What a user must know of a release that is not published; empty for any other."""
        if self.published:
            return ""
        return (
            f"Kubernetes {self} is not published: the schemas are those of {NEWEST}, the features as planned"
        )

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


class Feature(NamedTuple):
    """The minor releases of 1 in which a feature reached its stages.

    Alpha is off by default, GA is on; beta is on unless it began as ``beta_off``.
    """

    alpha: int | None = None
    beta_off: int | None = None
    beta: int | None = None
    ga: int | None = None
    removed: int | None = None

    @property
    def on(self) -> int | None:
        """The minor release since which the feature is on by default."""
        return self.ga if self.beta is None else self.beta

    def stage_in(self, minor: int) -> str | None:
        """The last stage reached in that minor release."""
        names = ("alpha", "beta", "beta", "GA", "removed")
        reached = [
            name for name, since in zip(names, self, strict=True) if since is not None and since <= minor
        ]
        return reached[-1] if reached else None


OLDEST: Final = Release(1, 29)
NEWEST: Final = Release(1, 37)
DEFAULT: Final = NEWEST
RELEASES: Final = tuple(Release(1, minor) for minor in range(OLDEST.minor, NEWEST.minor + 1))
"""The published releases that are known, oldest first."""
NEXT: Final = Release(1, NEWEST.minor + 1)
"""Not published yet: known by what is planned for it."""


@cache
def known(version: str | None) -> Release:
    """The release meant by a text like ``1.36`` or ``v1.36.2``; None is `DEFAULT`.

    Raises UsageError for a release that is not known here. `NEXT` is, and has a `Release.caveat`.
    """
    if version is None:
        return DEFAULT
    with suppress(ValueError):
        release = Release.parse(version)
        if release in (*RELEASES, NEXT):
            return release
    raise UsageError(
        f"no schemas for Kubernetes {version!r}",
        hint=f"versions {OLDEST} to {NEWEST} are known, and {NEXT} as it is planned",
    )


FEATURES: Final[Mapping[str, Feature]] = {
    # Jobs
    "CronJobsScheduledAnnotation": Feature(beta=28, ga=32),
    "ElasticIndexedJob": Feature(beta=27, ga=31),
    "JobBackoffLimitPerIndex": Feature(alpha=28, beta=29, ga=33),
    "JobManagedBy": Feature(alpha=30, beta=32, ga=35),
    "JobPodFailurePolicy": Feature(alpha=25, beta=26, ga=31),
    "JobPodReplacementPolicy": Feature(alpha=28, beta=29, ga=34),
    "JobSuccessPolicy": Feature(alpha=30, beta=31, ga=33),
    "MutablePodResourcesForSuspendedJobs": Feature(alpha=35, beta=36),
    "MutableSchedulingDirectivesForSuspendedJobs": Feature(alpha=35, beta=36),
    "PodIndexLabel": Feature(beta=28, ga=32),
    "WorkloadWithJob": Feature(alpha=36, beta=38),
    # Containers
    "ContainerRestartRules": Feature(alpha=34, beta=35),
    "ContainerStopSignals": Feature(alpha=33),
    "EnvFiles": Feature(alpha=34, beta=35),
    "GRPCContainerProbeTLS": Feature(alpha=37),
    "H2CContainerProbe": Feature(alpha=37),
    "InPlacePodVerticalScaling": Feature(alpha=27, beta=33, ga=35),
    "PodLifecycleSleepAction": Feature(alpha=29, beta=30, ga=34),
    "PodLifecycleSleepActionAllowZero": Feature(alpha=32, beta=33, ga=34),
    "RelaxedEnvironmentVariableValidation": Feature(alpha=30, beta=32, ga=34),
    "RestartAllContainersOnContainerExits": Feature(alpha=35, beta=36),
    "SidecarContainers": Feature(alpha=28, beta=29, ga=33),
    # Pods
    "DynamicResourceAllocation": Feature(alpha=26, beta_off=32, ga=34),
    "EvictionRequestAPI": Feature(alpha=37),
    "GenericWorkload": Feature(alpha=35, beta_off=37, beta=38),
    "HostnameOverride": Feature(alpha=34, beta=35, ga=37),
    "PodDeletionCost": Feature(alpha=21, beta=22),
    "PodHostIPs": Feature(alpha=28, beta=29, ga=30),
    "PodLevelResources": Feature(alpha=32, beta=34),
    "PodReadyToStartContainersCondition": Feature(alpha=28, beta=29, ga=37),
    "RelaxedDNSSearchValidation": Feature(alpha=32, beta=33, ga=34),
    "StrictIPCIDRValidation": Feature(alpha=33, beta=36),
    # Scheduling
    "CompositePodGroup": Feature(alpha=37),
    "DRAWorkloadResourceClaims": Feature(alpha=36, beta_off=37),
    "MatchLabelKeysInPodAffinity": Feature(alpha=29, beta=31, ga=33),
    "MatchLabelKeysInPodTopologySpread": Feature(alpha=25, beta=27),
    "MatchLabelKeysInPodTopologySpreadSelectorMerge": Feature(beta=34),
    "NodeInclusionPolicyInPodTopologySpread": Feature(alpha=25, beta=26, ga=33),
    "PodGroupPreemptionPolicy": Feature(alpha=37),
    "PodSchedulingReadiness": Feature(alpha=26, beta=27, ga=30),
    "TaintTolerationComparisonOperators": Feature(alpha=35),
    "TopologyAwareWorkloadScheduling": Feature(alpha=36, beta_off=37),
    # Security
    "AppArmorFields": Feature(beta=30, ga=31),
    "ProcMountType": Feature(alpha=12, beta_off=31, beta=33, ga=36),
    "SELinuxChangePolicy": Feature(alpha=32, beta=33, ga=36),
    "SELinuxMount": Feature(alpha=30, beta_off=33, ga=37),
    "SupplementalGroupsPolicy": Feature(alpha=31, beta=33),
    "UserNamespacesHostNetworkSupport": Feature(alpha=35),
    "UserNamespacesSupport": Feature(alpha=25, beta_off=30, beta=33, ga=36),
    # Volumes
    "AnyVolumeDataSource": Feature(alpha=18, beta=24, ga=33, removed=37),
    "AtomicWriteVolumeUserFields": Feature(alpha=37),
    "ClusterTrustBundleProjection": Feature(alpha=29, beta_off=33, ga=37),
    "EmptyDirVolumeMode": Feature(alpha=37),
    "ImageVolume": Feature(alpha=31, beta_off=33, beta=35, ga=36),
    "PodCertificateRequest": Feature(alpha=34, beta_off=35, ga=37),
    "RecursiveReadOnlyMounts": Feature(alpha=30, beta=31, ga=33),
    "VolumeAttributesClass": Feature(alpha=29, beta_off=31, ga=34),
    "VolumeBindMountOptions": Feature(alpha=37),
    # Services
    "PreferSameTrafficDistribution": Feature(alpha=33, beta=34, ga=35),
    "RelaxedServiceNameValidation": Feature(alpha=34, beta=36, ga=37),
    "ServiceTrafficDistribution": Feature(alpha=30, beta=31, ga=33),
}
