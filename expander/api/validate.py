"""`expander.validate`: the verdict of an API server on one object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expander.base.errors import InputError, UsageError
from expander.base.late_module import late_module
from expander.validate.finding import Finding

if TYPE_CHECKING:
    from expander.batch import crds as crd_files
    from expander.batch import policies as policy_files
    from expander.validate.crds import check as custom_resources
else:
    crd_files = late_module("expander.batch.crds")
    policy_files = late_module("expander.batch.policies")
    custom_resources = late_module("expander.validate.crds.check")


def validate(
    manifest: Mapping[str, Any],
    version: str | None = None,
    *,
    crds: crd_files.Sources | None = None,
    policies: policy_files.Sources | None = None,
    namespace: str = "default",
    old: Mapping[str, Any] | None = None,
    subresource: custom_resources.Subresource | None = None,
) -> list[Finding]:
    """What the API server would refuse in ``manifest``; empty when it would be accepted.

    ``manifest`` is plain JSON data; ``version`` a Kubernetes version such as "1.33", the newest by default.
    ``crds`` are CustomResourceDefinitions: paths, plain data, or what `load_crds` gave; a rule of theirs that
    cannot be evaluated here is a finding with `Reason.UNCHECKED`. ``policies`` are what the cluster has:
    admission policies, Namespaces, LimitRanges, ResourceQuotas, in the same forms (see `load_policies`);
    ``namespace`` is that of a manifest that names none. With ``old``, the object as the server has
    it, ``manifest`` is written in its place; ``subresource`` is "status" when that of a custom resource is.
    Raises UsageError for a version that is not known and InputError for a kind without a schema.
    """
    from expander.kube.versions import known
    from expander.validate.check import check, check_replacement
    from expander.validate.finding import Reason

    definitions = None
    if crds:
        from expander.batch.crds import definitions_of

        definitions = definitions_of(crds)
    if old is None and subresource is not None:
        raise UsageError("subresource requires old, the object as the server has it")
    try:
        if old is None:
            found = check(manifest, known(version), crds=definitions)
        else:
            found = check_replacement(
                manifest, old, known(version), crds=definitions, subresource=subresource
            )
    except ValueError as error:
        raise UsageError(str(error)) from None
    if found is None:
        raise InputError(f"there is no schema for {manifest.get('apiVersion')} {manifest.get('kind')}")
    if policies and all(each.reason is Reason.UNCHECKED for each in found):
        from expander.batch.policies import policies_of
        from expander.validate.policies.case import review

        cluster = policies_of(policies, definitions)
        found += review(
            cluster, manifest, known(version), crds=definitions, old=old, namespace=namespace
        ).findings
    return found
