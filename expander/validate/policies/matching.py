"""Which requests policies and bindings are about (``plugin/policy/matching`` of apiserver decides)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Final, Literal

from expander.base.dataclass import dataclass
from expander.kube import selectors
from expander.validate.cel.values import UncheckedError
from expander.validate.policies.tracking import Labels, Reader, Unknown

Object = Mapping[str, Any]
Operation = Literal["CREATE", "UPDATE"]

ANY: Final = "*"
CONFIGURATION: Final = "admissionregistration.k8s.io"
"""The group whose own kinds policies are never about."""


@dataclass(slots=True, kw_only=True)
class Request:
    """An object on its way to the server.

    ``object`` has its defaults; ``old`` is the one it replaces. ``versions`` are those in which the server
    has this kind, its own the first. ``namespace`` is empty for what is in none. ``is_guessed``:
    nobody defines the kind, so its plural and its scope are guesses. ``reader`` reads the values.
    """

    api_version: str
    kind: str
    plural: str
    versions: Sequence[str]
    namespace: str
    namespaced: bool
    object: Object
    old: Object | None
    namespace_object: Object | None
    is_guessed: bool = False
    reader: Reader = field(default_factory=Reader)

    @property
    def operation(self) -> Operation:
        """What is done."""
        return "CREATE" if self.old is None else "UPDATE"

    @property
    def group(self) -> str:
        """The API group."""
        return self.api_version.rpartition("/")[0]

    @property
    def name(self) -> Any:
        """metadata.name, as it stands in the object."""
        return self.object["metadata"].get("name")

    def values(self) -> dict[str, Any]:
        """The variables of expressions, but for params."""
        version = self.api_version.rpartition("/")[2]
        kind = {"group": self.group, "version": version, "kind": self.kind}
        resource = {"group": self.group, "version": version, "resource": self.plural}
        server = Unknown("only the server knows who sends the request, and how")
        request = {
            "kind": kind,
            "resource": resource,
            "subResource": "",
            "requestKind": kind,
            "requestResource": resource,
            "requestSubResource": "",
            "name": self.name,
            "namespace": self.namespace,
            "operation": self.operation,
            "userInfo": server,
            "dryRun": False,
            "options": server,
        }
        return {
            "object": self.reader(self.object),
            "oldObject": self.reader(self.old),
            "request": self.reader(request),
            "namespaceObject": self.reader(self.namespace_object),
            "authorizer": self.reader({"requestResource": Unknown("only the server's authorizer knows")}),
        }


class Constraints:
    """Which requests a policy or a binding is about."""

    def __init__(self, match: Object) -> None:
        """Raises ValueError for a selector that is none."""
        self._rules: Sequence[Object] = match.get("resourceRules") or ()
        self._excluded: Sequence[Object] = match.get("excludeResourceRules") or ()
        self._exact = match.get("matchPolicy") == "Exact"
        self._objects = selectors.from_object(match.get("objectSelector") or {})
        self._namespaces = selectors.from_object(match.get("namespaceSelector") or {})

    def match(self, request: Request) -> bool:
        """Whether a request is meant. Raises UncheckedError when that hangs on what is not known."""
        if request.group == CONFIGURATION and request.kind.startswith("Validating"):
            return False
        if self._rules and not any(
            _is_about(rule, request, self._exact, request.is_guessed) for rule in self._rules
        ):
            return False
        if any(_is_about(rule, request, self._exact) for rule in self._excluded):
            return False
        return _selects_object(self._objects, request) and self._selects_namespace(request)

    def _selects_namespace(self, request: Request) -> bool:
        wanted = self._namespaces
        if request.kind == "Namespace" and not request.group:
            return _selects_object(wanted, request)
        if not wanted.requirements or not request.namespaced:
            return True
        labels = (request.namespace_object or {})["metadata"]["labels"]
        others = labels if isinstance(labels, Unknown) else None
        known = {NAME_LABEL: request.namespace} if others else labels
        try:
            return wanted.matches(Labels(known, request.reader, others))
        except UncheckedError as error:
            raise UncheckedError(f"namespaceSelector {wanted}: {error}") from None


def _is_about(rule: Object, request: Request, exact: bool, whatever: bool = False) -> bool:
    """Whether a rule means a request; ``whatever`` its resource and scope are."""
    scope = rule.get("scope") or ANY
    if not whatever and scope != ANY and (scope == "Namespaced") is not request.namespaced:
        return False
    versions = [request.api_version] if exact else request.versions
    return (
        _holds(rule.get("operations"), [request.operation])
        and _holds(rule.get("apiGroups"), [request.group])
        and _holds(rule.get("apiVersions"), [each.rpartition("/")[2] for each in versions])
        and (whatever or any(each in (ANY, "*/*", request.plural) for each in rule.get("resources") or ()))
        and _names(rule.get("resourceNames"), request)
    )


def _holds(wanted: Sequence[str] | None, values: Sequence[str]) -> bool:
    return any(each == ANY or each in values for each in wanted or ())


def _names(names: Sequence[str] | None, request: Request) -> bool:
    return not names or request.reader(request.name) in names


def _selects_object(wanted: selectors.Selector, request: Request) -> bool:
    return not wanted.requirements or any(
        wanted.matches(Labels(each["metadata"].get("labels") or {}, request.reader))
        for each in (request.object, request.old)
        if each is not None
    )


NAME_LABEL: Final = "kubernetes.io/metadata.name"
"""The label of each namespace that has its name."""
