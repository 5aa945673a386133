"""What messages call an option: one text in the code, in the words of whoever reads it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import expander
from expander.api.place import GroupKeywords
from expander.api.retry import RetryKeywords
from expander.base.option_names import command_line, if_typed, option
from expander.cli.main import program

PACKAGE = Path(expander.__file__).parent

OF_COMMANDS = (
    "batch/starters.py",  # init
    "batch/write.py",  # expand -o
    "group/known/result_rows.py",  # results --sort-by
    "group/table.py",
    "items/formats",  # items in files
    "items/load.py",
    "items/source_spec.py",
    "local/apiserver",  # serve
    "queues",
    "test/",
)
"""Modules below the commands whose messages Python never sees, since it has no such call or argument."""

OTHER_PROGRAMS = ("local/runtime/engine.py", "local/runtime/journal.py", "local/kubelet/image_commands.py")
"""Modules with the command lines of other programs, such as podman."""

MARKS = ("option", "if_typed")

_OPTION = re.compile(r"(?<![-\w])--?[a-zA-Z][-a-z]+")


class Text(NamedTuple):
    """A text in a module; ``call`` is the innermost mark around it, None without one."""

    where: str
    text: str
    call: ast.Call | None


def texts(node: ast.AST, where: str, call: ast.Call | None = None) -> Iterator[Text]:
    """The texts of a module without its docstrings."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS:
        call = node
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield Text(f"{where}:{node.lineno}", node.value, call)
    for child in ast.iter_child_nodes(node):
        yield from texts(child, where, call)


@cache
def all_texts() -> list[Text]:
    """Those of the modules below the commands that name an option."""
    found: list[Text] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name, source = path.relative_to(PACKAGE).as_posix(), path.read_text()
        if _OPTION.search(source) and not name.startswith(("cli/", "ui/", "base/option_names.py")):
            found += texts(ast.parse(source), name)
    return found


@cache
def known_options() -> set[str]:
    """All options that the commands have."""
    found = {"--help"}
    context = click.Context(program)
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        several = command.commands.values() if isinstance(command, click.Group) else [command]
        for each in several:
            for parameter in each.params if each else ():
                found |= {*parameter.opts, *parameter.secondary_opts}
    return found


def keywords() -> set[str]:
    """All keywords that the calls have."""
    found = {field.name for kind in (expander.BatchRequest, expander.SubmitOptions) for field in fields(kind)}
    found |= GroupKeywords.__annotations__.keys() | RetryKeywords.__annotations__.keys()
    for name in expander.__all__:
        if inspect.isfunction(call := getattr(expander, name)):
            found |= inspect.signature(call).parameters.keys()
    return found


def test_a_message_that_python_sees_marks_its_options() -> None:
    bare = [
        f"{each.where}: {each.text}"
        for each in all_texts()
        if each.call is None and " " in each.text and known_options().intersection(_OPTION.findall(each.text))
        if not each.where.startswith((*OF_COMMANDS, *OTHER_PROGRAMS))
    ]
    assert bare == []


def test_a_marked_option_is_one_of_a_command_and_a_keyword_of_a_call() -> None:
    marked = [
        each
        for each in all_texts()
        if each.call is not None and isinstance(each.call.func, ast.Name) and each.call.func.id == "option"
        if each.text.startswith("-")
    ]
    assert len(marked) > 60
    options, names = known_options(), keywords()
    for each in marked:
        flag = each.text.split(" ")[0]
        if flag in ("-", "--"):
            continue  # the name follows
        assert options.issuperset(flag.split("/")), each.where
        python = option(each.text)
        assert python == "slices of items" or python.split("=")[0] in names, f"{each.where}: {python}"


@pytest.mark.parametrize(
    ("typed", "value", "python"),
    [
        ("--allow-shell", True, "allow_shell=True"),
        ("--envsubst", None, "envsubst"),
        ("--no-validate", None, "validate=False"),
        ("--as indexed", None, "shape='indexed'"),
        ("--as chunks=N", None, "shape='chunks=N'"),
        ("--group NAME", None, "group=NAME"),
        ("--max-active 500", None, "max_active=500"),
        ("--cpus 2.5", None, "cpus=2.5"),
        ("--claim data=DIR", None, "claims={'data': 'DIR'}"),
        ("--memory 3Gi", 3 << 30, "memory=3221225472"),
        ("-l/--selector", None, "selector"),
    ],
)
def test_each_caller_reads_what_it_would_write(typed: str, value: object, python: str) -> None:
    assert option(typed, value) == python
    with command_line():
        assert option(typed, value) == typed
    assert option(typed, value) == python


@given(st.text())
def test_a_value_of_an_option_stays_what_it_is(value: str) -> None:
    assert option(f"--group {value}", value) == f"group={value!r}"
    assert option(f"--claim {value.replace('=', '')}=DIR") == f"claims={ ({value.replace('=', ''): 'DIR'}) }"
    with command_line():
        assert option(f"--group {value}", value) == f"--group {value}"


def test_what_only_the_command_line_has_is_not_said_in_python() -> None:
    assert if_typed("; --unique drops repeats") == ""
    with command_line():
        assert if_typed("; --unique drops repeats") == "; --unique drops repeats"
