"""What somebody may do, by Roles and ClusterRoles and their bindings.

plugin/pkg/auth/authorizer/rbac, pkg/registry/rbac/validation (rule.go, policy_comparator.go) and the words of
apiserver's responsewriters decide. Rules only allow; what none allows is forbidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final, Protocol

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.kube.gofmt import quoted
from expander.kube.wellknown import RBAC
from expander.local.apiserver import status
from expander.local.apiserver.access.authentication import ACCOUNT_PREFIX, User
from expander.local.apiserver.status import Status, StatusError

Rule = Mapping[str, Any]

ROLES: Final = ("ClusterRole", "Role")
ALL: Final = "*"
MASTERS: Final = "system:masters"
"""The group that may do everything, whatever roles there are."""


EVERYTHING: Final[Sequence[Rule]] = (
    {"verbs": [ALL], "apiGroups": [ALL], "resources": [ALL]},
    {"verbs": [ALL], "nonResourceURLs": [ALL]},
)
"""What a cluster-admin may do."""


class Objects(Protocol):
    """Where roles and bindings are."""

    def list(self, kind: str, namespace: str | None = None) -> Iterator[Mapping[str, Any]]: ...

    def find(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is to be done: ``verb`` to a resource, or to a ``path`` that leads to none."""

    verb: str
    group: str = ""
    resource: str = ""
    part: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full(self) -> str:
        """The resource with its subresource."""
        return f"{self.resource}/{self.part}" if self.part else self.resource


class Granted(NamedTuple):
    """A rule, and by which binding somebody has it."""

    rule: Rule
    reason: str


class Authorizer:
    """Decides. Without ``enforced`` whoever is known may do everything; ``admin`` may anyway."""

    def __init__(self, objects: Objects, admin: User, *, enforced: bool) -> None:
        self._objects = objects
        self._admin = admin
        self.enforced = enforced

    def is_free(self, user: User) -> bool:
        """Whether no role is asked for what the user may do."""
        return not self.enforced or user == self._admin or MASTERS in user.groups

    def reason(self, user: User, wanted: Attributes) -> str | None:
        """By what ``wanted`` is allowed, None when it is not."""
        if self.is_free(user):
            return ""
        for granted in self.granted(user, wanted.namespace):
            if allows(granted.rule, wanted):
                return granted.reason
        return None

    def check(self, user: User, wanted: Attributes) -> None:
        """Raises StatusError (403) when it is not allowed."""
        if self.reason(user, wanted) is None:
            raise StatusError(forbidden(user, wanted))

    def granted(self, user: User, namespace: str) -> Iterator[Granted]:
        """The rules that a user has, cluster-wide and in a namespace, unless that is empty."""
        for kind, within in (("ClusterRoleBinding", ""), ("RoleBinding", namespace)):
            if kind == "RoleBinding" and not namespace:
                return
            for binding in self._objects.list(kind, within):
                subject = next(
                    (each for each in binding.get("subjects") or () if _is_meant(each, user, within)), None
                )
                if subject is None:
                    continue
                name, role = binding["metadata"]["name"], binding["roleRef"]
                named = quoted(f"{name}/{within}" if within else name)
                of = f"{role['kind']} {quoted(role['name'])} to {_described(subject, within)}"
                for rule in self.rules_of(role, within) or ():
                    yield Granted(rule, f"RBAC: allowed by {kind} {named} of {of}")

    def rules_of(self, role: Mapping[str, Any], namespace: str) -> Iterable[Rule] | None:
        """The rules of the role that a binding in ``namespace`` names; None when it is not there."""
        place = namespace if role["kind"] == "Role" else ""
        found = self._objects.find(role["kind"], place, role["name"])
        return None if found is None else found.get("rules") or ()

    def check_escalation(self, user: User, obj: Mapping[str, Any]) -> None:
        """Raises StatusError (403) when a role or binding gives away more than its writer has; 404 for the
        binding of a role that is not there, which might become any.

        Who may ``escalate`` a role, or ``bind`` the one that a binding names, may. A role that gathers others
        is for who may do everything. The policybased storages of pkg/registry/rbac decide.
        """
        kind, metadata = obj["kind"], obj["metadata"]
        if not obj["apiVersion"].startswith(f"{RBAC}/") or self.is_free(user):
            return
        namespace = metadata.get("namespace") or ""
        if kind in ROLES:
            rules = obj.get("rules") or ()
            wanted = Attributes("escalate", RBAC, f"{kind.lower()}s", "", namespace, metadata["name"])
        else:
            role = obj["roleRef"]
            rules = self.rules_of(role, namespace)
            plural = f"{role['kind'].lower()}s"
            wanted = Attributes("bind", RBAC, plural, "", namespace, role["name"])
        if self.reason(user, wanted) is not None:
            return
        if rules is None:
            words = f"{wanted.resource}.{RBAC} {quoted(wanted.name)} not found"
            details = {"name": wanted.name, "group": RBAC, "kind": wanted.resource}
            raise StatusError(status.failure(404, "NotFound", words, details))
        about = f"{kind.lower()}s.{RBAC} {quoted(metadata['name'])}"
        own = [each.rule for each in self.granted(user, namespace)]
        before = self._objects.find(kind, namespace, metadata["name"]) or {}
        gathers = any(
            (each.get("aggregationRule") or {}).get("clusterRoleSelectors") for each in (obj, before)
        )
        if gathers and _missing(EVERYTHING, own):
            words = "must have cluster-admin privileges to use the aggregationRule"
            raise StatusError(status.failure(403, "Forbidden", f"{about} is forbidden: {words}"))
        if missing := _missing(rules, own):
            groups = " ".join(map(quoted, user.groups))
            lines = "\n".join(dict.fromkeys(map(_shown, missing)))
            words = (
                f"user {quoted(user.name)} (groups=[{groups}]) is attempting to grant RBAC permissions not "
                f"currently held:\n{lines}"
            )
            raise StatusError(status.failure(403, "Forbidden", f"{about} is forbidden: {words}"))


