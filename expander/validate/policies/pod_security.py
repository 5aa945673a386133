"""Pod Security Admission: the levels that the labels of a namespace ask for, and what they say of a pod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.policies.pod_security_checks import CHECKS
from expander.validate.rules.field import invalid, key

Object = Mapping[str, Any]

PREFIX: Final = "pod-security.kubernetes.io/"
MODES: Final = ("enforce", "audit", "warn")
_VERSION: Final = regex(r"v1\.(0|[1-9][0-9]*)")
_LATEST: Final = "latest"


class Level(NamedTuple):
    """A level and its version, as labels have them: ``restricted``, ``v1.30``."""

    level: str
    version: str = _LATEST

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    def minor(self, release: Release) -> int:
        """The minor version of the standards that a server of ``release`` goes by."""
        found = _VERSION.fullmatch(self.version)
        return release.minor if found is None else min(release.minor, int(found[1]))


def levels_of(labels: Mapping[str, Any]) -> dict[str, Level]:
    """The level of each mode, by the labels of a namespace; ``privileged`` where they name none."""
    return {
        mode: Level(
            labels.get(PREFIX + mode) or "privileged", labels.get(f"{PREFIX}{mode}-version") or _LATEST
        )
        for mode in MODES
    }


def check_labels(labels: Mapping[str, Any]) -> Iterator[Finding]:
    """What the plugin refuses in the labels of a namespace."""
    for mode in MODES:
        name, version = PREFIX + mode, f"{PREFIX}{mode}-version"
        if name in labels and labels[name] not in CHECKS:
            yield invalid(key("metadata.labels", name), labels[name], f"must be one of {', '.join(CHECKS)}")
        if version in labels and labels[version] != _LATEST and not _VERSION.fullmatch(labels[version] or ""):
            detail = 'must be "latest" or "v1.x"'
            yield invalid(key("metadata.labels", version), labels[version], detail)


def violations(level: Level, pod: Object, release: Release) -> str:
    """What a pod violates, in the server's words; empty when the level allows it."""
    minor = level.minor(release)
    found = [each for check in CHECKS[level.level] if (each := check(pod, minor)) is not None]
    return ", ".join(f"{each.reason} ({each.detail})" for each in found)
