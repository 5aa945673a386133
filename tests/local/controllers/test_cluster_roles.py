"""ClusterRoles made of others: a chain, a change, and those that select each other."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from expander.local.controllers.cluster_roles import ClusterRoleAggregation
from expander.local.store.objects import ObjectStore

NAMES = "abcde"


class Store:
    """Holds ClusterRoles, and counts what is written."""

    def __init__(self, *roles: dict[str, Any]) -> None:
        self.roles = {each["metadata"]["name"]: each for each in roles}
        self.written = 0

    def of_kind(self, _: str) -> list[dict[str, Any]]:
        return list(self.roles.values())

    def put(self, role: dict[str, Any]) -> dict[str, Any]:
        self.written += 1
        self.roles[role["metadata"]["name"]] = role
        return role

    def sync(self) -> "Store":
        ClusterRoleAggregation(cast(ObjectStore, self)).sync()
        return self

    def verbs(self, name: str) -> str:
        return "".join(each["verbs"][0] for each in self.roles[name]["rules"])


def role(name: str, verbs: str = "", chosen_by: str = "", gathers: bool = False) -> dict[str, Any]:
    """A role with a rule for each verb; ``chosen_by`` names the roles that select it."""
    made: dict[str, Any] = {"metadata": {"name": name, "labels": dict.fromkeys(chosen_by, "1")}}
    made["rules"] = [{"verbs": [each]} for each in verbs]
    if gathers:
        made["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {name: "1"}}]}
    return made


def test_a_role_has_the_rules_of_those_it_selects_in_the_order_of_their_names() -> None:
    store = Store(role("a", gathers=True), role("b", "x", "a", gathers=True), role("c", "12", "ab")).sync()
    assert (store.verbs("a"), store.verbs("b")) == ("12", "12")
    store.put(role("d", "31", "a"))
    assert store.sync().verbs("a") == "123"
    written = store.written
    assert store.sync().written == written


def test_roles_that_select_each_other_end_with_the_same_rules() -> None:
    ring = [role("a", "1", "c", True), role("b", "2", "a", True), role("c", "3", "b", True)]
    store = Store(*ring, role("d", "4", "b")).sync()
    assert [store.verbs(each) for each in "abc"] == ["4", "4", "4"]


@given(
    st.lists(
        st.tuples(st.text("123", max_size=3), st.sets(st.sampled_from(NAMES)), st.booleans()),
        min_size=len(NAMES),
        max_size=len(NAMES),
    )
)
def test_any_roles_settle_at_once(drawn: list[tuple[str, set[str], bool]]) -> None:
    made = [
        role(name, verbs, "".join(sorted(chosen)), gathers)
        for name, (verbs, chosen, gathers) in zip(NAMES, drawn, strict=True)
    ]
    store = Store(*made).sync()
    written = store.written
    assert written <= len(NAMES)
    assert store.sync().written == written
