"""What ``--version`` says."""

from __future__ import annotations

from importlib.util import find_spec


def version_text(version: str) -> str:
    """The version, and for each accelerator whether it is there or what stands in for it."""
    from expander.base.yaml.reader import ACCELERATED
    from expander.validate.schema_engines import library

    lines = [
        ("YAML", "libyaml", ACCELERATED, "PyYAML's Python scanner (slow)"),
        ("JSON", "orjson", find_spec("orjson") is not None, "Python's json"),
        ("validation", "jsonschema-rs", library() == "jsonschema-rs", "jsonschema (slow)"),
    ]
    used = [f"  {what}: {fast if there else slow}" for what, fast, there, slow in lines]
    return "\n".join([f"expander {version}", *used])
