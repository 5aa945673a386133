"""The defaults of volumes (SetDefaults_Volume and the volume sources in pkg/apis/core/v1)."""

from __future__ import annotations

from typing import Any

from expander.validate.defaulting.containers import env_source
from expander.validate.defaulting.images import pull_policy

READABLE = 0o644
WITH_MODE = ("secret", "configMap", "downwardAPI", "projected")
AN_HOUR = 3600


def volume(obj: dict[str, Any]) -> None:
    """Fill in one volume; without a source it is an emptyDir."""
    if not any(field != "name" for field in obj):
        obj["emptyDir"] = {}
    for source in WITH_MODE:
        if source in obj:
            obj[source].setdefault("defaultMode", READABLE)
    if "hostPath" in obj:
        obj["hostPath"].setdefault("type", "")
    for item in obj.get("downwardAPI", {}).get("items", ()):
        env_source(item)
    for source in obj.get("projected", {}).get("sources", ()):
        projection(source)
    if "image" in obj and not obj["image"].get("pullPolicy"):
        obj["image"]["pullPolicy"] = pull_policy(obj["image"].get("reference", ""))
    template = obj.get("ephemeral", {}).get("volumeClaimTemplate")
    if template is not None:
        claim_spec(template["spec"])


def projection(obj: dict[str, Any]) -> None:
    """Fill in one source of a projected volume."""
    for item in obj.get("downwardAPI", {}).get("items", ()):
        env_source(item)
    if "serviceAccountToken" in obj:
        obj["serviceAccountToken"].setdefault("expirationSeconds", AN_HOUR)


def claim_spec(obj: dict[str, Any]) -> None:
    """Fill in the spec of a claim for a persistent volume."""
    obj.setdefault("volumeMode", "Filesystem")
