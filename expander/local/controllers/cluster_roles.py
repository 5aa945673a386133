"""ClusterRoles that are made of others (pkg/controller/clusterroleaggregation)."""

from __future__ import annotations

from typing import Any

from expander.kube import selectors
from expander.local.store.objects import ObjectStore


class ClusterRoleAggregation:
    """Keeps the rules of the ClusterRoles of one store that have an aggregationRule."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def sync(self) -> None:
        """Give each of them the rules of the ClusterRoles that it selects, which may have such a rule too.

        Those that select each other have what the others among them have: rules only grow here, so this ends.
        """
        roles = {each["metadata"]["name"]: each for each in self._store.of_kind("ClusterRole")}
        chosen = {name: found for name, role in roles.items() if (found := _chosen(role, roles)) is not None}
        rules: dict[str, list[Any]] = {
            name: [] if name in chosen else role.get("rules") or [] for name, role in roles.items()
        }
        grown = True
        while grown:
            grown = False
            for name, others in chosen.items():
                gathered: list[Any] = []
                for other in others:
                    gathered += (rule for rule in rules[other] if rule not in gathered)
                grown |= len(gathered) > len(rules[name])
                rules[name] = gathered
        for name in chosen:
            if rules[name] != (roles[name].get("rules") or []):
                self._store.put({**roles[name], "rules": rules[name]})


def _chosen(role: dict[str, Any], roles: dict[str, dict[str, Any]]) -> list[str] | None:
    """The names of the roles that a role is made of, in order; None if it is made of none."""
    wanted = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
    if not wanted:
        return None
    parts = [selectors.from_object(each) for each in wanted]
    return [
        name
        for name, other in sorted(roles.items())
        if other is not role and any(each.matches(other["metadata"].get("labels")) for each in parts)
    ]
