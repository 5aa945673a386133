"""What references in a JSON Schema mean, within the one document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

WHOLE: Final = "json-schema:///items"
"""What a document is called that has no ``$id``; relative references begin there."""

ANCHORS: Final = ("$anchor", "$dynamicAnchor")
REFERENCES: Final = ("$ref", "$dynamicRef")


class SchemaReferences:
    """The schemas of a document by their addresses, as ``$id`` and anchors name them."""

    def __init__(self, document: Any) -> None:
        self._bases: dict[int, str] = {}
        """The address of the resource in which each schema stands, by the schema's identity."""
        self._named: dict[str, Any] = {WHOLE: document}
        waiting, seen = [(document, WHOLE)], set[int]()
        for schema, base in waiting:
            if id(schema) in seen:  # an alias of YAML
                continue
            seen.add(id(schema))
            if isinstance(schema, Mapping):
                base = self._add(schema, base)
                waiting += [(part, base) for part in schema.values()]
            elif isinstance(schema, list):
                waiting += [(part, base) for part in schema]

    def _add(self, schema: Mapping[str, Any], base: str) -> str:
        """Take a schema into the index; the address of the resource in which its parts stand."""
        if isinstance(own := schema.get("$id"), str):
            base = _joined(base, own).removesuffix("#")
            self._named[base] = schema
        for keyword in ANCHORS:
            if isinstance(anchor := schema.get(keyword), str):
                self._named[f"{base}#{anchor}"] = schema
        self._bases[id(schema)] = base
        return base

    def applied(self, schema: Any, keywords: Iterable[str]) -> list[Mapping[str, Any]]:
        """``schema`` and those that it takes over, by references and by lists such as ``allOf``."""
        found: dict[int, Mapping[str, Any]] = {}
        waiting = [schema]
        for each in waiting:
            if isinstance(each, Mapping) and id(each) not in found:
                found[id(each)] = each
                waiting += [self._meant(each, each[keyword]) for keyword in REFERENCES if keyword in each]
                waiting += [part for keyword in keywords for part in list_of(each.get(keyword))]
        return [*found.values()]

    def _meant(self, schema: Mapping[str, Any], reference: object) -> Any:
        """What a reference in ``schema`` means; None for one to elsewhere."""
        if not isinstance(reference, str):
            return None
        address = _joined(self._bases[id(schema)], reference).removesuffix("#")
        resource, _, pointer = address.partition("#")
        if address in self._named or not pointer.startswith("/"):
            return self._named.get(address)
        found = self._named.get(resource)
        for part in pointer[1:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                found = found.get(name) if isinstance(found, Mapping) else None
        return found


def _joined(base: str, reference: str) -> str:
    """The address that a reference means below ``base``; "" for what is no address."""
    try:
        if reference.startswith("#") or urlsplit(reference).scheme:
            return base + reference if reference.startswith("#") else reference
        scheme, colon, rest = base.partition("://")
        if not colon:
            return reference
        return scheme + urljoin(f"http://{rest}", reference).removeprefix("http")  # which is known as a path
    except ValueError:
        return ""


def list_of(value: object) -> list[Any]:
    """The list; an empty one for anything else, as a reference may lead to what is no schema."""
    return value if isinstance(value, list) else []
