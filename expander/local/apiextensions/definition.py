"""CustomResourceDefinitions themselves: their defaults, and what a new one begins with."""

from __future__ import annotations

from typing import Any

from expander.kube.merge_patch import without_nulls
from expander.local.apiextensions.controller import CLEANUP_FINALIZER
from expander.local.apiserver.strategy import Listed, Strategy
from expander.local.store.database import Object
from expander.validate.crds.definition_rules import check_definition_status
from expander.validate.finding import Finding


class DefinitionStrategy(Strategy):
    """Definitions get their defaults here (``SetDefaults_CustomResourceDefinitionSpec``)."""

    def updated(self, made: Object, old: Object, part: str) -> tuple[Object, list[Finding]]:
        new, found = super().updated(made, old, part)
        return new, [*found, *check_definition_status(new)] if part == "status" else found

    def filled(self, obj: Object) -> Object:
        spec = without_nulls(obj.get("spec"))
        names = spec.get("names") if isinstance(spec, dict) else None
        if not isinstance(spec, dict) or not isinstance(names, dict):
            return {**obj, "spec": spec}
        names = dict(names)
        if isinstance(kind := names.get("kind"), str):
            names.setdefault("singular", kind.lower())
            names.setdefault("listKind", f"{kind}List")
        given: dict[str, Any] = {"conversion": {"strategy": "None"}, **spec, "names": names}
        return {**obj, "spec": given}


def prepare_definition(definition: Object, listed: Listed) -> None:
    """A new definition has resources of no version yet, and is held until those are gone."""
    finalizers = definition["metadata"].setdefault("finalizers", [])
    if CLEANUP_FINALIZER not in finalizers:
        finalizers.append(CLEANUP_FINALIZER)
    definition["status"] = {}
