"""Options that say which batch a command is about, shared by commands that take a template and items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from expander.cli.parameters import Duration, KeyValue, LabelKey
from expander.cli.shape_options import OPTIONS

Command = TypeVar("Command", bound=Callable[..., Any])

_ITEMS = [
    click.option(
        "-i",
        "--items",
        "sources",
        multiple=True,
        metavar="SOURCE",
        help="Items from a source (repeat to combine).",
    ),
    click.option(
        "--combine",
        type=click.Choice(["product", "zip", "chain"]),
        default="product",
        show_default=True,
        help="How several sources become one.",
    ),
    click.option(
        "--include", multiple=True, metavar="K=V,...", help="Add or extend combinations, as CI matrices do."
    ),
    click.option("--exclude", multiple=True, metavar="K=V,...", help="Drop combinations that match."),
    click.option("--slice", metavar="START:STOP[:STEP]", help="Only these items, counted from 0."),
    click.option("--limit", type=click.IntRange(0), metavar="N", help="At most N items."),
]
_TEMPLATE = [
    click.option("--group", metavar="NAME", help="The batch's name, a label on each Job and its pods."),
    click.option(
        "--group-label",
        type=LabelKey(),
        default="jobgroup",
        show_default=True,
        metavar="KEY",
        help="The key of that label.",
    ),
    click.option(
        "--label", "labels", multiple=True, type=KeyValue("label"), help="A label for every object and pod."
    ),
    click.option(
        "--annotation",
        "annotations",
        multiple=True,
        type=KeyValue("annotation"),
        help="An annotation likewise.",
    ),
    click.option("--overwrite", is_flag=True, help="--label and --annotation replace what the template has."),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        type=KeyValue("value"),
        help="A text for the template; wins over columns.",
    ),
    click.option(
        "--values",
        "value_files",
        multiple=True,
        metavar="FILE",
        help="Values for the template, YAML or JSON.",
    ),
    click.option(
        "--ttl", type=Duration(), help="Delete finished Jobs after this time: ttlSecondsAfterFinished."
    ),
    click.option("-n", "--namespace", metavar="NAME", help="The namespace of every object."),
    click.option(
        "--engine",
        type=click.Choice(["item", "jinja2", "text"]),
        help="How to read TEMPLATE; else its name says.",
    ),
    click.option(
        "--text",
        is_flag=True,
        help="Substitute in plain text (--engine text), for templates that are not YAML.",
    ),
    *OPTIONS,
    click.option("--allow-shell", is_flag=True, help="Let items put anything into shell scripts."),
    click.option("--no-validate", is_flag=True, help="Do not check manifests as an API server would."),
    click.option(
        "--kubernetes-version", metavar="1.xx", help="That server's version.  [default: the newest known]"
    ),
]


def item_options(command: Command) -> Command:
    """The options that say which items there are."""
    for option in reversed(_ITEMS):
        command = option(command)
    return command


def template_options(command: Command) -> Command:
    """The options that say what is made of a template."""
    for option in reversed(_TEMPLATE):
        command = option(command)
    return command


def selector_option(command: Command) -> Command:
    """The option that leaves objects of a batch out by their labels; `batch_of` heeds it."""
    words = "Only objects with these labels, as kubectl's -l."
    return click.option("-l", "--selector", metavar="SELECTOR", help=words)(command)
