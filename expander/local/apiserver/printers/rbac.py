"""The printer of bindings of roles (those of kube-apiserver)."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age
from expander.local.apiserver.printers.columns import (
    AGE,
    NAME,
    Cells,
    Column,
    Layout,
    Object,
    created,
    name_of,
)


def _binding(binding: Object, now: float) -> Cells:
    role, subjects = binding["roleRef"], binding.get("subjects") or ()
    names = {kind: [each["name"] for each in subjects if each["kind"] == kind] for kind in ("User", "Group")}
    accounts = [
        f"{each.get('namespace') or binding['metadata'].get('namespace', '')}/{each['name']}"
        for each in subjects
        if each["kind"] == "ServiceAccount"
    ]
    return [
        name_of(binding),
        f"{role['kind']}/{role['name']}",
        age(created(binding), now),
        ", ".join(names["User"]),
        ", ".join(names["Group"]),
        ", ".join(accounts),
    ]


BINDING: Final = Layout(
    (
        NAME,
        Column("Role", description="The role that is given."),
        AGE,
        Column("Users", priority=1, description="The users that it is given to."),
        Column("Groups", priority=1, description="The groups that it is given to."),
        Column("ServiceAccounts", priority=1, description="The service accounts that it is given to."),
    ),
    _binding,
)
