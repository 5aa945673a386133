"""Types of option values that several commands share."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, TypeVar

import click

from expander.base.errors import InputError, SourceLocation, UsageError, suggest
from expander.base.regex import regex
from expander.base.urls import without_credentials
from expander.base.waiting import waiting_opener
from expander.cli.options.once import Once

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_KEY = regex(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL = regex(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

Options = TypeVar("Options")
Command = TypeVar("Command", bound=Callable[..., Any])


def all_of(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """A decorator that adds several options to a command, in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def group_option(
    words: str, *, default: str | None = None, selects: bool = False
) -> Callable[[Command], Command]:
    """The option ``--group NAME``; ``selects``: with -l beside it, as of what exists."""

    def by_label(context: click.Context, names: Sequence[str]) -> str:
        return f"one group at a time, or -l '{context.params['group_label']} in ({','.join(names)})'"

    hint = by_label if selects else None
    return click.option(
        "--group", cls=Once, noun="name", hint=hint, metavar="NAME", default=default, help=words
    )


def label_selector_option(words: str) -> Callable[[Command], Command]:
    """The option ``-l SELECTOR``."""
    return click.option(
        "-l", "--selector", cls=Once, noun="selector", joined=True, metavar="SELECTOR", help=words
    )


def group_label_option(words: str = "Label key of --group.") -> Callable[[Command], Command]:
    """The option ``--group-label KEY``, which is read first: what is said of other options names it."""
    return click.option(
        "--group-label",
        is_eager=True,
        type=LabelKey(),
        default="jobgroup",
        show_default=True,
        metavar="KEY",
        help=words,
    )


def output_option(words: str, formats: str = "text|json") -> Callable[[Command], Command]:
    """The option ``-o`` with ``formats``, of which the first is the default; ``words`` say what they are."""
    known = formats.split("|")
    return click.option(
        "-o", "--output", type=click.Choice(known), default=known[0], show_default=True, help=words
    )


OTHER_FORMATS: Final = ("arrow", "html", "kyaml", "ndjson", "text", "tsv", "txt", "yaml", "yml")
"""Formats that some command or program writes: no folder is meant by them."""

ALMOST: Final = 0.7
"""How alike two names are of which one is a slip of the other."""


def check_folder(name: str, formats: Sequence[str]) -> None:
    """Raise UsageError where ``name`` is none of the ``formats``, but a slip of one or a file's name.

    A folder that is there is meant, and so is a name with a slash at its end.
    """
    if name in formats or os.path.exists(name) or name.endswith(os.sep):
        return
    ending = os.path.splitext(name)[1][1:].lower()
    if ending in (*formats, *OTHER_FORMATS):
        kind = ending if ending in formats else formats[0]
        raise UsageError(
            f"-o: {name!r} is the name of a file, expected {', '.join(formats)} or a folder",
            hint=f"for a file: -o {kind} > {name}; for a new folder of that name: -o {name}{os.sep}",
        )
    meant = suggest(name, formats, ALMOST)
    if meant or name.lower() in OTHER_FORMATS:
        hint = f"did you mean {meant}? " if meant else ""
        raise UsageError(
            f"-o: found {name!r}, expected {', '.join(formats)} or a folder",
            hint=f"{hint}for a new folder of that name: -o ./{name}",
        )


class Positive(click.ParamType):  # type: ignore[type-arg]
    """A number above 0."""

    name = "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a valid number", param)
        if not 0 < number < math.inf:
            self.fail(f"{value} (must be {'a number ' if number else ''}greater than 0)", param)
        return number


MAX_INT32: Final = 2**31 - 1
"""The greatest number that fields of Kubernetes have."""

qps_option = click.option("--qps", type=Positive(), help="Maximum requests per second.  [default: no limit]")
max_in_flight_option = click.option(
    "--max-in-flight",
    type=click.IntRange(1, 256),
    default=128,
    show_default=True,
    help="Maximum concurrent requests; fewer while the server is overloaded.",
)

crds_option = click.option(
    "--crds",
    multiple=True,
    metavar="FILE|DIR",
    help="Validate custom resources by these CustomResourceDefinitions, CEL rules included.",
)

policies_option = click.option(
    "--policies",
    multiple=True,
    metavar="FILE|DIR",
    help="Apply these admission policies, Pod Security labels of Namespaces, LimitRanges and ResourceQuotas.",
)


def filled(options: type[Options], flags: Mapping[str, Any]) -> Options:
    """A dataclass of options, each field with the value of the flag of its name, if there is one."""
    names = [field.name for field in fields(options)]  # type: ignore[arg-type]
    return options(**{name: flags[name] for name in names if name in flags})


