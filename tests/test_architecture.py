"""The structure of the program: order of packages, no circles, sizes, names, and docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "expander"
DOCUMENT = ROOT / "docs" / "architecture.md"

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_FOLDER_FILES = 30
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "tools"}
SEPARATE = {frozenset(["client", "local"])}
"""Packages that never import each other, although one stands above the other."""


@cache
def packages() -> list[str]:
    """The packages in their order, as docs/architecture.md lists them, the lowest first."""
    return re.findall(r"^### `([a-z]+)/?`$", DOCUMENT.read_text(), re.MULTILINE)


def files(root: Path = PACKAGE) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports() -> dict[str, set[str]]:
    """The modules of expander that each module imports, anywhere in it, also under TYPE_CHECKING."""
    modules = {dotted(path) for path in files()}
    found: dict[str, set[str]] = defaultdict(set)
    for path in files():
        module = dotted(path)
        for node in ast.walk(tree(path)):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}:{node.lineno}: imports are absolute"
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in modules else str(node.module) for name in whole]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found[module] |= {name for name in names if name in modules} - {module}
    return found


def package_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_the_document_lists_the_packages_there_are() -> None:
    there = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    there |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__", "version"}
    assert sorted(packages()) == sorted(there)


def test_imports_go_down_only() -> None:
    order = {name: number for number, name in enumerate(packages())}
    upward = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if order.get(package_of(other), -1) > order.get(package_of(module), len(order))
    ]
    assert upward == []


def test_the_client_and_the_local_executor_do_not_know_each_other() -> None:
    known = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if frozenset([package_of(module), package_of(other)]) in SEPARATE
    ]
    assert known == []


def circles() -> Iterator[list[str]]:
    """Modules that import each other, by Tarjan's algorithm."""
    graph, number, low = imports(), dict[str, int](), dict[str, int]()
    stack: list[str] = []

    def visit(module: str) -> Iterator[list[str]]:
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in number:
                yield from visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], number[other])
        if low[module] == number[module]:
            circle = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(circle) > 1:
                yield circle

    for module in sorted(graph):
        if module not in number:
            yield from visit(module)


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert list(circles()) == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in files() if path.stem in EMPTY_NAMES] == []


def test_files_stay_readable() -> None:
    lines = {dotted(path): len(path.read_text().splitlines()) for path in [*files(), *files(ROOT / "tests")]}
    assert {name: count for name, count in lines.items() if count > MAX_FILE_LINES} == {}


def test_folders_stay_readable() -> None:
    count = Counter(path.parent for path in [*files(), *files(ROOT / "tests")])
    assert {str(folder.relative_to(ROOT)): n for folder, n in count.items() if n > MAX_FOLDER_FILES} == {}


def test_functions_stay_readable() -> None:
    long = {
        f"{dotted(path)}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: count for name, count in long.items() if count > MAX_FUNCTION_LINES} == {}


def test_a_class_name_has_one_meaning_in_a_package() -> None:
    where: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in files():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[package_of(dotted(path)), node.name].append(dotted(path))
    assert {name: modules for name, modules in where.items() if len(modules) > 1} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [dotted(path) for path in files() if not ast.get_docstring(tree(path))] == []


def test_what_docstrings_name_in_backticks_exists() -> None:
    known = {part for path in files() for part in path.relative_to(ROOT).with_suffix("").parts}
    named: list[tuple[str, str]] = []
    for path in files():
        for node in ast.walk(tree(path)):
            known |= {
                str(value)
                for field in ("id", "attr", "arg", "name")
                if isinstance(value := getattr(node, field, None), str)
            }
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                found = re.findall(r"(?<!`)`([A-Za-z_][\w.]*)(?:\(\))?`(?!`)", str(node.value.value))
                named += [(f"{dotted(path)}:{node.lineno}", name) for name in found]
    assert [(where, name) for where, name in named if not known.issuperset(name.split("."))] == []
