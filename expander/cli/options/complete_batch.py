"""Completion of what makes a batch: sources of items, their columns, values of a template, shapes, fields.

Only regular files are read, and of items only the first. `complete_values` says which option takes what.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final

import click

from expander.base.regex import regex

_NAMED: Final = regex(r"[A-Za-z_][A-Za-z0-9_-]*=")
_ENVSUBST: Final = regex(r"(?<!\$)\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_OF_ITEMS: Final = ("ITEM", "INDEX")


def paths(begun: str, suits: Callable[[str], bool] = lambda name: True) -> Iterator[str]:
    """Folders, with a slash, and files with names that suit, all with ``begun`` in front."""
    folder, name = os.path.split(begun)
    above = begun.removesuffix(name)
    with os.scandir(os.path.expanduser(folder) or ".") as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if not entry.name.startswith(name) or (entry.name.startswith(".") and not name):
                continue
            if not entry.name.isprintable():  # a shell takes what is offered line by line, as UTF-8
                continue
            if entry.is_dir():
                yield f"{above}{entry.name}/"
            elif suits(entry.name):
                yield above + entry.name


def sources(ctx: click.Context, begun: str) -> Iterator[str]:
    """What ``-i`` takes: files with items (any, if there are none), formats, and any file behind a format."""
    from expander.items.formats.registry import FORMATS, find_format
    from expander.items.source_spec import has_item_extension

    name = _NAMED.match(begun)
    column, text = (name[0], begun[name.end() :]) if name and not os.path.exists(begun) else ("", begun)
    form, colon, path = text.partition(":")
    if colon:
        if form == "glob" or find_format(form) is not None:
            yield from (f"{column}{form}:{each}" for each in paths(path))
        return
    found = [*paths(text, has_item_extension)]
    if all(each.endswith("/") for each in found):
        found = [*paths(text)]
    formats = (f"{each}:" for each in [*FORMATS, "glob", "list"] if each.startswith(text))
    yield from (column + each for each in chain(found, formats))


def shapes(ctx: click.Context) -> Iterator[str]:
    """The values of ``--as``."""
    from expander.shapes.shape import SHAPES

    for shape in SHAPES.values():
        yield from (form.removesuffix("N") for form in shape.forms)


def broker_urls(ctx: click.Context) -> Iterator[str]:
    """How the URLs of brokers begin."""
    from expander.shapes.broker import brokers

    yield from (f"{scheme}://" for broker in brokers() for scheme in broker.schemes)


def releases(ctx: click.Context) -> Iterator[str]:
    """The Kubernetes versions that are known."""
    from expander.kube.versions import NEXT, RELEASES

    yield from map(str, (*RELEASES, NEXT))


def columns(ctx: click.Context) -> Iterator[str]:
    """The columns of the items that the command line has so far, else those of their schema."""
    from expander.cli.options.items import reads_standard_input, spec_of
    from expander.items.load import items
    from expander.items.source_spec import parse_source

    flags = ctx.params
    arguments = flags.get("arguments") or flags.get("items") or ()
    spec = spec_of(
        arguments if flags.get("command") else arguments[1:], {**flags, "include": (), "exclude": ()}
    )
    if spec is None:
        yield from _columns_of_schema(flags)
    elif not reads_standard_input(spec.sources) and all(
        parse_source(each).rereadable for each in spec.sources
    ):
        for item in islice(items(spec), 1):
            yield from item.columns or ()


def _columns_of_schema(flags: Mapping[str, Any]) -> Iterator[str]:
    from expander.items.items_schema import ItemsSchema
    from expander.render.template_file import TemplateFile

    template = _template(flags)
    schema = flags.get("items_schema") or (TemplateFile(template).items_schema if template else None)
    if schema and os.path.isfile(schema):
        yield from ItemsSchema.load(schema).columns


def column_values(ctx: click.Context) -> Iterator[str]:
    """``COLUMN=`` for each column."""
    yield from (f"{name}=" for name in columns(ctx))


def _template(flags: Mapping[str, Any]) -> str | None:
    """The template of the command line, if it is a file that can be read again."""
    path = (flags.get("arguments") or (flags.get("old") or "",))[0]
    return path if os.path.isfile(path) else None


def values(ctx: click.Context) -> Iterator[str]:
    """``NAME=`` for each value that the template uses: a column, or another name of its own."""
    from expander.render.references import Reference, scan
    from expander.render.template_file import TemplateFile

    flags = ctx.params
    if (path := _template(flags)) is None:
        return
    template = TemplateFile(path)
    if (flags.get("engine") or template.engine) == "jinja2":
        from jinja2 import Environment
        from jinja2.meta import find_undeclared_variables

        names = {*find_undeclared_variables(Environment().parse(template.text))} - {"item", "index"}
    else:
        references = (each for each in scan(template.text).segments if isinstance(each, Reference))
        names = {regex(r"[.|]").split(each.column)[0] for each in references if each.column}
        if flags.get("envsubst"):
            names |= {braced or bare for braced, bare in _ENVSUBST.findall(template.text)} - {*_OF_ITEMS}
    yield from (f"{name}=" for name in names if name)


def starters(ctx: click.Context) -> Iterator[str]:
    """The patterns of ``init``."""
    from expander.batch.starters import starters

    yield from (each.name for each in starters())


def images(ctx: click.Context) -> Iterator[str]:
    """The names of images that were unpacked on this machine."""
    from expander.local.images.store import ImageStore

    yield from (name for image in ImageStore().all() for name in image.names)


def commands(ctx: click.Context) -> Iterator[str]:
    """The commands of the program."""
    program = ctx.find_root().command
    if isinstance(program, click.Group):
        yield from program.list_commands(ctx)
