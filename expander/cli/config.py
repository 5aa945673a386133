"""``expander config``: the defaults that files set."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from importlib import import_module

import click

from expander.base.errors import UsageError
from expander.cli.main import COMMANDS, module_of
from expander.cli.options.defaults import PATHS, PROJECT_FILE, Setting, near, settings, settings_of, user_file
from expander.cli.options.params import output_option
from expander.cli.output.streams import Output, say
from expander.cli.output.table import table, terminal_width
from expander.cli.pages.page import GroupPage, Page

SHOW_EXAMPLES = """
\b
Examples:
  expander config show
  expander config show submit
  expander config show -o json

\b
Exit codes: 0 the defaults are shown, 2 wrong usage, or a file that cannot be used.
"""

EXAMPLES = """
\b
Examples:
  expander config show
"""


@click.command(cls=Page, epilog=SHOW_EXAMPLES, short_help="Show the defaults that files set.")
@click.argument("name", metavar="[COMMAND]", required=False)
@output_option("A table or a JSON array of objects.", "table|json")
def show(name: str | None, output: str) -> int:
    """Show which option of which command gets which default from which file.

    Files are the nearest expander.toml, or pyproject.toml with [tool.expander], of the current folder and
    those above it, and expander/config.toml in ~/.config. The command line and the environment come first.
    """
    if name is not None and name not in COMMANDS:
        raise UsageError(f"no such command: {name}", hint=near(name, COMMANDS))
    rows = _rows(COMMANDS if name is None else (name,), settings(COMMANDS))
    out = Output()
    if output == "json":
        objects = [
            {"option": one.key, "values": _shown(one), "file": one.file, "commands": names}
            for one, names in rows
        ]
        out.put(json.dumps(objects, ensure_ascii=False, indent=2) + "\n")
    elif rows:
        lines = [["OPTION", "VALUE", "FILE", "COMMANDS"]]
        for one, names in rows:
            for value in map(str, _shown(one)):  # as they are repeated on a command line
                text = _near(value) if one.key in PATHS else value
                lines.append([f"--{one.key}", text, _near(one.file), ", ".join(names)])
        for line in table(lines, terminal_width()):
            out.put(line)
    out.finish()
    if not rows:
        say(f"no defaults: neither an {PROJECT_FILE} here or above, nor {user_file()}, sets one")
    return 0


def _near(path: str) -> str:
    """A path, from here if that is shorter."""
    return min(path, os.path.relpath(path), key=len)


def _shown(one: Setting) -> list[str | int | float]:
    """The values of a setting; of a webhook only the server, as its URL is a secret."""
    if one.key != "notify":
        return [*one.values]
    from expander.notify.targets import shown

    return [shown(str(value)) for value in one.values]


def _rows(commands: Iterable[str], found: list[Setting]) -> list[tuple[Setting, list[str]]]:
    """The settings that hold, each with the commands whose help has it. Raises InputError for a bad value."""
    held: dict[Setting, list[str]] = {}
    for name in commands:
        command: click.Command = import_module(module_of(name)).command
        shown = {each.name for each in command.params if not getattr(each, "hidden", False)}
        for parameter, (one, _) in settings_of(name, command, found).items():
            if parameter in shown:
                held.setdefault(one, []).append(name)
    return sorted(held.items(), key=lambda each: each[0].key)


@click.group(cls=GroupPage, no_args_is_help=True, epilog=EXAMPLES)
def command() -> None:
    """Show the defaults that files set, and where they come from."""


command.add_command(show)
