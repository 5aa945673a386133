"""When an image is pulled."""

from __future__ import annotations

from typing import Final

from expander.validate.rules.checks import Findings, not_supported

_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")


def check_pull_policy(policy: str | None, where: str) -> Findings:
    """A known policy; one that is left out is set by the server from the tag."""
    if policy and policy not in _PULL_POLICIES:
        yield not_supported(where, policy, _PULL_POLICIES)
