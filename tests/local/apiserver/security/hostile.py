"""Objects by their schema, with values that nobody expects: what the API's decoder lets through."""

from __future__ import annotations

import random
from typing import Any, Final

from expander.kube import schemas
from expander.kube.schemas import Schema

TEXTS: Final = (
    *(
        "",
        "a",
        "A b",
        "../../x",
        "\0",
        "\u00e9",
        "0",
        "-1",
        "True",
        "Unknown",
        "Complete",
        "Failed",
        "Running",
    ),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "10000000000Gi", "0-3,7", "0-99999999999", "x" * 3000),
)
NUMBERS: Final = (0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1)
MAX_DEPTH: Final = 8


def anything(schema: Schema | None, chance: random.Random, depth: int = 0) -> Any:
    """A value that may fit ``schema``: nulls, missing fields, numbers and texts at the ends of what there is."""
    schema = schemas.resolve(schema or {})
    kind = schema.get("type")
    if chance.random() < 0.05 or depth > MAX_DEPTH:
        return None
    if "enum" in schema and chance.random() < 0.5:
        return chance.choice(schema["enum"])
    if "properties" in schema:
        share = 0.5 if depth < 3 else 0.2
        fields = schema["properties"].items()
        return {name: anything(below, chance, depth + 1) for name, below in fields if chance.random() < share}
    if kind == "object":
        below = schema.get("additionalProperties")
        return {key: anything(below, chance, depth + 1) for key in ("cpu", "a/b") if chance.random() < 0.5}
    if kind == "array":
        return [anything(schema.get("items"), chance, depth + 1) for _ in range(chance.randrange(3))]
    if kind in ("integer", "number"):
        return chance.choice(NUMBERS)
    return chance.random() < 0.5 if kind == "boolean" else chance.choice(TEXTS)
