"""The options of a run that say where and how its Jobs can run, kept for the retries of its group.

A file in the state of a group holds the arguments of `local.executor.Executor` that differ from its defaults.
A variable that has its value from the environment is kept by its name alone: such a value may be a secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from expander.base.errors import UsageError
from expander.base.named_tuple import NamedTuple
from expander.base.option_names import option
from expander.base.state_dir import replace_file
from expander.local.executor import Executor
from expander.local.images.source import is_source

OPTIONS_FILE: Final = "options.json"
"""The file in the state of a group of local runs."""

_OPTIONS: Final = {
    "jobs": "--jobs",
    "runtime": "--runtime",
    "cpus": "--cpus",
    "memory": "--memory",
    "backoff_base": "--backoff-base",
    "stop_grace": "--grace",
    "images": "--image",
    "image_commands": "--image-command",
    "claims": "--claim",
    "variables": "--env",
}
"""The arguments that are kept, and the options that set them."""


class KeptOptions(NamedTuple):
    """The arguments of an executor, and ``names``: the options among them that were kept, without values."""

    settings: dict[str, Any]
    names: list[str]


def keep_options(folder: Path, settings: Mapping[str, Any]) -> None:
    """Remember the ``settings`` of an executor in its state ``folder``; nothing if it cannot be written."""
    defaults = Executor.__init__.__kwdefaults__ or {}
    given = {name: settings[name] for name in _OPTIONS if settings.get(name)}
    found = {name: value for name, value in given.items() if value != defaults[name]}
    kept = found | {name: _in_any_folder(name, found[name]) for name in ("claims", "images") if name in found}
    if "variables" in kept:
        kept["variables"] = {
            name: None if os.environ.get(name) == value else value
            for name, value in kept["variables"].items()
        }
    with suppress(OSError):
        replace_file(folder / OPTIONS_FILE, json.dumps(kept).encode())


def with_kept_options(folder: Path, settings: Mapping[str, Any], given: Collection[str]) -> KeptOptions:
    """``settings`` with what was kept in ``folder`` in place of those that are not ``given``.

    Of mappings, such as claims, what is given is added. Raises UsageError for a variable whose value came
    from the environment and is not there.
    """
    kept = _read(folder)
    merged, names = dict(settings), []
    for name, value in kept.items():
        if not isinstance(value, dict):
            if name in given:
                continue
            merged[name] = value
        else:
            own = settings.get(name) or {} if name in given else {}
            earlier = {key: each for key, each in value.items() if key not in own}
            if not earlier:
                continue
            merged[name] = {**(_variables(earlier, folder.name) if name == "variables" else earlier), **own}
        names.append(_OPTIONS[name])
    return KeptOptions(merged, names)


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / OPTIONS_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return {name: found[name] for name in _OPTIONS if name in found} if isinstance(found, dict) else {}


def _in_any_folder(name: str, paths: Mapping[str, Path | str]) -> dict[str, str]:
    found = {}
    for key, path in paths.items():
        text = os.fspath(path)
        kind, colon, rest = text.partition(":") if name == "images" and is_source(text) else ("", "", text)
        found[key] = f"{kind}{colon}{os.path.abspath(rest)}"
    return found


def _variables(kept: Mapping[str, str | None], group: str) -> dict[str, str]:
    found = {name: os.environ.get(name) if value is None else value for name, value in kept.items()}
    for name, value in found.items():
        if value is None:
            raise UsageError(
                f"group {group} ran with {name!r} from the environment, which is not set here",
                hint=f"give it with {option(f'--env {name}=VALUE', {name: '...'})}",
            )
    return {name: value for name, value in found.items() if value is not None}
