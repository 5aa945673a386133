"""CustomResourceDefinitions themselves: their defaults, and what a new one begins with."""

from __future__ import annotations

from typing import Any

from expander.local.apiextensions.controller import CLEANUP_FINALIZER
from expander.local.apiserver.strategy import Listed, Strategy
from expander.local.store.database import Object


class DefinitionStrategy(Strategy):
    """Definitions get their defaults here (``SetDefaults_CustomResourceDefinitionSpec``)."""

    def filled(self, obj: Object) -> Object:
        spec = obj.get("spec")
        names = spec.get("names") if isinstance(spec, dict) else None
        if not isinstance(spec, dict) or not isinstance(names, dict):
            return dict(obj)
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
