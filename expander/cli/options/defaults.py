"""Defaults of options that files set: ``expander.toml``, ``[tool.expander]`` and the user's own file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import click

from expander.base.errors import ExpanderError, InputError, UsageError, suggest
from expander.base.named_tuple import NamedTuple
from expander.base.waiting import file_opener
from expander.base.xdg import user_folder

KEYS: Final = (
    "group-label",
    "kubernetes-version",
    "crds",
    "policies",
    "label",
    "ttl",
    "max-active",
    "max-in-flight",
    "qps",
    "on-quota",
    "kueue",
    "jobs",
    "cpus",
    "memory",
    "grace",
    "backoff-base",
    "runtime",
    "notify",
)
"""Options that a file may set: what a team or a machine has in common, and nothing that names one batch."""

OF_THE_USER: Final = frozenset(("runtime", "notify"))
"""Keys that a project's file may not set: a cloned folder must not open the sandbox it runs in, nor choose a
command to run or where to send what the Jobs are called."""

NUMBERS: Final = frozenset(("max-active", "max-in-flight", "qps", "jobs", "cpus"))
AMOUNTS: Final = frozenset(("ttl", "memory", "grace", "backoff-base"))
"""Keys whose values may be numbers: they have a unit that is understood, or are text with one."""

PATHS: Final = frozenset(("crds", "policies"))
"""Keys whose values are paths, relative to the file that sets them."""

PROJECT_FILE: Final = "expander.toml"
PYPROJECT: Final = "pyproject.toml"


class Setting(NamedTuple):
    """The default of one option: ``values`` as they are in the file, one unless it is a list there.

    ``command`` is the table that sets it, None above all tables.
    """

    key: str
    command: str | None
    values: tuple[str | int | float, ...]
    file: str

    @property
    def expected(self) -> str:
        """What its values are."""
        return "a number" if self.key in NUMBERS else "text or a number" if self.key in AMOUNTS else "text"

    def refused(self, words: str, hint: str | None = None) -> InputError:
        """The error that names the file and the key."""
        table = f"[{self.command}] " if self.command else ""
        return InputError(f"{self.file}: {table}{self.key}: {words}", hint=hint)


def user_file() -> str:
    """The file of the user: ``expander/config.toml`` in XDG_CONFIG_HOME or ``~/.config``."""
    return os.path.join(user_folder("XDG_CONFIG_HOME"), "config.toml")


def settings(commands: Iterable[str]) -> list[Setting]:
    """What the files set, the strongest last: the user's, then the project's; tables of commands above all.

    ``commands`` are the names that tables may have. Raises InputError that names the file and the key.
    """
    found = [*_read(user_file(), commands, mine=True), *_of_project(commands)]
    return sorted(found, key=lambda each: each.command is not None)


def defaults_of(name: str, command: click.Command, found: list[Setting]) -> dict[str, Any]:
    """click's default map of a command: values by the names of parameters. Raises as `settings_of`."""
    return {parameter: value for parameter, (_, value) in settings_of(name, command, found).items()}


def settings_of(name: str, command: click.Command, found: list[Setting]) -> dict[str, tuple[Setting, Any]]:
    """The settings that hold for a command, with their converted values, by the names of parameters.

    Raises InputError for a value that does not fit, and for an option that the table's command has not.
    """
    parameters = {
        option[2:]: parameter
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }
    values = {}
    for setting in found:
        parameter = parameters.get(setting.key)
        if parameter is None and setting.command == name:
            raise setting.refused(f"{name} has no such option")
        if parameter is not None and setting.command in (None, name):
            values[str(parameter.name)] = (setting, _converted(setting, parameter))
    return values


def _converted(setting: Setting, parameter: click.Option) -> Any:
    if not parameter.multiple and len(setting.values) > 1:
        raise setting.refused("expected one value, not a list")
    try:
        values = [parameter.type.convert(str(value), parameter, None) for value in setting.values]
        _check(setting.key, values)
    except click.UsageError as error:
        from expander.cli.output.usage_errors import plain

        raise setting.refused(plain(error.message.removesuffix("."))) from None
    except ExpanderError as error:
        problem = error.problems[0]
        raise setting.refused(problem.message, problem.hint) from None
    return values if parameter.multiple else values[0]


def _check(key: str, values: Sequence[Any]) -> None:
    """Raise UsageError for converted values that their command would refuse later, and not name the file."""
    if key == "label":
        from expander.cli.options.params import unique

        unique(values, "it")
    elif key == "kubernetes-version":
        from expander.kube.versions import known

        known(values[0])
    elif key == "kueue":
        from expander.manifests.names import QUEUE_NAME

        if not QUEUE_NAME.accepts(values[0]):
            raise UsageError(f"{values[0]!r} is not {QUEUE_NAME.words}")
    elif key in PATHS:
        for path in values:
            if not os.path.exists(path):
                raise UsageError(f"{path}: no such file or folder")


def _of_project(commands: Iterable[str]) -> list[Setting]:
    """What the nearest file of the current folder and those above it sets; ``expander.toml`` comes first."""
    place, above = os.getcwd(), None
    while place != above:
        for name in (PROJECT_FILE, PYPROJECT):
            if found := [*_read(os.path.join(place, name), commands, mine=False)]:
                return found
        place, above = os.path.dirname(place), place
    return []


def _read(path: str, commands: Iterable[str], *, mine: bool) -> Iterator[Setting]:
    in_pyproject = os.path.basename(path) == PYPROJECT
    try:
        with open(path, encoding="utf-8", opener=file_opener) as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, PermissionError) and (in_pyproject or not os.path.exists(path)):
            return  # of others, or in a folder of others
        raise InputError(f"{path}: cannot read it: {getattr(error, 'strerror', None) or error}") from error
    if in_pyproject and "tool.expander" not in text:
        return
    import tomllib

    from expander.base.written_numbers import real

    try:
        tree: Any = tomllib.loads(text, parse_float=real)  # 1.30 is shown as 1.30
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: {error}") from None
    if in_pyproject:
        tree = tree.get("tool", {}).get("expander", {})
    for key, value in tree.items():
        if not isinstance(value, dict):
            yield _setting(path, None, key, value, mine=mine)
        elif key in commands:
            for inner, each in value.items():
                yield _setting(path, key, inner, each, mine=mine)
        else:
            raise InputError(f"{path}: [{key}]: no such command", hint=near(key, commands))


def _setting(path: str, command: str | None, key: str, value: Any, *, mine: bool) -> Setting:
    values = tuple(value) if isinstance(value, list) else (value,)
    setting = Setting(key, command, values, path)
    if key not in KEYS:
        raise setting.refused(
            "not an option that a file sets", near(key, KEYS) or f"those are {', '.join(KEYS)}"
        )
    if key in OF_THE_USER and not mine:
        raise setting.refused("only your own file can set it", f"that is {user_file()}")
    if (
        not values
        or isinstance(values[0], bool)
        or not all(isinstance(each, str | int | float) for each in values)
    ):
        raise setting.refused(f"expected {setting.expected}")
    if setting.expected == "text" and not isinstance(values[0], str):
        raise setting.refused(f"expected text, not the number {values[0]}", f'write "{values[0]}"')
    if key in PATHS:
        folder = os.path.dirname(path)
        return setting._replace(values=tuple(os.path.join(folder, str(each)) for each in values))
    return setting


def near(word: str, known: Iterable[str]) -> str | None:
    """The hint for a word that is not among ``known``, if one is close."""
    close = suggest(word, known)
    return f"did you mean {close}?" if close else None
