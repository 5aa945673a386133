"""The batch that the arguments and options of a command mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from expander.base.errors import ItemError, UsageError
from expander.cli.messages import say
from expander.cli.parameters import read_values, unique
from expander.cli.shape_options import shape_of

if TYPE_CHECKING:
    from expander.items import ItemSpec
    from expander.manifests.edits import Edits
    from expander.manifests.manifest import Manifest
    from expander.shapes.work_queue import Queued


def spec_of(arguments: tuple[str, ...], flags: Mapping[str, Any]) -> ItemSpec | None:
    """The items asked for; None when there is not a word about items."""
    from expander.items import ItemSpec

    spec = ItemSpec(
        arguments=arguments,
        sources=flags["sources"],
        combine=flags["combine"],
        include=flags["include"],
        exclude=flags["exclude"],
        slice=flags["slice"],
        limit=flags["limit"],
    )
    return spec if spec.arguments or spec.sources or spec.include else None


def edits_of(flags: Mapping[str, Any], default_group: str | None = None) -> Edits:
    """The changes to every manifest. Raises UsageError for a group that is no label's value."""
    from expander.batch.expand import checked_group
    from expander.manifests.edits import Edits

    return Edits(
        group=checked_group(flags["group"]),
        default_group=default_group,
        group_label=flags["group_label"],
        labels=unique(flags["labels"], "--label"),
        annotations=unique(flags["annotations"], "--annotation"),
        overwrite=flags["overwrite"],
        ttl=flags["ttl"],
        namespace=flags["namespace"],
    )


def template_settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `pipeline.expand.prepare` that the options set."""
    if flags["text"] and flags["engine"] not in (None, "text"):
        raise UsageError(f"--text means --engine text, not {flags['engine']}")
    return {
        "engine": "text" if flags["text"] else flags["engine"],
        "values": read_values(flags["value_files"]),
        "overrides": unique(flags["overrides"], "--set"),
        "allow_shell": flags["allow_shell"],
        "validate": not flags["no_validate"],
        "version": flags["kubernetes_version"],
        "shape": shape_of(flags),
    }


def check_standard_input(template: str, spec: ItemSpec | None) -> None:
    """Raise UsageError when both the template and the items would be read from standard input."""
    sources = spec.sources if spec is not None else ()
    if template == "-" and "-" in {source.rpartition(":")[2].rpartition("=")[2] for source in sources}:
        raise UsageError("the template and the items cannot both come from standard input")


def _warn(words: str) -> None:
    say(f"warning: {words}")


def batch_of(
    arguments: tuple[str, ...],
    flags: Mapping[str, Any],
    on_error: Callable[[ItemError], None],
    on_queue: Callable[[Queued], None] | None = None,
) -> Iterator[Manifest]:
    """The batch that ``PATH...`` or ``TEMPLATE [ITEM]...`` and the options mean.

    ``on_queue`` gets the messages of a work queue before its workers come. Raises UsageError for a selector
    that is none.
    """
    from expander.kube import selectors

    try:
        wanted = selectors.parse(flags["selector"] or "")
    except ValueError as error:
        raise UsageError(f"--selector: {error}") from None
    manifests = _whole_batch(arguments, flags, on_error, on_queue)
    if not flags["selector"]:
        return manifests
    return (each for each in manifests if wanted.matches(each.tree["metadata"].get("labels")))


def _whole_batch(
    arguments: tuple[str, ...],
    flags: Mapping[str, Any],
    on_error: Callable[[ItemError], None],
    on_queue: Callable[[Queued], None] | None,
) -> Iterator[Manifest]:
    from expander.batch.load import from_paths, from_template, group_of_paths, is_template, only_paths
    from expander.render.template_file import TemplateFile

    spec = spec_of(arguments[1:], flags)
    if is_template(arguments, bool(flags["sources"] or flags["include"])):
        from expander.items import items

        check_standard_input(arguments[0], spec)
        stream = None if spec is None else items(spec)
        file = TemplateFile(arguments[0])
        settings = {**template_settings(flags), "on_queue": on_queue}
        return from_template(file, stream, edits_of(flags), on_error, _warn, output="json", **settings)
    only_paths(arguments)
    if flags["shape"] != "jobs":
        raise UsageError(f"--as {flags['shape']} is for a template and its items, not for manifests")
    edits = edits_of(flags, group_of_paths(arguments))
    return from_paths(
        arguments, edits, on_error, validate=not flags["no_validate"], version=flags["kubernetes_version"]
    )
