"""Scripts outside of command lines: files of ConfigMaps and Secrets, fields of custom resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from expander.render.programs import SHELLS
from expander.render.script_context import SCRIPT_FIELDS

Path: TypeAlias = tuple[str | int, ...]

OTHER: Final = "other"
"""Stands for an interpreter that is no shell whose scripts are read."""

_FILE_FIELDS: Final = {"ConfigMap": ("data",), "Secret": ("stringData",)}
_SHELL_FILES: Final = {".sh": "sh", ".bash": "bash"}
_OTHER_FILES: Final = (".py", ".pl", ".rb", ".js", ".mjs", ".R", ".lua", ".jl", ".awk", ".sed", ".ps1", ".nf")
_SHEBANG: Final = r"#! ?(?:\S*/env +(?:-S +)?)?(?:\S*/)?([A-Za-z0-9_.+-]+)"
_SEVERAL_WORDS: Final = r"[\s;&|<>()$`'\"\\]"
_TEKTON: Final = "tekton.dev/"
_RAY: Final = "ray.io/"


def script_fields(tree: Any, constant: Callable[[str], str]) -> Iterator[tuple[Path, str]]:
    """The paths of scripts outside of command lines, each with its shell, or `OTHER`.

    ``constant`` gives the constant text of one with placeholders.
    """
    if not isinstance(tree, Mapping):
        return
    version, kind = str(tree.get("apiVersion")), str(tree.get("kind"))
    if "/" not in version and kind in _FILE_FIELDS:
        yield from _of_files(tree, _FILE_FIELDS[kind], constant)
    elif not _is_built_in(version):
        for name, value in tree.items():
            if name not in ("apiVersion", "kind", "metadata", "status"):
                yield from _of_fields(value, (name,), name, version, constant)


def _is_built_in(version: str) -> bool:
    group = version.rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def _of_files(
    tree: Mapping[str, Any], fields: tuple[str, ...], constant: Callable[[str], str]
) -> Iterator[tuple[Path, str]]:
    for field in fields:
        files = tree.get(field)
        for name, text in files.items() if isinstance(files, Mapping) else ():
            if isinstance(text, str) and (shell := _of_file(constant(str(name)), constant(text))):
                yield (field, name), shell


def _of_file(name: str, text: str) -> str:
    """The shell of a file, or `OTHER`; empty for one that is no script."""
    if shebang := re.match(_SHEBANG, text):
        return shebang[1] if shebang[1] in SHELLS else OTHER
    ending = name[name.rfind(".") :] if "." in name else ""
    return _SHELL_FILES.get(ending) or (OTHER if ending in _OTHER_FILES else "")


def _of_fields(
    value: Any, path: Path, name: str, version: str, constant: Callable[[str], str]
) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if isinstance(each, str) and key in SCRIPT_FIELDS:
                if shell := _of_field(key, constant(each), value, version):
                    yield (*path, key), shell
            else:
                yield from _of_fields(each, (*path, key), key, version, constant)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _of_fields(each, (*path, number), name, version, constant)


def _of_field(name: str, text: str, holder: Mapping[str, Any], version: str) -> str:
    """The shell of a field that may hold a script; empty for a text that looks like none."""
    command = holder.get("command")
    if name == "source" and isinstance(command, list) and command:
        program = str(command[0]).rpartition("/")[2]
        options = all(re.fullmatch(r"-[a-z]+|pipefail", str(word)) for word in command[1:])
        return program if program in SHELLS and options else OTHER
    if name in ("script", "source") and (shell := _of_file("", text)):
        return shell
    if (name == "script" and version.startswith(_TEKTON)) or (
        name == "entrypoint" and version.startswith(_RAY)
    ):
        return "sh"
    whole = not text and name in ("script", "entrypoint", "command")
    return OTHER if whole or re.search(_SEVERAL_WORDS, text) else ""
