"""Imports go down the layers only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "expander"

BELOW: dict[str, set[str]] = {
    "version": set(),
    "base": set(),
    "items": {"base"},
    "manifests": {"base"},
    "render": {"items", "manifests"},
    "shapes": {"render"},
    "validate": {"shapes", "manifests"},
    "sinks": {"validate"},
    "cluster": {"sinks"},
    "local": {"sinks"},
    "queues": {"sinks"},
    "pipeline": {"cluster", "local", "queues", "render"},
    "cli": {"pipeline", "version"},
    "__init__": {"pipeline", "version"},
}
"""Each layer and what stands directly below it; what is below that may be used too."""


def allowed(layer: str) -> set[str]:
    found = {layer}
    for below in BELOW[layer]:
        found |= allowed(below)
    return found


def imports(path: Path) -> set[str]:
    """The layers of expander that a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: imports are absolute"
        for name in names:
            first, *rest = name.split(".")
            if first == "expander" and rest:
                found.add(rest[0])
    return found


FILES = sorted(path for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_its_layer_and_below(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert layer in BELOW, f"{layer} is not a layer of the design"
    assert imports(path) <= allowed(layer)


def test_the_rule_is_not_empty() -> None:
    used = {layer for path in FILES for layer in imports(path)}
    assert {"base", "items", "manifests", "render", "pipeline"} <= used
    assert "cli" not in allowed("pipeline")
    assert "local" not in allowed("cluster")


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "misc", "common", "tools"}
    assert [path for path in FILES if path.stem in empty] == []


def test_files_stay_small() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: lines for name, lines in long.items() if lines > 230} == {}
