"""ClusterRoles that are made of others (pkg/controller/clusterroleaggregation)."""

from __future__ import annotations

from expander.kube import selectors
from expander.local.store.objects import ObjectStore


class ClusterRoleAggregation:
    """Keeps the rules of the ClusterRoles of one store that have an aggregationRule."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def sync(self) -> None:
        """Give each of them the rules of the ClusterRoles that it selects, which may have such a rule too."""
        roles = {each["metadata"]["name"]: each for each in self._store.of_kind("ClusterRole")}
        changed = True
        while changed:
            changed = False
            for name, role in roles.items():
                wanted = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
                if not wanted:
                    continue
                chosen = [selectors.from_object(each) for each in wanted]
                rules: list[object] = []
                for other, found in sorted(roles.items()):
                    labels = found["metadata"].get("labels")
                    if other != name and any(each.matches(labels) for each in chosen):
                        rules += (rule for rule in found.get("rules") or () if rule not in rules)
                if rules != (role.get("rules") or []):
                    roles[name] = self._store.put({**role, "rules": rules})
                    changed = True
