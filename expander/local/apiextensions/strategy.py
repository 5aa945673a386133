"""How custom resources are decoded, completed and checked: by the schema of their definition.

``registry/customresource`` of apiextensions-apiserver decides. Fields that the schema does not have are
refused, or dropped with a warning, and an object goes into the store in the one version that is stored there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from expander.kube.gofmt import quoted
from expander.local.apiextensions.kinds import CustomResource
from expander.local.apiserver import decode_errors, status
from expander.local.apiserver.codecs import RequestBody
from expander.local.apiserver.patch.merge_schema import MergeSchema
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.strategy import CustomKindStrategy
from expander.local.registry import RELEASE
from expander.local.store.database import Object
from expander.validate.crds.decoding import pruned
from expander.validate.crds.paths import dotted
from expander.validate.defaults.encode import omit_empty
from expander.validate.finding import Finding, Reason
from expander.validate.rules.field import invalid

SHOWN_BODY: Final = 240
"""Characters of a body that an error shows."""


class CustomStrategy(CustomKindStrategy):
    """The strategy of the kind of a definition."""

    row: CustomResource

    @property
    def shape(self) -> MergeSchema:
        return self.row.shape

    def decode(self, body: RequestBody, validation: str) -> tuple[Object, list[str]]:
        obj, row = body.data, self.row
        self._check_kind(obj, body.raw)
        metadata = [*row.check.malformed(obj)]
        for finding in metadata:
            if finding.reason is not Reason.UNKNOWN_FIELD:
                raise StatusError(status.bad_request(decode_errors.metadata_refusal(row, obj, finding)))
        places = [f"unknown field {quoted(dotted(at))}" for at in row.check.unknown(obj)]
        problems = [*body.duplicates, *sorted([*decode_errors.unknown_fields(metadata), *places])]
        warnings = self.unknown(problems, validation)
        for finding in metadata:
            obj = _without(obj, finding.steps)
        deprecated = [row.custom.deprecated] if row.custom.deprecated else []
        return pruned(row.custom.root, obj) if places else obj, [*deprecated, *warnings]

    def _check_kind(self, obj: Any, raw: bytes) -> None:
        """StatusError for what is not an object of this kind and version."""
        row = self.row
        if not isinstance(obj, dict):
            words = decode_errors.wrong_kind(row, obj, raw)
            raise StatusError(status.bad_request(words or ""))
        if not (kind := obj.get("kind")):
            text = json.dumps(obj)
            shown = text if len(text) <= SHOWN_BODY else f"{text[:SHOWN_BODY]}..."
            why = f"Object 'Kind' is missing in '{shown}'"
            raise StatusError(status.bad_request(decode_errors.unrecognized(row, why, raw)))
        if obj.get("apiVersion") != row.api_version:
            given = obj.get("apiVersion") or ""
            words = (
                f"the API version in the data ({given}) does not match the expected API version "
                f"({row.api_version})"
            )
            raise StatusError(status.bad_request(words))
        if kind != row.kind:
            name = str((obj.get("metadata") or {}).get("name") or "")
            found = [invalid("kind", kind, f"must be {row.kind}")]
            raise StatusError(status.invalid(row, name, found))

    def filled(self, obj: Object) -> Object:
        return omit_empty(self.row.check.filled(obj), RELEASE, zeros=True)

    def reset(self, obj: Object) -> Object:
        return super().reset(obj) if self.row.custom.has_status else obj

    def refused(self, made: Object) -> list[Finding]:
        return self.row.check.created(made)

    def updated(self, made: Object, old: Object, part: str) -> tuple[Object, list[Finding]]:
        row = self.row
        if part == "status":
            found = row.check.updated(made, old, "status")
            owners = made["metadata"].get("managedFields")
            metadata = {**old["metadata"], **({"managedFields": owners} if owners else {})}
            stored = self.reset({**old, "metadata": metadata})
            return stored | ({"status": made["status"]} if "status" in made else {}), found
        found = row.check.updated(made, old)
        if row.custom.has_status:
            made = {key: value for key, value in made.items() if key != "status"}
            made |= {"status": old["status"]} if "status" in old else {}
        counted = (made, old) if not row.custom.has_status else map(self.reset, (made, old))
        now, before = ({**each, "metadata": None} for each in counted)
        if now != before:
            metadata = made["metadata"]
            made["metadata"] = {**metadata, "generation": metadata.get("generation", 0) + 1}
        return made, found

    def kept(self, obj: Object) -> Object:
        """An object as the version that is stored has it."""
        if self.row.storage is self.row.custom:
            return obj
        check = self.row.storage_check
        stored: Object = check.filled(pruned(self.row.storage.root, obj))
        return stored


def _without(value: Any, steps: Sequence[str | int]) -> Any:
    """A copy of ``value`` without what is at ``steps``."""
    step, *below = steps
    if isinstance(value, list) and isinstance(step, int):
        return [_without(each, below) if index == step else each for index, each in enumerate(value)]
    if not isinstance(value, dict) or step not in value:
        return value
    if below:
        return {**value, step: _without(value[step], below)}
    return {key: each for key, each in value.items() if key != step}
