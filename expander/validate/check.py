"""The whole verdict on one object: can it be decoded, and do the rules of its kind accept it?

The order is the API server's: an object that cannot be decoded is not looked at further; one that can is
given its defaults and held to the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from expander.kube.versions import DEFAULT, Release
from expander.validate.defaults.defaults import defaults
from expander.validate.finding import Finding, Reason
from expander.validate.rules import check_rules, check_types
from expander.validate.schema import check_schema

if TYPE_CHECKING:
    from expander.validate.crds.check import Subresource
    from expander.validate.crds.definitions import Definitions


def check(
    obj: Any,
    release: Release = DEFAULT,
    *,
    assume: tuple[str, str] | None = None,
    crds: Definitions | None = None,
) -> list[Finding] | None:
    """What the API server would refuse in ``obj``, in its order; empty when it would take the object.

    ``obj`` is JSON data, ``release`` a published one. ``assume`` is the apiVersion and kind of an object that
    has none. None means that there is no schema for the kind, so nothing can be said. The objects of a list
    are looked at one by one; those without a schema are passed over. What ``crds`` say of a kind replaces
    what is known of it here. Rules in CEL that cannot be evaluated are findings with `Reason.UNCHECKED`.
    """
    if crds is not None and isinstance(obj, Mapping):
        custom = _check_custom(obj, release, crds)
        if custom is not None:
            return custom
    found = check_schema(obj, release, assume=assume)
    if found is None or found:
        return found
    if assume is not None:
        obj = {**obj, "apiVersion": obj.get("apiVersion") or assume[0], "kind": obj.get("kind") or assume[1]}
    if isinstance(obj.get("items"), list) and obj["kind"].endswith("List"):
        return _check_items(obj, release, crds)
    found = check_types(obj, release) or check_rules(defaults(obj, release=release), release)
    return _in_words_of(release, found)


def check_replacement(
    obj: Mapping[str, Any],
    old: Mapping[str, Any],
    release: Release = DEFAULT,
    *,
    crds: Definitions | None = None,
    subresource: Subresource | None = None,
) -> list[Finding] | None:
    """What the API server would refuse in ``obj`` in place of ``old``, the object as it is; as `check`.

    ``subresource`` is the one that is written to; only custom resources by their definition have one here.
    Raises ValueError for another kind with a ``subresource``.
    """
    custom = None if crds is None else crds.find(old.get("apiVersion"), old.get("kind"))
    if custom is not None:
        from expander.validate.crds.check import custom_check

        return custom_check(custom, release).updated(obj, old, subresource)
    if subresource is not None:
        raise ValueError(f"no definition of {old.get('apiVersion')} {old.get('kind')} with a subresource")
    from expander.validate.updates import check_update

    found = check_schema(obj, release)
    if found is None or found:
        return found
    return _in_words_of(
        release, check_update(defaults(obj, release=release), defaults(old, release=release), release)
    )


def _check_custom(obj: Mapping[str, Any], release: Release, crds: Definitions) -> list[Finding] | None:
    """The verdict by the definition of the object's kind; None when none is about it."""
    api_version, kind = obj.get("apiVersion"), obj.get("kind")
    custom = crds.find(api_version, kind)
    if custom is None:
        misnamed = crds.misnamed(api_version, kind)
        return None if misnamed is None else [misnamed]
    from expander.validate.crds.check import custom_check

    return custom_check(custom, release).created(obj)


def _in_words_of(release: Release, findings: list[Finding]) -> list[Finding]:
    """``findings`` as ``release`` words them: what is too long was said in another way before 1.32."""
    if release >= (1, 32):
        return findings
    return [
        replace(found, message=found.message.replace("may not be more than", "must have at most"))
        if found.reason is Reason.TOO_LONG
        else found
        for found in findings
    ]


def _check_items(listed: Mapping[str, Any], release: Release, crds: Definitions | None) -> list[Finding]:
    """The findings of each object of a list, its place in front of their paths."""
    kind: str = listed["kind"].removesuffix("List")
    assume = (listed["apiVersion"], kind) if kind else None
    return [
        Finding(f"items[{index}].{finding.path}".rstrip("."), finding.reason, finding.message)
        for index, item in enumerate(listed["items"])
        for finding in check({} if item is None else item, release, assume=assume, crds=crds) or ()
    ]
