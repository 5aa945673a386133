"""A policy as a binding applies it: to which requests, with which params, and what follows from a refusal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.option_names import option
from expander.kube import selectors
from expander.validate.cel.values import UncheckedError
from expander.validate.finding import ANNOTATION_RULE, Advice, Finding, Reason
from expander.validate.policies.matching import Constraints, Request
from expander.validate.policies.policy import Outcome, Policy

Object = Mapping[str, Any]

RULE: Final = "policy"
AUDIT_RULE: Final = "policy-audit"


class ParamsError(Exception):
    """Params that a binding cannot have, in the words of the server."""


class Binding:
    """A ValidatingAdmissionPolicyBinding with its policy and the objects that may be params.

    ``spec`` has its defaults. ``namespaced_params`` says whether params are in namespaces, None that nobody
    knows.
    """

    def __init__(
        self,
        name: str,
        spec: Object,
        policy: Policy,
        candidates: Sequence[Object] = (),
        *,
        namespaced_params: bool | None = None,
    ) -> None:
        self.name = name
        self.spec = spec
        self.policy = policy
        self._candidates = candidates
        self._constraints = Constraints(spec.get("matchResources") or {})
        self._namespaced = namespaced_params
        self._label = f"ValidatingAdmissionPolicy '{policy.name}' with binding '{name}'"

    def decide(self, request: Request, unknown: str = "") -> Iterator[Finding | Advice]:
        """What the policy has against a request, and what the binding makes of it.

        ``unknown`` is why the object is not known as the server would have it.
        """
        try:
            if not self.policy.constraints.match(request) or not self._constraints.match(request):
                return
        except UncheckedError as error:
            yield self._unchecked(str(error))
            return
        if unknown:
            yield self._unchecked(unknown)
            return
        try:
            params = self._params(request)
        except UncheckedError as error:
            yield self._unchecked(str(error))
            return
        except ParamsError as error:
            if not self.policy.ignores_errors:
                yield self._denial(f"failed to configure binding: {error}", "")
            return
        values = request.values()
        for each in params:
            for outcome in self.policy.outcomes({**values, "params": each}):
                yield from self._acted(outcome)

    def _acted(self, outcome: Outcome) -> Iterator[Finding | Advice]:
        """What the actions of the binding make of an outcome."""
        if outcome.type == "unchecked":
            yield self._unchecked(outcome.message)
        elif outcome.type == "failed":
            yield self._denial(outcome.message, outcome.reason)
        elif outcome.type == "audited":
            yield Advice("", ANNOTATION_RULE, f"audit log: {self.policy.name}/{outcome.message}")
        else:
            for action in self.spec.get("validationActions") or ():
                if action == "Deny":
                    yield self._denial(outcome.message, outcome.reason)
                elif action == "Warn":
                    yield Advice("", RULE, f"Validation failed for {self._label}: {outcome.message}")
                else:
                    words = f"audit log: validation failed for {self._label}: {outcome.message}"
                    yield Advice("", AUDIT_RULE, words)

    def _denial(self, message: str, reason: str) -> Finding:
        cause = Reason.FORBIDDEN if reason == "Forbidden" else Reason.INVALID
        return Finding("", cause, f"{self._label} denied request: {message}")

    def _unchecked(self, message: str) -> Finding:
        return Finding("", Reason.UNCHECKED, f"{self._label} not checked: {message}")

    @property
    def lacks_params(self) -> bool:
        """Whether none of the objects is what it refers to, in any namespace."""
        ref = self.spec.get("paramRef")
        return bool(self.policy.param_kind and ref) and not any(map(self._refers_to, self._candidates))

    def _refers_to(self, obj: Object) -> bool:
        ref, metadata = self.spec["paramRef"], obj.get("metadata") or {}
        if ref.get("name"):
            return bool(metadata.get("name") == ref["name"])
        return selectors.from_object(ref.get("selector") or {}).matches(metadata.get("labels"))

    def _params(self, request: Request) -> Sequence[Object | None]:
        """The params with which the policy is evaluated, each in turn.

        Raises ParamsError, and UncheckedError where a definition of their kind is needed.
        """
        kind, ref = self.policy.param_kind, self.spec.get("paramRef")
        if kind is None or ref is None:
            return (None,)
        namespace, found = ref.get("namespace") or "", [*filter(self._refers_to, self._candidates)]
        namespaced = self._namespaced
        if namespaced is None:
            namespaced = bool(namespace) or any(_namespace_of(each) for each in found)
            if not namespaced:
                name = f"{kind.get('apiVersion')} {kind.get('kind')}"
                words = (
                    f"whether {name} is in namespaces is not known: {option('--crds')} takes its definition"
                )
                raise UncheckedError(words)
        if namespaced:
            namespace = namespace or request.namespace
            if not namespace:
                words = (
                    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                )
                raise ParamsError(words)
            found = [each for each in found if (_namespace_of(each) or "default") == namespace]
        elif namespace:
            raise ParamsError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
        if not found and ref.get("parameterNotFoundAction") == "Deny":
            raise ParamsError("no params found for policy binding with `Deny` parameterNotFoundAction")
        return found


def _namespace_of(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "")
