"""What the rules of one field must know of the rest of the pod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from expander.validate.rules.checks import each

DEFAULT_GRACE_PERIOD = 30  # seconds


class PodFacts(NamedTuple):
    """Facts gathered once per pod spec.

    ``volumes`` are the volumes without findings, by name; ``claims`` the names under ``resourceClaims``;
    ``grace_period`` is in seconds; ``bare`` is true for a Pod, false for the template of one.
    """

    volumes: Mapping[str, Mapping[str, Any]]
    claims: frozenset[str]
    restart_policy: str
    grace_period: int
    host_users: bool
    bare: bool


def every_container(spec: Mapping[str, Any], where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path, container) of all containers, those that run first in front; ``where`` is the spec's path."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from each(spec.get(field), f"{where}.{field}")


def gather(spec: Mapping[str, Any], volumes: Mapping[str, Mapping[str, Any]], *, bare: bool) -> PodFacts:
    """The facts of ``spec``; fields that are left out have the server's defaults."""
    grace_period = spec.get("terminationGracePeriodSeconds")
    return PodFacts(
        volumes=volumes,
        claims=frozenset(
            claim["name"] for claim in spec.get("resourceClaims") or () if claim and claim.get("name")
        ),
        restart_policy=spec.get("restartPolicy") or "Always",
        grace_period=DEFAULT_GRACE_PERIOD if grace_period is None else grace_period,
        host_users=spec.get("hostUsers") is not False,
        bare=bare,
    )
