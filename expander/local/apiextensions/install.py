"""CustomResourceDefinitions that a server has from its start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from expander.base.errors import AdmissionError, InputError, SourceLocation
from expander.kube.scheme import BY_KIND
from expander.local.apiserver.patch.errors import PatchError
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.strategy import APPLY
from expander.local.apiserver.write import WriteRequest
from expander.local.store.encoding import encode

MANAGER: Final = "expander"


def install_definitions(
    backend: Backend, definitions: Iterable[tuple[Mapping[str, Any], SourceLocation]]
) -> None:
    """Apply definitions, each with the place it is from: what is there already becomes what is given.

    Raises InputError with the words of the API for one that is refused.
    """
    for definition, where in definitions:
        metadata = definition.get("metadata") or {}
        name = str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""
        target = Target(BY_KIND["CustomResourceDefinition"], name=name)
        query = {"fieldManager": MANAGER, "force": "true"}
        given = {key: value for key, value in definition.items() if key != "status"}
        try:
            WriteRequest(backend, target, query, MANAGER, lambda obj, new: None).patch(encode(given), APPLY)
        except (StatusError, AdmissionError, PatchError) as error:
            raise InputError(str(error), where=where) from None
    backend.storage.keep()
    backend.loop.changed()
