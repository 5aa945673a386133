"""A plan: what a batch would be in a cluster, and how long sending it takes."""

from __future__ import annotations

from dataclasses import asdict, field
from fractions import Fraction
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.text import counted
from expander.kube.quantity import Quantity
from expander.kube.resources import ZERO, Amounts, plus, written
from expander.kube.versions import DEFAULT, Release
from expander.plan.quota_fit import Headroom, LimitRangeEffect

DEFAULT_QPS: Final = 300.0
"""Assumed objects per second without ``--qps``: less than half of the 770 that `submit` reaches
with the local API on two cores, start-up included (benchmarks/submit.py), since a cluster's etcd writes to
several disks. What a cluster takes depends on these and on who else asks."""

SETUP_REQUESTS: Final = 1
"""Requests of every submission before the first object: the server's version."""

REQUESTS_PER_NAMESPACE: Final = 2
"""The quotas and limit ranges of a namespace."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The rate of a submission: its options ``qps``, ``burst`` and ``max_active``."""

    qps: float | None = None
    burst: int | None = None
    max_active: int | None = None

    @property
    def per_second(self) -> float:
        """Objects per second on average."""
        return DEFAULT_QPS if self.qps is None else self.qps

    def share(self, jobs: int) -> Fraction:
        """The share of ``jobs`` that is unfinished in the cluster at once."""
        if self.max_active is None or self.max_active >= jobs:
            return Fraction(1)
        return Fraction(self.max_active, jobs)

    def seconds(self, objects: int) -> float:
        """How long sending ``objects`` takes in seconds when none waits for quota."""
        at_once = 0 if self.qps is None else min(objects, self.burst or max(1, round(self.qps)))
        return (objects - at_once) / self.per_second


@dataclass(slots=True)
class Plan:
    """What a batch would be in a cluster, in one shape.

    ``shape`` names the shape for people. ``objects`` counts by kind, ``namespaces`` by namespace (empty for
    cluster-scoped objects), ``requests`` counts API requests. ``names`` are the first ones, as ``kubectl -o
    name`` prints them. ``pods_at_once`` and ``pods_in_all`` are the pods of the Jobs when nothing fails,
    ``at_once`` and ``in_all`` what these pods request, by the names quotas use.

    ``etcd_bytes`` are the bytes of JSON of all objects as the API server first stores them: with defaults,
    metadata and managed fields, without pods, status and events. etcd holds protobuf, which is somewhat
    shorter. ``largest`` is the name and size of the largest object.

    ``release`` is the Kubernetes version it is for; ``grouping`` counts by kind the objects that the Job
    controller of that version makes for the Jobs beside their pods, Workloads and PodGroups from 1.38 on.

    ``seconds`` is how long sending takes when nothing waits for quota. ``asked`` says where ``rooms`` and
    ``rulings`` come from: ``cluster``, ``files`` or, when nobody could be asked, ``nothing``; ``unknown``
    says why. ``failed`` counts items that cannot be sent.
    """

    shape: str = "jobs"
    rate: Rate = field(default_factory=Rate)
    release: Release = DEFAULT
    group: str = ""
    names: list[str] = field(default_factory=list)
    objects: dict[str, int] = field(default_factory=dict)
    grouping: dict[str, int] = field(default_factory=dict)
    namespaces: dict[str, int] = field(default_factory=dict)
    pods_at_once: int = 0
    pods_in_all: int = 0
    pods_by_namespace: dict[str, int] = field(default_factory=dict)
    at_once: Amounts = field(default_factory=dict)
    in_all: Amounts = field(default_factory=dict)
    suspended: int = 0
    expires: bool = True
    etcd_bytes: int = 0
    largest: tuple[str, int] = ("", 0)
    requests: int = 0
    seconds: float = 0.0
    asked: str = "nothing"
    unknown: list[str] = field(default_factory=list)
    rooms: list[Headroom] = field(default_factory=list)
    rulings: list[LimitRangeEffect] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: int = 0

    def __repr__(self) -> str:
        objects = ", ".join(counted(count, kind) for kind, count in self.objects.items())
        return f"<Plan group {self.group}: {objects or 'nothing'}, {counted(self.pods_in_all, 'pod')} in all>"

    @property
    def total(self) -> int:
        """Total number of objects."""
        return sum(self.objects.values())

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form, without the names."""
        return {
            "shape": self.shape,
            "group": self.group,
            "kubernetesVersion": str(self.release),
            "objects": self.objects,
            "grouping": self.grouping,
            "namespaces": self.namespaces,
            "pods": {"atOnce": self.pods_at_once, "inAll": self.pods_in_all},
            "resources": {"atOnce": written(self.at_once), "inAll": written(self.in_all)},
            "suspended": self.suspended,
            "etcdBytes": self.etcd_bytes,
            "largest": {"name": self.largest[0], "bytes": self.largest[1]},
            "requests": self.requests,
            "perSecond": self.rate.per_second,
            "seconds": round(self.seconds, 1),
            "maxActive": self.rate.max_active,
            "asked": self.asked,
            "unknown": self.unknown,
            "quotas": [asdict(headroom) for headroom in self.rooms],
            "limitRanges": [asdict(effect) for effect in self.rulings],
            "warnings": self.warnings,
            "failed": self.failed,
        }


def scale(amounts: Amounts, share: Fraction) -> Amounts:
    """``share`` of the ``amounts``."""
    return {name: Quantity(amount.value * share, amount.form) for name, amount in amounts.items()}


def add_amounts(into: Amounts, amounts: Amounts, times: int) -> None:
    """Add ``times`` the ``amounts``, in place."""
    for name, amount in amounts.items():
        into[name] = plus(into.get(name, ZERO), amount, times)