class Duration(click.ParamType):  # type: ignore[type-arg]
    """Seconds, or a number with one of the units s, m, h, d; with ``fractions`` also 0.5s and 200ms."""

    name = "duration"

    def __init__(self, *, fractions: bool = False) -> None:
        self._fractions = fractions

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        if isinstance(value, (int, float)):
            return value
        match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", str(value))
        if match is not None:
            return int(match[1]) * _UNITS[match[2]]
        match = (
            re.fullmatch(r"([0-9]{0,9}\.?[0-9]{1,6})(ms|s|m|h|d)?", str(value)) if self._fractions else None
        )
        if match is None:
            self.fail(
                f"invalid duration {value!r}; expected seconds, or a number with s, m, h or d: 90m", param
            )
        return float(match[1]) * (0.001 if match[2] == "ms" else _UNITS[match[2] or ""])


class Namespace(click.ParamType):  # type: ignore[type-arg]
    """The name of a namespace."""

    name = "namespace"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from expander.manifests.names import DNS_LABEL

        if not DNS_LABEL.accepts(value):
            self.fail(f"{value!r} is not {DNS_LABEL.words}", param)
        return str(value)


class Amount(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes as a Kubernetes quantity: ``8Gi``; ``least`` is the smallest that is meant."""

    name = "quantity"

    def __init__(self, least: int = 1) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from expander.kube.quantity import fault, parse

        if isinstance(value, int):
            return value
        if wrong := fault(str(value)):
            self.fail(f"{value!r} {wrong}", param)
        amount = int(parse(str(value)))
        if amount <= 0:
            self.fail(f"{value!r} must be greater than 0", param)
        if amount < self._least:
            self.fail(f"{value!r} is {amount} bytes, expected {self._least} or more, such as 8Gi", param)
        return amount


class Variable(click.ParamType):  # type: ignore[type-arg]
    """``NAME=VALUE``, or ``NAME`` for the value it has in this environment."""

    name = "variable"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals:
            if name not in os.environ:
                self.fail(f"environment variable {name!r} is not set; use NAME=VALUE", param)
            text = os.environ[name]
        if not name:
            self.fail(f"{value!r} has no name", param)
        return name, text


IMAGE_HELP: Final = (
    "Take the image NAME from a folder (DIR, its root file system) or an archive (oci:DIR, oci-archive:FILE, "
    "docker-archive:FILE)."
)
"""What `--image NAME=FILES` takes."""


class KeyValue(click.ParamType):  # type: ignore[type-arg]
    """``KEY=VALUE``; ``kind`` is what it sets: label, annotation or value."""

    name = "key=value"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is not KEY=VALUE", param)
        if self.kind != "value" and not _KEY.fullmatch(key):
            self.fail(
                f"invalid {self.kind} key {key!r}: letters, digits, '-', '_', '.', optional DNS prefix/",
                param,
            )
        if self.kind == "label" and not _LABEL.fullmatch(text):
            self.fail(
                f"invalid label value {text!r}: at most 63 letters, digits, '-', '_', '.'; use --annotation",
                param,
            )
        return key, text


class LabelKey(click.ParamType):  # type: ignore[type-arg]
    """The key of a label."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _KEY.fullmatch(str(value)):
            self.fail(
                f"invalid label key {value!r}: letters, digits, '-', '_', '.', optional DNS prefix/",
                param,
            )
        return str(value)


def unique(pairs: Iterable[tuple[str, str]], option: str) -> dict[str, str]:
    """Pairs as a mapping. UsageError when two of them set one key to different values."""
    found: dict[str, str] = {}
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            raise UsageError(f"{option} sets {key!r} twice: {found[key]!r} and {value!r}")
    return found


def read_values(paths: Iterable[str]) -> dict[str, Any]:
    """The mappings of YAML or JSON files as one; a later file wins, nested mappings are merged.

    Raises InputError for a file that cannot be read or does not hold one mapping.
    """
    from expander.base.yaml import load_documents

    values: dict[str, Any] = {}
    for given in paths:
        path, data = _file_of_values(given)
        documents = list(load_documents(data, path))
        if len(documents) > 1 or not all(isinstance(document.data, dict) for document in documents):
            line = documents[1].line if len(documents) > 1 else 1
            raise InputError("expected a mapping of names to values", where=SourceLocation(path, line))
        for document in documents:
            values = _merged(values, document.data)
    return values


def _file_of_values(path: str) -> tuple[str, bytes]:
    """The name and content of a file, which may be at a URL."""
    try:
        if "://" in path:
            from expander.items.remote import RemoteFile, is_url

            if is_url(path):
                remote = RemoteFile.of(path)
                path = remote.label
                with remote.open() as stream:
                    return path, stream.read()
        with open(path, "rb", opener=waiting_opener) as file:
            return path, file.read()
    except OSError as error:
        raise InputError(
            f"cannot read values: {error.strerror or error}", where=SourceLocation(without_credentials(path))
        ) from error


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