def allows(rule: Rule, wanted: Attributes) -> bool:
    """Whether a rule allows it (RuleAllows); what is wanted of ``*`` needs a rule with ``*``."""
    if not _has(rule, "verbs", wanted.verb):
        return False
    if wanted.path:
        return any(_leads(url, wanted.path) for url in rule.get("nonResourceURLs") or ())
    resources = rule.get("resources") or ()
    fits = ALL in resources or wanted.full in resources or (wanted.part and f"*/{wanted.part}" in resources)
    names = rule.get("resourceNames") or ()
    return bool(_has(rule, "apiGroups", wanted.group) and fits and (not names or wanted.name in names))


def _missing(rules: Iterable[Rule], own: Sequence[Rule]) -> list[Attributes]:
    """What rules allow that ``own`` do not."""
    return [part for rule in rules for part in _parts(rule) if not any(allows(each, part) for each in own)]


def _has(rule: Rule, field: str, value: str) -> bool:
    values = rule.get(field) or ()
    return ALL in values or value in values


def _leads(url: str, path: str) -> bool:
    return url in (ALL, path) or (url.endswith(ALL) and path.startswith(url.rstrip(ALL)))


def _is_meant(subject: Mapping[str, Any], user: User, namespace: str) -> bool:
    match subject["kind"]:
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in user.groups
    place = subject.get("namespace") or namespace
    return user.name == f"{ACCOUNT_PREFIX}{place}:{subject['name']}"


def _described(subject: Mapping[str, Any], namespace: str) -> str:
    name = subject["name"]
    if subject["kind"] == "ServiceAccount":
        name = f"{name}/{subject.get('namespace') or namespace}"
    return f"{subject['kind']} {quoted(name)}"


def _parts(rule: Rule) -> Iterator[Attributes]:
    """A rule as single permissions (BreakdownRule)."""
    for verb, url in product(rule["verbs"], rule.get("nonResourceURLs") or ()):
        yield Attributes(verb, path=url)
    names = rule.get("resourceNames") or ("",)
    groups, resources = rule.get("apiGroups") or (), rule.get("resources") or ()
    for group, full, name, verb in product(groups, resources, names, rule["verbs"]):
        resource, _, part = full.partition("/")
        yield Attributes(verb, group, resource, part, name=name)


def _shown(part: Attributes) -> str:
    """A permission as CompactString of the API prints a rule."""
    if part.path:
        return f"{{NonResourceURLs:[{quoted(part.path)}], Verbs:[{quoted(part.verb)}]}}"
    names = f"ResourceNames:[{quoted(part.name)}], " if part.name else ""
    of = f"APIGroups:[{quoted(part.group)}], Resources:[{quoted(part.full)}], {names}"
    return f"{{{of}Verbs:[{quoted(part.verb)}]}}"


def forbidden(user: User, wanted: Attributes) -> Status:
    """Somebody may not do something, in the API's words."""
    if wanted.path:
        words = f"forbidden: User {quoted(user.name)} cannot {wanted.verb} path {quoted(wanted.path)}"
        return status.failure(403, "Forbidden", words)
    where = f"in the namespace {quoted(wanted.namespace)}" if wanted.namespace else "at the cluster scope"
    words = (
        f"User {quoted(user.name)} cannot {wanted.verb} resource {quoted(wanted.full)} in API group "
        f"{quoted(wanted.group)} {where}"
    )
    about = f"{wanted.resource}.{wanted.group}" if wanted.group else wanted.resource
    details = {"name": wanted.name, "group": wanted.group, "kind": wanted.resource}
    named = f"{about} {quoted(wanted.name)}" if wanted.name else about
    given = {key: value for key, value in details.items() if value}
    return status.failure(403, "Forbidden", f"{named} is forbidden: {words}", given)
