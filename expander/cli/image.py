"""``expander image``: images of archives, to be used by name in what runs here."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from expander.base.errors import InputError, UsageError
from expander.base.regex import regex
from expander.cli.options.params import output_option
from expander.cli.output.streams import Output, say, show_error
from expander.cli.pages.page import GroupPage, Page

if TYPE_CHECKING:
    from expander.local.images.store import StoredImage

IMPORT_EXAMPLES = """
\b
Examples:
  docker save busybox:1.36 -o busybox.tar && expander image import busybox.tar
  expander image import docker-archive:all.tar:app:2
  expander image import --name app:dev oci:build/layout

\b
SOURCE is oci:DIR (an OCI image layout), oci-archive:FILE (the same in a tar file) or docker-archive:FILE
(written by `docker save` or `podman save`), with :NAME behind it if there are several images; or a path
alone. Every layer is verified by its digest.

\b
Exit codes: 0 the image is there, 2 it is damaged, refused or cannot be kept.
"""
LIST_EXAMPLES = """
\b
Examples:
  expander image list
  expander image list -o json | jq -r '.[].id'

\b
Images without a name were unpacked for `--image NAME=SOURCE`.

\b
Exit codes: 0 the images are listed, 2 wrong usage.
"""
REMOVE_EXAMPLES = """
\b
Examples:
  expander image rm busybox:1.36
  expander image rm --all

\b
Exit codes: 0 the images are gone, 2 there is no such image or it is in use.
"""
EXAMPLES = """
\b
Examples:
  expander image import busybox.tar
  expander run job.yaml a b c
"""

SHORT_ID: Final = 12
"""Characters of an image's id in the table."""

_name = regex(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")


@click.command(
    "import",
    cls=Page,
    epilog=IMPORT_EXAMPLES,
    reads=("images",),
    short_help="Unpack an image and keep it under its name.",
)
@click.argument("source", metavar="SOURCE")
@click.option("--name", "names", metavar="NAME", multiple=True, help="Name of the image.  [default: its own]")
def import_(source: str, names: Sequence[str]) -> int:
    """Unpack the image in SOURCE and keep it, so that containers of `run` and `serve` use it by its name."""
    from expander.local.images.store import ImageStore, canonical_image

    for name in names:
        if not _name.fullmatch(name):
            raise UsageError(f"invalid image name {name!r}")
    store = ImageStore()
    image, own = store.add(source, say)
    given = [*names] or [name for name in own if _name.fullmatch(name) and ("/" in name or ":" in name)]
    if not given:
        raise UsageError(f"{source} does not say what its image is called", hint="specify --name NAME")
    store.name(given, image)
    out = Output()
    out.put("".join(f"{canonical_image(name)} {image.id[:SHORT_ID]}\n" for name in given))
    out.finish()
    return 0


@click.command("list", cls=Page, epilog=LIST_EXAMPLES, reads=("images",), short_help="List the images.")
@output_option("A table or a JSON array.", "table|json")
def list_(output: str) -> int:
    """List the images that were imported, or unpacked for --image."""
    from expander.cli.output.table import table, terminal_width
    from expander.local.images.store import ImageStore

    found = ImageStore().all()
    out = Output()
    if output == "json":
        out.put(json.dumps([*map(_object, found)], indent=1) + "\n")
    elif found:
        out.put("".join(table(_rows(found), terminal_width())))
    out.finish()
    if not found:
        say("no images")
    return 0


@click.command("rm", cls=Page, epilog=REMOVE_EXAMPLES, short_help="Remove images.")
@click.argument("images", metavar="[NAME|ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Remove all images.")
def remove(images: Sequence[str], everything: bool) -> int:
    """Remove images by name or id. The files of an image go with its last name."""
    from expander.local.images.store import ImageStore

    if bool(images) == everything:
        raise UsageError("specify images, or --all")
    store, code = ImageStore(), 0
    for text in [image.id[:SHORT_ID] for image in store.all()] if everything else images:
        try:
            store.remove(text)
        except InputError as error:
            show_error(error)
            code = error.exit_code
        else:
            say(f"image {text} removed")
    return code


def _object(image: StoredImage) -> dict[str, object]:
    from expander.kube.time import api_time

    return {
        "id": image.id,
        "names": [*image.names],
        "size": image.size,
        "unpacked": api_time(image.unpacked),
        "root": image.root,
    }


def _rows(found: Sequence[StoredImage]) -> Iterator[list[str]]:
    from expander.kube.time import age, api_time

    now = time.time()
    yield ["NAME", "ID", "SIZE", "AGE"]
    for image in found:
        for name in image.names or ("<none>",):
            size = f"{image.size / (1 << 20):,.1f}Mi"
            yield [name, image.id[:SHORT_ID], size, age(api_time(image.unpacked), now)]


@click.group(cls=GroupPage, no_args_is_help=True, epilog=EXAMPLES)
def command() -> None:
    """Keep images of archives for `run` and `serve`, without a container engine."""


for each in (import_, list_, remove):
    command.add_command(each)
